"""The ledger writes down what is heard: verdicts, times, leaks; it misses none and invents none."""

from typing import Any

import pytest

from loadtest.judge import Won
from loadtest.ledger import Ledger, percentile
from loadtest.wire import Message, encode

OFFER = {
    "id": "o1", "kind": "towing", "status": "open", "version": 2, "round": 1, "bonus_fen": 0,
    "area": {"lat": 40.719, "lon": -73.986}, "details": {"note": "flat tyre"},
}  # fmt: skip
JOB = {
    "id": "o1", "status": "assigned", "version": 3, "round": 2, "created_at": 1000,
    "customer": {"phone": "+12125550001"},
    "assignment": {"agent_id": "v-1", "fence": 1, "at": 3500, "by": "grab"},
}  # fmt: skip


def hear(*messages: Message, ledger: Ledger | None = None) -> Ledger:
    ledger = ledger or Ledger(private_details={"towing": ["plate"]})
    for message in messages:
        ledger.hears("v-1")(message, encode(message, "msgpack"))
    return ledger


def verdict(outcome: str, **more: Any) -> Message:
    return {"type": "verdict", "ref": "1", "order_id": "o1", "outcome": outcome, **more}


def test_a_win_is_a_fact_with_its_time_and_round() -> None:
    ledger = hear(verdict("won", fence=1, job=JOB))
    assert ledger.told.won == [Won("o1", "v-1", 1)]
    assert ledger.told.acknowledged == {"o1": 3}
    assert (ledger.grab_ms, ledger.rounds) == ([2500], {2: 1})
    assert ledger.statuses == {"assigned": 1}
    assert ledger.told.leaks == []


def test_a_win_after_a_release_says_nothing_about_the_time_to_grab() -> None:
    again = {**JOB, "assignment": {**JOB["assignment"], "fence": 2}}  # type: ignore[dict-item]  # a plain dict of mixed values
    assert hear(verdict("won", fence=2, job=again)).grab_ms == []


def test_verdicts_are_counted_by_outcome_and_reason() -> None:
    ledger = hear(verdict("taken"), verdict("taken"), verdict("refused", reason="at_capacity"), verdict("pending"))
    assert ledger.verdicts == {"taken": 2, "refused at_capacity": 1, "pending": 1}


@pytest.mark.parametrize(
    "message",
    [
        {"type": "offer", "order": {**OFFER, "customer": {}}},
        {"type": "offer", "order": {**OFFER, "details": {"plate": "x"}}},
        {"type": "welcome", "offers": [{**OFFER, "details": {"note": "Rider 7 waits"}}]},
        {"type": "snapshot", "offers": [{**OFFER, "area": {"lat": 40.71881, "lon": -73.986}}]},
        {"type": "retract", "order_id": "o1", "reason": "taken", "by": "+12125550001"},
        {"type": "unjob", "order_id": "o1", "reason": "cancelled", "address": "Door 7"},
        verdict("taken", job=JOB),
    ],
)
def test_each_leak_is_noted(message: Message) -> None:
    [leak] = hear(message).told.leaks
    assert leak.startswith("v-1")


def test_what_he_may_see_is_no_leak() -> None:
    ledger = hear(
        {"type": "welcome", "offers": [OFFER], "jobs": [JOB]},
        {"type": "offer", "order": OFFER},
        {"type": "job", "order": JOB},
        {"type": "retract", "order_id": "o1", "reason": "taken"},
        verdict("gone", reason="cancelled"),
    )
    assert ledger.told.leaks == []


def test_an_error_that_answers_nothing_is_a_surprise() -> None:
    ledger = hear({"type": "error", "code": "invalid", "message": "lat"}, {"type": "error", "ref": "3", "code": "x"})
    assert len(ledger.told.surprises) == 1


def test_the_latest_version_tells_the_status_in_whatever_order_it_is_heard() -> None:
    ledger = hear({"type": "job", "order": {"id": "o1", "version": 5, "status": "completed"}})
    hear({"type": "job", "order": {"id": "o1", "version": 4, "status": "working"}}, ledger=ledger)
    assert ledger.statuses == {"completed": 1}


def test_acknowledged_versions_only_rise() -> None:
    ledger = hear(verdict("won", fence=1, job={**JOB, "version": 9}), verdict("won", fence=1, job=JOB))
    assert ledger.told.acknowledged == {"o1": 9}


@pytest.mark.parametrize(("part", "value"), [(0.5, 2), (0.95, 4), (0.25, 1), (0.0, 1), (1.0, 4)])
def test_percentiles(part: float, value: int) -> None:
    assert percentile([4, 1, 3, 2], part) == value
    assert percentile([], part) is None
