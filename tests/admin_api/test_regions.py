"""Regions by HTTP."""

import math
from typing import Any

import pytest

from geo.crs import Crs, from_wgs84, to_wgs84
from geo.point import Point
from tests.admin_api.conftest import Asker, House, problem


def square(lat: float, lon: float, crs: Crs = Crs.WGS84) -> dict[str, Any]:
    corners = [(0, 0), (0.01, 0), (0.01, 0.01), (0, 0.01), (0, 0)]
    points = [from_wgs84(Point(lat + north, lon + east), crs) for east, north in corners]
    ring = [[point.lon, point.lat] for point in points]
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}}


@pytest.fixture
def admin(house: House) -> Asker:
    return house.asker("admin", "root")


async def test_a_region_works_at_once_and_is_deleted(house: House, admin: Asker) -> None:
    region = f"{house.city.region}.inner"
    feature = square(house.city.centre.lat, house.city.centre.lon)
    stored = (await admin.put(f"/v1/regions/{region}", feature | {"properties": {"name": "Inner"}, "bbox": [0]})).json()
    assert stored == feature | {"id": region, "properties": {"name": "Inner"}}
    valet = house.asker("valet", f"{region}.v")
    profile = {"role": "valet", "name": "W", "phone": "1", "skills": ["maintenance"], "capacity": 1, "region": region}
    assert (await admin.put(f"/v1/agents/{valet.sub}", profile)).status_code == 200
    place = {"lat": house.city.centre.lat + 0.005, "lon": house.city.centre.lon + 0.005}
    order = await house.placed(place=place)
    assert (order["region"], order["version"]) == (region, 2)
    conflict = problem(await admin.delete(f"/v1/regions/{region}"), 409, "conflict")
    assert "agents" in conflict.detail
    await admin.put(f"/v1/agents/{valet.sub}", profile | {"region": house.city.region})
    assert "orders" in problem(await admin.delete(f"/v1/regions/{region}"), 409, "conflict").detail
    await house.service.post(f"/v1/orders/{order['id']}/cancel", {"reason": "test"})
    assert (await admin.delete(f"/v1/regions/{region}")).status_code == 204
    problem(await admin.delete(f"/v1/regions/{region}"), 404, "not_found")
    assert (await house.placed(place=place))["region"] == house.city.region


async def test_a_region_is_in_the_coordinate_system_asked_for(admin: Asker) -> None:
    theirs = square(31.2304, 121.4737, Crs.GCJ02)
    answer = await admin.ask("PUT", "/v1/regions/shanghai", json=theirs, params={"crs": "gcj02"})
    try:
        assert _near(answer.json(), theirs)
        assert _near(await _listed(admin, "shanghai"), square(31.2304, 121.4737))
        baidu = await _listed(admin, "shanghai", crs="bd09")
        lon, lat = baidu["geometry"]["coordinates"][0][0]
        back = to_wgs84(Point(lat, lon), Crs.BD09)
        assert math.isclose(back.lat, 31.2304, abs_tol=1e-8)
    finally:
        await admin.delete("/v1/regions/shanghai")


async def _listed(admin: Asker, region: str, **params: str) -> dict[str, Any]:
    page = (await admin.get("/v1/regions", limit=200, **params)).json()
    while True:
        for each in page["items"]:
            if each["id"] == region:
                found: dict[str, Any] = each
                return found
        page = (await admin.get("/v1/regions", limit=200, cursor=page["next"], **params)).json()


def _near(a: dict[str, Any], b: dict[str, Any]) -> bool:
    rings = zip(a["geometry"]["coordinates"][0], b["geometry"]["coordinates"][0], strict=True)
    return all(math.isclose(x, y, abs_tol=1e-8) for one, other in rings for x, y in zip(one, other, strict=True))


CROSSING = [[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]


@pytest.mark.parametrize("crs", ["wgs84", "bd09"])
@pytest.mark.parametrize(
    ("feature", "path"),
    [
        ({"type": "Polygon", "coordinates": [CROSSING]}, "type"),
        ({"type": "Feature"}, "geometry"),
        ({"type": "Feature", "geometry": {"type": "Point", "coordinates": [0, 0]}}, "geometry.type"),
        ({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": []}}, "geometry.coordinates"),
        (
            {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}},
            "geometry.coordinates[0]",
        ),
        ({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [CROSSING]}}, "geometry.coordinates"),
        (
            {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [0, 91], [1, 0], [0, 0]]]}},
            "geometry.coordinates[0][1][1]",
        ),
        ({"type": "Feature", "geometry": None}, "geometry"),
        ({**square(0, 0), "properties": {"name": "\0"}}, "properties.name"),
    ],
)
async def test_a_faulty_region_is_named(admin: Asker, feature: dict[str, Any], path: str, crs: str) -> None:
    answer = await admin.ask("PUT", "/v1/regions/faulty", json=feature, params={"crs": crs})
    problem(answer, 422, "invalid", path)
    problem(await admin.delete("/v1/regions/faulty"), 404, "not_found")


async def test_a_region_that_is_no_object_is_refused(admin: Asker) -> None:
    problem(await admin.put("/v1/regions/faulty", [1]), 422, "invalid")
    problem(await admin.put("/v1/regions/~", square(0, 0)), 422, "invalid", "id")


async def test_a_city_of_many_positions_is_taken_and_a_larger_one_is_not(admin: Asker) -> None:
    outline = [[math.cos(a / 5000 * math.pi) / 100, math.sin(a / 5000 * math.pi) / 100] for a in range(10_000)]
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[*outline, outline[0]]]}}
    assert (await admin.put("/v1/regions/large", feature)).status_code == 200
    assert (await admin.delete("/v1/regions/large")).status_code == 204
    too_large = square(0, 0) | {"properties": {"name": "x" * 4 * 1024 * 1024}}
    problem(await admin.put("/v1/regions/large", too_large), 413, "too_large")


async def test_who_may_put_delete_and_list(house: House) -> None:
    region = house.city.region
    for asker in (house.dispatcher, house.service, house.customer, house.asker("admin", "a", ["elsewhere"])):
        problem(await asker.put(f"/v1/regions/{region}", square(0, 0)), 403, "forbidden")
        problem(await asker.delete(f"/v1/regions/{region}"), 403, "forbidden")
    for asker in (house.service, house.customer):
        problem(await asker.get("/v1/regions"), 403, "forbidden")


async def test_regions_are_paged_by_id_and_only_the_tokens(house: House, admin: Asker) -> None:
    listed = (await house.dispatcher.get("/v1/regions")).json()
    assert [each["id"] for each in listed["items"]] == [house.city.region]
    first = (await admin.get("/v1/regions", limit=1)).json()
    second = (await admin.get("/v1/regions", limit=1, cursor=first["next"])).json()
    assert first["items"][0]["id"] < second["items"][0]["id"]
