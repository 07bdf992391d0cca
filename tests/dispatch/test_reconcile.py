"""Redis restarted, was emptied, or was set back: PostgreSQL puts it right."""

import asyncio
from typing import Any

import msgspec
import pytest
from ulid import ULID

from dispatch.claims import Outcome
from dispatch.clock import now_ms
from dispatch.engine import Engine
from dispatch.order import HELD, TERMINAL, Order, Status
from dispatch.people import profile_fields
from dispatch.records.ledger import StaleEpoch
from dispatch.scripts import key
from dispatch.store import Quarantined
from dispatch.tasks import end
from tests.conftest import DISPATCHER, City, new_city
from tests.dispatch.conftest import Laboratory
from tests.dispatch.looking import (
    check_indexes,
    copied,
    escalated,
    log,
    members,
    offered,
    policy,
    redis,
    script,
    set_back,
    state,
    until,
)
from tests.dispatch.looking import order as in_redis

FAR = 4_000_000_000_000


async def _one_of_each(city: City, kind: str, agent_id: str) -> dict[Status, Order]:
    """An order in every status; `agent_id` holds what is held."""
    desk, jobs = city.dispatch.desk, city.dispatch.jobs
    found = {Status.SCHEDULED: await city.place(kind, scheduled_at=FAR), Status.OPEN: await city.place(kind)}
    found[Status.ESCALATED] = await escalated(city, await city.place(kind))
    for status in (*HELD, Status.COMPLETED):
        order = await desk.assign(DISPATCHER, await city.place(kind), agent_id, force=True)
        if status is not Status.ASSIGNED:
            order = await jobs.progress(DISPATCHER, order, 1, status, None)
        found[status] = order
    found[Status.CANCELLED] = await desk.cancel(DISPATCHER, await city.place(kind), "no more")
    return found


async def _in_sql(city: City, order: Order) -> Order:
    found = await city.dispatch.records.orders.find(order.id)
    assert found is not None
    return found


# --- emptied ------------------------------------------------------------------------------------------


async def test_after_redis_was_emptied_everything_unfinished_is_there_again(ghost_town: City) -> None:
    city, kind = ghost_town, await policy(ghost_town)
    agent = await city.valet("v", skills=(kind,), capacity=50)
    orders = await _one_of_each(city, kind, agent.id)
    before = {status: await _in_sql(city, order) for status, order in orders.items()}
    epoch, n = city.dispatch.store.known_epoch(city.region) or 0, (await log(city))[-1].n
    await redis(city, "FLUSHALL")
    with pytest.raises(Quarantined):
        await city.dispatch.store.run_now("lease", city.region, owner="x", lease_ms=1)
    found = await city.dispatch.reconciler.check(city.region)
    unfinished = sorted(order.id for status, order in orders.items() if status not in TERMINAL)
    held = sorted((agent.id, orders[status].id) for status in HELD)
    assert ([each.order_id for each in found.behind], found.jobs, found.settled) == (unfinished, held, False)
    assert await redis(city, "DBSIZE") == 0  # a check changes nothing

    assert await city.dispatch.reconciler.ensure(city.region)
    for status, order in orders.items():
        if status in TERMINAL:
            assert await state(city, order.id) == {}
            continue
        now = await in_redis(city, order.id)
        if status is Status.OPEN:
            assert now.due_at is not None
            assert now.due_at <= now_ms()
            now = msgspec.structs.replace(now, due_at=before[status].due_at)
        assert now == before[status]
        await check_indexes(city, order.id)
    assert await members(city, "jobs", agent.id) == {orders[status].id for status in HELD}
    leapt = int(await redis(city, "GET", key(city.region, "n")))
    assert leapt > n
    assert int(await redis(city, "GET", key(city.region, "epoch"))) == epoch + 1
    end, _ = await city.dispatch.store.log_end(city.region)
    assert await city.dispatch.records.marks.cursor(city.region) == (end, leapt)
    again = await city.dispatch.reconciler.check(city.region)
    assert (again.behind, again.jobs, again.settled) == ([], [], True)


