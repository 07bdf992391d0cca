"""Seeded people: the same draw gives the same choice, and over many draws every choice occurs."""

import random
from collections import Counter
from typing import Any, cast

import pytest

from loadtest.behaviour import (
    RELEASES,
    Choice,
    Person,
    Ruling,
    choose,
    cost_m,
    paced_policy,
    plan,
    recruit,
    rule,
    think_seconds,
)
from loadtest.demand import Pickup
from loadtest.wire import STEPS, Offer

HERE = (40.7, -73.9)
PLACES = [Pickup(n, n, 40.7 + n / 1000, -73.9) for n in range(40)]
AUDIENCE = {
    "maintenance": ["valet"],
    "towing": ["valet", "shop"],
    "parts": ["shop"],
    "beauty": ["valet", "shop"],
}


def offer(order_id: str, lat: float, bonus_fen: int = 0) -> Offer:
    return cast(Offer, {"id": order_id, "area": {"lat": lat, "lon": -73.9}, "bonus_fen": bonus_fen, "round": 1})


def people(seed: int = 1) -> list[Person]:
    return recruit(60, 30, PLACES, AUDIENCE, seed)


def test_the_same_seed_casts_the_same_people() -> None:
    assert people() == people()
    assert people() != people(2)


def test_people_are_who_they_should_be() -> None:
    everybody = people()
    assert Counter(each.role for each in everybody) == {"valet": 60, "shop": 30}
    assert len({each.id for each in everybody}) == len({each.phone for each in everybody}) == 90
    assert all(each.skills and each.capacity >= 1 for each in everybody)
    assert {each.codec for each in everybody} == {"json", "msgpack"}
    assert any(each.loses_connection for each in everybody)


def test_nobody_has_a_skill_that_is_not_for_his_role() -> None:
    for each in people():
        assert all(each.role in AUDIENCE[kind] for kind in each.skills)


def test_more_valets_leave_the_first_ones_as_they_were() -> None:
    assert recruit(10, 0, PLACES, AUDIENCE, 1) == recruit(60, 0, PLACES, AUDIENCE, 1)[:10]


def test_thinking_is_human() -> None:
    draw = random.Random(1)
    seconds = sorted(think_seconds(draw) for _ in range(2000))
    assert seconds[0] >= 0.4
    assert seconds[-1] <= 4.0
    assert seconds[1000] == pytest.approx(1.1, rel=0.1)


def test_nothing_to_choose_from() -> None:
    assert choose([], HERE, random.Random(1)) is None


def test_the_nearest_is_chosen_unless_a_bonus_is_worth_the_way() -> None:
    near, far = offer("near", 40.701), offer("far", 40.72)
    draws = [choose([far, near], HERE, random.Random(seed)) for seed in range(20)]
    assert {each.order_id for each in draws if each} == {"near"}
    paid = offer("far", 40.72, bonus_fen=10_000)
    assert cost_m(paid, HERE) < cost_m(near, HERE)


def test_he_mostly_grabs_and_sometimes_does_not() -> None:
    draw = random.Random(7)
    choices = [choose([offer("o", 40.701)], HERE, draw) for _ in range(1000)]
    acts = Counter(each.act for each in choices if each)
    assert acts["grab"] == pytest.approx(800, abs=50)
    assert min(acts["decline"], acts["pass"]) > 0
    assert choose([offer("o", 40.701)], HERE, random.Random(3)) == choose([offer("o", 40.701)], HERE, random.Random(3))
    assert isinstance(choices[0], Choice)


@pytest.mark.parametrize("status", ["assigned", "en_route", "arrived", "working"])
def test_a_job_goes_on_from_where_it_is_and_never_back(status: str) -> None:
    reached = -1 if status == "assigned" else STEPS.index(status)
    for seed in range(200):
        stages = plan(status, 120, random.Random(seed))
        steps = [STEPS.index(each.step) for each in stages]
        assert steps == sorted(set(steps))
        assert steps[0] > reached
        assert stages[-1].releases or stages[-1].step == "completed"
        assert not any(each.releases for each in stages[:-1])


def test_plans_skip_and_release_now_and_then() -> None:
    plans = [plan("assigned", 120, random.Random(seed)) for seed in range(1000)]
    released = [each for each in plans if each[-1].releases]
    assert 0 < len(released) < 1000 * RELEASES * 4
    assert any(len(each) < len(STEPS) for each in plans if each not in released)
    assert any(len(each) == len(STEPS) for each in plans)


def test_work_is_as_much_faster_as_the_day() -> None:
    slow, fast = (plan("assigned", speed, random.Random(5)) for speed in (1, 100))
    assert [each.seconds / 100 for each in slow] == pytest.approx([each.seconds for each in fast])


def candidate(agent_id: str, eligible: bool) -> dict[str, Any]:
    return {"agent_id": agent_id, "eligible": eligible}


NEAREST_FIRST = [candidate("v-1", False), candidate("v-2", True), candidate("v-3", True)]
NOBODY = [candidate("v-1", False)]


@pytest.mark.parametrize(
    ("status", "held_by", "candidates", "reopened", "ruling"),
    [
        ("escalated", None, NEAREST_FIRST, 0, Ruling("assign", "v-2")),
        ("working", "v-2", NEAREST_FIRST, 0, Ruling("assign", "v-3")),
        ("working", "v-2", NOBODY, 0, Ruling("leave")),
        ("escalated", None, NOBODY, 0, Ruling("reopen")),
        ("escalated", None, NOBODY, 1, Ruling("cancel")),
        ("escalated", None, [], 1, Ruling("cancel")),
    ],
)
def test_how_the_dispatcher_rules(
    status: str, held_by: str | None, candidates: list[dict[str, Any]], reopened: int, ruling: Ruling
) -> None:
    assert rule(status, held_by, candidates, reopened) == ruling


def test_a_policy_keeps_its_audience_and_gets_the_pace_of_the_replay() -> None:
    policy = {
        "kind": "towing",
        "audience": ["valet", "shop"],
        "rounds": [],
        "desk_seconds": 900,
        "lead_seconds": 1800,
        "stall_seconds": {"assigned": 300, "en_route": 3600},
        "hall_radius_m": 0,
        "private_details": ["vin"],
    }
    paced = paced_policy(policy, 120)
    assert paced.keys() == policy.keys()
    assert paced["audience"] == ["valet", "shop"]
    assert paced["stall_seconds"] == {"assigned": 5, "en_route": 30}
    assert paced["private_details"] == ["plate", "vin"]
    assert len(paced["rounds"]) == 3
