"""GET /v1/hall."""

from typing import Any

import pytest

from tests.admin_api.conftest import Asker, House, problem
from tests.dispatch.looking import policy


@pytest.fixture
async def kind(house: House) -> str:
    rounds = [{"radius_m": 1, "limit": 1, "seconds": 30}]
    return await policy(house.city, rounds=rounds, hall_radius_m=5000, private_details=["plate"])


def _at(house: House, north_m: float) -> dict[str, Any]:
    point = house.city.at(north_m)
    return {"lat": point.lat, "lon": point.lon, "address": "1 Example Road"}


async def _ids(asker: Asker, **params: Any) -> list[str]:
    return [each["id"] for each in (await asker.get("/v1/hall", **params)).json()["items"]]


async def test_an_agent_finds_and_grabs_what_no_round_has_offered_him(house: House, kind: str) -> None:
    valet = await house.valet("v", skills=(kind,))
    order = await house.placed(kind=kind, place=_at(house, 2000))
    problem(await valet.get(f"/v1/orders/{order['id']}"), 404, "not_found")
    seen = await valet.get("/v1/hall")
    (view,) = seen.json()["items"]
    assert (view["id"], view["details"], round(view["distance_m"], -2)) == (order["id"], {"note": "flat tyre"}, 2000)
    for private in ("沪A12345", "+8613800000000", "Example Road", "Li"):
        assert private not in seen.text
    public = (await valet.get(f"/v1/orders/{order['id']}")).json()
    assert view == public | {"distance_m": view["distance_m"], "say": view["say"]}
    assert view["say"] == {
        "zh-CN": f"新的{kind}订单，不到3公里，180元。",
        "en": f"New {kind} order, less than 3 kilometres away, 180 yuan.",
    }
    assert (await valet.post(f"/v1/orders/{order['id']}/grab")).json()["outcome"] == "won"
    assert await _ids(valet) == []


async def test_it_is_paged_and_narrowed(house: House, kind: str) -> None:
    valet = await house.valet("v", skills=(kind,))
    orders = [await house.placed(kind=kind, place=_at(house, north_m)) for north_m in (1000, 2000, 2000, 3000)]
    first = (await valet.get("/v1/hall", limit=3)).json()
    second = (await valet.get("/v1/hall", limit=3, cursor=first["next"])).json()
    assert [each["id"] for page in (first, second) for each in page["items"]] == [order["id"] for order in orders]
    assert second["next"] is None
    assert await _ids(valet, radius_m=1500) == [orders[0]["id"]]
    for name, value in (("radius_m", 0), ("cursor", "WyJhIiwxXQ"), ("cursor", "Wy0xLCJhIl0")):
        problem(await valet.get("/v1/hall", **{name: value}), 422, "invalid", name)


async def test_only_agents_have_a_hall(house: House) -> None:
    for asker in (house.dispatcher, house.admin, house.service, house.customer):
        problem(await asker.get("/v1/hall"), 403, "forbidden")
