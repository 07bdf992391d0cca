"""Whom an order is offered to when it opens and when it widens."""

import re

from ulid import ULID

from dispatch.clock import now_ms
from geo.point import Point
from tests.conftest import SERVICE, City
from tests.dispatch.looking import (
    check_log,
    log_of,
    members,
    offered,
    policy,
    redis,
    wanting,
)
from tests.dispatch.matching import ROUNDS, names, told, widen


async def test_the_nearest_come_first_and_no_more_than_the_limit(city: City) -> None:
    kind = await policy(city, rounds=ROUNDS)
    for name, north_m in (("c", 300), ("a", 100), ("e", 500), ("b", -200), ("d", -400)):
        await city.valet(name, north_m, skills=(kind,))
    order = await city.place(kind)
    assert await told(city, order) == [[], ["a", "b", "c"]]
    assert (order.offered, order.round, order.rounds) == (3, 1, 3)
    assert await wanting(city, "valet") == set()  # the round is full


async def test_the_radius_is_kept(city: City) -> None:
    kind = await policy(city, rounds=ROUNDS)
    await city.valet("in", 990, skills=(kind,))
    await city.valet("out", 1010, skills=(kind,))
    order = await city.place(kind)
    assert names(city, await offered(city, order.id)) == {"in"}


async def test_each_round_reaches_further_and_earlier_offers_stay(city: City) -> None:
    kind = await policy(city, rounds=ROUNDS)
    for name, north_m in (("a", 500), ("b", 1500), ("c", 1600), ("d", 1700), ("e", 3000)):
        await city.valet(name, north_m, skills=(kind,))
    order = await city.place(kind)
    second = await widen(city, order, 2)
    third = await widen(city, second, 3)
    assert await told(city, order) == [[], ["a"], ["b", "c"], ["d", "e"]]
    assert names(city, await offered(city, order.id)) == {"a", "b", "c", "d", "e"}
    assert [(o.round, o.offered, o.bonus_fen) for o in (order, second, third)] == [(1, 1, 0), (2, 3, 500), (3, 5, 0)]


async def test_the_policys_bonus_is_the_least(city: City) -> None:
    kind = await policy(city, rounds=ROUNDS)
    order = await city.place(kind, bonus_fen=300)
    assert (order.bonus_fen, (await widen(city, order, 2)).bonus_fen) == (300, 500)


async def test_the_ineligible_do_not_use_up_the_limit(city: City) -> None:
    """More of them stand nearer than a first, small search would look at."""
    kind = await policy(city, rounds=ROUNDS)
    for i in range(40):
        await city.valet(f"busy-{i}", i, skills=("towing",))
    for i in range(4):
        await city.valet(f"free-{i}", 900 + i, skills=(kind,))
    order = await city.place(kind)
    assert await told(city, order) == [[], ["free-0", "free-1", "free-2"]]


async def test_those_who_stand_at_one_place_are_each_looked_at_once(city: City) -> None:
    """Redis gives equally near ones in another order each time it is asked for more of them."""
    kind = await policy(city, rounds=[{"radius_m": 1000, "limit": 20, "seconds": 30}])
    for i in range(100):
        await city.valet(f"{i:02}", skills=(kind if i % 20 == 0 else "towing",))
    orders = [await city.place(kind) for _ in range(5)]
    assert [await told(city, order) for order in orders] == [[[], ["00", "20", "40", "60", "80"]]] * 5


async def test_valets_and_shops_are_merged_by_distance(city: City) -> None:
    kind = await policy(city, rounds=ROUNDS, audience=["valet", "shop"])
    for name, north_m in (("v1", 100), ("v2", 300), ("v3", 500)):
        await city.valet(name, north_m, skills=(kind,))
    for name, north_m in (("s1", 200), ("s2", 400)):
        await city.valet(name, role="shop", home=city.at(north_m), skills=(kind,))
    order = await city.place(kind)
    assert await told(city, order) == [[], ["v1", "s1", "v2"]]
    await widen(city, order, 2)
    assert (await told(city, order))[-1] == ["s2", "v3"]


async def test_a_shop_stands_at_its_home_wherever_its_phone_is(city: City) -> None:
    kind = await policy(city, rounds=ROUNDS, audience=["shop"])
    shop = await city.agent("s", role="shop", home=city.at(200), skills=(kind,))
    session = await city.enter(shop, 9000)
    await city.dispatch.people.move(city.region, [(shop.id, session, city.at(9000))])
    order = await city.place(kind)
    assert names(city, await offered(city, order.id)) == {"s"}


