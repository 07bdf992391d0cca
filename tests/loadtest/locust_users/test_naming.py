"""Names in locust's table, what counts as a failure, and the times that messages tell."""

from typing import Any

import pytest

from loadtest.locust_users.naming import Skew, answered, asked, failure, pushed
from loadtest.wire import Message

GRAB: Message = {"type": "grab", "order_id": "1"}
PROGRESS: Message = {"type": "progress", "order_id": "1", "fence": 1, "step": "arrived"}
OPENING = {"version": 2, "round": 1, "created_at": 1000}
ASSIGNED = {"status": "assigned", "assignment": {"at": 2000}}


def verdict(**fields: Any) -> Message:
    return {"type": "verdict", "order_id": "1", **fields}


@pytest.mark.parametrize(
    ("question", "answer", "name", "fault"),
    [
        (GRAB, verdict(outcome="won", fence=1), "grab → verdict won", None),
        (GRAB, verdict(outcome="taken"), "grab → verdict taken", None),
        (GRAB, verdict(outcome="gone", reason="cancelled"), "grab → verdict gone (cancelled)", None),
        (GRAB, verdict(outcome="refused", reason="at_capacity"), "grab → verdict refused (at_capacity)", None),
        (GRAB, verdict(outcome="refused", reason="unavailable"), "grab → verdict refused (unavailable)", "unavailable"),
        (GRAB, {"type": "error", "code": "rate_limited"}, "grab → verdict", "rate_limited"),
        (PROGRESS, {"type": "ok"}, "progress arrived → ok", None),
        (PROGRESS, {"type": "error", "code": "stale_fence"}, "progress arrived → ok", "stale_fence"),
        ({"type": "ping"}, {"type": "pong"}, "ping → pong", None),
    ],
)
def test_answers(question: Message, answer: Message, name: str, fault: str | None) -> None:
    assert answered(question, answer) == name
    assert name.startswith(asked(question))
    assert failure(answer) == fault


@pytest.mark.parametrize(
    ("message", "name", "happened_at"),
    [
        ({"type": "offer", "order": OPENING}, "posted → offer (pushed)", 1000),
        ({"type": "offer", "order": OPENING | {"version": 3}}, "offer (pushed, untimed)", None),
        ({"type": "offer", "order": OPENING | {"round": 2}}, "offer (pushed, untimed)", None),
        ({"type": "retract", "order_id": "1", "reason": "taken"}, "retract taken (pushed, untimed)", None),
        ({"type": "job", "order": ASSIGNED}, "job assigned (pushed)", 2000),
        ({"type": "job", "order": ASSIGNED | {"status": "arrived"}}, "job arrived (pushed, untimed)", None),
        ({"type": "desk", "event": "assigned", "order": ASSIGNED}, "desk assigned (pushed)", 2000),
        ({"type": "desk", "event": "taken_up", "order": ASSIGNED}, "desk taken_up (pushed, untimed)", None),
        ({"type": "notice", "at": 5}, "notice (pushed)", 5),
        ({"type": "a type that nobody knows"}, "a type that nobody knows (pushed, untimed)", None),
    ],
)
def test_pushed_messages(message: Message, name: str, happened_at: int | None) -> None:
    assert pushed(message) == (name, happened_at)


def test_a_clock_that_may_be_the_same_is_taken_to_be() -> None:
    skew = Skew()
    assert skew.since(1000, 1250) == 250
    skew.learn(said_ms=1000.5, server_ms=1001, heard_ms=1003)
    assert skew.ahead_ms == 0
    assert skew.since(1002, 1001.5) == 0


def test_a_clock_that_differs_is_corrected_the_better_the_quicker_a_welcome_came() -> None:
    skew = Skew()
    skew.learn(said_ms=0, server_ms=5050, heard_ms=100)
    assert skew.ahead_ms == pytest.approx(5000.5)
    skew.learn(said_ms=1000, server_ms=6001, heard_ms=1002)
    assert skew.ahead_ms == pytest.approx(5000.5, abs=1.5)
    assert skew.most - skew.least <= 3
    assert skew.since(6000, 1100) == pytest.approx(100.5, abs=1.5)


def test_a_clock_that_was_set_is_learnt_anew() -> None:
    skew = Skew()
    skew.learn(said_ms=0, server_ms=5000, heard_ms=1)
    skew.learn(said_ms=10_000, server_ms=10_000, heard_ms=10_001)
    assert skew.ahead_ms == 0
