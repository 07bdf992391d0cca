"""What a region's log says, PostgreSQL gets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from dispatch.errors import Unavailable
from dispatch.events import ENTRY
from dispatch.order import Order, Status
from dispatch.projector import TTL_MS, Projector
from dispatch.scripts import key
from dispatch.store import Reply
from dispatch.tasks import end
from tests.conftest import City
from tests.dispatch.looking import due_at, log, log_of, looks, redis, rows, script


def _projector(city: City) -> Projector:
    return Projector(city.dispatch.store, city.dispatch.records, city.region)


@asynccontextmanager
async def _running(*projectors: Projector) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(projector.run()) for projector in projectors]
    try:
        yield
    finally:
        await end(tasks)
    assert all(task.cancelled() for task in tasks)


async def _eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async for _ in looks():
        if await holds():
            return


async def _let_go_of(city: City, *orders: Order) -> bool:
    return all([await redis(city, "PTTL", key(city.region, "order", order.id)) > 0 for order in orders])


async def _caught_up(city: City) -> bool:
    """The cursor stands at the log's end."""
    last, n = await city.dispatch.store.log_end(city.region)
    return await city.dispatch.records.marks.cursor(city.region) == (last, n)


async def _escalate(city: City, order_id: str) -> None:
    """As an engine does: it leaves PostgreSQL to the projector."""
    await script(city, "escalate", order_id=order_id, due_at=await due_at(city, order_id), desk_ms=60_000)


async def _cancel(city: City, order_id: str) -> None:
    await script(city, "cancel", order_id=order_id, reason="x", actor="x:y", before="")


async def test_what_nobody_applied_is_applied(city: City) -> None:
    orders = [await city.place() for _ in range(3)]
    async with _running(_projector(city)):
        for order in orders:
            await _escalate(city, order.id)
        await _eventually(lambda: _caught_up(city))
    for order in orders:
        found = await city.dispatch.records.orders.find(order.id)
        assert found is not None
        assert (found.status, found.version) == (Status.ESCALATED, 3)
        timeline = await city.dispatch.records.orders.timeline(order.id, 0, 9)
        assert [each.type for each in timeline] == ["placed", "opened", "escalated"]


async def test_it_goes_on_where_the_last_one_stood(city: City) -> None:
    first, second = await city.place(), await city.place()
    await _escalate(city, first.id)
    async with _running(_projector(city)):
        await _eventually(lambda: _caught_up(city))
    await _escalate(city, second.id)
    assert not await _caught_up(city)
    async with _running(_projector(city)):
        await _eventually(lambda: _caught_up(city))
    found = await city.dispatch.records.orders.find(second.id)
    assert found is not None
    assert found.status is Status.ESCALATED


