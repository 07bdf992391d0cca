"""The holder's work, and what a stale fence is worth."""

import pytest

from dispatch.errors import Code, Refused
from dispatch.identity import Identity, Role
from dispatch.order import HELD, Order, Status
from dispatch.records.agents import Agent
from tests.conftest import DISPATCHER, City
from tests.dispatch.looking import check_indexes, log_of
from tests.dispatch.looking import order as in_redis


def _who(agent: Agent) -> Identity:
    return Identity(agent.id, Role(agent.role), None, 2**53)


async def _job(city: City, name: str = "v") -> tuple[Identity, Order]:
    agent = await city.valet(name)
    order = (await city.dispatch.claims.grab(city.region, (await city.place()).id, agent.id)).order
    assert order is not None
    return _who(agent), order


async def _code(work: object) -> Code:
    with pytest.raises(Refused) as refused:
        await work  # type: ignore[misc]  # any coroutine
    return refused.value.code


async def test_a_job_goes_step_by_step_to_its_end(city: City) -> None:
    who, order = await _job(city)
    for step in (*HELD[1:], Status.COMPLETED):
        order = await city.dispatch.jobs.progress(who, order, 1, step, 12345)
        assert order.status is step
        assert order == await city.dispatch.records.orders.find(order.id)
        await check_indexes(city, order.id)
    events = (await log_of(city, order.id))[3:]
    assert [event.detail["reported_at"] for event in events] == [12345] * 4
    assert [(event.type, event.was, event.holder) for event in events] == [
        *[("progressed", who.sub, who.sub)] * 3,
        ("completed", who.sub, ""),
    ]


async def test_the_same_step_again_changes_nothing(city: City) -> None:
    who, order = await _job(city)
    first = await city.dispatch.jobs.progress(who, order, 1, Status.ARRIVED, None)
    assert await city.dispatch.jobs.progress(who, order, 1, Status.ARRIVED, None) == first
    done = await city.dispatch.jobs.progress(who, order, 1, Status.COMPLETED, None)
    assert await city.dispatch.jobs.progress(who, order, 1, Status.COMPLETED, None) == done
    assert len(await log_of(city, order.id)) == 5


async def test_the_same_step_again_after_a_reconciliation(city: City) -> None:
    who, order = await _job(city)
    first = await city.dispatch.jobs.progress(who, order, 1, Status.ARRIVED, None, "kr")
    await city.dispatch.reconciler.region(city.region)
    assert await city.dispatch.jobs.progress(who, order, 1, Status.ARRIVED, None) == first
    assert await city.dispatch.jobs.progress(who, order, 1, Status.ARRIVED, None, "kr") == first


async def test_nothing_goes_back(city: City) -> None:
    who, order = await _job(city)
    await city.dispatch.jobs.progress(who, order, 1, Status.WORKING, None)
    assert await _code(city.dispatch.jobs.progress(who, order, 1, Status.EN_ROUTE, None)) is Code.CONFLICT
    assert (await in_redis(city, order.id)).status is Status.WORKING


async def test_a_stranger_hears_that_there_is_no_such_order(city: City) -> None:
    _, order = await _job(city)
    stranger = _who(await city.valet("w"))
    assert await _code(city.dispatch.jobs.progress(stranger, order, 1, Status.ARRIVED, None)) is Code.NOT_FOUND
    assert await _code(city.dispatch.jobs.release(stranger, order, 1, "x")) is Code.NOT_FOUND


@pytest.mark.parametrize("fence", [0, 2, 2**53 - 1])
async def test_another_fence_moves_nothing(city: City, fence: int) -> None:
    who, order = await _job(city)
    assert await _code(city.dispatch.jobs.progress(who, order, fence, Status.ARRIVED, None)) is Code.STALE_FENCE
    assert await _code(city.dispatch.jobs.release(who, order, fence, "x")) is Code.STALE_FENCE
    assert await in_redis(city, order.id) == order


async def test_a_former_holder_hears_that_his_fence_is_stale(city: City) -> None:
    who, order = await _job(city)
    other = await city.valet("w")
    await city.dispatch.desk.assign(DISPATCHER, order, other.id, force=False)
    assert await _code(city.dispatch.jobs.progress(who, order, 1, Status.ARRIVED, None)) is Code.STALE_FENCE
    assert await _code(city.dispatch.jobs.progress(who, order, 2, Status.ARRIVED, None)) is Code.STALE_FENCE
    assert await _code(city.dispatch.jobs.release(who, order, 1, "x")) is Code.STALE_FENCE
    assert (await city.dispatch.jobs.progress(_who(other), order, 2, Status.ARRIVED, None)).fence == 2


async def test_a_job_that_was_cancelled_moves_no_more(city: City) -> None:
    who, order = await _job(city)
    await city.dispatch.desk.cancel(DISPATCHER, order, "no more")
    assert await _code(city.dispatch.jobs.progress(who, order, 1, Status.ARRIVED, None)) is Code.CONFLICT
    assert await _code(city.dispatch.jobs.release(who, order, 1, "x")) is Code.CONFLICT


async def test_a_dispatcher_acts_for_the_holder(city: City) -> None:
    who, order = await _job(city)
    moved = await city.dispatch.jobs.progress(DISPATCHER, order, 1, Status.EN_ROUTE, None)
    assert moved.holder == who.sub
    back = await city.dispatch.jobs.release(DISPATCHER, moved, 1, "no answer")
    assert (back.status, back.released, back.reason) == (Status.OPEN, (who.sub,), "no answer")


@pytest.mark.parametrize(
    ("status", "after"),
    [
        (Status.ASSIGNED, Status.OPEN),
        (Status.EN_ROUTE, Status.OPEN),
        (Status.ARRIVED, Status.ESCALATED),
        (Status.WORKING, Status.ESCALATED),
    ],
)
async def test_where_a_released_order_goes(city: City, status: Status, after: Status) -> None:
    who, order = await _job(city)
    if status is not Status.ASSIGNED:
        order = await city.dispatch.jobs.progress(who, order, 1, status, None)
    back = await city.dispatch.jobs.release(who, order, 1, "tired")
    assert (back.status, back.holder, back.fence, back.on_desk) == (after, None, 1, after is Status.ESCALATED)
    assert back.due_at is not None
    await check_indexes(city, order.id)


async def test_who_gave_it_back_did_not_complete_what_the_desk_closed(city: City) -> None:
    who, order = await _job(city)
    order = await city.dispatch.jobs.progress(who, order, 1, Status.WORKING, None)
    order = await city.dispatch.jobs.release(who, order, 1, "tired")
    closed = await city.dispatch.desk.close(DISPATCHER, order, "by phone")
    assert await _code(city.dispatch.jobs.progress(who, closed, 1, Status.COMPLETED, None)) is Code.CONFLICT


async def test_a_release_that_is_repeated_takes_effect_once(city: City) -> None:
    who, order = await _job(city)
    other = await city.valet("w")
    first = await city.dispatch.jobs.release(who, order, 1, "tired", "kx")
    await city.dispatch.claims.grab(city.region, order.id, other.id)
    assert await city.dispatch.jobs.release(who, order, 1, "tired", "kx") == first
    assert (await in_redis(city, order.id)).holder == other.id
