"""Policies: what an operator may write, and the terms that a round gets of it."""

from typing import Any

import msgspec
import pytest

from dispatch.errors import InvariantBroken, Refused
from dispatch.policy import DEFAULTS, HeldStatus, Policy, Round, Terms, opening, parse, stall_text, terms

BODY: dict[str, Any] = {
    "audience": ["valet", "shop"],
    "rounds": [
        {"radius_m": 3000, "limit": 20, "seconds": 15},
        {"radius_m": 6000, "limit": 50, "seconds": 0.25, "bonus_fen": 500},
    ],
    "desk_seconds": 900,
    "lead_seconds": 1800,
    "stall_seconds": {"en_route": 3600, "assigned": 300},
}
KINDS = {"maintenance", "beauty", "insurance", "parts", "rental", "used_car", "towing", "chauffeur", "voice"}


def test_the_example_of_the_protocol_is_a_policy() -> None:
    policy = parse("towing", BODY | {"kind": "towing", "hall_radius_m": 0, "private_details": ["plate"]})
    assert (policy.kind, policy.audience, len(policy.rounds)) == ("towing", ("valet", "shop"), 2)
    assert (policy.desk_ms, policy.lead_ms) == (900_000, 1_800_000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rounds": []},
        {"rounds": [{"radius_m": 0, "limit": 1, "seconds": 1}]},
        {"rounds": [{"radius_m": 1, "limit": 0, "seconds": 1}]},
        {"rounds": [{"radius_m": 1, "limit": 1, "seconds": 0}]},
        {"rounds": [{"radius_m": 1, "limit": 1, "seconds": float("nan")}]},
        {"rounds": [{"radius_m": 1, "limit": 1, "seconds": 1, "bonus_fen": -1}]},
        {"rounds": [{"radius_m": 1, "limit": 1, "seconds": 1, "colour": 1}]},
        {"rounds": [{"radius_m": 1, "limit": 1, "seconds": 1}] * 21},
        {"audience": []},
        {"audience": ["dispatcher"]},
        {"audience": ["valet", "valet"]},
        {"desk_seconds": 0},
        {"stall_seconds": {"open": 5}},
        {"stall_seconds": {"assigned": 0}},
        {"colour": "red"},
        {"kind": "other"},
    ],
)
def test_a_policy_that_could_not_be_carried_out_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((msgspec.ValidationError, Refused)):
        parse("towing", BODY | wrong)


@pytest.mark.parametrize("kind", ["", "a b", "x" * 65, "a\n", "日"])
def test_a_kind_is_an_id(kind: str) -> None:
    with pytest.raises(Refused):
        parse(kind, BODY)


@pytest.mark.parametrize("body", [None, [], "x", {}])
def test_no_document_is_no_policy(body: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        parse("towing", body)


def test_each_round_has_its_terms_and_then_none() -> None:
    policy = parse("towing", BODY)
    first, second = terms(policy, 1), terms(policy, 2)
    common = {"rounds": 2, "audience": "valet,shop", "stall": "assigned:300000,en_route:3600000", "desk_ms": 900_000}
    assert first == Terms(round=1, radius_m=3000, limit=20, duration_ms=15_000, bonus_fen=0, **common)  # type: ignore[arg-type]  # common fields
    assert second == Terms(round=2, radius_m=6000, limit=50, duration_ms=250, bonus_fen=500, **common)  # type: ignore[arg-type]  # common fields
    assert terms(policy, 3) is None


def test_an_order_with_a_plan_goes_by_its_own_rounds() -> None:
    plan = msgspec.json.encode([Round(radius_m=9000, limit=3, seconds=5.0)]).decode()
    found = terms(parse("towing", BODY), 1, plan)
    assert found is not None
    assert (found.rounds, found.radius_m, found.limit) == (1, 9000, 3)
    assert terms(parse("towing", BODY), 2, plan) is None


def test_opening_packs_the_first_round() -> None:
    packed = msgspec.msgpack.decode(opening(parse("towing", BODY)))
    assert (packed["round"], packed["radius_m"], packed["duration_ms"]) == (1, 3000, 15_000)
    with pytest.raises(InvariantBroken):
        opening(Policy(kind="x", audience=("valet",), rounds=()))


def test_a_time_limit_is_never_rounded_away() -> None:
    policy = parse("towing", BODY | {"stall_seconds": {"assigned": 0.0001}, "desk_seconds": 0.0001})
    assert (stall_text(policy), policy.desk_ms) == ("assigned:1", 1)


@pytest.mark.parametrize("status", ["assigned", "en_route", "arrived", "working"])
def test_a_step_may_have_a_time_limit(status: HeldStatus) -> None:
    assert stall_text(parse("towing", BODY | {"stall_seconds": {status: 2}})) == f"{status}:2000"


@pytest.mark.parametrize(("kind", "listen"), [("voice", "before"), ("towing", "after"), ("anything", "after")])
def test_who_does_not_say_when_candidates_may_listen(kind: str, listen: str) -> None:
    """A policy that was stored before there were voice notes does not, either."""
    assert parse(kind, BODY).listen == listen
    for said in ("before", "after"):
        assert parse(kind, BODY | {"listen": said}).listen == said


@pytest.mark.parametrize("wrong", ["never", "", None, True])
def test_candidates_listen_before_or_after(wrong: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        parse("voice", BODY | {"listen": wrong})


def test_the_defaults_are_one_policy_a_kind_and_survive_their_storage() -> None:
    assert {policy.kind for policy in DEFAULTS} == KINDS
    for policy in DEFAULTS:
        assert parse(policy.kind, msgspec.json.decode(msgspec.json.encode(policy))) == policy
    audience = {policy.kind: set(policy.audience) for policy in DEFAULTS}
    assert {kind for kind, roles in audience.items() if roles == {"valet"}} == {"maintenance", "chauffeur"}
    assert {kind for kind, roles in audience.items() if len(roles) == 2} == {"towing", "beauty"}
