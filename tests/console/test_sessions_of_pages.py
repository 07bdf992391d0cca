"""What ends or stops a page's session: a token that runs out, another device, the desk, a sleeping tab, a restart."""

from playwright.async_api import expect

from tests.console import axe
from tests.console.house import Town
from tests.console.network import Network
from tests.console.people import People
from tests.console.person import Person
from tests.console.texts import text

BRIEF_S = 8
"""Long enough for a page to open on a busy machine, short enough to wait for its end."""


async def with_a_job(town: Town, person: Person) -> str:
    order_id: str = (await town.order())["id"]
    await person.act("grab", order_id).tap()
    await expect(person.act("en_route", order_id)).to_be_visible()
    return order_id


async def test_an_expiring_token_asks_to_log_in_and_keeps_the_job(town: Town, people: People) -> None:
    valet = await people.valet("wang", opens=False)
    await valet.open(token=town.token("valet", valet.sub, ttl_seconds=BRIEF_S))
    order_id = await with_a_job(town, valet)
    await expect(valet.page.locator('[data-banner="expired"]')).to_be_visible(timeout=30_000)
    await expect(valet.order(order_id)).to_be_visible()
    await expect(valet.page.get_by_text("沪A12345").first).to_be_visible()
    assert await axe.faults_in_both_schemes(valet.page, "expired") == []
    await valet.act("log_in").tap()
    form = valet.page.get_by_role("dialog")
    assert await axe.faults_in_both_schemes(valet.page, "logging in again") == []
    await form.get_by_label(text("agent.log_in.token")).fill(town.token("valet", valet.sub))
    await form.get_by_role("button", name=text("agent.act.log_in"), exact=True).tap()
    await valet.connected("open")
    await expect(valet.page.locator('[data-banner="expired"]')).to_have_count(0)
    await valet.act("en_route", order_id).tap()
    await expect(valet.act("arrived", order_id)).to_be_visible()


async def test_who_was_replaced_says_so_and_does_not_fight(town: Town, people: People) -> None:
    first = await people.valet("wang")
    streams: list[str] = []
    first.page.on("websocket", lambda stream: streams.append(stream.url))
    second = await people.come("valet", first.sub)
    await expect(first.page.locator('[data-banner="replaced"]')).to_be_visible()
    await first.connected("over")
    order_id = (await town.order())["id"]
    await expect(second.act("grab", order_id)).to_be_visible()
    assert streams == []
    await expect(first.order(order_id)).to_have_count(0)


async def test_who_was_kicked_is_told_so(town: Town, people: People) -> None:
    valet = await people.valet("wang")
    for session in (await town.desk.get("/v1/sessions", agent_id=valet.sub))["items"]:
        await town.desk.delete(f"/v1/sessions/{session['session_id']}")
    await expect(valet.page.locator('[data-banner="kicked"]')).to_be_visible()
    await valet.connected("over")


async def test_a_tab_that_slept_shows_the_truth_when_it_wakes(town: Town, people: People, there: Network) -> None:
    valet = await people.valet("wang", home=there.home)
    await town.hire("shop", "yongda")
    rival = town.anybody.bearing(town.token("shop", town.sub("yongda")))
    await town.connect("shop", town.sub("yongda"))
    taken = (await town.order())["id"]
    await expect(valet.act("grab", taken)).to_be_visible()

    tab = await valet.context.new_cdp_session(valet.page)
    await tab.send("Page.setWebLifecycleState", {"state": "frozen"})
    assert (await rival.post(f"/v1/orders/{taken}/grab"))["outcome"] == "won"
    there.stream.cut()
    offered = (await town.order())["id"]
    await tab.send("Page.setWebLifecycleState", {"state": "active"})
    await expect(valet.act("grab", offered)).to_be_visible()
    await expect(valet.act("grab", taken)).to_have_count(0)
    await valet.connected("open")
