"""What was carried out while its answer was lost on the way: nobody is told that another did it."""

from playwright.async_api import expect

from tests.console.house import Town
from tests.console.network import Network
from tests.console.people import People
from tests.console.texts import text


async def test_an_order_that_was_completed_here_was_not_taken_away(town: Town, people: People, there: Network) -> None:
    valet = await people.valet("wang", home=there.home)
    order_id = (await town.order())["id"]
    await valet.act("grab", order_id).tap()
    await valet.act("completed", order_id).tap()
    sheet = valet.page.get_by_role("dialog")
    await expect(sheet).to_be_visible()
    await there.cut(valet)
    await sheet.locator('[data-act="confirm"]').tap()
    await expect(valet.page.locator('[data-connection="open"]')).to_have_count(0, timeout=10_000)
    await expect(valet.page.locator('[data-unsent="completed"]')).to_have_count(1)
    own = town.anybody.bearing(town.token("valet", valet.sub))
    await own.post(f"/v1/orders/{order_id}/progress", {"fence": 1, "step": "completed"})

    await there.mend(valet)
    await expect(valet.says("agent.job.done")).to_be_visible()
    await expect(valet.page.locator("[data-unsent]")).to_have_count(0)
    await expect(valet.page.locator('[data-state="away"]')).to_have_count(0)


async def test_a_grab_that_outlived_its_connection_is_no_colleagues(town: Town, people: People, there: Network) -> None:
    valet = await people.valet("wang", home=there.home)
    order_id = (await town.order())["id"]
    await expect(valet.act("grab", order_id)).to_be_visible()
    await there.cut(valet, told=False)
    await valet.act("grab", order_id).tap()
    own = town.anybody.bearing(town.token("valet", valet.sub))
    assert (await own.post(f"/v1/orders/{order_id}/grab"))["outcome"] == "won"
    await expect(valet.page.locator('[data-connection="open"]')).to_have_count(0, timeout=10_000)

    await there.mend(valet)
    await expect(valet.act("en_route", order_id)).to_be_visible()
    await expect(valet.page.get_by_text(text("agent.job.elsewhere"))).to_have_count(0)
