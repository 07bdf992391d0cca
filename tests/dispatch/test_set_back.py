"""Redis shows another past than PostgreSQL knows: copies from before a reconciliation, a PostgreSQL that was set back,
an agent who moved, a fence given twice. PostgreSQL wins, and what only Redis knows is not lost where it goes on from
what PostgreSQL knew."""

import msgspec
import pytest
from ulid import ULID

from dispatch.claims import Outcome
from dispatch.errors import Unavailable
from dispatch.order import STEPS, Order, Status
from dispatch.policy import terms
from dispatch.projector import Projector
from dispatch.records.agents import Agent
from dispatch.scripts import Argument, key
from dispatch.store import Reply
from tests.conftest import DISPATCHER, City, new_city
from tests.dispatch.looking import check_indexes, copied, log, members, policy, redis, rows, script, set_back, state
from tests.dispatch.looking import order as in_redis


async def _claimed(city: City, order: Order, agent: Agent) -> Reply:
    """By Redis alone: the server that asked for it was killed before PostgreSQL heard of it."""
    return await script(city, "claim", order_id=order.id, agents=msgspec.msgpack.encode([agent.id]))


async def _agree(city: City, *orders: Order) -> None:
    for order in orders:
        assert await in_redis(city, order.id) == await city.dispatch.records.orders.find(order.id)
        await check_indexes(city, order.id)
    assert not await city.dispatch.reconciler.check(city.region)


async def _timeline(city: City, order: Order) -> list[str]:
    return [each.type for each in await city.dispatch.records.orders.timeline(order.id, 0, 99)]


# --- a copy from before the last reconciliation: nothing of it is known to be true ---------------------------


async def test_what_a_former_master_knows_more_does_not_count(ghost_town: City) -> None:
    """It was cut off, another took its place and lived on, and now it is back: higher versions, other holders."""
    city, d = ghost_town, ghost_town.dispatch
    first, second = [await city.valet(name, capacity=9) for name in ("v", "w")]
    same, higher, open_still = [await city.place() for _ in range(3)]
    copy = await copied(city)
    for order in (same, higher):
        await _claimed(city, order, first)
    for step in ("en_route", "arrived"):
        values: dict[str, Argument] = {"agent_id": first.id, "fence": 1, "step": step, "at": "", "actor": "valet:v"}
        await script(city, "progress", order_id=higher.id, steps=msgspec.msgpack.encode(STEPS), **values)
    former = await copied(city)

    await set_back(city, copy)
    await d.reconciler.region(city.region)
    for agent in (first, second):
        await city.enter(agent)
    for order in (same, higher):
        assert (await d.claims.grab(city.region, order.id, second.id)).outcome is Outcome.WON

    await set_back(city, former)
    assert (await in_redis(city, higher.id)).holder == first.id
    await d.reconciler.region(city.region)
    for order in (same, higher):
        assert await _timeline(city, order) == ["placed", "opened", "assigned"]
        assert (await in_redis(city, order.id)).holder == second.id
    await _agree(city, same, higher)
    await check_indexes(city, open_still.id)
    assert await members(city, "jobs", first.id) == set()
    assert await members(city, "jobs", second.id) == {same.id, higher.id}


async def test_an_answer_kept_by_a_former_master_does_not_count(ghost_town: City) -> None:
    """Its command was undone: repeated, it is carried out."""
    city, d = ghost_town, ghost_town.dispatch
    order, request = await city.place(), f"k{ULID()}"
    copy = await copied(city)
    values = {"order_id": order.id, "reason": "no more", "actor": "dispatcher:d-1", "before": ""}
    await d.store.run("cancel", city.region, request=request, **values)
    former = await copied(city)
    await set_back(city, copy)
    await d.reconciler.region(city.region)
    await set_back(city, former)
    await d.reconciler.region(city.region)
    assert (await in_redis(city, order.id)).status is Status.OPEN
    again = await d.store.run("cancel", city.region, request=request, **values)
    assert [event.type for event in again.events] == ["cancelled"]
    await d.records.ledger.apply(again.events)
    await _agree(city, order)


