"""Script calls in batches, and what happens to them when Redis fails, forgets, or is another one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from dispatch import metrics
from dispatch.errors import InvariantBroken, Unavailable
from dispatch.scripts import key
from dispatch.store import MOST_IN_A_BATCH, Quarantined, Store
from tests.conftest import City, new_city
from tests.dispatch.conftest import Laboratory
from tests.dispatch.looking import PATIENCE_S, log_of, members, redis, script


@pytest.fixture
async def store(city: City) -> AsyncIterator[Store]:
    found = Store(city.dispatch.store._url, city.dispatch.records.marks.epoch)
    yield found
    await found.close()


async def _number(store: Store, city: City, number: int) -> int:
    """A call whose answer tells whose it is."""
    ids = msgspec.msgpack.encode([f"nobody-{i}" for i in range(number)])
    reply = await store.run("standings", city.region, order_id="none", agent_ids=ids)
    return len(reply.unpacked())


def _batches() -> tuple[float, float]:
    """How many there were, and of how many calls together."""
    samples = {sample.name: sample.value for sample in next(iter(metrics.REDIS_BATCH.collect())).samples}
    return samples["dispatch_redis_batch_calls_count"], samples["dispatch_redis_batch_calls_sum"]


# --- batches ------------------------------------------------------------------------------------------


async def test_each_caller_gets_his_own_answer(city: City, store: Store) -> None:
    numbers = list(range(40)) * 2
    assert await asyncio.gather(*(_number(store, city, number) for number in numbers)) == numbers


async def test_what_a_loop_turn_asks_is_one_batch(city: City, store: Store) -> None:
    await _number(store, city, 1)
    before = _batches()
    await asyncio.gather(*(_number(store, city, 1) for _ in range(50)))
    after = _batches()
    assert (after[0] - before[0], after[1] - before[1]) == (1, 50)


async def test_each_call_is_counted_by_its_script(city: City, store: Store) -> None:
    calls = metrics.SCRIPT_CALLS.labels("standings")._value
    await _number(store, city, 1)
    before = calls.get()
    await asyncio.gather(*(_number(store, city, 1) for _ in range(7)))
    assert calls.get() - before == 7


async def test_more_than_a_batch_is_sent_in_order(city: City, store: Store) -> None:
    count = 2 * MOST_IN_A_BATCH + 7
    numbers = [i % 5 for i in range(count)]
    await _number(store, city, 1)
    before = _batches()
    assert await asyncio.gather(*(_number(store, city, number) for number in numbers)) == numbers
    assert _batches()[0] - before[0] == 3


async def test_one_agents_commands_keep_their_order(city: City) -> None:
    agent = await city.agent("v")
    session = await city.enter(agent)
    people = city.dispatch.people
    wishes = ["paused", "available"] * 10 + ["paused"]
    await asyncio.gather(*(people.set_status(city.region, agent.id, session, wish) for wish in wishes))
    assert await redis(city, "HGET", key(city.region, "agent", agent.id), "status") == b"paused"


async def test_a_caller_who_gives_up_shifts_nobodys_answer(city: City, store: Store) -> None:
    await _number(store, city, 1)
    for steps in range(12):
        calls = [asyncio.create_task(_number(store, city, number)) for number in range(5)]
        for _ in range(steps):
            await asyncio.sleep(0)
        calls[2].cancel()
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert [found[i] for i in (0, 1, 3, 4)] == [0, 1, 3, 4]
        assert await _number(store, city, 7) == 7


async def test_what_can_not_be_sent_fails_alone(city: City, store: Store) -> None:
    bad = store.run("lease", city.region, owner="\ud800", lease_ms=1)
    found = await asyncio.gather(_number(store, city, 1), bad, _number(store, city, 2), return_exceptions=True)
    assert (found[0], found[2]) == (1, 2)
    assert isinstance(found[1], UnicodeEncodeError)


async def test_a_bug_in_one_batch_does_not_leave_the_next_waiting(
    city: City, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _number(store, city, 1)
    exchange = store._link.exchange

    async def broken(_: Any) -> list[Any]:
        monkeypatch.setattr(store._link, "exchange", exchange)
        raise AssertionError("a bug")

    monkeypatch.setattr(store._link, "exchange", broken)
    first = [asyncio.create_task(_number(store, city, number)) for number in range(3)]
    await asyncio.sleep(0)
    second = asyncio.create_task(_number(store, city, 9))
    for found in await asyncio.gather(*first, return_exceptions=True):
        assert isinstance(found, InvariantBroken)
    assert await second == 9


async def test_an_error_of_a_script_is_a_bug(city: City) -> None:
    await redis(city, "SET", key(city.region, "order", "x"), "no hash")
    with pytest.raises(InvariantBroken, match="WRONGTYPE"):
        await script(city, "expire", order_id="x", due_at="5")


async def test_a_wrong_name_is_refused_before_anything_is_sent(city: City, store: Store) -> None:
    with pytest.raises(TypeError):
        await store.run("lease", city.region, owner="x")
    with pytest.raises(KeyError):
        await store.run("leese", city.region)


# --- scripts and connections that are lost ------------------------------------------------------------


async def test_scripts_that_redis_forgot_are_loaded_again(city: City, store: Store) -> None:
    await _number(store, city, 1)
    await redis(city, "SCRIPT", "FLUSH")
    assert await asyncio.gather(*(_number(store, city, number) for number in range(9))) == list(range(9))


async def test_a_lost_connection_costs_nobody_his_answer(city: City, store: Store) -> None:
    await _number(store, city, 1)
    await redis(city, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert await asyncio.gather(*(_number(store, city, number) for number in range(9))) == list(range(9))
    await store.ping()


async def test_what_was_carried_out_before_its_answer_was_lost_takes_effect_once(
    city: City, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancellation, an assignment and a grab: each reply is lost once."""
    agents = [await city.valet(name, capacity=9) for name in ("v", "w")]
    cancelled, assigned, grabbed = [await city.place() for _ in range(3)]
    await _number(store, city, 1)
    exchange = store._link.exchange

    async def lose(commands: Any) -> list[Any]:
        monkeypatch.setattr(store._link, "exchange", exchange)
        await exchange(commands)
        await store._link.close()
        raise Unavailable("the reply is lost")

    card = {"suspended": False, "capacity": 9, "role": "valet", "name": "N", "phone": ""}
    common = {"actor": "x:y", "order_id": assigned.id, "dispatcher_id": "d-1"}
    calls: list[dict[str, Any]] = [
        {"name": "cancel", "order_id": cancelled.id, "reason": "x", "actor": "x:y", "before": ""},
        {
            "name": "assign",
            **common,
            "agent_id": agents[0].id,
            "force": "1",
            "card": msgspec.msgpack.encode(card),
            "terms": msgspec.msgpack.encode({"stall": ""}),
        },
        {"name": "claim", "order_id": grabbed.id, "agents": msgspec.msgpack.encode([a.id for a in agents])},
    ]
    monkeypatch.setattr(store._link, "exchange", lose)
    replies = await asyncio.gather(*(store.run(region=city.region, **call) for call in calls))
    assert [reply.outcome for reply in replies] == ["ok", "ok", "ok"]
    for order, reply in zip((cancelled, assigned, grabbed), replies, strict=True):
        events = await log_of(city, order.id)
        assert [event.version for event in events] == [1, 2, 3]
        assert [event.n for event in reply.events] == [event.n for event in events]
    assert replies[2].unpacked()["answers"] == ["won", "taken"]


