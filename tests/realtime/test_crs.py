"""The coordinate system of `hello` holds for every position of its session, both ways; others have their own."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from dispatch.assembly import Dispatch
from dispatch.order import Customer, Order, Spot
from dispatch.records.agents import Agent
from geo.crs import Crs
from geo.point import Point
from geo.views import area
from tests.china import SHIFTED, is_at, open_city, said
from tests.conftest import DISPATCHER, City
from tests.realtime.nodes import Client, Node, escalate, node, token


@pytest.fixture
async def china(dispatch: Dispatch) -> City:
    return await open_city(dispatch)


@pytest.fixture
async def here(dispatch: Dispatch) -> AsyncIterator[Node]:
    async with node(dispatch) as found:
        yield found


async def _order(city: City, **changes: Any) -> Order:
    return await city.place("towing", destination=Spot(city.at(3000), None), **changes)


def _full(order: dict[str, Any], city: City, crs: Crs) -> bool:
    return is_at(order["place"], city.centre, crs) and is_at(order["destination"], city.at(3000), crs)


def _public(order: dict[str, Any], city: City, crs: Crs) -> bool:
    areas = (area(city.centre, crs), area(city.at(3000), crs))
    return (order["area"], order["destination_area"]) == areas


async def _position(city: City, agent: Agent) -> Point:
    position = (await city.dispatch.roster.find(agent)).position
    assert position is not None
    return position


@pytest.mark.parametrize("crs", SHIFTED)
async def test_all_that_an_agent_says_and_hears(china: City, here: Node, crs: Crs) -> None:
    agent = await china.agent("v", home=china.at(500), capacity=9)
    client = await here.enter(agent.id, "valet", crs=crs.value, position=said(china.at(40), crs))
    assert is_at(client.welcome["agent"]["home"], china.at(500), crs)
    assert is_at(said(await _position(china, agent), Crs.WGS84), china.at(40), Crs.WGS84, off_m=1.0)

    order = await _order(china)
    assert _public((await client.hear("offer"))["order"], china, crs)
    verdict = await client.grab(order)
    assert _full(verdict["job"], china, crs)
    await client.ask("progress", "ok", order_id=order.id, fence=1, step="en_route")
    assert _full((await client.hear("job"))["order"], china, crs)

    offered = await _order(china)
    assert _public((await client.hear("offer"))["order"], china, crs)
    here.hub._lost(china.region)
    snapshot = await client.hear("snapshot")
    again = await here.enter(agent.id, "valet", crs=crs.value, position=said(china.at(), crs))
    for lists in (snapshot, again.welcome):
        assert [each["id"] for each in lists["offers"]] == [offered.id]
        assert _public(lists["offers"][0], china, crs)
        assert _full(lists["jobs"][0], china, crs)

    await again.say("position", **said(china.at(-2000), crs))
    await again.quiet()
    await here.hub._gathering._send_positions()
    assert is_at(said(await _position(china, agent), Crs.WGS84), china.at(-2000), Crs.WGS84, off_m=1.0)


@pytest.mark.parametrize("crs", SHIFTED)
async def test_all_that_a_dispatcher_hears(china: City, here: Node, crs: Crs) -> None:
    claims = token("d-1", "dispatcher", regions=[china.region])
    theirs, ours = [await here.enter("d-1", "dispatcher", token=claims, crs=each.value) for each in (crs, Crs.WGS84)]
    order = await escalate(china, await _order(china))
    assert _full((await theirs.hear("desk"))["order"], china, crs)
    assert _full((await ours.hear("desk"))["order"], china, Crs.WGS84)
    late = await here.enter("d-2", "dispatcher", token=claims, crs=crs.value)
    assert [each["id"] for each in late.welcome["desk"]] == [order.id]
    assert _full(late.welcome["desk"][0], china, crs)


@pytest.mark.parametrize("crs", SHIFTED)
async def test_all_that_a_customer_hears(china: City, here: Node, crs: Crs) -> None:
    me = Customer(f"{china.region}.{crs}")
    early = await here.enter(me.id, "customer", crs=crs.value)
    order = await _order(china, customer=me)
    assert _full((await early.hear("order"))["order"], china, crs)
    late = await here.enter(me.id, "customer", crs=crs.value)
    assert [each["id"] for each in late.welcome["orders"]] == [order.id]
    assert _full(late.welcome["orders"][0], china, crs)
    await china.dispatch.desk.cancel(DISPATCHER, order, "no")


async def _tracked(client: Client) -> dict[str, Any]:
    while (message := await client.next())["type"] != "track":
        assert message["type"] == "order"
    return message


@pytest.mark.parametrize("crs", SHIFTED)
async def test_a_customer_is_told_where_his_agent_is(china: City, here: Node, crs: Crs) -> None:
    """The agent speaks one system, the customer another."""
    me = Customer(f"{china.region}.{crs}")
    mine = await here.enter(me.id, "customer", crs=crs.value)
    agent = await china.agent("v", capacity=9)
    client = await here.enter(agent.id, "valet", crs=Crs.BD09.value, position=said(china.at(), Crs.BD09))
    order = await _order(china, customer=me)
    await client.hear("offer")
    await client.grab(order)
    await client.ask("progress", "ok", order_id=order.id, fence=1, step="en_route")
    await client.say("position", **said(china.at(700), Crs.BD09))
    await client.hear("job")
    await client.quiet()
    await here.hub._gathering._send_positions()
    assert is_at(await _tracked(mine), china.at(700), crs, off_m=1.0)


async def test_another_coordinate_system_is_no_hello(here: Node) -> None:
    for crs in ("mars", "WGS84", "", 4326, None):
        client = await here.connect()
        await client.say("hello", token=token("c-1", "customer"), crs=crs)
        goodbye = await client.farewell()
        assert (goodbye["code"], "crs" in goodbye["reason"]) == (4507, True)
