"""PATCH /v1/orders/{id}: who may edit what, and which faults are named."""

import math
from typing import Any

import pytest
from ulid import ULID

from geo.crs import Crs, from_wgs84
from geo.point import Point
from tests.admin_api.conftest import Asker, House, problem


async def _patch(asker: Asker, order: dict[str, Any], body: Any, **params: Any) -> Any:
    return await asker.ask("PATCH", f"/v1/orders/{order['id']}", json=body, params=params)


async def test_every_part_can_be_edited(house: House) -> None:
    order = await house.placed()
    place = {"lat": house.city.centre.lat + 0.001, "lon": house.city.centre.lon, "address": "2 Example Road"}
    body = {
        "place": place,
        "destination": place | {"address": None},
        "details": {"note": "two flat tyres"},
        "customer": {"id": "c-1", "name": "Zhang", "phone": None},
        "price_fen": 5,
        "bonus_fen": 700,
    }
    answer = await _patch(house.service, order, body)
    assert answer.status_code == 200, answer.text
    assert answer.json() == order | body | {"version": 3}
    assert (await house.service.get(f"/v1/orders/{order['id']}")).json() == answer.json()
    timeline = (await house.dispatcher.get(f"/v1/orders/{order['id']}/timeline")).json()["items"]
    assert (timeline[-1]["type"], timeline[-1]["actor"]) == ("edited", {"role": "service", "id": "backend"})
    assert timeline[-1]["data"]["changed"] == sorted(body)


async def test_null_empties_where_it_may(house: House) -> None:
    place = house.order_body()["place"]
    order = await house.placed(destination=place, scheduled_at=4_000_000_000_000)
    answer = (await _patch(house.service, order, {"destination": None, "price_fen": None, "scheduled_at": None})).json()
    assert (answer["destination"], answer["price_fen"], answer["scheduled_at"]) == (None, None, None)
    assert answer["status"] == "open", "an order that is scheduled no more opens"


async def test_a_body_that_changes_nothing_is_no_event(house: House) -> None:
    order = await house.placed()
    for body in ({}, {"price_fen": 18000}, {"customer": {"name": "Li", "phone": "+8613800000000"}}):
        assert (await _patch(house.service, order, body)).json() == order


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"place": None}, "place"),
        ({"place": {"lat": 1.0}}, "place.lon"),
        ({"details": None}, "details"),
        ({"details": {"note": "x" * 16_384}}, "details"),
        ({"customer": None}, "customer"),
        ({"customer": {"id": "a b"}}, "customer.id"),
        ({"bonus_fen": None}, "bonus_fen"),
        ({"bonus_fen": -1}, "bonus_fen"),
        ({"price_fen": "5"}, "price_fen"),
        ({"scheduled_at": "tomorrow"}, "scheduled_at"),
        ({"kind": "towing"}, "kind"),
        ({"region": "default"}, "region"),
        ({"status": "open"}, "status"),
    ],
)
async def test_a_faulty_field_is_named(house: House, body: dict[str, Any], path: str) -> None:
    order = await house.placed()
    problem(await _patch(house.service, order, body), 422, "invalid", path)
    assert (await house.service.get(f"/v1/orders/{order['id']}")).json() == order


async def test_a_place_in_another_region_is_named(house: House) -> None:
    order = await house.placed()
    there = {"lat": house.city.centre.lat, "lon": house.city.centre.lon + 0.3}
    found = problem(await _patch(house.service, order, {"place": there}), 422, "invalid", "place")
    assert "lies in region" in found.detail


async def test_positions_are_in_the_coordinate_system_asked_for(house: House) -> None:
    shanghai = Point(31.2304, 121.4737)
    order = await house.placed(place={"lat": shanghai.lat, "lon": shanghai.lon})
    theirs = from_wgs84(Point(31.2404, 121.4737), Crs.GCJ02)
    answer = (await _patch(house.service, order, {"place": {"lat": theirs.lat, "lon": theirs.lon}}, crs="gcj02")).json()
    assert math.isclose(answer["place"]["lat"], theirs.lat, abs_tol=1e-8)
    read = (await house.service.get(f"/v1/orders/{order['id']}")).json()
    assert math.isclose(read["place"]["lat"], 31.2404, abs_tol=1e-8)


async def test_a_customer_edits_his_own_while_nobody_holds_it(house: House) -> None:
    order = await house.placed()
    body = {"customer": {"phone": "+86139"}, "details": {"note": "x"}}
    answer = (await _patch(house.customer, order, body)).json()
    assert answer["customer"] == {"id": "c-1", "name": None, "phone": "+86139"}
    assert (await _patch(house.customer, order, {"customer": {"id": "c-1"}})).status_code == 200
    problem(await _patch(house.customer, order, {"customer": {"id": "c-2"}}), 403, "forbidden")
    problem(await _patch(house.asker("customer", "c-2"), order, {"price_fen": 1}), 404, "not_found")
    _, job = await house.held()
    found = problem(await _patch(house.customer, job, {"price_fen": 1}), 409, "conflict")
    assert "assigned" in found.detail
    assert (await _patch(house.dispatcher, job, {"price_fen": 1})).json()["price_fen"] == 1


async def test_a_service_makes_an_order_over_to_another_customer(house: House) -> None:
    order = await house.placed()
    assert (await _patch(house.service, order, {"customer": {"id": "c-2"}})).json()["customer"]["id"] == "c-2"
    problem(await house.customer.get(f"/v1/orders/{order['id']}"), 404, "not_found")
    assert (await house.asker("customer", "c-2").get(f"/v1/orders/{order['id']}")).status_code == 200


async def test_who_may_not_edit(house: House) -> None:
    order = await house.placed()
    valet = await house.valet("v")
    for asker in (valet, house.admin):
        problem(await _patch(asker, order, {"price_fen": 1}), 403, "forbidden")
    elsewhere = house.asker("dispatcher", "d-2", ["elsewhere"])
    problem(await _patch(elsewhere, order, {"price_fen": 1}), 404, "not_found")
    problem(await _patch(house.service, {"id": str(ULID())}, {"price_fen": 1}), 404, "not_found")
    assert (await house.service.get(f"/v1/orders/{order['id']}")).json() == order


async def test_what_is_over_or_open_already(house: House) -> None:
    order = await house.placed()
    found = problem(await _patch(house.service, order, {"scheduled_at": 4_000_000_000_000}), 409, "conflict")
    assert "scheduled_at" in found.detail
    await house.service.post(f"/v1/orders/{order['id']}/cancel", {"reason": "test"})
    found = problem(await _patch(house.service, order, {"price_fen": 1}), 409, "conflict")
    assert "cancelled" in found.detail
