"""The map: points of orders and agents, of one's regions, without anything of customers."""

from typing import Any

import pytest

from dispatch import map as maps
from dispatch.assembly import Dispatch
from dispatch.scripts import key
from geo.crs import Crs
from tests.admin_api.conftest import House, problem
from tests.china import is_at, open_city
from tests.conftest import City, new_city
from tests.dispatch.looking import escalated, looks, redis, script


async def seen(house: House, **params: Any) -> dict[str, Any]:
    answer = await house.dispatcher.get("/v1/map", **{"region": house.city.region} | params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_unfinished_orders_and_agents_are_points(house: House) -> None:
    valet = await house.city.valet("v", 500)
    order = await house.city.place(north_m=200)
    found = await seen(house)
    at = house.city.at(200)
    assert found["orders"] == [
        {
            **{"id": order.id, "kind": "maintenance", "region": house.city.region, "status": "open", "stalled": False},
            **{"lat": round(at.lat, 6), "lon": round(at.lon, 6), "since_at": order.created_at},
        }
    ]
    stands = house.city.at(500)
    assert found["agents"] == [
        {
            **{"id": valet.id, "role": "valet", "region": house.city.region, "name": valet.name},
            **{"status": "available", "load": 0, "capacity": 1},
            **{"lat": round(stands.lat, 6), "lon": round(stands.lon, 6)},
        }
    ]
    assert (found["more"], found["at"] >= order.created_at) == ([], True)


async def test_what_interests_most_comes_first_and_what_is_over_not_at_all(house: House) -> None:
    day_ms = 86_400_000
    first = await house.city.place()
    later = await house.city.place(scheduled_at=first.created_at + day_ms)
    second = await house.city.place()
    waiting = await escalated(house.city, await house.city.place())
    _, job = await house.held()
    over = await house.placed()
    await house.service.post(f"/v1/orders/{over['id']}/cancel", {"reason": "enough"})
    orders = {each["id"]: each for each in (await seen(house))["orders"]}
    assert list(orders) == [waiting.id, first.id, second.id, job["id"], later.id]
    assert orders[waiting.id]["since_at"] == waiting.desk_at
    assert orders[job["id"]]["since_at"] == job["assignment"]["at"]
    assert orders[later.id]["status"] == "scheduled"


async def test_agents_are_shown_where_they_were_last_and_shops_at_home(house: House) -> None:
    city = house.city
    gone = await city.valet("gone", 700)
    await redis(city, "ZADD", key(city.region, "seen"), 1, gone.id)
    await script(city, "vanish", silent_ms=1000, most=10)
    await city.agent("never")
    shop = await city.agent("shop", role="shop", home=city.at(900))
    found = {each["id"]: each for each in (await seen(house))["agents"]}
    assert found.keys() == {gone.id, shop.id}
    assert (found[gone.id]["status"], found[gone.id]["lat"]) == ("offline", round(city.at(700).lat, 6))
    assert (found[shop.id]["status"], found[shop.id]["lat"]) == ("offline", round(city.at(900).lat, 6))


async def test_of_too_many_those_are_shown_who_can_be_reached(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "MOST_SHOWN", 2)
    for i in range(3):
        await house.city.agent(f"a-{i}", home=house.city.at(i))
        await house.city.place()
    reachable = {(await house.city.valet(f"z-{i}")).id for i in range(2)}
    found = await seen(house)
    assert (len(found["orders"]), found["more"]) == (2, ["orders", "agents"])
    assert {each["id"] for each in found["agents"]} == reachable


async def test_nothing_of_the_customer_and_no_phone_is_in_it(house: House) -> None:
    await house.city.valet("v")
    await house.placed()
    text = (await house.dispatcher.get("/v1/map", region=house.city.region)).text
    for private in ("+86", "Li", "Example Road", "沪A12345", "c-1", "flat tyre"):
        assert private not in text


async def test_each_sees_his_regions(house: House, dispatch: Dispatch) -> None:
    other = await new_city(dispatch)
    here, there = await house.city.place(), await other.place()
    stranger = house.asker("dispatcher", "d-2", [other.region])
    assert [each["id"] for each in (await stranger.get("/v1/map")).json()["orders"]] == [there.id]
    both = house.asker("admin", "a-2", [house.city.region, other.region])
    assert {each["id"] for each in (await both.get("/v1/map")).json()["orders"]} == {here.id, there.id}
    problem(await stranger.get("/v1/map", region=house.city.region), 403, "forbidden")
    everywhere = house.asker("dispatcher", "d-3")
    problem(await everywhere.get("/v1/map", region="nowhere"), 422, "invalid", "region")
    for asker in (house.service, house.customer, await house.valet("v")):
        problem(await asker.get("/v1/map"), 403, "forbidden")


@pytest.mark.parametrize("crs", Crs)
async def test_positions_are_in_the_coordinate_system_asked_for(dispatch: Dispatch, house: House, crs: Crs) -> None:
    city: City = await open_city(dispatch)
    await city.place()
    await city.valet("v", 300)
    asker = house.asker("dispatcher", "d-9", [city.region])
    found = (await asker.get("/v1/map", crs=crs.value)).json()
    (order,), (agent,) = found["orders"], found["agents"]
    assert is_at(order, city.at(), crs, off_m=0.2)
    assert is_at(agent, city.at(300), crs, off_m=0.2)


async def test_who_asks_at_once_is_shown_one_picture_and_later_a_new_one(house: House) -> None:
    before = await seen(house)
    order = await house.city.place()
    async for _ in looks():
        found = await seen(house)
        if found["orders"]:
            break
        assert found["at"] == before["at"]
    assert ([each["id"] for each in found["orders"]], found["at"] > before["at"]) == ([order.id], True)