async def test_an_order_whose_opening_was_undone_is_opened_anew(ghost_town: City) -> None:
    city, d = ghost_town, ghost_town.dispatch
    copy = await copied(city)
    order = await city.place()
    former = await copied(city)
    await rows(d, "DELETE FROM order_events WHERE order_id = :id RETURNING 1", id=order.id)
    fresh = '{"status": "open", "version": "0", "round": "0", "due_at": ""}'
    await rows(d, f"UPDATE orders SET version = 0, state = state || '{fresh}' WHERE id = :id RETURNING 1", id=order.id)
    await set_back(city, copy)
    await d.reconciler.region(city.region)
    await set_back(city, former)
    await d.reconciler.region(city.region)
    assert await state(city, order.id) == {}
    assert await members(city, "deadlines") == await members(city, "hall") == set()
    (row,) = await d.records.orders.unopened(city.region, 2**53, 9)
    await d.intake.enter(order.id, city.region, row[1], await d.catalog.policy(order.kind), "engine:", f"k{order.id}")
    await _agree(city, order)
    assert await _timeline(city, order) == ["placed", "opened"]


# --- Redis goes on from what PostgreSQL knew, and knows more --------------------------------------------------


async def test_what_postgresql_has_lost_and_the_log_has_let_go_of_is_taken_from_redis(ghost_town: City) -> None:
    city, d = ghost_town, ghost_town.dispatch
    agent = await city.valet("v", capacity=9)
    held, unknown = await city.place(), await city.place()
    for order in (held, unknown):
        await d.claims.grab(city.region, order.id, agent.id)
    for table in ("order_events", "assignments"):
        await rows(d, f"DELETE FROM {table} WHERE order_id IN (:a, :b) RETURNING 1", a=held.id, b=unknown.id)
    await rows(d, "DELETE FROM orders WHERE id = :id RETURNING 1", id=unknown.id)
    older = "UPDATE orders SET version = 2, status = 'open', agent_id = NULL, fence = 0 WHERE id = :id RETURNING 1"
    await rows(d, older, id=held.id)
    await redis(city, "XTRIM", key(city.region, "log"), "MAXLEN", 0)
    assert [each.order_id for each in (await d.reconciler.check(city.region)).ahead] == sorted([held.id, unknown.id])
    await d.reconciler.region(city.region)
    for order in (held, unknown):
        assert await _timeline(city, order) == ["adopted"]
        assert (await d.claims.grab(city.region, order.id, agent.id)).fence == 1
    await _agree(city, held, unknown)


async def test_what_postgresql_has_lost_the_projector_brings_back_from_the_log(ghost_town: City) -> None:
    """A failover to a replica that lacked the last seconds: its cursor is as old as its rows."""
    city, d = ghost_town, ghost_town.dispatch
    agent, order = await city.valet("v"), await city.place()
    await d.claims.grab(city.region, order.id, agent.id)
    for table in ("order_events", "assignments"):
        await rows(d, f"DELETE FROM {table} WHERE order_id = :id RETURNING 1", id=order.id)
    await rows(d, "DELETE FROM orders WHERE id = :id RETURNING 1", id=order.id)
    events = await log(city)
    d.records.ledger.forget()
    await d.records.ledger.project(city.region, events, "0-0", events[-1].n)
    assert await _timeline(city, order) == ["placed", "opened", "assigned"]
    await _agree(city, order)


async def test_an_order_that_ended_unheard_is_let_go_of(ghost_town: City) -> None:
    """No projector comes by what reconciliation has read."""
    city = ghost_town
    order = await city.place()
    await script(city, "cancel", order_id=order.id, reason="x", actor="x:y", before="")
    await city.dispatch.reconciler.region(city.region)
    assert await redis(city, "PTTL", key(city.region, "order", order.id)) > 0
    assert await _timeline(city, order) == ["placed", "opened", "cancelled"]


# --- agents ------------------------------------------------------------------------------------------------


