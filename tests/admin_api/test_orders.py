"""Taking orders in and reading them."""

import asyncio
import math
from typing import Any

import msgspec
import pytest
import shapely
from ulid import ULID

from dispatch.clock import now_ms
from geo.crs import Crs, from_wgs84
from geo.point import Point
from geo.regions import to_feature
from tests.admin_api.conftest import Asker, House, problem
from tests.dispatch.looking import rows


async def test_an_order_is_placed_and_read(house: House) -> None:
    placed = await house.placed()
    assert (placed["status"], placed["region"]) == ("open", house.city.region)
    assert placed["customer"] == {"id": "c-1", "name": "Li", "phone": "+8613800000000"}
    assert placed["place"] == house.order_body()["place"]
    read = await house.service.get(f"/v1/orders/{placed['id']}")
    assert read.json() == placed
    assert await house.seen(placed["id"]) == placed | {"desk_at": None, "declined": 0}


async def test_optional_fields_are_taken(house: House) -> None:
    destination = {"lat": house.city.centre.lat, "lon": house.city.centre.lon, "address": None}
    placed = await house.placed(
        destination=destination, bonus_fen=300, region=house.city.region, scheduled_at=4_000_000_000_000
    )
    assert (placed["status"], placed["scheduled_at"]) == ("scheduled", 4_000_000_000_000)
    assert (placed["destination"], placed["bonus_fen"]) == (destination, 300)


async def test_null_is_as_absent(house: House) -> None:
    placed = await house.placed(destination=None, price_fen=None, scheduled_at=None, region=None)
    assert (placed["destination"], placed["price_fen"], placed["status"]) == (None, None, "open")


async def test_a_customer_orders_for_himself(house: House) -> None:
    for customer in (..., {"phone": "+86139"}, {"id": "c-1"}):
        answer = await house.customer.post("/v1/orders", house.order_body(customer=customer))
        assert answer.json()["customer"]["id"] == "c-1"
    another = await house.customer.post("/v1/orders", house.order_body(customer={"id": "c-2"}))
    problem(another, 403, "forbidden")


@pytest.mark.parametrize("role", ["admin", "valet", "shop"])
async def test_who_may_never_place_is_forbidden(house: House, role: str) -> None:
    problem(await house.asker(role, "x-1").post("/v1/orders", house.order_body()), 403, "forbidden")


async def test_a_token_for_another_region_is_forbidden(house: House) -> None:
    asker = house.asker("service", "backend", ["elsewhere"])
    problem(await asker.post("/v1/orders", house.order_body()), 403, "forbidden")


_NESTED: Any = 1
for _ in range(40):
    _NESTED = {"a": _NESTED}


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"kind": "carwash"}, "kind"),
        ({"kind": ...}, "kind"),
        ({"kind": 5}, "kind"),
        ({"place": ...}, "place"),
        ({"place": {"lat": 1.0}}, "place.lon"),
        ({"place": {"lat": 86.0, "lon": 0.0}}, "place.lat"),
        ({"place": {"lat": 0.0, "lon": -181}}, "place.lon"),
        ({"place": {"lat": "1", "lon": 0}}, "place.lat"),
        ({"place": {"lat": 0, "lon": 0, "address": "x" * 501}}, "place.address"),
        ({"place": {"lat": 0, "lon": 0, "zip": "1"}}, "place.zip"),
        ({"destination": {"lat": 0, "lon": 1000}}, "destination.lon"),
        ({"customer": ...}, "customer"),
        ({"customer": {}}, "customer.id"),
        ({"customer": {"id": "a b"}}, "customer.id"),
        ({"customer": {"id": "a\n"}}, "customer.id"),
        ({"customer": {"id": "c", "name": "x" * 201}}, "customer.name"),
        ({"customer": {"id": "c", "phone": "1" * 33}}, "customer.phone"),
        ({"customer": {"id": "c", "vip": True}}, "customer.vip"),
        ({"price_fen": -1}, "price_fen"),
        ({"price_fen": 1.5}, "price_fen"),
        ({"price_fen": 2**70}, "price_fen"),
        ({"bonus_fen": -1}, "bonus_fen"),
        ({"bonus_fen": None}, "bonus_fen"),
        ({"scheduled_at": -1}, "scheduled_at"),
        ({"scheduled_at": "tomorrow"}, "scheduled_at"),
        ({"region": "nowhere"}, "region"),
        ({"details": []}, "details"),
        ({"details": {str(i): i for i in range(65)}}, "details"),
        ({"details": {"k" * 129: 1}}, "details"),
        ({"details": {"note": "x" * 16_384}}, "details"),
        ({"details": {"number": 2**53}}, "details.number"),
        ({"details": {"note": "a\0b"}}, "details.note"),
        ({"details": {"list": [{"note": "\0"}]}}, "details.list[0].note"),
        ({"details": {"a\0": 1}}, "details.a\0"),
        ({"details": _NESTED}, "details" + ".a" * 31),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_faulty_field_is_named(house: House, changes: dict[str, Any], path: str) -> None:
    before = await _orders(house)
    problem(await house.service.post("/v1/orders", house.order_body(**changes)), 422, "invalid", path)
    assert await _orders(house) == before


