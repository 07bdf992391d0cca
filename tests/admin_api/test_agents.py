"""Profiles, and how agents stand."""

import math
from typing import Any

import pytest

from dispatch.identity import Identity, Role
from geo.crs import Crs, from_wgs84
from geo.point import Point
from tests.admin_api.conftest import House, problem

PROFILE: dict[str, Any] = {
    "role": "valet",
    "name": "Wang",
    "phone": "+8613900000001",
    "skills": ["towing"],
    "capacity": 2,
}


def profile(house: House, **changes: Any) -> dict[str, Any]:
    body = PROFILE | {"region": house.city.region} | changes
    return {name: value for name, value in body.items() if value is not ...}


def home(house: House) -> dict[str, float]:
    return {"lat": house.city.centre.lat, "lon": house.city.centre.lon}


async def test_an_agent_is_put_and_read(house: House) -> None:
    agent_id = f"{house.city.region}.v"
    put = await house.admin.put(f"/v1/agents/{agent_id}", profile(house, skills=["towing", "beauty", "towing"]))
    assert put.json() == {
        **profile(house, skills=["towing", "beauty"]),
        "id": agent_id,
        "home": None,
        "suspended": False,
        "status": "offline",
        "load": 0,
        "position": None,
    }
    for asker in (house.admin, house.service, house.dispatcher, house.asker("valet", agent_id)):
        assert (await asker.get(f"/v1/agents/{agent_id}")).json() == put.json()


async def test_a_later_put_replaces(house: House) -> None:
    path = f"/v1/agents/{house.city.region}.v"
    await house.service.put(path, profile(house))
    changed = (await house.service.put(path, profile(house, name="Zhao", suspended=True, phone=None))).json()
    assert (changed["name"], changed["suspended"], changed["phone"]) == ("Zhao", True, None)


async def test_the_region_defaults_to_the_homes(house: House) -> None:
    path = f"/v1/agents/{house.city.region}.v"
    put = (await house.service.put(path, profile(house, region=..., home=home(house)))).json()
    assert (put["region"], put["home"], put["position"]) == (house.city.region, home(house), home(house))
    put = (await house.service.put(path, profile(house, region=...))).json()
    assert put["region"] == "default"


async def test_a_home_is_in_the_coordinate_system_asked_for(house: House) -> None:
    theirs = from_wgs84(Point(31.2304, 121.4737), Crs.BD09)
    body = profile(house, home={"lat": theirs.lat, "lon": theirs.lon})
    path = f"/v1/agents/{house.city.region}.v"
    put = (await house.service.put(path, body, crs="bd09")).json()
    assert math.isclose(put["home"]["lat"], theirs.lat, abs_tol=1e-8)
    read = (await house.service.get(path)).json()
    assert math.isclose(read["home"]["lat"], 31.2304, abs_tol=1e-8)
    assert math.isclose(read["home"]["lon"], 121.4737, abs_tol=1e-8)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"role": "admin"}, "role"),
        ({"role": ...}, "role"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"phone": ...}, "phone"),
        ({"phone": "1" * 33}, "phone"),
        ({"skills": ["towing", "carwash"]}, "skills[1]"),
        ({"skills": "towing"}, "skills"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": 1001}, "capacity"),
        ({"capacity": True}, "capacity"),
        ({"region": "nowhere"}, "region"),
        ({"home": {"lat": 0}}, "home.lon"),
        ({"home": {"lat": 0, "lon": 0, "address": "x"}}, "home.address"),
        ({"role": "shop"}, "home"),
        ({"suspended": "no"}, "suspended"),
        ({"name": "a\0"}, "name"),
        ({"status": "available"}, "status"),
    ],
)
async def test_a_faulty_profile_is_named(house: House, changes: dict[str, Any], path: str) -> None:
    route = f"/v1/agents/{house.city.region}.v"
    problem(await house.service.put(route, profile(house, **changes)), 422, "invalid", path)
    problem(await house.service.get(route), 404, "not_found")


async def test_a_faulty_id_is_named(house: House) -> None:
    problem(await house.service.put("/v1/agents/a%20b", profile(house)), 422, "invalid", "id")
    problem(await house.service.put(f"/v1/agents/{'a' * 65}", profile(house)), 422, "invalid", "id")
    problem(await house.service.get("/v1/agents/a%00b"), 404, "not_found")


async def test_who_may_put_and_read(house: House) -> None:
    agent = await house.city.agent("v")
    route = f"/v1/agents/{agent.id}"
    for asker in (house.dispatcher, house.customer, house.asker("valet", agent.id)):
        problem(await asker.put(route, profile(house)), 403, "forbidden")
    problem(await house.asker("admin", "a", ["elsewhere"]).put(route, profile(house)), 403, "forbidden")
    stranger = await house.valet("stranger")
    problem(await stranger.get(route), 404, "not_found")
    problem(await house.asker("admin", "a", ["elsewhere"]).get(route), 404, "not_found")
    problem(await house.customer.get(route), 403, "forbidden")


