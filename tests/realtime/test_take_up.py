"""Taking up an order of the desk, as the desks of all nodes see it."""

from typing import Any

from dispatch.desk import TAKE_UP_MS
from dispatch.order import Order
from tests.conftest import DISPATCHER, City
from tests.dispatch.looking import escalated
from tests.realtime.nodes import Client, Node, token
from tests.realtime.pair import pair


async def _desk(at: Node, city: City, sub: str, regions: list[str] | None = None) -> Client:
    return await at.enter(sub, "dispatcher", token=token(sub, "dispatcher", regions=regions or [city.region]))


async def _hears(client: Client, event: str) -> dict[str, Any]:
    message = await client.hear("desk")
    assert message["event"] == event
    order: dict[str, Any] = message["order"]
    return order


async def _on_desk(city: City) -> Order:
    return await escalated(city, await city.place())


async def test_all_desks_of_the_region_see_it_at_once_and_no_other(city: City) -> None:
    order = await _on_desk(city)
    async with pair(city) as (here, there):
        desks = [await _desk(here, city, "d-1"), await _desk(here, city, "d-2"), await _desk(there, city, "d-3")]
        stranger = await _desk(there, city, "d-4", ["default"])
        for desk in desks:
            assert [shown["id"] for shown in desk.welcome["desk"]] == [order.id]
        taken = await city.dispatch.desk.take_up(DISPATCHER, order)
        assert taken.taken_up is not None
        for desk in desks:
            shown = await _hears(desk, "taken_up")
            assert shown["taken_up"] == {"dispatcher_id": "d-1", "until_at": taken.taken_up.until_at}
        await stranger.quiet()


async def test_it_lasts_60_seconds(city: City) -> None:
    """Nothing is said when they are over: each desk sees `until_at`."""
    order = await _on_desk(city)
    taken = await city.dispatch.desk.take_up(DISPATCHER, order)
    happened = (await city.dispatch.records.orders.timeline(order.id, order.version, 10))[-1]
    assert taken.taken_up is not None
    assert (happened.type, taken.taken_up.until_at - happened.at) == ("taken_up", TAKE_UP_MS)
    assert TAKE_UP_MS == 60_000


async def test_who_connects_then_sees_in_whose_hands_it_is(city: City) -> None:
    order = await _on_desk(city)
    await city.dispatch.desk.take_up(DISPATCHER, order)
    async with pair(city) as (_, there):
        desk = await _desk(there, city, "d-2")
        assert [shown["taken_up"]["dispatcher_id"] for shown in desk.welcome["desk"]] == ["d-1"]


async def test_what_is_done_to_it_ends_the_take_up_on_all_desks(city: City) -> None:
    agent = await city.valet("v")
    order = await _on_desk(city)
    async with pair(city) as (here, there):
        desks = [await _desk(here, city, "d-1"), await _desk(there, city, "d-2")]
        await city.dispatch.desk.take_up(DISPATCHER, order)
        await city.dispatch.desk.assign(DISPATCHER, order, agent.id, force=False)
        for desk in desks:
            await _hears(desk, "taken_up")
            shown = await _hears(desk, "assigned")
            assert (shown["taken_up"], shown["assignment"]["dispatcher_id"]) == (None, "d-1")
