"""A dispatcher's work beside giving orders to people: telephone, out again with a bonus, several at once, notices."""

import asyncio

from playwright.async_api import Locator, expect

from tests.console.house import CALM, HASTY, Town
from tests.console.people import People
from tests.console.person import Person
from tests.console.texts import text

CALLER = "+8613812345678"


def row(desk: Person, order_id: str) -> Locator:
    return desk.page.locator(f'li[data-order="{order_id}"]')


async def tab_to(desk: Person, field: str) -> None:
    """Forward, round the dialog if need be."""
    for _ in range(60):
        if await desk.page.evaluate("document.activeElement?.id") == field:
            return
        await desk.page.keyboard.press("Tab")
    raise AssertionError(f"the tabulator does not come to {field}")


async def choose(desk: Person, field: str, value: str) -> None:
    """Down the list, from its beginning."""
    await tab_to(desk, field)
    for _ in range(20):
        if await desk.page.locator(f"#{field}").input_value() == value:
            return
        await desk.page.keyboard.press("ArrowDown")
    raise AssertionError(f"{field} has no {value}")


async def escalated(town: Town, desk: Person, count: int = 1) -> list[str]:
    placed = await asyncio.gather(*(town.order(HASTY) for _ in range(count)))
    for order in placed:
        await expect(row(desk, order["id"])).to_be_visible()
    return [order["id"] for order in placed]


async def test_an_order_is_taken_by_telephone_without_a_mouse(town: Town, people: People) -> None:
    desk = await people.dispatcher("zhou")
    valet = await people.valet("wang")
    earlier = (await town.order(CALM))["id"]
    keys = desk.page.keyboard
    await keys.press("n")
    form = desk.page.get_by_role("dialog")
    await expect(form.locator("#intake-phone")).to_be_focused()
    await keys.type(CALLER)
    await expect(form.locator(f'[data-order="{earlier}"]')).to_be_visible()
    here = town.at(500, 500)
    await choose(desk, "intake-kind", CALM)
    for field, words in (
        ("place-address", "北京西路 968 号嘉地中心"),
        ("place", f"{here['lat']:.5f}, {here['lon']:.5f}"),
        ("price", "180"),
    ):
        await tab_to(desk, f"intake-{field}")
        await keys.type(words)
    await keys.press("Enter")
    await expect(form).to_have_count(0)
    (placed,) = [each for each in (await town.desk.get("/v1/orders"))["items"] if each["id"] != earlier]
    assert (placed["customer"]["phone"], placed["price_fen"], placed["kind"]) == (CALLER, 18_000, CALM)
    await expect(valet.act("grab", placed["id"])).to_be_visible()


async def test_an_order_goes_out_again_with_a_bonus(town: Town, people: People) -> None:
    desk = await people.dispatcher("zhou")
    (order_id,) = await escalated(town, desk)
    await desk.page.keyboard.press("j")
    await expect(desk.page.locator(f'[data-selected="{order_id}"]')).to_be_visible()
    await desk.page.keyboard.press("r")
    await desk.page.get_by_role("dialog").get_by_role("textbox", name=text("desk.reopen.bonus")).fill("25")
    await desk.page.keyboard.press("Enter")
    assert (await town.told(order_id, "reopened"))["data"]["bonus_fen"] == 2_500
    await expect(desk.page.get_by_role("dialog")).to_have_count(0)


async def test_several_go_out_again_at_once(town: Town, people: People) -> None:
    desk = await people.dispatcher("zhou")
    ids = await escalated(town, desk, 3)
    for order_id in ids[:2]:
        await row(desk, order_id).get_by_role("checkbox").check()
    await desk.act("bulk_reopen").click()
    await desk.page.get_by_role("dialog").locator("button[type=submit]").click()
    for order_id in ids[:2]:
        assert (await town.told(order_id, "reopened"))["data"]["bonus_fen"] > 0
    assert (await town.now(ids[2]))["status"] == "escalated"


async def test_a_notice_reaches_the_pages_of_those_who_are_there(town: Town, people: People) -> None:
    desk = await people.dispatcher("zhou")
    valet = await people.valet("wang")
    await desk.page.locator('[data-open="notices"]').click()
    await desk.act("new_notice").click()
    form = desk.page.get_by_role("dialog")
    await form.get_by_label(text("work.notices.region")).select_option(town.region)
    await form.get_by_label(text("work.notices.title")).fill("延安高架封道")
    await form.get_by_label(text("work.notices.body")).fill("今晚 22 点至次日 5 点，江苏路至石门一路，请绕行。")
    await form.locator("button[type=submit]").click()
    await expect(valet.page.locator("[data-notice]")).to_contain_text("延安高架封道")
    await valet.act("dismiss").tap()
    await expect(valet.page.locator(".bars [data-notice]")).to_have_count(0)


async def test_a_session_is_kicked_only_when_that_is_meant(town: Town, people: People) -> None:
    desk = await people.dispatcher("zhou")
    valet = await people.valet("wang")
    await desk.page.locator('[data-open="sessions"]').click()
    his = desk.page.locator("tr[data-session]", has_text=valet.sub)
    await his.locator('[data-act="kick"]').click()
    await valet.connected("open")
    await his.locator('[data-act="kick_sure"]').click()
    await expect(valet.page.locator('[data-banner="kicked"]')).to_be_visible()


async def test_filters_hide_rows_and_the_search_finds_a_caller(town: Town, people: People) -> None:
    desk = await people.dispatcher("zhou")
    (order_id,) = await escalated(town, desk)
    await desk.page.get_by_label(text("desk.filter.kind")).select_option(CALM)
    await expect(row(desk, order_id)).to_have_count(0)
    await desk.page.get_by_label(text("desk.filter.kind")).select_option(HASTY)
    await expect(row(desk, order_id)).to_be_visible()
    await desk.page.keyboard.press("/")
    await desk.page.keyboard.type("138 1234 5678")
    await expect(row(desk, order_id)).to_be_visible()
    await desk.page.keyboard.type("9")
    await expect(row(desk, order_id)).to_have_count(0)


async def test_an_order_is_closed_by_telephone(town: Town, people: People) -> None:
    desk = await people.dispatcher("zhou")
    (order_id,) = await escalated(town, desk)
    await row(desk, order_id).get_by_role("button").click()
    await desk.act("close").click()
    form = desk.page.get_by_role("dialog")
    await form.get_by_role("button", name=text("desk.close.reason.phone")).click()
    await form.locator('[data-submit="close"]').click()
    assert (await town.told(order_id, "closed"))["data"]["outcome"] == text("desk.close.reason.phone")
    await expect(row(desk, order_id)).to_have_count(0)