async def test_an_agent_is_not_taken_from_a_region_that_the_token_is_not_for(house: House) -> None:
    agent = await house.city.agent("v")
    body = profile(house, region="default")
    problem(await house.asker("admin", "a", ["default"]).put(f"/v1/agents/{agent.id}", body), 403, "forbidden")


async def test_with_jobs_nobody_changes_region(house: House) -> None:
    valet, job = await house.held()
    body = profile(house, region="default")
    problem(await house.service.put(f"/v1/agents/{valet.sub}", body), 409, "conflict")
    assert (await house.service.get(f"/v1/agents/{valet.sub}")).json()["load"] == 1
    await valet.post(f"/v1/orders/{job['id']}/progress", {"fence": 1, "step": "completed"})
    assert (await house.service.put(f"/v1/agents/{valet.sub}", body)).json()["region"] == "default"


async def test_the_list_is_filtered_and_paged_by_id(house: House) -> None:
    await house.city.valet("available", 100)
    paused = await house.city.agent("paused")
    await house.city.enter(paused, 200, status="paused")
    await house.city.agent("shop", role="shop", home=house.city.at(300))

    async def names(**params: Any) -> list[str]:
        answer = (await house.dispatcher.get("/v1/agents", region=house.city.region, **params)).json()
        return [each["id"].partition(".")[2] for each in answer["items"]]

    assert await names() == ["available", "paused", "shop"]
    assert await names(role="shop") == ["shop"]
    for status in ("available", "paused"):
        assert await names(status=status) == [status]
    assert await names(status="offline") == ["shop"]
    first = (await house.dispatcher.get("/v1/agents", limit=2)).json()
    second = (await house.dispatcher.get("/v1/agents", limit=2, cursor=first["next"])).json()
    assert [each["id"] for each in first["items"] + second["items"]] == [
        f"{house.city.region}.{name}" for name in ("available", "paused", "shop")
    ]
    assert second["next"] is None


async def test_the_nearest_are_listed_first(house: House) -> None:
    for name, north_m in (("far", 3000), ("near", 100), ("middle", 1000)):
        await house.city.valet(name, north_m)
    await house.city.agent("nowhere")
    near = f"{house.city.centre.lat},{house.city.centre.lon}"
    found = (await house.dispatcher.get("/v1/agents", near=near)).json()["items"]
    assert [each["id"].partition(".")[2] for each in found] == ["near", "middle", "far"]
    assert [round(each["distance_m"], -2) for each in found] == [100, 1000, 3000]
    within = (await house.dispatcher.get("/v1/agents", near=near, radius_m=1500)).json()["items"]
    assert within == found[:2]
    first = (await house.dispatcher.get("/v1/agents", near=near, limit=1)).json()
    rest = (await house.dispatcher.get("/v1/agents", near=near, cursor=first["next"])).json()
    assert first["items"] + rest["items"] == found


async def test_near_is_in_the_coordinate_system_asked_for(house: House) -> None:
    shanghai = Point(31.2304, 121.4737)
    agent = await house.city.agent("v", home=shanghai)
    theirs = from_wgs84(shanghai, Crs.GCJ02)
    params = {"near": f"{theirs.lat},{theirs.lon}", "radius_m": 5, "crs": "gcj02"}
    found = (await house.dispatcher.get("/v1/agents", **params)).json()["items"]
    assert [each["id"] for each in found] == [agent.id]
    assert math.isclose(found[0]["position"]["lat"], theirs.lat, abs_tol=1e-8)


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"near": "1"}, "near"),
        ({"near": "1,2,3"}, "near"),
        ({"near": "nan,0"}, "near"),
        ({"near": "86,0"}, "near"),
        ({"near": "0,181"}, "near"),
        ({"radius_m": 100}, "radius_m"),
        ({"near": "0,0", "radius_m": 0}, "radius_m"),
        ({"near": "0,0", "radius_m": "inf"}, "radius_m"),
        ({"near": "0,0", "radius_m": "nan"}, "radius_m"),
        ({"role": "customer"}, "role"),
        ({"status": "asleep"}, "status"),
        ({"cursor": "IQ"}, "cursor"),
    ],
)
async def test_a_faulty_parameter_is_named(house: House, params: dict[str, Any], path: str) -> None:
    problem(await house.dispatcher.get("/v1/agents", **params), 422, "invalid", path)


async def test_the_list_is_for_staff_and_the_service(house: House) -> None:
    valet = await house.valet("v")
    for asker in (valet, house.customer):
        problem(await asker.get("/v1/agents"), 403, "forbidden")
    problem(await house.dispatcher.get("/v1/agents", region="default"), 403, "forbidden")


async def test_a_profile_changes_who_is_offered_an_order(house: House) -> None:
    valet = await house.valet("v", skills=("beauty",))
    order = await house.placed(kind="towing")
    problem(await valet.get(f"/v1/orders/{order['id']}"), 404, "not_found")
    await house.service.put(f"/v1/agents/{valet.sub}", profile(house, skills=["towing"]))
    assert (await valet.get(f"/v1/orders/{order['id']}")).status_code == 200
    who = Identity(valet.sub, Role.VALET, None, 2**53)
    assert (await house.dispatch.people.profile(who)).skills == ("towing",)