async def test_what_was_restored_goes_on(ghost_town: City) -> None:
    """Fences go on, offers are made anew, a job ends, deadlines fire."""
    city = ghost_town
    kind = await policy(city, rounds=[{"radius_m": 3000, "limit": 5, "seconds": 60}] * 2)
    agent, other = [await city.valet(name, skills=(kind,), capacity=50) for name in ("v", "w")]
    orders = await _one_of_each(city, kind, agent.id)
    await redis(city, "FLUSHALL")
    d = city.dispatch
    engine = Engine(d.store, d.records, d.catalog, d.intake, d.reconciler, city.region, "one")
    running = asyncio.create_task(engine.run())
    try:
        widened = await until(city, lambda event: event.order_id == orders[Status.OPEN].id)
    finally:
        await end([running])
    assert (widened.type, widened.version, widened.to) == ("widened", orders[Status.OPEN].version + 1, ())
    present = await d.people.enter(other, str(ULID()), {}, "available", city.at())  # its hub announces it again
    assert [order.id for order in present.offers] == [orders[Status.OPEN].id]
    won = await d.claims.grab(city.region, orders[Status.OPEN].id, other.id)
    assert (won.outcome, won.fence) == (Outcome.WON, 1)
    back = await d.jobs.release(DISPATCHER, orders[Status.EN_ROUTE], 1, "tired")
    again = await d.desk.assign(DISPATCHER, back, other.id, force=False)
    assert again.fence == 2
    done = await d.jobs.progress(DISPATCHER, orders[Status.WORKING], 1, Status.COMPLETED, None)
    assert (done.status, done.holder) == (Status.COMPLETED, None)
    given = await d.desk.assign(DISPATCHER, orders[Status.ESCALATED], other.id, force=False)
    assert given.status is Status.ASSIGNED


