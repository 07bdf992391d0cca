"""Steps that are taken without network: they stand there at once, and are sent later with their own time."""

import time

from playwright.async_api import expect

from tests.console.house import Town
from tests.console.network import Network
from tests.console.people import People
from tests.console.person import Person

TOLERANCE_MS = 1500
"""Less than the page needs to find out that it is offline."""
PRIVATE = ("+8613812345678", "13812345678", "南京西路", "沪A12345", "李小龙", "eyJ")


async def with_a_job(town: Town, people: People, there: Network) -> tuple[Person, str]:
    valet = await people.valet("wang", home=there.home)
    order_id = (await town.order())["id"]
    await valet.act("grab", order_id).tap()
    await expect(valet.act("en_route", order_id)).to_be_visible()
    return valet, order_id


async def take_offline(valet: Person, order_id: str, there: Network) -> dict[str, float]:
    """Two steps without network, the first before the page knows of it; when each was taken, in ms."""
    await there.cut(valet)
    taken = {}
    for step, following in (("en_route", "arrived"), ("arrived", "working")):
        taken[step] = time.time() * 1000
        await valet.act(step, order_id).tap()
        await expect(valet.act(following, order_id)).to_be_visible()
        await valet.connected("waiting")
    await expect(valet.page.locator("[data-unsent]")).to_have_count(len(taken))
    return taken


async def arrived_at_the_server(town: Town, order_id: str) -> dict[str, int]:
    """When each step was taken, as the timeline says."""
    return {
        each["data"]["step"]: each["data"]["reported_at"]
        for each in await town.timeline(order_id)
        if each["type"] in ("progressed", "completed")
    }


async def test_steps_without_network_keep_their_own_time(town: Town, people: People, there: Network) -> None:
    valet, order_id = await with_a_job(town, people, there)
    taken = await take_offline(valet, order_id, there)
    kept = " ".join(await valet.page.evaluate("Object.values(localStorage)"))
    assert order_id in kept
    assert not [each for each in PRIVATE if each in kept]

    await there.mend(valet)
    await expect(valet.page.locator("[data-unsent]")).to_have_count(0)
    told = await arrived_at_the_server(town, order_id)
    assert list(told) == list(taken)
    for step, at in taken.items():
        assert abs(told[step] - at) < TOLERANCE_MS
    assert (await town.now(order_id))["status"] == "arrived"


async def test_steps_outlive_the_page(town: Town, people: People, there: Network) -> None:
    valet, order_id = await with_a_job(town, people, there)
    taken = await take_offline(valet, order_id, there)
    await valet.page.goto("about:blank")
    await there.mend(valet)
    await valet.open()
    await valet.page.locator('[data-tab="jobs"]').tap()
    await expect(valet.act("working", order_id)).to_be_visible()
    told = await arrived_at_the_server(town, order_id)
    assert list(told) == list(taken)
