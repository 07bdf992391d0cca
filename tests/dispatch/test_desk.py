"""What dispatchers do by hand."""

import pytest

from dispatch.errors import Code, Refused
from dispatch.identity import Identity, Role
from dispatch.order import Order, Status
from dispatch.policy import Round
from tests.conftest import DISPATCHER, City
from tests.dispatch.looking import check_indexes, escalated, redis
from tests.dispatch.looking import order as in_redis

OTHER = Identity("d-2", Role.DISPATCHER, None, 2**53)


async def _code(work: object) -> Code:
    with pytest.raises(Refused) as refused:
        await work  # type: ignore[misc]  # any coroutine
    return refused.value.code


async def _waiting(city: City) -> Order:
    return await escalated(city, await city.place())


async def test_an_agent_gets_the_order_by_hand(city: City) -> None:
    order, agent = await _waiting(city), await city.valet("v", 9000)
    given = await city.dispatch.desk.assign(DISPATCHER, order, agent.id, force=False)
    assert (given.status, given.holder, given.fence, given.on_desk) == (Status.ASSIGNED, agent.id, 1, False)
    assert given.assignment is not None
    assert (given.assignment.by, given.assignment.dispatcher_id) == ("desk", "d-1")
    assert given == await city.dispatch.records.orders.find(order.id)
    await check_indexes(city, order.id)


async def test_force_overrides_presence_pause_and_capacity(city: City) -> None:
    absent, full = await city.agent("absent"), await city.valet("full", capacity=0)
    paused = await city.agent("paused")
    await city.enter(paused, status="paused")
    for agent in (absent, full, paused):
        order = await _waiting(city)
        assert await _code(city.dispatch.desk.assign(DISPATCHER, order, agent.id, force=False)) is Code.CONFLICT
        given = await city.dispatch.desk.assign(DISPATCHER, order, agent.id, force=True)
        assert given.holder == agent.id
        assert given.agent is not None
        assert (given.agent.name, given.agent.phone) == (agent.name, agent.phone)


async def test_nothing_overrides_a_suspension(city: City) -> None:
    order, agent = await _waiting(city), await city.agent("v", suspended=True)
    assert await _code(city.dispatch.desk.assign(DISPATCHER, order, agent.id, force=True)) is Code.CONFLICT


async def test_an_agent_who_declined_or_released_may_get_it_by_hand(city: City) -> None:
    agent = await city.valet("v")
    order = await city.place()
    await city.dispatch.people.decline(Identity(agent.id, Role.VALET, None, 0), city.region, order.id, "")
    given = await city.dispatch.desk.assign(DISPATCHER, order, agent.id, force=False)
    assert given.holder == agent.id


async def test_an_agent_who_does_not_exist_or_is_of_another_region(city: City) -> None:
    order = await _waiting(city)
    assert await _code(city.dispatch.desk.assign(DISPATCHER, order, "nobody", force=True)) is Code.INVALID
    stranger = await city.agent("x", region="default")
    assert await _code(city.dispatch.desk.assign(DISPATCHER, order, stranger.id, force=True)) is Code.CONFLICT


async def test_a_dispatcher_of_another_region_may_not(city: City) -> None:
    agent, order = await city.valet("v"), await _waiting(city)
    stranger = Identity("d-3", Role.DISPATCHER, frozenset({"elsewhere"}), 0)
    assert await _code(city.dispatch.desk.assign(stranger, order, agent.id, force=True)) is Code.FORBIDDEN


async def test_reassigning_takes_it_from_its_holder(city: City) -> None:
    first, second = await city.valet("v"), await city.valet("w")
    order = await city.dispatch.desk.assign(DISPATCHER, await city.place(), first.id, force=False)
    order = await city.dispatch.jobs.progress(DISPATCHER, order, 1, Status.WORKING, None)
    given = await city.dispatch.desk.assign(DISPATCHER, order, second.id, force=False)
    assert (given.status, given.holder, given.fence, given.released) == (Status.ASSIGNED, second.id, 2, (first.id,))
    await check_indexes(city, order.id)
    assert await _code(city.dispatch.desk.assign(DISPATCHER, given, second.id, force=True)) is Code.CONFLICT