async def test_an_agent_who_has_moved_is_not_here_any_more(ghost_town: City) -> None:
    """Nor is the order that he held when the copy was made, in a status without a deadline."""
    city, d = ghost_town, ghost_town.dispatch
    elsewhere = await new_city(d)
    kind = await policy(city, stall_seconds={})
    agent = await city.valet("v", skills=(kind,))
    held, offered = await city.place(kind), await city.place(kind)
    won = await d.claims.grab(city.region, held.id, agent.id)
    assert won.order is not None
    copy = await copied(city)
    await d.jobs.progress(DISPATCHER, won.order, 1, Status.COMPLETED, None)
    await d.people.put(msgspec.structs.replace(agent, region=elsewhere.region))
    await set_back(city, copy)
    assert await members(city, "held") == {held.id}
    await d.reconciler.region(city.region)
    for index in (("seen",), ("held",), ("jobs", agent.id), ("geo", "valet"), ("inbox", agent.id)):
        assert await members(city, *index) == set()
    assert await redis(city, "HEXISTS", key(city.region, "offers", offered.id), agent.id) == 0
    assert (await in_redis(city, held.id)).status is Status.COMPLETED
    await check_indexes(city, held.id)


# --- who is overtaken ---------------------------------------------------------------------------------------


async def test_of_two_who_begin_at_once_one_goes_on(ghost_town: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock of the first ended because he hung: between his look at Redis and his closing of the region."""
    city, d = ghost_town, ghost_town.dispatch
    order, raised = await city.place(), d.records.marks.raise_epoch

    async def overtaken(region: str, above: int = 0) -> int:
        monkeypatch.setattr(d.records.marks, "raise_epoch", raised)
        found = await raised(region, above)
        await d.reconciler._put_right(region)
        return found

    monkeypatch.setattr(d.records.marks, "raise_epoch", overtaken)
    with pytest.raises(Unavailable):
        await d.reconciler._put_right(city.region)
    assert await d.reconciler.settled(city.region)
    await _agree(city, order)


async def test_an_epoch_lies_above_what_redis_has_seen(ghost_town: City) -> None:
    """PostgreSQL was set back: what was emitted since under its number must not come in under the next."""
    city, d = ghost_town, ghost_town.dispatch
    await redis(city, "SET", key(city.region, "epoch"), 40)
    await d.reconciler.region(city.region)
    assert await d.records.marks.epoch(city.region) == (d.store.run_id, 41)


# --- a fence that was given twice ----------------------------------------------------------------------------


async def test_whose_fence_is_anothers_hears_taken_and_redis_is_put_right(ghost_town: City) -> None:
    city, d = ghost_town, ghost_town.dispatch
    true, other = [await city.valet(name) for name in ("v", "w")]
    order = await city.place()
    copy = await copied(city)
    won = await d.claims.grab(city.region, order.id, true.id)
    await set_back(city, copy)  # and nobody has noticed
    assert (await d.claims.grab(city.region, order.id, other.id)).outcome is Outcome.TAKEN
    assert await _timeline(city, order) == ["placed", "opened", "assigned", "corrected"]
    now = await in_redis(city, order.id)
    assert (now.holder, now.fence, now.version) == (true.id, 1, 4)
    again = await d.claims.grab(city.region, order.id, true.id)
    assert (won.outcome, again.outcome, again.fence) == (Outcome.WON, Outcome.WON, won.fence)
    await _agree(city, order)


async def test_the_projector_puts_a_fence_right_that_nobody_waits_for(ghost_town: City) -> None:
    """Meanwhile PostgreSQL has the order open again: it is offered anew."""
    city, d = ghost_town, ghost_town.dispatch
    true, other = [await city.valet(name) for name in ("v", "w")]
    order = await city.place()
    copy = await copied(city)
    won = await d.claims.grab(city.region, order.id, true.id)
    assert won.order is not None
    released = await d.jobs.release(DISPATCHER, won.order, 1, "tired")
    await set_back(city, copy)
    reply = await _claimed(city, order, other)
    projector = Projector(d.store, d.records, city.region)
    reader = d.store.reader(city.region, "0-0")
    events = await reader.read(99, 0)
    await projector._project(events, reader)
    await reader.close()
    now = await in_redis(city, order.id)
    assert (now.status, now.fence, now.holder) == (Status.OPEN, 1, None)
    assert now.version == max(released.version, reply.events[-1].version) + 1
    packed = msgspec.msgpack.encode(terms(await d.catalog.policy(order.kind), 2))
    await script(city, "widen", order_id=order.id, due_at=str(now.due_at), terms=packed)
    assert (await d.claims.grab(city.region, order.id, other.id)).fence == 2
    found = await d.records.orders.find(order.id)
    assert found is not None
    assert found.holder == other.id