async def _orders(house: House) -> list[str]:
    found = await house.service.get("/v1/orders", region=house.city.region)
    return [order["id"] for order in found.json()["items"]]


async def test_a_place_in_no_region_is_refused(house: House) -> None:
    """Meanwhile the region `default` is the world but for its north."""
    everywhere = house.dispatch.catalog.feature("default")
    await house.dispatch.catalog.put_region("default", to_feature("default", shapely.box(-180, -85, 180, 80)))
    try:
        far = {"lat": 84.0, "lon": 179.0}
        answer = await house.service.post("/v1/orders", house.order_body(place=far))
        problem(answer, 422, "invalid", "place")
    finally:
        await house.dispatch.catalog.put_region("default", everywhere)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
async def test_no_number_is_no_json_and_still_named(house: House, number: str) -> None:
    body = '{"kind": "maintenance", "place": {"lat": ' + number + ', "lon": 0}}'
    problem(await house.service.ask("POST", "/v1/orders", content=body), 400, "invalid", "place.lat")


async def test_positions_are_in_the_coordinate_system_asked_for(house: House) -> None:
    shanghai = Point(31.2304, 121.4737)
    for crs in (Crs.GCJ02, Crs.BD09):
        theirs = from_wgs84(shanghai, crs)
        place = {"lat": theirs.lat, "lon": theirs.lon}
        body = house.order_body(place=place, destination=place)
        placed = (await house.service.post("/v1/orders", body, crs=crs.value)).json()
        for name in ("place", "destination"):
            assert math.isclose(placed[name]["lat"], theirs.lat, abs_tol=1e-8)
            assert math.isclose(placed[name]["lon"], theirs.lon, abs_tol=1e-8)
        read = (await house.service.get(f"/v1/orders/{placed['id']}")).json()
        assert math.isclose(read["place"]["lat"], shanghai.lat, abs_tol=1e-8)
        assert math.isclose(read["place"]["lon"], shanghai.lon, abs_tol=1e-8)
        assert (await house.service.get(f"/v1/orders/{placed['id']}", crs=crs.value)).json()["place"] == placed["place"]
    problem(await house.service.get(f"/v1/orders/{placed['id']}", crs="mars"), 422, "invalid", "crs")


# --- reading ------------------------------------------------------------------------------------------


async def test_who_may_not_know_of_an_order_hears_that_there_is_none(house: House) -> None:
    order = await house.placed()
    far = await house.valet("far", 9000)
    others = (house.asker("customer", "c-2"), house.asker("dispatcher", "d-2", ["elsewhere"]), far)
    for asker in others:
        seen = await asker.get(f"/v1/orders/{order['id']}")
        unknown = await asker.get(f"/v1/orders/{ULID()}")
        assert problem(seen, 404, "not_found") == problem(unknown, 404, "not_found")
    for known in (house.customer, house.dispatcher, house.admin, house.service):
        assert (await known.get(f"/v1/orders/{order['id']}")).status_code == 200


async def test_a_candidate_sees_the_public_view_and_nothing_private(house: House) -> None:
    valet = await house.valet("v")
    order = await house.placed()
    seen = await valet.get(f"/v1/orders/{order['id']}")
    view = seen.json()
    assert view["details"] == {"note": "flat tyre"}
    assert view["area"] == {"lat": round(house.city.centre.lat, 3), "lon": round(house.city.centre.lon, 3)}
    for private in ("沪A12345", "+8613800000000", "Example Road", "Li"):
        assert private not in seen.text