async def test_an_order_of_which_only_the_placing_reached_postgresql_opens(
    ghost_town: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A projector's batch ended between the two events of a placing, and then Redis was lost."""
    city, d = ghost_town, ghost_town.dispatch
    agent, apply = await city.valet("v"), d.records.ledger.apply
    with monkeypatch.context() as cut:
        cut.setattr(d.records.ledger, "apply", lambda events: apply(events[:1]))
        order = await city.place()
    assert (await _in_sql(city, order)).version == 1
    await redis(city, "FLUSHALL")
    assert await d.reconciler.ensure(city.region)
    await city.enter(agent)
    engine = Engine(d.store, d.records, d.catalog, d.intake, d.reconciler, city.region, "one")
    running = asyncio.create_task(engine.run())
    try:
        opened = await until(city, lambda event: event.order_id == order.id)
    finally:
        await end([running])
    assert (opened.order.status, opened.order.round, opened.to) == (Status.OPEN, 1, (agent.id,))


async def test_who_enters_before_the_next_round_is_offered_what_was_restored(ghost_town: City) -> None:
    city = ghost_town
    order, agent = await city.place(), await city.agent("v")
    await redis(city, "FLUSHALL")
    await city.dispatch.reconciler.ensure(city.region)
    present = await city.dispatch.people.enter(agent, str(ULID()), {}, "available", city.at())
    assert [offer.id for offer in present.offers] == [order.id]


async def test_an_order_at_the_desk_does_not_expire_at_once(ghost_town: City) -> None:
    city = ghost_town
    order = await escalated(city, await city.place())
    await redis(city, "FLUSHALL")
    await city.dispatch.reconciler.ensure(city.region)
    assert (await in_redis(city, order.id)).due_at == order.due_at
    found = msgspec.msgpack.decode((await script(city, "due", most=64)).extra)
    assert found["due"] == []


async def test_a_holder_is_told_his_jobs_and_hears_won_again(ghost_town: City) -> None:
    city = ghost_town
    agent = await city.valet("v")
    order = await city.place()
    first = await city.dispatch.claims.grab(city.region, order.id, agent.id)
    await redis(city, "FLUSHALL")
    await city.dispatch.reconciler.ensure(city.region)
    present = await city.dispatch.people.enter(agent, str(ULID()), {}, "available", city.at())
    assert [job.id for job in present.jobs] == [order.id]
    assert await city.dispatch.claims.grab(city.region, order.id, agent.id) == first


# --- set back -----------------------------------------------------------------------------------------


async def test_an_older_copy_is_brought_up_to_date(ghost_town: City) -> None:
    city = ghost_town
    kind = await policy(city, audience=["valet", "shop"])
    agents = [await city.valet(name, skills=(kind,), capacity=50) for name in ("v", "w")]
    desk, jobs, claims = city.dispatch.desk, city.dispatch.jobs, city.dispatch.claims
    grabbed, ended, moved, stays = [await city.place(kind) for _ in range(4)]
    moved = await desk.assign(DISPATCHER, moved, agents[0].id, force=True)
    ended = await desk.assign(DISPATCHER, ended, agents[0].id, force=True)
    waiting = await escalated(city, await city.place(kind))
    copy = await copied(city)

    later = await city.place(kind)
    await claims.grab(city.region, grabbed.id, agents[1].id)
    await jobs.progress(DISPATCHER, ended, 1, Status.COMPLETED, None)
    await desk.assign(DISPATCHER, moved, agents[1].id, force=True)
    await desk.close(DISPATCHER, waiting, "by phone")
    suspended = await city.agent("w", skills=(kind,), capacity=50, suspended=True)
    everything = [grabbed, ended, moved, stays, waiting, later]
    truth = {order.id: await _in_sql(city, order) for order in everything}
    n = (await log(city))[-1].n
    await set_back(city, copy)
    assert (await in_redis(city, moved.id)).holder == agents[0].id

    found = await city.dispatch.reconciler.check(city.region)
    assert [each.order_id for each in found.behind] == sorted(o.id for o in (grabbed, ended, moved, waiting, later))
    assert set(found.jobs) == {
        (agents[0].id, moved.id),
        (agents[0].id, ended.id),
        (agents[1].id, moved.id),
        (agents[1].id, grabbed.id),
    }
    assert await city.dispatch.reconciler.region(city.region)
    for order_id, true in truth.items():
        now = await in_redis(city, order_id)
        assert msgspec.structs.replace(now, due_at=None) == msgspec.structs.replace(true, due_at=None)
        await check_indexes(city, order_id)
    assert await offered(city, stays.id) == {agent.id for agent in agents}  # it was not behind
    assert await offered(city, grabbed.id) == set()
    assert await members(city, "jobs", agents[0].id) == set()
    assert await members(city, "jobs", agents[1].id) == {moved.id, grabbed.id}
    assert int(await redis(city, "GET", key(city.region, "n"))) > n
    for order in (ended, waiting):
        assert await redis(city, "PTTL", key(city.region, "order", order.id)) > 0
    known = await redis(city, "HGET", key(city.region, "agent", suspended.id), "suspended")
    assert known.decode() == profile_fields(suspended)["suspended"]
    assert (await city.dispatch.reconciler.check(city.region)).behind == []


async def test_fences_go_on_above_those_that_redis_lost(ghost_town: City) -> None:
    city = ghost_town
    agents = [await city.valet(name) for name in ("v", "w")]
    order = await city.place()
    copy = await copied(city)
    won = await city.dispatch.claims.grab(city.region, order.id, agents[0].id)
    assert won.order is not None
    await city.dispatch.jobs.release(DISPATCHER, won.order, 1, "tired")
    await set_back(city, copy)
    await city.dispatch.reconciler.region(city.region)
    for agent in agents:
        await city.enter(agent)
    verdicts = [await city.dispatch.claims.grab(city.region, order.id, agent.id) for agent in agents]
    assert [(verdict.outcome, verdict.reason, verdict.fence) for verdict in verdicts] == [
        (Outcome.REFUSED, "not_offered", None),  # he has released it
        (Outcome.WON, None, 2),
    ]


# --- what the log still has ---------------------------------------------------------------------------


async def test_what_redis_knows_more_is_not_lost(ghost_town: City) -> None:
    """A grab whose answer was lost with the server that asked for it."""
    city = ghost_town
    agent, order = await city.valet("v"), await city.place()
    reply = await script(city, "claim", order_id=order.id, agents=msgspec.msgpack.encode([agent.id]))
    await city.dispatch.reconciler.region(city.region)
    assert (await _in_sql(city, order)).holder == agent.id
    with pytest.raises(StaleEpoch):
        await city.dispatch.records.ledger.apply(reply.events)
    assert (await city.dispatch.claims.grab(city.region, order.id, agent.id)).outcome is Outcome.WON


async def test_a_bad_event_does_not_keep_a_region_closed(ghost_town: City) -> None:
    city = ghost_town
    agent, order = await city.valet("v"), await city.place()
    await script(city, "decline", order_id=order.id, agent_id=agent.id, reason="\0", actor="x:y")
    assert await city.dispatch.reconciler.region(city.region)
    assert (await in_redis(city, order.id)).declined == (agent.id,)


# --- who does it, and meanwhile -----------------------------------------------------------------------


async def test_two_at_once_do_it_once(ghost_town: City) -> None:
    city = ghost_town
    epoch = await city.dispatch.records.marks.epoch(city.region)
    assert epoch is not None
    results = await asyncio.gather(*(city.dispatch.reconciler.region(city.region) for _ in range(4)))
    now = await city.dispatch.records.marks.epoch(city.region)
    assert now == (epoch[0], epoch[1] + results.count(True))
    assert results.count(True) >= 1
    assert await city.dispatch.reconciler.settled(city.region)


async def test_a_region_that_is_right_is_left_alone(ghost_town: City) -> None:
    city = ghost_town
    epoch = await city.dispatch.records.marks.epoch(city.region)
    assert await city.dispatch.reconciler.ensure(city.region)
    assert await city.dispatch.records.marks.epoch(city.region) == epoch


async def test_who_waited_for_the_lock_looks_again(ghost_town: City, monkeypatch: pytest.MonkeyPatch) -> None:
    city, reconciler = ghost_town, ghost_town.dispatch.reconciler
    await redis(city, "DEL", key(city.region, "epoch"))
    settled, asked = reconciler.settled, 0

    async def before_and_after(region: str) -> bool:
        nonlocal asked
        asked += 1
        if asked == 1:  # another does it between this look and the lock
            await reconciler.region(region)
            return False
        return await settled(region)

    monkeypatch.setattr(reconciler, "settled", before_and_after)
    epoch = await city.dispatch.records.marks.epoch(city.region)
    assert epoch is not None
    assert await reconciler.ensure(city.region)
    now = await city.dispatch.records.marks.epoch(city.region)
    assert now == (epoch[0], epoch[1] + 1)


async def test_nobody_changes_anything_meanwhile(ghost_town: City, monkeypatch: pytest.MonkeyPatch) -> None:
    city, reconciler = ghost_town, ghost_town.dispatch.reconciler
    agent, order = await city.valet("v"), await city.place()
    seen: list[BaseException] = []
    right = reconciler._right_agents

    async def interrupted(region: str, private: int) -> None:
        packed = msgspec.msgpack.encode([agent.id])
        for epoch in ("old", "new"):
            if epoch == "new":
                city.dispatch.store._epochs.clear()
            try:
                await city.dispatch.store.run_now("claim", region, order_id=order.id, agents=packed)
            except Quarantined as exc:
                seen.append(exc)
        await right(region, private)

    monkeypatch.setattr(reconciler, "_right_agents", interrupted)
    assert await reconciler.region(city.region)
    assert len(seen) == 2
    assert (await in_redis(city, order.id)) == order


async def test_one_that_was_overtaken_changes_nothing_and_says_so(
    ghost_town: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hung, PostgreSQL took its lock away, and another began anew."""
    city, reconciler = ghost_town, ghost_town.dispatch.reconciler
    right = reconciler._right_agents

    async def overtaken(region: str, private: int) -> None:
        monkeypatch.setattr(reconciler, "_right_agents", right)
        await reconciler._put_right(region)

    monkeypatch.setattr(reconciler, "_right_agents", overtaken)
    with pytest.raises(Quarantined):
        await reconciler._put_right(city.region)
    assert await reconciler.settled(city.region)
    epoch = await city.dispatch.records.marks.epoch(city.region)
    assert epoch is not None
    assert int(await redis(city, "GET", key(city.region, "epoch"))) == epoch[1]


# --- killed -------------------------------------------------------------------------------------------


async def test_a_redis_that_was_killed_comes_back_with_all_that_it_acknowledged(laboratory: Laboratory) -> None:
    city = await new_city(laboratory.dispatch)
    kind = await policy(city)
    agent = await city.valet("v", skills=(kind,), capacity=50)
    orders = await _one_of_each(city, kind, agent.id)
    before = {order.id: await state(city, order.id) for order in orders.values()}
    pid = laboratory.kill_redis()
    await laboratory.redis_back(pid)
    found = await city.dispatch.reconciler.check(city.region)
    assert (found.behind, found.jobs, found.settled) == ([], [], False)
    assert await city.dispatch.reconciler.ensure(city.region)
    assert {order.id: await state(city, order.id) for order in orders.values()} == before
    assert await members(city, "jobs", agent.id) == {orders[status].id for status in HELD}
    present = await city.dispatch.people.enter(agent, str(ULID()), {}, "available", None)
    assert len(present.jobs) == len(HELD)
    done = await city.dispatch.jobs.progress(DISPATCHER, orders[Status.WORKING], 1, Status.COMPLETED, None)
    assert done.status is Status.COMPLETED


async def test_another_process_notices_and_goes_on_with_the_new_epoch(laboratory: Laboratory) -> None:
    city, other = await new_city(laboratory.dispatch), await laboratory.process()
    try:
        agent = await city.valet("v", capacity=9)
        order = await city.place()
        values: dict[str, Any] = {"owner": "x", "lease_ms": 1}
        await other.store.run_now("lease", city.region, **values)
        pid = laboratory.kill_redis()
        await laboratory.redis_back(pid)
        assert await city.dispatch.reconciler.ensure(city.region)
        won = await other.claims.grab(city.region, order.id, agent.id)
        assert won.outcome is Outcome.WON
    finally:
        await other.close()