async def test_a_valet_without_a_position_stands_at_his_home_then_where_he_was(city: City) -> None:
    kind = await policy(city, rounds=ROUNDS)
    agent = await city.agent("v", home=city.at(200), skills=(kind,), capacity=9)
    people = city.dispatch.people
    await people.enter(agent, str(ULID()), {}, "available", None)
    assert await offered(city, (await city.place(kind)).id) == {agent.id}
    await people.enter(agent, str(ULID()), {}, "available", city.at(9000))
    await people.enter(agent, str(ULID()), {}, "available", None)
    assert await offered(city, (await city.place(kind)).id) == set()


async def test_nobody_is_offered_an_order_of_another_region(city: City) -> None:
    kind = await policy(city, rounds=ROUNDS)
    agent = await city.valet("v", skills=(kind,))
    elsewhere = Point(lat=city.centre.lat + 0.25, lon=city.centre.lon)
    south, north = elsewhere.lat - 0.1, elsewhere.lat + 0.1
    ring = [[elsewhere.lon - 0.1, south], [elsewhere.lon + 0.1, south], [elsewhere.lon, north]]
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}}
    other = City(city.dispatch, f"{city.region}:b.c-d_e", elsewhere)
    await city.dispatch.catalog.put_region(other.region, feature)
    await city.dispatch.reconciler.region(other.region)
    await city.enter(agent, (elsewhere.lat - city.centre.lat) * 111_195)
    order = await other.place(kind)
    assert order.region == other.region
    assert await offered(other, order.id) == set()
    await check_log(other)


async def test_a_round_for_thousands_is_one_event(city: City) -> None:
    """Longer than what Lua's `unpack` takes."""
    kind = await policy(city, rounds=[{"radius_m": 5000, "limit": 10_000, "seconds": 30}])
    agents = [f"{city.region}.{i:05}" for i in range(9_000)]
    geo, seen = f"geo:{{{city.region}}}:valet", f"seen:{{{city.region}}}"
    card = ("role", "valet", "skills", f",{kind},", "suspended", "0", "status", "available", "capacity", "1")
    await city.dispatch.store.direct(
        [
            *(("HSET", f"agent:{{{city.region}}}:{a}", *card) for a in agents),
            *(("GEOADD", geo, city.centre.lon, city.centre.lat, a) for a in agents),
            *(("ZADD", seen, now_ms(), a) for a in agents),
        ]
    )
    order = await city.place(kind)
    assert order.offered == 9_000
    assert set((await log_of(city, order.id))[-1].to) == set(agents)


async def test_a_group_is_of_one_radius_and_one_kind_and_goes_with_its_last_order(city: City) -> None:
    near = await policy(city, "near", rounds=[{"radius_m": 1000, "limit": 5, "seconds": 60}])
    far = await policy(city, "far", rounds=[{"radius_m": 9000, "limit": 5, "seconds": 60}], audience=["valet", "shop"])
    orders = [await city.place(near), await city.place(far)]
    assert await members(city, "reach", "valet") == {f"1000:{near}", f"9000:{far}"}
    assert await members(city, "reach", "shop") == {f"9000:{far}"}
    for order in orders:
        assert await wanting(city, "valet") >= {order.id}
        await city.dispatch.desk.cancel(SERVICE, order, "it started again")
    assert await wanting(city, "valet") == set()
    await city.valet("v", skills=(near, far))  # who searches, tidies
    assert await members(city, "reach", "valet") == set()
    assert await members(city, "reach", "shop") == {f"9000:{far}"}


async def test_the_search_meets_no_order_beyond_its_own_reach_nor_of_another_kind(city: City) -> None:
    """However far another order reaches: else each of them would cost every agent around."""
    kind = await policy(city, rounds=[{"radius_m": 500, "limit": 5, "seconds": 60}])
    other = await policy(city, "other", rounds=[{"radius_m": 50_000, "limit": 5, "seconds": 60}])
    wide = await city.place(other)
    for number in range(20):
        await city.place(kind, 2000 + number)
    before = await _calls(city, "hexists")
    await city.valet("v", skills=(kind,))
    assert await _calls(city, "hexists") == before
    agent = await city.valet("w", skills=(kind, other))
    assert await offered(city, wide.id) == {agent.id}
    assert await _calls(city, "hexists") == before + 2  # to offer it, and to list it for him


async def _calls(city: City, command: str) -> int:
    stats: bytes = await redis(city, "INFO", "commandstats")
    found = re.search(rf"cmdstat_{command}:calls=(\d+)", str(stats))
    return int(found[1]) if found else 0
