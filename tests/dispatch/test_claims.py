"""Grabs on real Redis and PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from dispatch.claims import Claims, Outcome, Verdict
from dispatch.identity import Identity, Role
from dispatch.order import Order, Status
from dispatch.records import Database, Records
from dispatch.records.agents import Agent
from dispatch.store import Reply
from tests.conftest import DISPATCHER, City
from tests.dispatch.looking import check_indexes, check_log, copied, escalated, log_of, redis, rows, set_back
from tests.dispatch.looking import order as in_redis


async def _grab(city: City, order: Order, agent: Agent) -> Verdict:
    return await city.dispatch.claims.grab(city.region, order.id, agent.id)


def _said(verdict: Verdict) -> tuple[Outcome, str | None]:
    return verdict.outcome, verdict.reason


async def test_one_of_fifty_wins_and_the_others_hear_taken(city: City) -> None:
    agents = [await city.valet(f"v-{i}") for i in range(20)]
    order = await city.place()
    verdicts = await asyncio.gather(*(_grab(city, order, agent) for agent in agents))
    outcomes = [verdict.outcome for verdict in verdicts]
    assert outcomes.count(Outcome.WON) == 1
    assert outcomes.count(Outcome.TAKEN) == 19
    found = await city.dispatch.records.orders.find(order.id)
    assert found is not None
    assert found.holder == agents[outcomes.index(Outcome.WON)].id
    assert [event.type for event in await log_of(city, order.id)] == ["placed", "opened", "assigned"]


async def test_the_first_to_ask_wins_on_one_node(city: City) -> None:
    agents = [await city.valet(f"v-{i}") for i in range(5)]
    order = await city.place()
    verdicts = await asyncio.gather(*(_grab(city, order, agent) for agent in reversed(agents)))
    assert [verdict.outcome for verdict in verdicts] == [Outcome.WON, *[Outcome.TAKEN] * 4]


async def test_two_nodes_have_one_winner(city: City) -> None:
    agents = [await city.valet(f"v-{i}") for i in range(10)]
    order = await city.place()
    other = Claims(city.dispatch.store, city.dispatch.records)
    verdicts = await asyncio.gather(
        *(
            (city.dispatch.claims if i % 2 else other).grab(city.region, order.id, agent.id)
            for i, agent in enumerate(agents)
        )
    )
    assert [verdict.outcome for verdict in verdicts].count(Outcome.WON) == 1
    query = "SELECT agent_id FROM assignments WHERE order_id = :id"
    assert len(await rows(city.dispatch, query, id=order.id)) == 1
    await other.close()


async def test_won_shows_the_job_and_stands_in_postgresql(city: City) -> None:
    agent, order = await city.valet("v"), await city.place()
    verdict = await _grab(city, order, agent)
    assert (verdict.outcome, verdict.fence) == (Outcome.WON, 1)
    assert verdict.order == await city.dispatch.records.orders.find(order.id)
    assert verdict.order is not None
    assert verdict.order.agent is not None
    assert (verdict.order.agent.id, verdict.order.agent.name) == (agent.id, agent.name)
    assert verdict.order.assignment is not None
    assert (verdict.order.assignment.by, verdict.order.assignment.dispatcher_id) == ("grab", None)


async def test_the_holder_who_asks_again_hears_the_same(city: City) -> None:
    agent, order = await city.valet("v"), await city.place()
    first = await _grab(city, order, agent)
    assert first == await _grab(city, order, agent)
    assert first.fence == 1
    twice = await asyncio.gather(*(_grab(city, order, agent) for _ in range(2)))
    assert twice == [first, first]


async def test_the_holder_who_asks_again_later_hears_how_it_stands(city: City) -> None:
    agent, order = await city.valet("v"), await city.place()
    won = (await _grab(city, order, agent)).order
    assert won is not None
    moved = await city.dispatch.jobs.progress(DISPATCHER, won, 1, Status.ARRIVED, None)
    assert await _grab(city, order, agent) == Verdict(Outcome.WON, fence=1, order=moved)


async def test_the_holder_hears_won_when_the_log_has_let_go_of_it(city: City) -> None:
    agent, order = await city.valet("v"), await city.place()
    first = await _grab(city, order, agent)
    await redis(city, "XTRIM", f"log:{{{city.region}}}", "MAXLEN", 0)
    assert await _grab(city, order, agent) == first


async def test_the_holder_hears_won_after_his_region_was_reconciled(city: City) -> None:
    """The event that says so is of an older epoch, which `apply` refuses."""
    agent, order = await city.valet("v"), await city.place()
    first = await _grab(city, order, agent)
    await city.dispatch.reconciler.region(city.region)
    assert await _grab(city, order, agent) == first


async def test_who_was_not_offered_it_is_refused(city: City) -> None:
    order = await city.place()
    agent = await city.valet("far", north_m=9000)
    assert _said(await _grab(city, order, agent)) == (Outcome.REFUSED, "not_offered")


@pytest.mark.parametrize("order_id", ["01J0000000000000000000000", "x:y{z}", "日本"])
async def test_an_unknown_order_is_refused(city: City, order_id: str) -> None:
    verdict = await city.dispatch.claims.grab(city.region, order_id, "nobody")
    assert _said(verdict) == (Outcome.REFUSED, "not_offered")


async def test_who_declined_it_is_refused(city: City) -> None:
    agent, order = await city.valet("v"), await city.place()
    await city.dispatch.people.decline(Identity(agent.id, Role.VALET, None, 0), city.region, order.id, "")
    assert _said(await _grab(city, order, agent)) == (Outcome.REFUSED, "declined")


async def test_who_is_paused_is_refused_and_keeps_the_offer(city: City) -> None:
    agent = await city.agent("v")
    session = await city.enter(agent)
    order = await city.place()
    await city.dispatch.people.set_status(city.region, agent.id, session, "paused")
    assert _said(await _grab(city, order, agent)) == (Outcome.REFUSED, "paused")
    await city.dispatch.people.set_status(city.region, agent.id, session, "available")
    assert (await _grab(city, order, agent)).outcome is Outcome.WON


async def test_who_is_suspended_is_refused(city: City) -> None:
    agent = await city.valet("v")
    order = await city.place()
    await city.agent("v", suspended=True)
    assert _said(await _grab(city, order, agent)) == (Outcome.REFUSED, "suspended")


async def test_capacity_holds_even_for_grabs_of_two_orders_at_once(city: City) -> None:
    agent = await city.valet("v", capacity=1)
    orders = [await city.place() for _ in range(2)]
    verdicts = await asyncio.gather(*(_grab(city, order, agent) for order in orders))
    assert sorted(verdict.outcome for verdict in verdicts) == [Outcome.REFUSED, Outcome.WON]
    assert {verdict.reason for verdict in verdicts} == {None, "at_capacity"}


async def test_an_order_cancelled_meanwhile_is_gone(city: City) -> None:
    agent, order = await city.valet("v"), await city.place()
    await city.dispatch.desk.cancel(DISPATCHER, order, "changed his mind")
    assert _said(await _grab(city, order, agent)) == (Outcome.GONE, "cancelled")


async def test_an_order_at_the_desk_is_gone(city: City) -> None:
    agent, order = await city.valet("v"), await city.place()
    await escalated(city, order)
    assert _said(await _grab(city, order, agent)) == (Outcome.GONE, "escalated")


async def test_an_order_that_another_completed_is_gone(city: City) -> None:
    agents = [await city.valet(name) for name in ("v", "w")]
    order = await city.place()
    won = (await _grab(city, order, agents[0])).order
    assert won is not None
    await city.dispatch.jobs.progress(DISPATCHER, won, 1, Status.COMPLETED, None)
    assert _said(await _grab(city, order, agents[1])) == (Outcome.GONE, "completed")


async def test_a_released_order_is_won_with_the_next_fence(city: City) -> None:
    agents = [await city.valet(name) for name in ("v", "w")]
    order = await city.place()
    won = (await _grab(city, order, agents[0])).order
    assert won is not None
    await city.dispatch.jobs.release(DISPATCHER, won, 1, "tired")
    assert _said(await _grab(city, order, agents[0])) == (Outcome.REFUSED, "not_offered")
    assert (await _grab(city, order, agents[1])).fence == 2
    query = "SELECT fence, ended_at IS NULL FROM assignments WHERE order_id = :id ORDER BY fence"
    assert [tuple(row) for row in await rows(city.dispatch, query, id=order.id)] == [(1, False), (2, True)]
    await check_indexes(city, order.id)
    await check_log(city)


async def test_who_lost_the_fence_in_postgresql_hears_taken(city: City) -> None:
    """Only after Redis lost what it had acknowledged."""
    agent, order = await city.valet("v"), await city.place()
    await rows(
        city.dispatch,
        "INSERT INTO assignments (order_id, fence, agent_id, by, at) VALUES (:id, 1, 'another', 'grab', 1) RETURNING 1",
        id=order.id,
    )
    assert (await _grab(city, order, agent)).outcome is Outcome.TAKEN


@pytest.fixture
async def late_node(city: City) -> AsyncIterator[Claims]:
    """Another process: what it claims is written by others before it comes to write it."""
    records = Records(Database(city.dispatch.records.database.url))
    claims = Claims(city.dispatch.store, records)
    yield claims
    await claims.close()
    await records.close()


async def _claimed_and_recorded(city: City, order: Order, agent: Agent) -> Reply:
    """Redis gave it to him, the projector wrote it; the node that claimed it has not."""
    agents = msgspec.msgpack.encode([agent.id])
    reply = await city.dispatch.store.run("claim", city.region, order_id=order.id, agents=agents)
    await city.dispatch.records.ledger.apply(reply.events)
    return reply


async def test_who_has_won_hears_so_whatever_came_before_his_node_could_write(city: City, late_node: Claims) -> None:
    """The region was put right, and the order cancelled: to grab it again would tell him `gone`."""
    agent, order = await city.valet("v"), await city.place()
    reply = await _claimed_and_recorded(city, order, agent)
    await city.dispatch.desk.cancel(DISPATCHER, order, "no more")
    assert await city.dispatch.reconciler.region(city.region)
    verdict = await late_node._durable((city.region, order.id), agent.id, reply)
    assert (verdict.outcome, verdict.fence) == (Outcome.WON, 1)


async def test_a_win_that_only_the_surviving_log_knew_of_is_won(city: City, late_node: Claims) -> None:
    """PostgreSQL hears of it while the region is put right, after it has refused the node's own word."""
    agent, order = await city.valet("v"), await city.place()
    agents = msgspec.msgpack.encode([agent.id])
    reply = await city.dispatch.store.run("claim", city.region, order_id=order.id, agents=agents)
    assert await city.dispatch.reconciler.region(city.region)
    await city.dispatch.desk.cancel(DISPATCHER, order, "no more")
    verdict = await late_node._durable((city.region, order.id), agent.id, reply)
    assert (verdict.outcome, verdict.fence) == (Outcome.WON, 1)


