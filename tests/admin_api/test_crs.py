"""The query parameter `crs` holds for every position of its request, both ways."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from admin_api.app import OPERATIONS
from admin_api.endpoint import Operation
from dispatch.assembly import Dispatch
from dispatch.identity import AGENTS
from geo.crs import Crs
from geo.point import Point
from geo.views import area
from tests.admin_api.conftest import Asker, House, problem
from tests.china import SHIFTED, is_at, open_city, said
from tests.dispatch.looking import policy


@pytest.fixture
async def china(dispatch: Dispatch, client: httpx.AsyncClient) -> House:
    return House(await open_city(dispatch), client)


def _body(house: House, crs: Crs, **changes: Any) -> dict[str, Any]:
    city = house.city
    return house.order_body(**{"place": said(city.centre, crs), "destination": said(city.at(3000), crs)} | changes)


def _full(order: dict[str, Any], house: House, crs: Crs, *, north_m: float = 0.0) -> bool:
    city = house.city
    return is_at(order["place"], city.at(north_m), crs) and is_at(order["destination"], city.at(3000), crs)


async def _placed(house: House, crs: Crs) -> dict[str, Any]:
    answer = await house.service.post("/v1/orders", _body(house, crs), crs=crs.value)
    assert answer.status_code == 201, answer.text
    order: dict[str, Any] = answer.json()
    assert _full(order, house, crs)
    return order


async def _command(asker: Asker, order: dict[str, Any], name: str, crs: Crs, **body: Any) -> dict[str, Any]:
    answer = await asker.post(f"/v1/orders/{order['id']}/{name}", body, crs=crs.value)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def _items(asker: Asker, path: str, **params: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await asker.get(path, **params)).json()["items"]
    return items


@pytest.mark.parametrize("crs", SHIFTED)
async def test_orders_are_taken_in_edited_and_shown(china: House, crs: Crs) -> None:
    order = await _placed(china, crs)
    path = f"/v1/orders/{order['id']}"
    assert order["region"] == china.city.region
    assert _full((await china.service.get(path)).json(), china, Crs.WGS84), "kept as WGS-84"
    for each in Crs:
        assert _full((await china.customer.get(path, crs=each.value)).json(), china, each)
        (listed,) = await _items(china.service, "/v1/orders", region=china.city.region, crs=each.value)
        assert _full(listed, china, each)
    moved = {"place": said(china.city.at(900), crs)}
    edited = await china.service.ask("PATCH", path, json=moved, params={"crs": crs.value})
    assert _full(edited.json(), china, crs, north_m=900)
    assert _full((await china.service.get(path)).json(), china, Crs.WGS84, north_m=900)


@pytest.mark.parametrize("crs", SHIFTED)
async def test_an_agents_way_with_an_order(china: House, crs: Crs) -> None:
    valet = await china.valet("v", capacity=9)
    order = await _placed(china, crs)
    offered = (await valet.get(f"/v1/orders/{order['id']}", crs=crs.value)).json()
    assert offered["area"] == area(china.city.centre, crs)
    assert offered["destination_area"] == area(china.city.at(3000), crs)
    assert _full((await _command(valet, order, "grab", crs))["job"], china, crs)
    assert _full((await _items(valet, "/v1/jobs", crs=crs.value))[0], china, crs)
    assert _full(await _command(valet, order, "progress", crs, fence=1, step="arrived"), china, crs)
    assert _full(await _command(valet, order, "release", crs, fence=1, reason="ill"), china, crs)
    for each in Crs:
        events = await _items(china.service, f"/v1/orders/{order['id']}/timeline", crs=each.value)
        (released,) = [event["data"] for event in events if event["type"] == "released"]
        assert is_at(released, china.city.centre, each, off_m=1.0), "where he was last"


@pytest.mark.parametrize("crs", SHIFTED)
async def test_the_desk(china: House, crs: Crs) -> None:
    valet = await china.valet("v", capacity=9)
    order = await _placed(china, crs)
    await _command(valet, order, "grab", crs)
    await _command(valet, order, "progress", crs, fence=1, step="arrived")
    await _command(valet, order, "release", crs, fence=1, reason="ill")
    for each in Crs:
        assert _full((await _items(china.dispatcher, "/v1/desk", crs=each.value))[0], china, each)
    taken = await china.dispatcher.post(f"/v1/desk/{order['id']}/take_up", crs=crs.value)
    assert _full(taken.json(), china, crs)
    assert _full(await _command(china.dispatcher, order, "reopen", crs), china, crs)
    assert _full(await _command(china.dispatcher, order, "assign", crs, agent_id=valet.sub, force=True), china, crs)
    assert _full(await _command(china.dispatcher, order, "cancel", crs, reason="test"), china, crs)
    other = await china.escalated("w")
    closed = await _command(china.dispatcher, other, "close", crs, outcome="by phone")
    assert is_at(closed["place"], china.city.centre, crs)


@pytest.mark.parametrize("crs", SHIFTED)
async def test_agents_and_what_is_near(china: House, crs: Crs) -> None:
    city = china.city
    path = f"/v1/agents/{city.region}.shop"
    profile = {"role": "shop", "name": "S", "phone": "1", "skills": ["maintenance"], "capacity": 1}
    put = await china.service.put(path, profile | {"home": said(city.at(100), crs)}, crs=crs.value)
    assert put.json()["region"] == city.region
    valet = await china.valet("v", -400.0)
    for each in Crs:
        shop = (await china.service.get(path, crs=each.value)).json()
        assert is_at(shop["home"], city.at(100), each)
        assert is_at(shop["position"], city.at(100), each)
        centre = said(city.centre, each)
        around = {"region": city.region, "near": f"{centre['lat']:.12f},{centre['lon']:.12f}", "crs": each.value}
        nearest = await _items(china.service, "/v1/agents", **around)
        assert [agent["distance_m"] for agent in nearest] == [
            pytest.approx(100, abs=1.5),
            pytest.approx(400, abs=1.5),
        ]
        assert is_at(nearest[1]["position"], city.at(-400), each, off_m=1.0)
        (only,) = await _items(china.service, "/v1/agents", **around, radius_m=250)
        assert only["id"] == shop["id"]
    order = await _placed(china, crs)
    found = await _items(china.dispatcher, f"/v1/orders/{order['id']}/candidates", crs=crs.value)
    assert [(each["agent_id"], each["distance_m"]) for each in found] == [
        (shop["id"], pytest.approx(100, abs=1.5)),
        (valet.sub, pytest.approx(400, abs=1.5)),
    ]


@pytest.mark.parametrize("crs", SHIFTED)
async def test_the_hall(china: House, crs: Crs) -> None:
    rounds = [{"radius_m": 1, "limit": 1, "seconds": 30}]
    kind = await policy(china.city, rounds=rounds, hall_radius_m=5000)
    valet = await china.valet("v", 700.0, skills=(kind,))
    answer = await china.service.post("/v1/orders", _body(china, crs, kind=kind), crs=crs.value)
    assert answer.status_code == 201, answer.text
    (listed,) = await _items(valet, "/v1/hall", crs=crs.value)
    assert listed["area"] == area(china.city.centre, crs)
    assert listed["destination_area"] == area(china.city.at(3000), crs)
    assert listed["distance_m"] == pytest.approx(700, abs=100), "to the area"


@pytest.mark.parametrize("crs", SHIFTED)
async def test_notices(china: House, crs: Crs) -> None:
    body = {
        "title": "Rain", "body": "", "level": "info", "roles": ["valet"], "region": china.city.region,
        "near": said(china.city.at(50), crs), "radius_m": 500, "until_at": 2**52,
    }  # fmt: skip
    posted = (await china.dispatcher.post("/v1/notices", body, crs=crs.value)).json()
    assert is_at(posted["near"], china.city.at(50), crs)
    for each in Crs:
        listed = await _items(china.dispatcher, "/v1/notices", crs=each.value)
        assert is_at(listed[0]["near"], china.city.at(50), each)


@pytest.mark.parametrize("crs", SHIFTED)
async def test_regions(china: House, crs: Crs) -> None:
    admin = china.asker("admin", "root")
    corners = [(0.0, 0.0), (0.0, 0.01), (0.01, 0.01), (0.01, 0.0), (0.0, 0.0)]
    centre = china.city.centre
    outline = [Point(centre.lat + north, centre.lon + east) for north, east in corners]
    ring = [[at["lon"], at["lat"]] for at in (said(point, crs) for point in outline)]
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}}
    region = f"{china.city.region}.inner"
    stored = await admin.put(f"/v1/regions/{region}", feature, crs=crs.value)
    assert all(_shows(stored.json(), outline, crs))
    for each in Crs:
        pages = await _items(china.asker("dispatcher", "d-2", [region]), "/v1/regions", crs=each.value)
        assert all(_shows(pages[0], outline, each))
    inside = china.order_body(place=said(Point(centre.lat + 0.0001, centre.lon + 0.0001), crs))
    assert (await china.service.post("/v1/orders", inside, crs=crs.value)).json()["region"] == region


def _shows(feature: dict[str, Any], outline: list[Point], crs: Crs) -> Iterator[bool]:
    for (lon, lat), point in zip(feature["geometry"]["coordinates"][0], outline, strict=True):
        yield is_at({"lat": lat, "lon": lon}, point, crs)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
async def test_another_coordinate_system_is_a_fault_everywhere(house: House, operation: Operation) -> None:
    role = operation.roles[0]
    asker = await house.valet("v") if role in AGENTS else house.asker(role.value, "someone")
    path = re.sub(r"\{\w+\}", "some-id", operation.path)
    body: dict[str, Any] = {} if operation.body is None else {"json": {}}
    for crs in ("mars", "WGS84", ""):
        answer = await asker.ask(operation.method, path, params={"crs": crs}, **body)
        problem(answer, 422, "invalid", "crs")