async def test_a_candidate_sees_no_more_when_the_order_is_taken(house: House) -> None:
    loser = await house.valet("loser")
    holder, job = await house.held("winner")
    problem(await loser.get(f"/v1/orders/{job['id']}"), 404, "not_found")
    assert (await holder.get(f"/v1/orders/{job['id']}")).json()["customer"]["phone"] == "+8613800000000"


async def test_a_suspended_candidate_sees_no_more(house: House) -> None:
    valet = await house.valet("v")
    order = await house.placed()
    await house.city.agent("v", suspended=True)
    problem(await valet.get(f"/v1/orders/{order['id']}"), 404, "not_found")


async def test_a_suspension_of_which_redis_did_not_hear_counts_too(house: House) -> None:
    valet = await house.valet("v")
    order = await house.placed()
    profile = await house.dispatch.records.agents.find(valet.sub)
    assert profile is not None
    await house.dispatch.records.agents.put(msgspec.structs.replace(profile, suspended=True), now_ms())
    problem(await valet.get(f"/v1/orders/{order['id']}"), 404, "not_found")


async def test_the_list_is_filtered(house: House) -> None:
    first, second = await house.placed(), await house.placed(kind="towing", customer={"id": "c-2"})
    await house.service.post(f"/v1/orders/{second['id']}/cancel", {"reason": "test"})

    async def ids(**params: Any) -> list[str]:
        answer = await house.service.get("/v1/orders", region=house.city.region, **params)
        return [order["id"] for order in answer.json()["items"]]

    assert await ids() == [second["id"], first["id"]]
    assert await ids(status="open") == [first["id"]]
    assert await ids(kind="towing") == [second["id"]]
    assert await ids(customer_id="c-2") == [second["id"]]
    assert await ids(agent_id="nobody") == []
    assert await ids(created_after=first["created_at"] - 1, created_before=first["created_at"] + 1) != []
    assert await ids(created_before=first["created_at"]) == []


async def test_the_list_is_filtered_by_when_orders_ended(house: House) -> None:
    """A valet's day: what was placed before it and completed in it belongs to it."""
    valet, job = await house.held()
    open_still = await house.placed()
    await valet.post(f"/v1/orders/{job['id']}/progress", {"fence": 1, "step": "completed"})
    (row,) = await rows(house.dispatch, "SELECT updated_at AS at FROM orders WHERE id = :id", id=job["id"])

    async def ids(asker: Asker, **params: Any) -> list[str]:
        answer = await asker.get("/v1/orders", **params)
        return [order["id"] for order in answer.json()["items"]]

    assert await ids(valet, ended_after=row.at - 1, created_before=job["created_at"] + 1) == [job["id"]]
    assert await ids(valet, ended_after=row.at) == await ids(valet, ended_before=row.at) == []
    assert await ids(house.dispatcher, ended_before=row.at + 1) == [job["id"]]
    assert await ids(house.dispatcher) == [open_still["id"], job["id"]]
    other = await house.valet("other")
    assert await ids(other, ended_after=0) == []