async def test_nobody_waits_for_a_store_that_stops(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(city.dispatch.store._url, city.dispatch.records.marks.epoch)
    await _number(store, city, 1)
    never = asyncio.Event()

    async def hang(_: Any) -> list[Any]:
        await never.wait()
        return []

    monkeypatch.setattr(store._link, "exchange", hang)
    first = asyncio.create_task(_number(store, city, 1))
    await asyncio.sleep(0)
    second = asyncio.create_task(_number(store, city, 1))
    await asyncio.sleep(0)
    assert store._sender is not None
    store._sender.cancel()
    for call in (first, second):
        with pytest.raises(Unavailable):
            await call
    await store.close()


# --- epochs -------------------------------------------------------------------------------------------


async def test_a_region_that_was_never_reconciled_is_quarantined(store: Store) -> None:
    with pytest.raises(Quarantined):
        await store.run_now("lease", "no-such-region", owner="x", lease_ms=1)


async def test_a_new_epoch_is_learned(city: City, store: Store) -> None:
    await _number(store, city, 1)
    old = store.known_epoch(city.region)
    await city.dispatch.reconciler.region(city.region)
    assert await _number(store, city, 3) == 3
    assert store.known_epoch(city.region) == (old or 0) + 1


async def test_a_region_that_redis_lost_is_quarantined_without_a_word_from_sql(city: City, store: Store) -> None:
    await _number(store, city, 1)
    await redis(city, "DEL", key(city.region, "epoch"))
    with pytest.raises(Quarantined):
        await store.run_now("lease", city.region, owner="x", lease_ms=1)
    assert await redis(city, "EXISTS", key(city.region, "lease")) == 0


async def test_calls_wait_in_order_until_their_region_is_put_right(city: City, store: Store) -> None:
    await _number(store, city, 1)
    await redis(city, "DEL", key(city.region, "epoch"))
    values: dict[str, Any] = {"lease_ms": 60_000}
    calls = [asyncio.create_task(store.run("lease", city.region, owner=f"o-{i}", **values)) for i in range(5)]
    await city.dispatch.reconciler.region(city.region)
    assert [reply.outcome for reply in await asyncio.gather(*calls)] == ["ok", "held", "held", "held", "held"]
    assert await redis(city, "GET", key(city.region, "lease")) == b"o-0"


async def test_many_who_wait_ask_postgresql_once(city: City) -> None:
    asked = []

    async def source(region: str) -> tuple[str, int] | None:
        asked.append(region)
        await asyncio.sleep(0)
        return await city.dispatch.records.marks.epoch(region)

    store = Store(city.dispatch.store._url, source)
    await asyncio.gather(*(_number(store, city, 1) for _ in range(20)))
    assert asked == [city.region]
    await store.close()


# --- a Redis that refuses, dies, is another one -------------------------------------------------------


async def test_a_redis_without_memory_is_unavailable_and_nothing_is_half_done(ghost_town: City) -> None:
    city = ghost_town
    await redis(city, "CONFIG", "SET", "maxmemory", 1)
    try:
        with pytest.raises(Unavailable, match="OOM"):
            await city.dispatch.store.run_now("lease", city.region, owner="x", lease_ms=1)
        order = await city.place()
    finally:
        await redis(city, "CONFIG", "SET", "maxmemory", 0)
    assert order.version == 0  # it waits in PostgreSQL
    assert await log_of(city, order.id) == []
    assert await redis(city, "EXISTS", key(city.region, "order", order.id)) == 0
    assert order.id not in await members(city, "deadlines")


async def test_a_redis_that_is_no_master_is_unavailable(ghost_town: City) -> None:
    city = ghost_town
    await redis(city, "REPLICAOF", "127.0.0.1", 1)
    try:
        with pytest.raises(Unavailable):
            await city.dispatch.store.run_now("lease", city.region, owner="x", lease_ms=1)
    finally:
        await redis(city, "REPLICAOF", "NO", "ONE")
    assert (await script(city, "lease", owner="x", lease_ms=1)).outcome == "ok"


async def test_a_redis_that_came_back_is_another_one_until_the_region_is_put_right(laboratory: Laboratory) -> None:
    city = await new_city(laboratory.dispatch)
    agent = await city.agent("v")
    session = await city.enter(agent)
    store, run_id = city.dispatch.store, city.dispatch.store.run_id
    pid = laboratory.kill_redis()
    people = city.dispatch.people
    wishes = ["available", "paused"] * 8
    waiting = [asyncio.create_task(people.set_status(city.region, agent.id, session, wish)) for wish in wishes]
    await laboratory.redis_back(pid)
    assert store.run_id != run_id
    with pytest.raises(Quarantined):
        await store.run_now("lease", city.region, owner="x", lease_ms=1)
    assert await city.dispatch.reconciler.ensure(city.region)
    done = await asyncio.gather(*waiting, return_exceptions=True)
    # Whoever was patient enough was served, and in order.
    assert {type(each) for each in done} <= {int, Unavailable, Quarantined}
    served = [wish for wish, each in zip(wishes, done, strict=True) if isinstance(each, int)]
    status = await redis(city, "HGET", key(city.region, "agent", agent.id), "status")
    assert status == (served or ["available"])[-1].encode()
    assert session in await members(city, "sessions", agent.id)


async def test_a_redis_that_is_away_is_unavailable_in_bounded_time(laboratory: Laboratory) -> None:
    city = await new_city(laboratory.dispatch)
    pid = laboratory.kill_redis()
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(Unavailable):
            await city.dispatch.store.run_now("lease", city.region, owner="x", lease_ms=1)
    await laboratory.redis_back(pid)
    assert await city.dispatch.reconciler.ensure(city.region)
    assert (await script(city, "lease", owner="x", lease_ms=1)).outcome == "ok"
