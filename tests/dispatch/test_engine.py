"""What happens because time passed, with real engines and projectors and short policies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from ulid import ULID

from dispatch import metrics
from dispatch.clock import now_ms
from dispatch.engine import MOST_VANISHED, Engine
from dispatch.events import Event
from dispatch.order import Order, Status
from dispatch.people import REACHABLE_MS
from dispatch.projector import Projector
from dispatch.scripts import key
from dispatch.state import new_state
from dispatch.tasks import end
from tests.conftest import DISPATCHER, City
from tests.dispatch.drafts import draft
from tests.dispatch.looking import check_log, log_of, looks, members, offered, policy, redis, until
from tests.dispatch.looking import order as in_redis

SHORT: dict[str, Any] = {
    "rounds": [
        {"radius_m": 1000, "limit": 5, "seconds": 0.05},
        {"radius_m": 2000, "limit": 5, "seconds": 0.05, "bonus_fen": 500},
    ],
    "desk_seconds": 0.05,
}


def _engine(city: City, owner: str = "one") -> Engine:
    d = city.dispatch
    return Engine(d.store, d.records, d.catalog, d.intake, d.reconciler, city.region, owner)


@asynccontextmanager
async def _running(*works: Engine | Projector) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(work.run()) for work in works]
    try:
        yield tasks
    finally:
        await end(tasks)
    assert all(task.cancelled() for task in tasks)


def _is(order: Order, kind: str) -> Any:
    def wanted(event: Event) -> bool:
        return event.order_id == order.id and event.type == kind

    return wanted


async def _course(city: City, order: Order) -> list[str]:
    return [event.type for event in await log_of(city, order.id)]


async def test_an_order_that_nobody_takes_goes_through_its_rounds_to_the_desk_and_expires(city: City) -> None:
    kind = await policy(city, **SHORT)
    near, far = await city.valet("near", 500, skills=(kind,)), await city.valet("far", 1500, skills=(kind,))
    async with _running(_engine(city), Projector(city.dispatch.store, city.dispatch.records, city.region)):
        order = await city.place(kind)
        await until(city, _is(order, "expired"))
        async for _ in looks():
            found = await city.dispatch.records.orders.find(order.id)
            if found and found.status is Status.EXPIRED:
                break
    events = await log_of(city, order.id)
    assert [event.type for event in events] == ["placed", "opened", "widened", "escalated", "expired"]
    assert [event.to for event in events] == [(), (near.id,), (far.id,), (), ()]
    assert [event.desk for event in events] == [False, False, False, True, True]
    assert [event.actor for event in events[2:]] == ["engine:"] * 3
    for before, event in pairwise(events[1:]):
        assert before.order.due_at is not None
        assert event.at >= before.order.due_at
        assert event.detail["due_at"] == before.order.due_at
    timeline = await city.dispatch.records.orders.timeline(order.id, 0, 9)
    assert [each.version for each in timeline] == [1, 2, 3, 4, 5]
    await check_log(city)


async def test_its_lateness_is_measured_by_redis_clock(city: City) -> None:
    def counted() -> float:
        samples = next(iter(metrics.DEADLINE_LATENESS.collect())).samples
        return next(sample.value for sample in samples if sample.name.endswith("_count"))

    kind, before = await policy(city, **SHORT), counted()
    async with _running(_engine(city)):
        await city.place(kind)
        async for _ in looks():
            if counted() == before + 3:
                break


async def test_a_policy_that_loses_rounds_meanwhile_escalates(city: City) -> None:
    kind = await policy(city, **SHORT)
    order = await city.place(kind)
    await policy(city, **(SHORT | {"rounds": SHORT["rounds"][:1], "desk_seconds": 900}))
    async with _running(_engine(city)):
        await until(city, _is(order, "escalated"))
    assert await _course(city, order) == ["placed", "opened", "escalated"]


async def test_a_reopened_order_goes_by_its_own_rounds(city: City) -> None:
    kind = await policy(city, **(SHORT | {"desk_seconds": 900}))
    order = await city.place(kind)
    async with _running(_engine(city)):
        await until(city, _is(order, "escalated"))
        plan = (await city.dispatch.catalog.policy(kind)).rounds
        longer = tuple(type(each)(radius_m=100, limit=1, seconds=1.0) for each in plan[:1])
        again = await city.dispatch.desk.reopen(DISPATCHER, order, rounds=longer, bonus_fen=None)
        second = await until(city, lambda event: _is(order, "escalated")(event) and event.version > again.version)
    assert again.due_at is not None
    assert second.at >= again.due_at


async def test_a_holder_who_does_not_move_is_stalled(city: City) -> None:
    kind = await policy(city, stall_seconds={"assigned": 0.05})
    agent = await city.valet("v", skills=(kind,))
    order = await city.place(kind)
    async with _running(_engine(city)):
        await city.dispatch.claims.grab(city.region, order.id, agent.id)
        stalled = await until(city, _is(order, "stalled"))
    assert (stalled.holder, stalled.desk, stalled.order.stalled) == (agent.id, True, True)
    assert (stalled.order.due_at, stalled.order.on_desk) == (None, True)


async def test_a_scheduled_order_opens_in_time(city: City) -> None:
    kind = await policy(city, lead_seconds=3600)
    agent = await city.valet("v", skills=(kind,))
    at = now_ms() + 3_600_000 + 1_500  # within a second it would open at once
    async with _running(_engine(city)):
        order = await city.place(kind, scheduled_at=at)
        opened = await until(city, _is(order, "opened"))
    assert order.status is Status.SCHEDULED
    assert opened.at >= at - 3_600_000
    assert (opened.to, opened.version) == ((agent.id,), 2)


async def test_a_decline_does_not_postpone_a_round(city: City) -> None:
    kind = await policy(city, **(SHORT | {"desk_seconds": 900}))
    agents = [await city.valet(f"v-{i}", skills=(kind,)) for i in range(3)]
    order = await city.place(kind)
    for agent in agents:
        await city.dispatch.store.run(
            "decline", city.region, order_id=order.id, agent_id=agent.id, reason="", actor="x:y"
        )
    async with _running(_engine(city)):
        widened = await until(city, _is(order, "widened"))
    assert widened.detail["due_at"] == order.due_at


async def test_of_two_engines_at_once_each_deadline_takes_effect_once(city: City) -> None:
    """The same owner: the lease holds back neither."""
    kind = await policy(city, **SHORT)
    async with _running(_engine(city), _engine(city), _engine(city)):
        orders = [await city.place(kind) for _ in range(10)]
        for order in orders:
            await until(city, _is(order, "expired"))
    for order in orders:
        assert await _course(city, order) == ["placed", "opened", "widened", "escalated", "expired"]
    await check_log(city)


async def test_another_engine_takes_over_when_one_is_gone(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatch.engine.LEASE_MS", 400)
    monkeypatch.setattr("dispatch.engine.LONGEST_WAIT_S", 0.05)
    kind = await policy(city, **SHORT)
    lease = key(city.region, "lease")
    async with _running(_engine(city, "one")):
        async for _ in looks():
            if await redis(city, "GET", lease) == b"one":
                break
        async with _running(_engine(city, "two")):
            await until(city, _is(await city.place(kind), "expired"))
            assert await redis(city, "GET", lease) == b"one"
    async with _running(_engine(city, "two")):
        await until(city, _is(await city.place(kind), "expired"))
        assert await redis(city, "GET", lease) == b"two"


async def test_an_engine_that_stops_in_good_order_leaves_no_lease(city: City) -> None:
    """Nobody has to wait for its end; another engine's lease is not touched."""
    lease = key(city.region, "lease")
    async with _running(_engine(city, "one")):
        async for _ in looks():
            if await redis(city, "GET", lease) == b"one":
                break
        async with _running(_engine(city, "two")):
            kind = await policy(city, **SHORT)
            await until(city, _is(await city.place(kind), "expired"))
        assert await redis(city, "GET", lease) == b"one"
    assert await redis(city, "GET", lease) is None


