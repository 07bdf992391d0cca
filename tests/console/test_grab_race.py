"""An order, two who press at the same instant, one who gets it, and his way to its end, as all of them see it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Locator, expect

from tests.console import spies
from tests.console.house import Town
from tests.console.network import Network
from tests.console.people import People
from tests.console.person import Person
from tests.console.texts import text

WAY_MS = 500
STEPS = ("en_route", "arrived", "working")


async def offered(order_id: str, *agents: Person) -> None:
    for agent in agents:
        await expect(agent.act("grab", order_id)).to_be_visible()


async def tap(button: Locator) -> None:
    await button.tap()


async def press(button: Locator) -> None:
    """A thumb waits by itself until what moved stands still; a key has to be told to."""
    await expect(button.page.locator("[data-settling]")).to_have_count(0)
    await button.focus()
    await button.press("Enter")


Act = Callable[[Locator], Awaitable[None]]


@pytest.mark.parametrize("act", [tap, press], ids=["by touch", "from the keyboard"])
async def test_two_press_at_once_and_the_desk_sees_it_done(
    town: Town, people: People, there: Network, act: Act
) -> None:
    desk = await people.dispatcher("zhou")
    valet = await people.valet("wang", home=there.home)
    shop = await people.shop("yongda", home=there.home)
    order_id = (await town.order())["id"]
    await offered(order_id, valet, shop)
    for agent in (valet, shop):
        assert await spies.sounds(agent.page) > 0
        assert await spies.spoken(agent.page)
    await expect(valet.page.get_by_text("沪A12345")).to_have_count(0)

    there.stream.delay(WAY_MS)  # neither can hear of the other before he has pressed
    await asyncio.gather(*(act(agent.act("grab", order_id)) for agent in (valet, shop)))
    grabbed = await town.told(order_id, "assigned")
    winner, loser = (valet, shop) if grabbed["data"]["agent_id"] == valet.sub else (shop, valet)
    await expect(loser.order(order_id)).to_contain_text(text("agent.verdict.taken"))
    await expect(winner.order(order_id)).to_contain_text(text("agent.verdict.won"))
    await expect(winner.order(order_id)).to_contain_text("沪A12345")

    there.heal()
    for step in STEPS:
        await act(winner.act(step, order_id))
        await expect(winner.page.locator(f'article[data-order="{order_id}"][data-status="{step}"]')).to_be_visible()
    await act(winner.act("completed", order_id))
    await act(winner.act("confirm", order_id))
    await town.told(order_id, "completed")
    await expect(winner.order(order_id)).to_have_count(0)
    await expect(loser.act("grab", order_id)).to_have_count(0)
    assert winner.grabs_sent(order_id) == loser.grabs_sent(order_id) == 1
    await desk.page.locator('[data-tab="ended"]').click()
    await expect(desk.page.locator(f'li[data-order="{order_id}"]')).to_have_attribute("data-status", "completed")


async def test_many_taps_are_one_grab(town: Town, people: People) -> None:
    valet = await people.valet("wang")
    order_id = (await town.order())["id"]
    await offered(order_id, valet)
    box = await valet.act("grab", order_id).bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await asyncio.gather(*(valet.page.touchscreen.tap(*middle) for _ in range(8)))
    await expect(valet.act("en_route", order_id)).to_be_visible()
    assert valet.grabs_sent(order_id) == 1
    assert [each["type"] for each in await town.timeline(order_id)].count("assigned") == 1