async def test_who_hears_late_is_shown_the_job_as_it_is_by_now(city: City, late_node: Claims) -> None:
    agent, order = await city.valet("v"), await city.place()
    reply = await _claimed_and_recorded(city, order, agent)
    job = await city.dispatch.jobs.progress(DISPATCHER, reply.events[-1].order, 1, Status.ARRIVED, None)
    assert await city.dispatch.reconciler.region(city.region)
    verdict = await late_node._durable((city.region, order.id), agent.id, reply)
    assert verdict.order == job


async def test_who_has_lost_what_nobody_wrote_is_judged_anew(ghost_town: City) -> None:
    city = ghost_town
    agent, order = await city.valet("v"), await city.place()
    before = await copied(city)
    agents = msgspec.msgpack.encode([agent.id])
    reply = await city.dispatch.store.run("claim", city.region, order_id=order.id, agents=agents)
    await set_back(city, before)
    assert await city.dispatch.reconciler.region(city.region)
    await city.dispatch.desk.cancel(DISPATCHER, order, "no more")
    verdict = await city.dispatch.claims._durable((city.region, order.id), agent.id, reply)
    assert _said(verdict) == (Outcome.GONE, "cancelled")


async def test_nobody_waits_for_a_node_that_stops(city: City) -> None:
    agents = [await city.valet(f"v-{i}") for i in range(3)]
    order = await city.place()
    claims = Claims(city.dispatch.store, city.dispatch.records)
    first = claims.grab(city.region, order.id, agents[0].id)
    await asyncio.sleep(0)  # the first list is on its way; the others wait for the next
    verdicts = [first, *(claims.grab(city.region, order.id, agent.id) for agent in agents[1:])]
    await claims.close()
    assert [_said(verdict.result()) for verdict in verdicts] == [(Outcome.REFUSED, "unavailable")] * 3


async def test_a_client_that_gives_up_does_not_undo_his_grab(city: City) -> None:
    agent, order = await city.valet("v"), await city.place()
    verdict = city.dispatch.claims.grab(city.region, order.id, agent.id)
    verdict.cancel()
    assert (await _grab(city, order, agent)).outcome is Outcome.WON
    assert (await in_redis(city, order.id)).version == 3
