"""Grabs on real Redis and PostgreSQL."""

import asyncio

from dispatch.claims import Outcome
from tests.conftest import DISPATCHER, City


async def test_one_of_fifty_wins_and_the_others_hear_taken(city: City) -> None:
    agents = [await city.valet(f"v-{i}") for i in range(20)]
    order = await city.place()
    verdicts = await asyncio.gather(*(city.dispatch.claims.grab(city.region, order.id, a.id) for a in agents))
    outcomes = [verdict.outcome for verdict in verdicts]
    assert outcomes.count(Outcome.WON) == 1
    assert outcomes.count(Outcome.TAKEN) == 19
    found = await city.dispatch.records.orders.find(order.id)
    assert found is not None
    assert found.holder == agents[outcomes.index(Outcome.WON)].id


async def test_the_holder_who_asks_again_hears_the_same(city: City) -> None:
    agent = await city.valet("v")
    order = await city.place()
    first = await city.dispatch.claims.grab(city.region, order.id, agent.id)
    again = await city.dispatch.claims.grab(city.region, order.id, agent.id)
    assert first == again
    assert first.fence == 1


async def test_who_was_not_offered_it_is_refused(city: City) -> None:
    order = await city.place()
    agent = await city.valet("far", north_m=9000)
    verdict = await city.dispatch.claims.grab(city.region, order.id, agent.id)
    assert (verdict.outcome, verdict.reason) == (Outcome.REFUSED, "not_offered")


async def test_an_unknown_order_is_refused(city: City) -> None:
    verdict = await city.dispatch.claims.grab(city.region, "01J0000000000000000000000", "nobody")
    assert (verdict.outcome, verdict.reason) == (Outcome.REFUSED, "not_offered")


async def test_capacity_holds_even_for_grabs_of_two_orders_at_once(city: City) -> None:
    agent = await city.valet("v", capacity=1)
    orders = [await city.place() for _ in range(2)]
    verdicts = await asyncio.gather(*(city.dispatch.claims.grab(city.region, o.id, agent.id) for o in orders))
    assert sorted(verdict.outcome for verdict in verdicts) == [Outcome.REFUSED, Outcome.WON]
    refused = next(verdict for verdict in verdicts if verdict.outcome is Outcome.REFUSED)
    assert refused.reason == "at_capacity"


async def test_an_order_cancelled_meanwhile_is_gone(city: City) -> None:
    agent = await city.valet("v")
    order = await city.place()
    await city.dispatch.desk.cancel(DISPATCHER, order, "changed his mind")
    verdict = await city.dispatch.claims.grab(city.region, order.id, agent.id)
    assert (verdict.outcome, verdict.reason) == (Outcome.GONE, "cancelled")
