"""The roster on real Redis and PostgreSQL."""

import pytest

from dispatch import roster
from dispatch.eligibility import WhyNot
from dispatch.roster import Presence, Wanted
from tests.conftest import DISPATCHER, City


@pytest.fixture(autouse=True, params=[2, 500])
def most_at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches must tell the same as large ones."""
    monkeypatch.setattr(roster, "MOST_AT_ONCE", request.param)


def wanted(city: City, **changes: object) -> Wanted:
    return Wanted(regions=frozenset({city.region}), **changes)  # type: ignore[arg-type]  # test fields


async def test_candidates_are_all_agents_of_the_region_nearest_first(city: City) -> None:
    for name, north_m in (("c", 300), ("a", 100), ("b", 200)):
        await city.valet(name, north_m)
    await city.agent("nowhere")
    order = await city.place()
    policy = await city.dispatch.catalog.policy(order.kind)
    found = await city.dispatch.roster.candidates(order, policy, 10, None)
    assert [each.agent_id.partition(".")[2] for each in found] == ["a", "b", "c", "nowhere"]
    assert [each.eligible for each in found] == [True, True, True, False]
    rest = await city.dispatch.roster.candidates(order, policy, 2, found[1].place)
    assert rest == found[2:]


async def test_offers_deliveries_and_declines_are_told(city: City) -> None:
    valet = await city.valet("v", capacity=2)
    order = await city.place()
    await city.dispatch.people.mark(city.region, [(order.id, valet.id, "d"), (order.id, valet.id, "s")])
    policy = await city.dispatch.catalog.policy(order.kind)
    (found,) = await city.dispatch.roster.candidates(order, policy, 10, None)
    assert found.offered_at and found.delivered_at and found.seen_at
    assert order.created_at <= found.offered_at <= found.delivered_at <= found.seen_at
    assert (found.declined, found.decline_reason, found.phone) == (False, None, valet.phone)
    who = DISPATCHER.__class__(valet.id, DISPATCHER.role.VALET, None, 2**53)
    await city.dispatch.people.decline(who, city.region, order.id, "far")
    declined = await city.dispatch.transitions.find(order.id)
    assert declined is not None
    (found,) = await city.dispatch.roster.candidates(declined, policy, 10, None)
    assert (found.declined, found.eligible, found.why_not) == (True, False, WhyNot.DECLINED)
    assert found.decline_reason == "far"


async def test_each_reason_against_an_agent_is_told(city: City) -> None:
    paused = await city.agent("paused")
    await city.enter(paused, status="paused")
    busy = await city.valet("busy")
    shop = await city.agent("shop", role="shop", home=city.at(10))
    await city.enter(shop)
    away = await city.agent("away")
    unskilled = await city.valet("unskilled", skills=("towing",))
    first = await city.place()
    await city.dispatch.desk.assign(DISPATCHER, first, busy.id, force=True)
    gone = await city.valet("suspended")
    await city.agent("suspended", suspended=True)
    order = await city.place()
    policy = await city.dispatch.catalog.policy(order.kind)
    found = {each.agent_id: each for each in await city.dispatch.roster.candidates(order, policy, 10, None)}
    assert {agent_id: each.why_not for agent_id, each in found.items()} == {
        paused.id: WhyNot.PAUSED,
        busy.id: WhyNot.AT_CAPACITY,
        shop.id: WhyNot.ROLE,
        away.id: WhyNot.UNREACHABLE,
        unskilled.id: WhyNot.SKILL,
        gone.id: WhyNot.SUSPENDED,
    }
    assert (found[busy.id].load, found[paused.id].status) == (1, Presence.PAUSED)
    assert all(each.offered_at is None for each in found.values())


async def test_agents_by_id_are_filtered_across_batches(city: City) -> None:
    for i in range(7):
        agent = await city.agent(f"v-{i}")
        if i % 3 == 0:
            await city.enter(agent)
    entries = await city.dispatch.roster.by_id(wanted(city, status=Presence.AVAILABLE), 10, None)
    assert [entry.agent.id.partition(".")[2] for entry in entries] == ["v-0", "v-3", "v-6"]
    assert await city.dispatch.roster.by_id(wanted(city, status=Presence.AVAILABLE), 2, None) == entries[:2]
    after = await city.dispatch.roster.by_id(wanted(city), 10, entries[1].agent.id)
    assert [entry.agent.id.partition(".")[2] for entry in after] == ["v-4", "v-5", "v-6"]
    assert await city.dispatch.roster.by_id(Wanted(regions=frozenset()), 10, None) == []


async def test_a_shop_stands_at_its_home_before_it_ever_came(city: City) -> None:
    shop = await city.agent("shop", role="shop", home=city.at(1000))
    entry = await city.dispatch.roster.find(shop)
    assert (entry.status, entry.position, entry.load) == (Presence.OFFLINE, city.at(1000), 0)
    near = await city.dispatch.roster.near(wanted(city), city.at(0), 1100.0, 10, None)
    assert [(each.agent.id, each.distance_m) for each in near] == [(shop.id, 1000)]
    assert await city.dispatch.roster.near(wanted(city), city.at(0), 900.0, 10, None) == []
    assert await city.dispatch.roster.near(wanted(city, role="valet"), city.at(0), None, 10, None) == []