async def test_of_two_one_works_and_the_other_takes_over(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatch.projector.LOCKED_S", 0.02)
    order = await city.place()
    held = "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND objid = :low AND granted"
    (lock,) = await rows(
        city.dispatch, "SELECT hashtextextended(:name, 0) & 4294967295 AS low", name=f"project:{city.region}"
    )
    async with _running(_projector(city)):
        async with _running(_projector(city)):
            await _eventually(lambda: _caught_up(city))
            (count,) = await rows(city.dispatch, held, low=lock.low)
            assert count.n == 1
        await _escalate(city, order.id)
        await _eventually(lambda: _caught_up(city))
    found = await city.dispatch.records.orders.find(order.id)
    assert found is not None
    assert found.status is Status.ESCALATED


async def test_ended_orders_get_a_time_to_live_and_others_none(city: City) -> None:
    ended, open_ = await city.place(), await city.place()
    await _cancel(city, ended.id)
    async with _running(_projector(city)):
        await _eventually(lambda: _caught_up(city))

        async def has_ttl() -> bool:
            return bool(0 < await redis(city, "PTTL", key(city.region, "order", ended.id)) <= TTL_MS)

        await _eventually(has_ttl)
    assert await redis(city, "PTTL", key(city.region, "order", open_.id)) == -1


async def test_an_order_that_redis_was_not_told_to_let_go_of_is_told_next_time(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await city.place(), await city.place()
    store, lost = city.dispatch.store, 0
    run = store.run

    async def lose_once(name: str, region: str, **values: Any) -> Reply:
        nonlocal lost
        if name == "tidy" and region == city.region and not lost:
            lost += 1
            raise Unavailable("away")
        return await run(name, region, **values)

    monkeypatch.setattr(store, "run", lose_once)
    await _cancel(city, first.id)
    async with _running(_projector(city)):
        await _eventually(lambda: _caught_up(city))
        await _cancel(city, second.id)
        await _eventually(lambda: _let_go_of(city, first, second))
    assert lost == 1


async def test_ended_orders_are_let_go_of_also_when_only_the_answer_to_the_commit_was_lost(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await city.place(), await city.place()
    ledger, lost = city.dispatch.records.ledger, 0
    project = ledger.project

    async def lose_once(region: str, *batch: Any) -> Any:
        nonlocal lost
        done = await project(region, *batch)
        if region == city.region and not lost:
            lost += 1
            raise Unavailable("away")
        return done

    monkeypatch.setattr(ledger, "project", lose_once)
    await _cancel(city, first.id)
    async with _running(_projector(city)):
        await _eventually(lambda: _caught_up(city))
        await _cancel(city, second.id)
        await _eventually(lambda: _let_go_of(city, first, second))
    assert lost == 1


async def test_the_log_is_cut_behind_the_cursor_only(city: City) -> None:
    for _ in range(120):
        await script(city, "depart", agent_id="nobody")
    events = await log(city)
    name = key(city.region, "log")
    entries = [entry[0].decode() for entry in await redis(city, "XRANGE", name, "-", "+")]
    ended = msgspec.msgpack.encode([])
    await script(city, "tidy", ended=ended, ttl_ms=1, cursor="0-0", keep_ms=0)
    assert len(await log(city)) == len(events)
    await script(city, "tidy", ended=ended, ttl_ms=1, cursor=entries[-1], keep_ms=600_000)
    assert len(await log(city)) == len(events)
    await script(city, "tidy", ended=ended, ttl_ms=1, cursor=f"{int(entries[-1].split('-')[0]) + 1}-0", keep_ms=-1000)
    assert len(await log(city)) < len(events)


async def test_a_bad_event_is_buried_and_the_next_are_applied(city: City) -> None:
    agent, order = await city.valet("v"), await city.place()
    await script(city, "decline", order_id=order.id, agent_id=agent.id, reason="\0", actor=f"valet:{agent.id}")
    await _cancel(city, order.id)
    async with _running(_projector(city)):
        await _eventually(lambda: _caught_up(city))
    (dead,) = await rows(city.dispatch, "SELECT * FROM dead_letters WHERE order_id = :id", id=order.id)
    assert (dead.type, dead.version, dead.region) == ("declined", 3, city.region)
    timeline = await city.dispatch.records.orders.timeline(order.id, 0, 9)
    assert [each.version for each in timeline] == [1, 2, 4]


async def test_an_event_that_only_a_newer_server_knows_is_applied(city: City) -> None:
    """State and version are all that it takes; the timeline keeps the word."""
    order = await city.place()
    last = (await log_of(city, order.id))[-1]
    state = last.state | {"version": "3", "status": "cancelled", "due_at": ""}
    body = msgspec.msgpack.encode(last.body | {"state": state, "data": {"shine": 9}})
    n = await redis(city, "INCR", key(city.region, "n"))
    fields = {"n": n, "type": "polished", "order": order.id, "version": 3, "customer": "c-1", "body": body}
    pairs = (dict.fromkeys(ENTRY, "") | fields).items()
    await redis(city, "XADD", key(city.region, "log"), "*", *(part for pair in pairs for part in pair))
    async with _running(_projector(city)):
        await _eventually(lambda: _caught_up(city))
    found = await city.dispatch.records.orders.find(order.id)
    assert found is not None
    assert (found.status, found.version) == (Status.CANCELLED, 3)
    timeline = await city.dispatch.records.orders.timeline(order.id, 2, 9)
    assert [(each.type, each.data) for each in timeline] == [("polished", {"shine": 9})]
    assert await rows(city.dispatch, "SELECT 1 FROM dead_letters WHERE order_id = :id", id=order.id) == []


async def test_it_goes_on_after_a_reconciliation(city: City) -> None:
    order = await city.place()
    async with _running(_projector(city)):
        await _eventually(lambda: _caught_up(city))
        await city.dispatch.reconciler.region(city.region)
        await _escalate(city, order.id)
        await _eventually(lambda: _caught_up(city))
    assert [event.type for event in await log_of(city, order.id)][-1] == "escalated"
    found = await city.dispatch.records.orders.find(order.id)
    assert found is not None
    assert found.version == 3


async def test_what_this_process_has_written_and_postgresql_lost_is_written_again(city: City) -> None:
    """A failover to a copy that lacked the last commits took the cursor back as well."""
    order = await city.place()
    cancelled = await city.dispatch.transitions.run("cancel", order, "", reason="x", actor="x:y", before="")
    async with city.dispatch.records.database.transaction() as connection:
        await connection.exec_driver_sql(f"UPDATE orders SET version = 0, status = 'open' WHERE id = '{order.id}'")
        await connection.exec_driver_sql(f"DELETE FROM order_events WHERE order_id = '{order.id}'")
    async with _running(_projector(city)):
        await _eventually(lambda: _caught_up(city))
    assert await city.dispatch.records.orders.find(order.id) == cancelled
    assert len(await city.dispatch.records.orders.timeline(order.id, 0, 9)) == 3