async def test_two_dispatchers_do_not_do_one_order(city: City) -> None:
    desk, agent, order = city.dispatch.desk, await city.valet("v"), await _waiting(city)
    taken = await desk.take_up(DISPATCHER, order)
    assert taken.taken_up is not None
    assert taken.taken_up.dispatcher_id == "d-1"
    assert await _code(desk.take_up(OTHER, order)) is Code.CONFLICT
    assert await _code(desk.close(OTHER, order, "by phone")) is Code.CONFLICT
    assert await _code(desk.reopen(OTHER, order, rounds=None, bonus_fen=None)) is Code.CONFLICT
    assert await _code(desk.assign(OTHER, order, agent.id, force=False)) is Code.CONFLICT
    again = await desk.take_up(DISPATCHER, order)
    assert again.taken_up is not None
    assert again.taken_up.until_at >= taken.taken_up.until_at
    given = await desk.assign(OTHER, order, agent.id, force=True)
    assert (given.holder, given.taken_up) == (agent.id, None)


async def test_a_take_up_ends_by_itself(city: City) -> None:
    desk, order = city.dispatch.desk, await _waiting(city)
    await desk.take_up(DISPATCHER, order)
    await redis(city, "HSET", f"order:{{{city.region}}}:{order.id}", "taken_until", 1)
    taken = await desk.take_up(OTHER, order)
    assert taken.taken_up is not None
    assert taken.taken_up.dispatcher_id == "d-2"


async def test_an_order_that_is_not_on_the_desk_is_not_taken_up(city: City) -> None:
    assert await _code(city.dispatch.desk.take_up(DISPATCHER, await city.place())) is Code.CONFLICT


async def test_a_reopened_order_goes_out_on_rounds_of_its_own(city: City) -> None:
    order = await _waiting(city)
    rounds = (Round(radius_m=9000, limit=5, seconds=7.0), Round(radius_m=9500, limit=5, seconds=7.0, bonus_fen=900))
    again = await city.dispatch.desk.reopen(DISPATCHER, order, rounds=rounds, bonus_fen=400)
    assert (again.status, again.round, again.rounds, again.bonus_fen) == (Status.OPEN, 1, 2, 400)
    assert again.own_bonus_fen == 400
    assert not again.on_desk
    await check_indexes(city, order.id)
    back = await escalated(city, again)
    plain = await city.dispatch.desk.reopen(DISPATCHER, back, rounds=None, bonus_fen=None)
    assert (plain.plan, plain.rounds, plain.own_bonus_fen) == ("", 3, 400)


async def test_a_released_order_goes_out_on_its_own_rounds_again(city: City) -> None:
    agent = await city.valet("v")
    rounds = (Round(radius_m=9000, limit=5, seconds=7.0),)
    again = await city.dispatch.desk.reopen(DISPATCHER, await _waiting(city), rounds=rounds, bonus_fen=None)
    job = await city.dispatch.desk.assign(DISPATCHER, again, agent.id, force=False)
    back = await city.dispatch.jobs.release(DISPATCHER, job, 1, "tired")
    assert (back.rounds, back.plan) == (1, again.plan)


async def test_a_round_shorter_than_the_engine_looks_is_refused(city: City) -> None:
    order = await _waiting(city)
    rounds = (Round(radius_m=9000, limit=5, seconds=0.5),)
    assert await _code(city.dispatch.desk.reopen(DISPATCHER, order, rounds=rounds, bonus_fen=None)) is Code.INVALID


async def test_an_order_settled_by_phone_is_completed(city: City) -> None:
    order = await _waiting(city)
    closed = await city.dispatch.desk.close(DISPATCHER, order, "his brother came")
    assert (closed.status, closed.reason, closed.on_desk) == (Status.COMPLETED, "his brother came", False)
    assert closed.finisher is None


async def test_a_customer_cancels_only_before_the_work_begins(city: City) -> None:
    customer = Identity("c-1", Role.CUSTOMER, None, 0)
    agent = await city.valet("v", capacity=9)
    for status in (Status.ASSIGNED, Status.ARRIVED, Status.WORKING):
        order = await city.dispatch.desk.assign(DISPATCHER, await city.place(), agent.id, force=False)
        if status is not Status.ASSIGNED:
            order = await city.dispatch.jobs.progress(DISPATCHER, order, 1, status, None)
        if status is Status.WORKING:
            assert await _code(city.dispatch.desk.cancel(customer, order, "late")) is Code.CONFLICT
            assert (await in_redis(city, order.id)).status is Status.WORKING
        else:
            assert (await city.dispatch.desk.cancel(customer, order, "late")).reason == "late"
    assert (await city.dispatch.desk.cancel(DISPATCHER, order, "broken")).status is Status.CANCELLED


async def test_a_scheduled_order_can_be_cancelled(city: City) -> None:
    order = await city.place(scheduled_at=4_000_000_000_000)
    assert (await city.dispatch.desk.cancel(DISPATCHER, order, "no more")).status is Status.CANCELLED
    await check_indexes(city, order.id)
