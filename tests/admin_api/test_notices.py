"""Notices over HTTP; whom they reach on the stream stands in tests/realtime/test_notices.py."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from dispatch.assembly import Dispatch
from dispatch.clock import now_ms
from geo.crs import Crs, from_wgs84
from tests.admin_api.conftest import House, problem
from tests.dispatch.looking import rows

HOUR_MS = 3_600_000


@pytest.fixture(autouse=True)
async def taken_down(dispatch: Dispatch) -> AsyncIterator[None]:
    """Those for all customers would be told in other tests."""
    yield
    await rows(dispatch, "DELETE FROM notices RETURNING id")


def _body(house: House, **changes: Any) -> dict[str, Any]:
    body = {
        **{"title": "Rain", "body": "The tunnel is closed", "level": "warning", "roles": ["valet", "shop"]},
        **{"region": house.city.region, "until_at": now_ms() + HOUR_MS},
    }
    return {name: value for name, value in (body | changes).items() if value is not ...}


async def test_a_notice_is_answered_as_it_was_told(house: House) -> None:
    body = _body(house, roles=["valet", "shop", "valet"])
    answer = await house.dispatcher.post("/v1/notices", body)
    assert answer.status_code == 201, answer.text
    notice = answer.json()
    told = {name: notice.pop(name) for name in ("id", "at", "author")}
    assert notice == body | {"roles": ["valet", "shop"], "near": None, "radius_m": None}
    assert told["author"] == {"role": "dispatcher", "id": "d-1"}
    assert (await house.admin.get("/v1/notices")).json()["items"] == [notice | told]


async def test_who_is_addressed_lists_it_without_its_author(house: House) -> None:
    valet, shop = await house.valet("v"), await house.city.agent("s", role="shop", home=house.city.at())
    notice = (await house.dispatcher.post("/v1/notices", _body(house, roles=["valet", "customer"]))).json()
    notice.pop("author")
    for asker in (valet, house.customer):
        assert (await asker.get("/v1/notices")).json() == {"items": [notice], "next": None}
    for nobody in (house.asker("shop", shop.id), house.service, house.asker("dispatcher", "d-2", ["default"])):
        assert (await nobody.get("/v1/notices")).json()["items"] == []


async def test_notices_are_listed_newest_first_page_by_page(house: House) -> None:
    valet = await house.valet("v")
    ids = [(await house.admin.post("/v1/notices", _body(house, title=str(i)))).json()["id"] for i in range(5)]
    for asker in (valet, house.dispatcher):
        first = (await asker.get("/v1/notices", limit=3)).json()
        await house.admin.post("/v1/notices", _body(house, roles=["service"], until_at=0))
        second = (await asker.get("/v1/notices", limit=3, cursor=first["next"])).json()
        found = [each["id"] for each in (*first["items"], *second["items"]) if each["roles"] != ["service"]]
        assert found[:3] == sorted(ids, reverse=True)[:3]
        assert set(found) <= set(ids)


async def test_a_place_is_in_the_askers_coordinates(house: House) -> None:
    near = from_wgs84(house.city.centre, Crs.BD09)
    body = _body(house, near={"lat": near.lat, "lon": near.lon}, radius_m=500)
    shown = (await house.dispatcher.post("/v1/notices", body, crs="bd09")).json()
    assert shown["near"] == pytest.approx(body["near"])
    valet = await house.valet("v")
    (listed,) = (await valet.get("/v1/notices")).json()["items"]
    assert listed["near"] == pytest.approx({"lat": house.city.centre.lat, "lon": house.city.centre.lon})
    far = await house.valet("far", north_m=5000)
    assert (await far.get("/v1/notices")).json()["items"] == []


async def test_a_key_makes_one_notice(house: House) -> None:
    body = _body(house)
    first = await house.dispatcher.post("/v1/notices", body, key="n-1")
    again = await house.dispatcher.post("/v1/notices", body, key="n-1")
    assert again.json() == first.json()
    assert len((await house.dispatcher.get("/v1/notices")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"body": "x" * 2001}, "body"),
        ({"level": "loud"}, "level"),
        ({"roles": []}, "roles"),
        ({"roles": ["king"]}, "roles[0]"),
        ({"near": {"lat": 0, "lon": 0}}, "near"),
        ({"radius_m": 5}, "near"),
        ({"near": {"lat": 0, "lon": 0}, "radius_m": 5, "roles": ["customer"]}, "roles"),
        ({"until_at": ...}, "until_at"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
async def test_a_fault_is_named(house: House, changes: dict[str, Any], path: str) -> None:
    problem(await house.dispatcher.post("/v1/notices", _body(house, **changes)), 422, "invalid", path)


async def test_who_may_tell_whom(house: House) -> None:
    everywhere = house.asker("admin", "a-0")
    for asker in (house.dispatcher, house.admin):
        problem(await asker.post("/v1/notices", _body(house, region=...)), 403, "forbidden")
        problem(await asker.post("/v1/notices", _body(house, region="default")), 403, "forbidden")
    problem(await everywhere.post("/v1/notices", _body(house, region="nowhere")), 422, "invalid", "region")
    assert (await everywhere.post("/v1/notices", _body(house, region=..., until_at=0))).status_code == 201
    for asker in (house.service, house.customer, await house.valet("v")):
        problem(await asker.post("/v1/notices", _body(house)), 403, "forbidden")