async def test_each_sees_his_own_list(house: House) -> None:
    valet, job = await house.held()
    customer = f"c-{house.city.region}"
    mine = await house.placed(customer={"id": customer})

    async def ids(asker: Asker, **params: Any) -> list[str]:
        return [order["id"] for order in (await asker.get("/v1/orders", **params)).json()["items"]]

    assert await ids(valet) == [job["id"]]
    assert await ids(valet, agent_id="another") == []
    assert await ids(house.asker("customer", customer)) == [mine["id"]]
    assert await ids(house.asker("customer", customer), customer_id="c-1") == []
    assert await ids(house.dispatcher) == [mine["id"], job["id"]]
    assert await ids(house.asker("dispatcher", "d-2", [])) == []
    problem(await house.dispatcher.get("/v1/orders", region="default"), 403, "forbidden")


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"status": "lost"}, "status"),
        ({"status": "null"}, "status"),
        ({"status": ""}, "status"),
        ({"kind": "carwash"}, "kind"),
        ({"region": "a b"}, "region"),
        ({"customer_id": "a\0"}, "customer_id"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"limit": ["1", "2"]}, "limit"),
        ({"cursor": "?"}, "cursor"),
        ({"cursor": "bm8"}, "cursor"),
        ({"cursor": "MTIz"}, "cursor"),
        ({"created_after": "-1"}, "created_after"),
        ({"created_after": str(2**63)}, "created_after"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_faulty_parameter_is_named(house: House, params: dict[str, Any], path: str) -> None:
    problem(await house.service.get("/v1/orders", **params), 422, "invalid", path)


async def test_pages_neither_skip_nor_repeat_while_orders_are_placed(house: House) -> None:
    before = [(await house.placed())["id"] for _ in range(7)]
    seen: list[str] = []
    params: dict[str, Any] = {"region": house.city.region, "limit": 2}
    while True:
        page = (await house.service.get("/v1/orders", **params)).json()
        seen += [order["id"] for order in page["items"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
        await asyncio.gather(house.placed(), house.placed())
    assert seen == before[::-1]


async def test_the_timeline_tells_every_step_by_version(house: House) -> None:
    order = await house.escalated()
    path = f"/v1/orders/{order['id']}/timeline"
    events = (await house.dispatcher.get(path)).json()["items"]
    assert [event["version"] for event in events] == list(range(1, order["version"] + 1))
    assert [event["type"] for event in events] == ["placed", "opened", "assigned", "progressed", "released"]
    assert events[0]["actor"] == {"role": "service", "id": "backend"}
    assert events[2]["actor"] == {"role": "valet", "id": f"{house.city.region}.v"}
    assert events[4]["data"]["lat"] == house.city.centre.lat
    first = (await house.dispatcher.get(path, limit=2)).json()
    second = (await house.dispatcher.get(path, limit=200, cursor=first["next"])).json()
    assert (first["items"] + second["items"], second["next"]) == (events, None)


async def test_the_timeline_is_for_staff_and_the_service(house: House) -> None:
    valet, job = await house.held()
    path = f"/v1/orders/{job['id']}/timeline"
    for asker in (valet, house.customer):
        problem(await asker.get(path), 403, "forbidden")
    problem(await house.asker("admin", "a", ["elsewhere"]).get(path), 404, "not_found")
    for asker in (house.admin, house.service):
        assert (await asker.get(path)).status_code == 200


async def test_the_engine_is_an_actor_without_id(house: House) -> None:
    order = await house.placed()
    await house.valet("late")
    events = (await house.service.get(f"/v1/orders/{order['id']}/timeline")).json()["items"]
    # `enter` matched him; only the log knows of it until a projector comes by.
    assert [event["type"] for event in events] == ["placed", "opened"]
    reader = house.dispatch.store.reader(house.city.region, "0-0")
    await house.dispatch.records.ledger.apply(await reader.read(100, 0))
    await reader.close()
    events = (await house.service.get(f"/v1/orders/{order['id']}/timeline")).json()["items"]
    assert events[2]["type"] == "offered"
    assert events[2]["actor"] == {"role": "engine", "id": None}


async def test_candidates_are_listed_nearest_first_with_reasons(house: House) -> None:
    near, far = await house.city.valet("near", 100), await house.city.valet("far", 6000)
    shop = await house.city.agent("shop", role="shop", home=house.city.at(50))
    away = await house.city.agent("away")
    order = await house.placed()
    path = f"/v1/orders/{order['id']}/candidates"
    found = (await house.dispatcher.get(path)).json()["items"]
    assert [each["agent_id"] for each in found] == [shop.id, near.id, far.id, away.id]
    by_id = {each["agent_id"]: each for each in found}
    assert by_id[near.id]["eligible"] and by_id[near.id]["offered_at"] is not None
    assert abs(by_id[near.id]["distance_m"] - 100) <= 1
    assert by_id[far.id]["eligible"] and by_id[far.id]["offered_at"] is None
    assert (by_id[shop.id]["why_not"], by_id[shop.id]["status"]) == ("role", "offline")
    assert (by_id[away.id]["why_not"], by_id[away.id]["distance_m"]) == ("unreachable", None)
    pages = []
    cursor: dict[str, str] = {}
    while True:
        page = (await house.dispatcher.get(path, limit=1, **cursor)).json()
        pages += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert pages == found
    problem(await house.service.get(path), 403, "forbidden")
