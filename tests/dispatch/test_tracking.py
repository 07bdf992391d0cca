"""Where the agent is who comes to a customer: told from `en_route` on, of each order at most every 5 s."""

import pytest

from dispatch.events import Event, Type
from dispatch.identity import Identity, Role
from dispatch.order import HELD, TERMINAL, Customer, Order, Status
from dispatch.people import TRACK_MS
from dispatch.scripts import key
from tests.conftest import DISPATCHER, City
from tests.dispatch.looking import check_log, log, redis
from tests.dispatch.looking import order as in_redis


async def _held(city: City, agent_id: str, status: Status, customer: str = "c-1") -> Order:
    order = await city.place(customer=Customer(customer))
    order = await city.dispatch.desk.assign(DISPATCHER, order, agent_id, force=True)
    if status is not Status.ASSIGNED:
        order = await city.dispatch.jobs.progress(DISPATCHER, order, 1, status, None)
    return order


async def _valet(city: City, name: str = "v") -> tuple[str, str]:
    agent = await city.agent(name, capacity=9)
    return agent.id, await city.enter(agent)


async def _tracked(city: City) -> list[Event]:
    return [event for event in await log(city) if event.type is Type.TRACKED]


async def _move(city: City, agent_id: str, session_id: str, north_m: float) -> None:
    await city.dispatch.people.move(city.region, [(agent_id, session_id, city.at(north_m))])


@pytest.mark.parametrize("status", [*HELD, *TERMINAL[:2]])
async def test_a_position_is_told_while_he_is_on_his_way(city: City, status: Status) -> None:
    agent_id, session_id = await _valet(city)
    order = await _held(city, agent_id, status if status is not Status.CANCELLED else Status.EN_ROUTE)
    if status is Status.CANCELLED:
        await city.dispatch.desk.cancel(DISPATCHER, order, "no more")
    await _move(city, agent_id, session_id, 400)
    found = await _tracked(city)
    if status not in (Status.EN_ROUTE, Status.ARRIVED, Status.WORKING):
        assert found == []
        return
    (event,) = found
    assert (event.customer, event.to, event.order_id, event.version) == ("c-1", (), "", 0)
    assert event.detail == {"order_id": order.id, "lat": city.at(400).lat, "lon": city.at(400).lon}
    assert await in_redis(city, order.id) == order, "the order is as it was"
    await city.dispatch.records.ledger.project(city.region, await log(city), "0-1", event.n)
    assert await city.dispatch.records.orders.find(order.id) == order
    await check_log(city)


async def test_of_each_order_at_most_every_5_seconds(city: City) -> None:
    agent_id, session_id = await _valet(city)
    first = await _held(city, agent_id, Status.EN_ROUTE, "c-1")
    await _move(city, agent_id, session_id, 100)
    second = await _held(city, agent_id, Status.EN_ROUTE, "c-2")
    for north_m in (200, 300):
        await _move(city, agent_id, session_id, north_m)
    told = [(event.detail["order_id"], event.customer, event.detail["lat"]) for event in await _tracked(city)]
    assert told == [(first.id, "c-1", city.at(100).lat), (second.id, "c-2", city.at(200).lat)]
    name = key(city.region, "order", first.id)
    before = int(await redis(city, "HGET", name, "tracked_at"))
    await redis(city, "HSET", name, "tracked_at", before - TRACK_MS)
    await _move(city, agent_id, session_id, 400)
    assert [event.detail["order_id"] for event in await _tracked(city)] == [first.id, second.id, first.id]


async def test_another_agent_of_the_same_order_has_no_term_of_his_own(city: City) -> None:
    agent_id, session_id = await _valet(city)
    other_id, other_session = await _valet(city, "w")
    order = await _held(city, agent_id, Status.EN_ROUTE)
    await _move(city, agent_id, session_id, 100)
    order = await city.dispatch.desk.assign(DISPATCHER, order, other_id, force=True)
    await city.dispatch.jobs.progress(DISPATCHER, order, 2, Status.EN_ROUTE, None)
    await _move(city, other_id, other_session, 200)
    await _move(city, agent_id, session_id, 300)
    assert len(await _tracked(city)) == 1


async def test_an_old_sessions_position_is_not_told(city: City) -> None:
    agent_id, old = await _valet(city)
    await _held(city, agent_id, Status.EN_ROUTE)
    agent = await city.dispatch.records.agents.find(agent_id)
    assert agent is not None
    await city.enter(agent)
    await _move(city, agent_id, old, 100)
    assert await _tracked(city) == []


async def test_who_has_no_job_leaves_no_trace(city: City) -> None:
    agent_id, session_id = await _valet(city)
    before = await log(city)
    await _move(city, agent_id, session_id, 100)
    assert [event.n for event in await log(city)] == [event.n for event in before]


async def test_when_he_was_tracked_is_no_part_of_the_order(city: City) -> None:
    agent_id, session_id = await _valet(city)
    order = await _held(city, agent_id, Status.EN_ROUTE)
    await _move(city, agent_id, session_id, 100)
    who = Identity(agent_id, Role.VALET, None, 2**53)
    await city.dispatch.jobs.progress(who, order, 1, Status.ARRIVED, None)
    assert "tracked_at" not in (await log(city))[-1].state
