"""Policies by HTTP."""

from typing import Any

import pytest

from tests.admin_api.conftest import House, problem

ROUND = {"radius_m": 3000, "limit": 20, "seconds": 15}
POLICY: dict[str, Any] = {"audience": ["valet"], "rounds": [ROUND]}


async def test_a_policy_makes_a_kind(house: House) -> None:
    kind = f"kind-{house.city.region}"
    stored = (await house.admin.put(f"/v1/policies/{kind}", POLICY | {"private_details": ["plate"]})).json()
    assert stored == {
        "kind": kind,
        "audience": ["valet"],
        "rounds": [ROUND | {"bonus_fen": 0}],
        "desk_seconds": 900,
        "lead_seconds": 1800,
        "stall_seconds": {},
        "hall_radius_m": 0,
        "private_details": ["plate"],
        "listen": "after",
    }
    listed = (await house.dispatcher.get("/v1/policies", limit=200)).json()["items"]
    assert stored in listed
    assert (await house.placed(kind=kind))["kind"] == kind


async def test_policies_are_paged_by_kind(house: House) -> None:
    everything = (await house.admin.get("/v1/policies", limit=200)).json()["items"]
    kinds = [policy["kind"] for policy in everything]
    assert kinds == sorted(kinds)
    assert {"maintenance", "beauty", "insurance", "parts", "rental", "used_car", "towing", "chauffeur"} < set(kinds)
    first = (await house.admin.get("/v1/policies", limit=3)).json()
    rest = (await house.admin.get("/v1/policies", limit=200, cursor=first["next"])).json()
    assert first["items"] + rest["items"] == everything
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"audience": ["valet"]}, "rounds"),
        ({"audience": ["valet"], "rounds": []}, "rounds"),
        (POLICY | {"audience": []}, "audience"),
        (POLICY | {"audience": ["customer"]}, "audience[0]"),
        (POLICY | {"audience": ["valet", "valet"]}, "audience"),
        (POLICY | {"rounds": [ROUND, ROUND | {"radius_m": -1}]}, "rounds[1].radius_m"),
        (POLICY | {"rounds": [ROUND | {"seconds": 0}]}, "rounds[0].seconds"),
        (POLICY | {"stall_seconds": {"open": 5}}, "stall_seconds"),
        (POLICY | {"stall_seconds": {"assigned": 0}}, "stall_seconds"),
        (POLICY | {"kind": "another"}, "kind"),
        (POLICY | {"private_details": ["\0"]}, "private_details[0]"),
        (POLICY | {"colour": "red"}, "colour"),
    ],
)
async def test_a_faulty_policy_is_named(house: House, body: dict[str, Any], path: str) -> None:
    problem(await house.admin.put("/v1/policies/faulty", body), 422, "invalid", path)
    assert house.dispatch.catalog.known_policy("faulty") is None


async def test_a_policy_that_is_no_object_is_refused(house: House) -> None:
    problem(await house.admin.put("/v1/policies/faulty", [POLICY]), 422, "invalid")
    problem(await house.admin.put("/v1/policies/a%20b", POLICY), 422, "invalid", "kind")


async def test_who_may_put_and_list(house: House) -> None:
    for asker in (house.dispatcher, house.service, house.customer):
        problem(await asker.put("/v1/policies/faulty", POLICY), 403, "forbidden")
    for asker in (house.service, house.customer):
        problem(await asker.get("/v1/policies"), 403, "forbidden")