async def test_a_row_that_redis_never_heard_of_is_opened(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatch.engine.SWEEP_S", 0.05)
    agent = await city.valet("v")
    place = draft().place
    state = new_state("maintenance", draft(place=type(place)(city.at(), None)), now_ms() - 2001)
    fresh = new_state("maintenance", draft(place=type(place)(city.at(), None)), now_ms() + 60_000)
    old_id, fresh_id = str(ULID()), str(ULID())
    await city.dispatch.records.orders.create(old_id, city.region, state)
    await city.dispatch.records.orders.create(fresh_id, city.region, fresh)
    async with _running(_engine(city)):
        opened = await until(city, lambda event: event.order_id == old_id and event.type == "opened")
        async for _ in looks():
            found = await city.dispatch.records.orders.find(old_id)
            if found and found.version == 2:
                break
    assert (opened.to, opened.actor) == ((agent.id,), "engine:")
    assert await log_of(city, fresh_id) == []  # whoever placed it may still be at it


async def test_all_who_fell_silent_vanish_at_once(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than one script call takes."""
    monkeypatch.setattr("dispatch.engine.SWEEP_S", 0.05)
    kept = await city.valet("kept")
    silent = now_ms() - REACHABLE_MS - 1
    seen = key(city.region, "seen")
    await city.dispatch.store.direct([("ZADD", seen, silent, f"v-{i}") for i in range(2 * MOST_VANISHED + 1)])
    async with _running(_engine(city)):
        async for _ in looks():
            if await members(city, "seen") == {kept.id}:
                break


async def test_no_deadline_waits_for_a_hung_postgresql(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatch.engine.SWEEP_S", 0.01)
    kind = await policy(city, **SHORT)
    order = await city.place(kind)
    async with city.dispatch.records.database.transaction() as connection:
        await connection.exec_driver_sql("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        async with _running(_engine(city)):
            expired = await until(city, _is(order, "expired"))
    assert expired.version == 5


async def test_an_order_at_fault_does_not_hold_up_the_others(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatch.engine.FAULT_WAIT_S", 0.01)
    kind = await policy(city, **SHORT)
    bad, good = await city.place(kind), await city.place(kind)
    await redis(city, "HSET", key(city.region, "order", bad.id), "kind", "no-such-kind")
    async with _running(_engine(city)):
        await until(city, _is(good, "expired"))
    assert (await in_redis(city, bad.id)).version == 2


async def test_an_engine_puts_a_region_right_unasked(city: City) -> None:
    kind = await policy(city, **SHORT)
    order = await city.place(kind)
    await redis(city, "DEL", key(city.region, "epoch"))
    async with _running(_engine(city)):
        await until(city, _is(order, "expired"))
    assert await city.dispatch.reconciler.settled(city.region)


async def test_who_comes_late_is_offered_what_the_engine_widened(city: City) -> None:
    kind = await policy(
        city, **(SHORT | {"desk_seconds": 900, "rounds": [*SHORT["rounds"][:1], SHORT["rounds"][1] | {"seconds": 30}]})
    )
    order = await city.place(kind)
    async with _running(_engine(city)):
        await until(city, _is(order, "widened"))
        agent = await city.valet("v", 1500, skills=(kind,))
    assert await offered(city, order.id) == {agent.id}
