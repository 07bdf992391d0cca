"""Axe finds no serious fault, in no state that a page can be in, light or dark, in either language."""

from playwright.async_api import Browser, expect

from tests.console import axe
from tests.console.house import HASTY, Town
from tests.console.people import People
from tests.console.person import Person
from tests.console.texts import ENGLISH, text


async def test_axe_finds_what_is_wrong(browser: Browser) -> None:
    page = await browser.new_page()
    await page.set_content(
        "<html lang='en'><title>x</title><main><h1>x</h1><button></button>"
        "<p style='color: #aaa; background: #fff'>pale</p></main></html>"
    )
    found = await axe.faults(page)
    await page.close()
    assert sorted(fault.split()[0] for fault in found) == ["button-name", "color-contrast"]


async def test_the_agents_pages_in_english(town: Town, people: People) -> None:
    """What the pictures do not show (see test_screens, which looks at what they do)."""
    valet = await people.valet("wang", language=ENGLISH)
    found = await axe.faults_in_both_schemes(valet.page, "no offers")
    order_id = (await town.order())["id"]
    await expect(valet.act("grab", order_id)).to_be_visible()
    found += await axe.faults_in_both_schemes(valet.page, "offer")
    await valet.act("grab", order_id).tap()
    await expect(valet.act("en_route", order_id)).to_be_visible()
    found += await axe.faults_in_both_schemes(valet.page, "job")
    for act in ("release", "completed", "navigate"):
        await valet.act(act, order_id).tap()
        found += await dialog_of(valet, act)
    for name in (text("agent.menu", ENGLISH), text("agent.notices.heading", ENGLISH)):
        await valet.page.get_by_role("button", name=name).tap()
        found += await dialog_of(valet, name)
    await valet.act("paused").tap()
    for tab in ("hall", "history"):
        await valet.page.locator(f'[data-tab="{tab}"]').tap()
        found += await axe.faults_in_both_schemes(valet.page, tab)
    assert found == []


async def test_the_desk_in_english(town: Town, people: People) -> None:
    desk = await people.dispatcher("zhou", language=ENGLISH)
    found = await axe.faults_in_both_schemes(desk.page, "empty")
    order_id = (await town.order(HASTY))["id"]
    await desk.order(order_id).get_by_role("checkbox").check()
    await desk.order(order_id).get_by_role("button").click()
    await expect(desk.page.locator("li[data-event]").first).to_be_visible()
    found += await axe.faults_in_both_schemes(desk.page, "order")
    for key in ("r", "e", "c", "x", "n", "?"):
        await desk.page.keyboard.press(key)
        found += await dialog_of(desk, key)
    for act in ("bulk_reopen", "bulk_notice"):
        await desk.act(act).click()
        found += await dialog_of(desk, act)
    for opened in ("sessions", "notices"):
        await desk.page.locator(f'[data-open="{opened}"]').click()
        found += await dialog_of(desk, opened)
    for tab in ("all", "ended"):
        await desk.page.locator(f'[data-tab="{tab}"]').click()
        found += await axe.faults_in_both_schemes(desk.page, tab)
    assert found == []


async def dialog_of(person: Person, state: str) -> list[str]:
    """What is wrong with the dialog that has opened; closes it."""
    dialog = person.page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    found = await axe.faults_in_both_schemes(person.page, state)
    await person.page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    return found
