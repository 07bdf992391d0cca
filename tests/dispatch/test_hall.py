"""The hall: which open orders an agent is shown, how far, and that what he is shown is offered to him."""

from dataclasses import dataclass
from typing import Any

import pytest

from dispatch.events import Type
from dispatch.hall import Listed
from dispatch.identity import Identity, Role
from dispatch.order import Order
from dispatch.records.agents import Agent
from geo.point import distance_m
from geo.views import area
from tests.conftest import DISPATCHER, City
from tests.dispatch.looking import check_indexes, check_log, escalated, log_of, members, offered, policy, redis
from tests.dispatch.looking import order as in_redis

NEAR = [{"radius_m": 1, "limit": 1, "seconds": 30}]
"""A round that reaches nobody: whatever is offered, the hall has offered it."""


@dataclass
class Stage:
    city: City
    kind: str

    async def look(
        self, agent: Agent, radius_m: float | None = None, limit: int = 50, after: Any = None
    ) -> list[Listed]:
        return await self.city.dispatch.hall.listed(agent, radius_m, limit, after)

    async def sees(self, agent: Agent, radius_m: float | None = None) -> list[str]:
        return [each.order.id for each in await self.look(agent, radius_m)]

    async def valet(self, name: str, north_m: float = 0.0, **changes: object) -> Agent:
        return await self.city.valet(name, north_m, **({"skills": (self.kind,)} | changes))


@pytest.fixture
async def stage(city: City) -> Stage:
    return Stage(city, await policy(city, rounds=NEAR, hall_radius_m=5000))


async def test_the_nearest_come_first_with_their_distance(stage: Stage) -> None:
    agent = await stage.valet("v", 0)
    orders = [await stage.city.place(stage.kind, north_m) for north_m in (3000, -1000, 5500, 2000)]
    found = await stage.look(agent)
    assert [each.order.id for each in found] == [orders[1].id, orders[3].id, orders[0].id]
    assert [round(each.distance_m, -2) for each in found] == [1000, 2000, 3000]


async def test_the_distance_tells_no_more_than_the_area(stage: Stage) -> None:
    """Neither it nor whether a radius reaches the order: whoever bisects the radius finds the area."""
    agent = await stage.valet("v", -777)
    first, second = await stage.city.place(stage.kind, 12), await stage.city.place(stage.kind, -23)
    assert area(first.place.point) == area(second.place.point)
    (one, two) = await stage.look(agent)
    assert one.distance_m == two.distance_m
    shown = area(first.place.point)
    at = stage.city.at(-777)
    assert one.distance_m == pytest.approx(distance_m(at, type(at)(**shown)), abs=1)
    for radius_m in (one.distance_m - 0.1, one.distance_m + 0.1):
        assert len(await stage.sees(agent, radius_m)) in (0, 2)


async def test_a_radius_narrows_and_never_widens(stage: Stage) -> None:
    agent = await stage.valet("v")
    near, far = await stage.city.place(stage.kind, 1000), await stage.city.place(stage.kind, 4000)
    await stage.city.place(stage.kind, 6000)
    assert await stage.sees(agent, 2000) == [near.id]
    assert await stage.sees(agent, 20_000) == [near.id, far.id]
    assert await stage.sees(agent, 1) == []


async def test_each_kind_has_its_own_radius_and_audience(stage: Stage) -> None:
    city = stage.city
    short = await policy(city, "short", rounds=NEAR, hall_radius_m=1000)
    shops = await policy(city, "shops", rounds=NEAR, hall_radius_m=5000, audience=["shop"])
    none = await policy(city, "none", rounds=NEAR)
    other = await policy(city, "other", rounds=NEAR, hall_radius_m=5000)
    agent = await stage.valet("v", skills=(stage.kind, short, shops, none))
    wanted = [await city.place(stage.kind, 2000), await city.place(short, 500)]
    for kind, north_m in ((short, 2000), (shops, 500), (none, 500), (other, 500)):
        await city.place(kind, north_m)
    assert set(await stage.sees(agent)) == {order.id for order in wanted}


async def test_only_what_is_open_is_in_the_hall(stage: Stage) -> None:
    city, agent = stage.city, await stage.valet("v", capacity=9)
    orders = [await city.place(stage.kind, 500) for _ in range(4)]
    await city.place(stage.kind, 500, scheduled_at=4_000_000_000_000)
    await city.dispatch.desk.cancel(DISPATCHER, orders[0], "no more")
    await escalated(city, orders[1])
    held = await city.dispatch.desk.assign(DISPATCHER, orders[2], agent.id, force=True)
    assert await stage.sees(agent) == [orders[3].id]
    other = await stage.valet("w")
    released = await city.dispatch.jobs.release(DISPATCHER, held, 1, "ill")
    assert await stage.sees(other) == sorted([released.id, orders[3].id])
    assert await stage.sees(agent) == [orders[3].id], "not what he gave back"
    for order in orders:
        await check_indexes(city, order.id)


