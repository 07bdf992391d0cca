"""Shops move to the region that they stand in when regions change; who has jobs stays."""

import msgspec
import pytest
from ulid import ULID

from dispatch.events import Type
from dispatch.order import Status
from dispatch.records.agents import Agent
from dispatch.scripts import key
from tests.conftest import DISPATCHER, City
from tests.dispatch.looking import log, policy, redis


@pytest.fixture
async def inner(city: City) -> str:
    """The southern half of the city, a region of its own."""
    region = f"{city.region}.inner"
    west, east = city.centre.lon - 0.05, city.centre.lon + 0.05
    south, north = city.centre.lat - 0.05, city.centre.lat
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    await city.dispatch.catalog.put_region(region, feature)
    await city.dispatch.reconciler.region(region)
    return region


async def _shop(city: City, name: str, north_m: float, **changes: object) -> Agent:
    return await city.agent(name, **({"role": "shop", "home": city.at(north_m)} | changes))


async def _region_of(city: City, agent: Agent) -> str:
    found = await city.dispatch.records.agents.find(agent.id)
    assert found is not None
    return found.region


async def test_shops_that_stand_in_it_move_there(city: City, inner: str) -> None:
    inside, outside = await _shop(city, "inside", -1000), await _shop(city, "outside", 1000)
    valet = await city.agent("valet", home=city.at(-1000))
    await city.enter(inside)
    await city.dispatch.homes.settle(inner)
    assert await _region_of(city, inside) == inner
    assert await _region_of(city, outside) == await _region_of(city, valet) == city.region
    assert await redis(city, "EXISTS", key(city.region, "agent", inside.id)) == 0
    moved = [event for event in await log(city) if event.type is Type.MOVED]
    assert {event.to for event in moved} == {(inside.id,)}, "his sessions start over"
    await city.dispatch.homes.settle(inner)
    assert len([event for event in await log(city) if event.type is Type.MOVED]) == len(moved)


async def test_a_shop_that_moved_is_offered_what_is_placed_there(city: City, inner: str) -> None:
    kind = await policy(city, audience=["shop"])
    shop = await _shop(city, "s", -1000, skills=(kind,))
    await city.dispatch.homes.settle(inner)
    moved = await city.dispatch.records.agents.find(shop.id)
    assert moved == msgspec.structs.replace(shop, region=inner, updated_at=shop.updated_at + 1)
    await city.dispatch.people.enter(moved, str(ULID()), {}, "available", None)
    order = await city.place(kind, -1000)
    assert (order.region, order.offered) == (inner, 1)


async def test_who_holds_jobs_keeps_his_region(city: City, inner: str) -> None:
    kind = await policy(city, audience=["shop"])
    shop = await _shop(city, "s", -1000, skills=(kind,))
    order = await city.dispatch.desk.assign(DISPATCHER, await city.place(kind, 1000), shop.id, force=True)
    await city.dispatch.homes.settle(inner)
    assert await _region_of(city, shop) == city.region
    await city.dispatch.jobs.progress(DISPATCHER, order, 1, Status.COMPLETED, None)
    await city.dispatch.homes.settle(inner)
    assert await _region_of(city, shop) == inner


async def test_a_larger_region_takes_nobody_from_a_smaller_one(city: City, inner: str) -> None:
    shop = await _shop(city, "s", -1000)
    await city.dispatch.homes.settle(city.region)
    await city.dispatch.homes.settle("default")
    assert await _region_of(city, shop) == city.region
    await city.dispatch.homes.settle(inner)
    await city.dispatch.homes.settle(city.region)
    assert await _region_of(city, shop) == inner


async def test_a_profile_that_was_put_meanwhile_is_not_undone(city: City, inner: str) -> None:
    read = await _shop(city, "s", -1000)
    changed = await _shop(city, "s", -1000, capacity=5)
    assert not await city.dispatch.people.rehome(read, inner)
    assert await city.dispatch.records.agents.find(read.id) == changed


async def test_a_region_that_is_gone_takes_nobody(city: City) -> None:
    shop = await _shop(city, "s", -1000)
    assert not await city.dispatch.people.rehome(shop, "gone")
    assert await _region_of(city, shop) == city.region
