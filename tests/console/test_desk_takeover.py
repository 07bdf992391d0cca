"""An order that nobody takes: it escalates with sound, one of two dispatchers takes it up, and gives it to somebody."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import expect

from tests.console import spies
from tests.console.house import HASTY, Town
from tests.console.people import People
from tests.console.person import Person
from tests.console.texts import text


async def select(desk: Person, order_id: str) -> None:
    await desk.order(order_id).get_by_role("button").click()
    await expect(desk.page.locator(f'[data-selected="{order_id}"]')).to_be_visible()


async def take_up(desk: Person, order_id: str) -> None:
    await select(desk, order_id)
    await desk.act("take_up").click()


async def assign_by_click(desk: Person, agent_id: str) -> None:
    await desk.page.locator(f'li[data-agent="{agent_id}"]').locator('[data-act="assign"]').click()


async def assign_by_key(desk: Person, agent_id: str) -> None:
    """The nth candidate by its digit, then Enter."""
    candidates = desk.page.locator("li[data-agent]")
    names = [await each.get_attribute("data-agent") for each in await candidates.all()]
    await desk.page.keyboard.press(str(names.index(agent_id) + 1))
    await desk.page.keyboard.press("Enter")


Assign = Callable[[Person, str], Awaitable[None]]


@pytest.mark.parametrize("assign", [assign_by_click, assign_by_key], ids=["by click", "from the keyboard"])
async def test_one_of_two_dispatchers_takes_it_up_and_assigns(town: Town, people: People, assign: Assign) -> None:
    zhou, lin = await people.dispatcher("zhou"), await people.dispatcher("lin")
    valet = await people.valet("wang")
    before = await spies.sounds(zhou.page), await spies.sounds(lin.page)
    order_id = (await town.order(HASTY))["id"]
    for desk, sounds in ((zhou, before[0]), (lin, before[1])):
        await expect(desk.order(order_id)).to_be_visible()
        assert (await desk.page.title()).startswith("(1)")
        assert await spies.sounds(desk.page) > sounds

    await take_up(zhou, order_id)
    await expect(lin.order(order_id).locator('[data-hand="other"]')).to_contain_text(zhou.sub)
    for desk in (zhou, lin):
        await expect(desk.page).to_have_title(text("desk.title"))
    assert (await town.now(order_id))["taken_up"]["dispatcher_id"] == zhou.sub
    await select(lin, order_id)
    await expect(lin.act("take_up")).to_be_disabled()

    await assign(zhou, valet.sub)
    await valet.page.locator('[data-tab="jobs"]').tap()
    await expect(valet.act("en_route", order_id)).to_be_visible()
    held = await town.now(order_id)
    assert (held["assignment"]["by"], held["assignment"]["dispatcher_id"]) == ("desk", zhou.sub)
    for desk in (zhou, lin):
        await expect(desk.page.locator(f'li[data-order="{order_id}"]')).to_have_count(0)