async def test_what_he_declined_is_not_shown_again(stage: Stage) -> None:
    agent, order = await stage.valet("v"), await stage.city.place(stage.kind, 500)
    assert await stage.sees(agent) == [order.id]
    await stage.city.dispatch.people.decline(Identity(agent.id, Role.VALET, None, 0), order.region, order.id, "")
    assert await stage.sees(agent) == []


async def test_what_is_listed_is_offered_beyond_the_limit_and_once(stage: Stage) -> None:
    city = stage.city
    kind = await policy(city, "full", rounds=[{"radius_m": 1000, "limit": 1, "seconds": 30}], hall_radius_m=5000)
    first = await city.valet("first", skills=(kind,))
    agent = await city.valet("v", 3000, skills=(kind,))
    order = await city.place(kind)
    (listed,) = await stage.look(agent)
    event = (await log_of(city, order.id))[-1]
    assert (event.type, event.to, event.actor) == (Type.OFFERED, (agent.id,), f"valet:{agent.id}")
    assert event.detail == {"round": 1, "agents": [agent.id], "hall": True}
    assert (listed.order.version, listed.order.offered) == (event.version, 2)
    assert listed.order == await in_redis(city, order.id) == await city.dispatch.records.orders.find(order.id)
    assert await offered(city, order.id) == {first.id, agent.id}
    assert await stage.sees(first) == [order.id], "also what a round has offered him"
    assert await stage.sees(agent) == [order.id]
    assert (await in_redis(city, order.id)).version == event.version, "nobody is offered it twice"
    assert await redis(city, "HGET", f"order:{{{city.region}}}:{order.id}", "round_offered") == b"1"
    await check_log(city)


async def test_what_is_listed_can_be_grabbed(stage: Stage) -> None:
    city, agent = stage.city, await stage.valet("v")
    order = await city.place(stage.kind, 3000)
    refused = await city.dispatch.claims.grab(city.region, order.id, agent.id)
    assert refused.reason == "not_offered"
    await stage.sees(agent)
    assert order.id in [each.id for each in (await city.dispatch.people.present(city.region, agent.id)).offers]
    assert (await city.dispatch.claims.grab(city.region, order.id, agent.id)).outcome == "won"


@pytest.mark.parametrize(("state", "reason"), [("paused", "paused"), ("at capacity", "at_capacity")])
async def test_who_can_not_grab_now_sees_it_all_the_same(stage: Stage, state: str, reason: str) -> None:
    city = stage.city
    agent = await city.agent("v", skills=(stage.kind,))
    await city.enter(agent, status="paused" if state == "paused" else "available")
    if state == "at capacity":
        await city.dispatch.desk.assign(DISPATCHER, await city.place(stage.kind, 9000), agent.id, force=True)
    order = await city.place(stage.kind, 3000)
    assert await stage.sees(agent) == [order.id]
    assert (await city.dispatch.claims.grab(city.region, order.id, agent.id)).reason == reason


async def test_who_is_suspended_or_nowhere_sees_nothing(stage: Stage) -> None:
    await stage.city.place(stage.kind, 500)
    await stage.valet("s")
    suspended = await stage.city.agent("s", suspended=True, skills=(stage.kind,))
    nowhere = await stage.city.agent("n", skills=(stage.kind,))
    assert (await stage.sees(suspended), await stage.sees(nowhere)) == ([], [])


async def test_a_shop_and_who_never_was_here_look_from_home(stage: Stage) -> None:
    city = stage.city
    kind = await policy(city, "both", rounds=NEAR, hall_radius_m=5000, audience=["valet", "shop"])
    order = await city.place(kind, 4000)
    for role in ("valet", "shop"):
        agent = await city.agent(role, role=role, home=city.at(3000), skills=(kind,))
        (listed,) = await stage.look(agent)
        assert (listed.order.id, round(listed.distance_m, -2)) == (order.id, 1000)
        verdict = await city.dispatch.claims.grab(city.region, order.id, agent.id)
        assert verdict.reason == "paused", "he grabs when he is here"


async def test_pages_neither_skip_nor_repeat(stage: Stage) -> None:
    """Many orders stand at one place, and one comes in meanwhile; what no page has shown is not offered."""
    city, agent = stage.city, await stage.valet("v")
    orders: list[Order] = [await city.place(stage.kind, 500) for _ in range(9)]
    orders += [await city.place(stage.kind, 800) for _ in range(4)]
    seen: list[str] = []
    after = None
    while found := await stage.look(agent, limit=3, after=after):
        seen += [each.order.id for each in found[:3]]
        after = found[:3][-1].place
        inbox = await members(city, "inbox", agent.id)
        assert inbox == set(seen)
        if len(seen) == 6:
            await city.place(stage.kind, 100)
        if len(found) < 4:
            break
    assert seen == [order.id for order in orders]
    await check_log(city)


async def test_a_kind_without_a_hall_is_not_asked_for(stage: Stage) -> None:
    agent = await stage.city.agent("v", skills=("maintenance",))
    await stage.city.place("maintenance")
    assert await stage.sees(agent) == []
