"""Each rule finds the fault that it is for, and nothing in an honest account."""

from collections.abc import Sequence
from typing import Any

from loadtest.judge import Event
from tests.faults.answered import ghosts, lost_commands, placed_twice, twice_applied
from tests.faults.history import Call

GRABBED = Event(3, "assigned", 0, {"agent_id": "v-1", "fence": 1, "by": "grab"})


def call(op: str, outcome: str, actor: str = "v-1", returned_at: int | None = 1, **fields: Any) -> Call:
    return Call("o", op, actor, 0, fields.pop("args", {}), returned_at, outcome, fields)


def timelines(*events: Event) -> dict[str, Sequence[Event]]:
    return {"o": [Event(1, "placed", 0, {}), Event(2, "opened", 0, {}), *events]}


def test_an_answered_command_stands_in_the_timeline() -> None:
    released = Event(4, "released", 0, {"agent_id": "v-1", "fence": 1, "reason": "r-1"})
    answered = call("release", "ok", args={"fence": 1}, version=4)
    assert list(lost_commands([answered], timelines(GRABBED, released))) == []
    assert [fault.rule for fault in lost_commands([answered], timelines(GRABBED))] == ["lost command"]


def test_another_fence_or_a_later_event_is_no_proof() -> None:
    later = Event(6, "released", 0, {"fence": 1})
    other = Event(4, "released", 0, {"fence": 2})
    answered = call("release", "ok", args={"fence": 1}, version=5)
    assert len(list(lost_commands([answered], timelines(GRABBED, other, later)))) == 1


def test_an_order_that_was_answered_is_known() -> None:
    assert [fault.rule for fault in lost_commands([call("place", "ok")], {})] == ["lost order"]
    assert list(lost_commands([call("place", "", returned_at=None)], {})) == []


def test_a_win_that_nobody_knows_is_a_ghost() -> None:
    won = call("grab", "won", fence=1)
    assert list(ghosts([won], timelines(GRABBED))) == []
    assert len(list(ghosts([won], timelines()))) == 1


def test_a_holder_who_was_told_otherwise_is_a_ghost() -> None:
    assert len(list(ghosts([call("grab", "taken")], timelines(GRABBED)))) == 1
    assert list(ghosts([call("grab", "taken", actor="v-2")], timelines(GRABBED))) == []


def test_a_grab_that_was_never_answered_accuses_nobody() -> None:
    calls = [call("grab", "taken"), call("grab", "", returned_at=None)]
    assert list(ghosts(calls, timelines(GRABBED))) == []


def test_a_marker_stands_once() -> None:
    first = Event(4, "released", 0, {"fence": 1, "reason": "r-1"})
    again = Event(5, "released", 0, {"fence": 2, "nested": {"reason": ["r-1"]}})
    assert list(twice_applied([("o", "r-1")], timelines(first))) == []
    assert len(list(twice_applied([("o", "r-1")], timelines(first, again)))) == 1


def test_one_post_makes_one_order() -> None:
    assert list(placed_twice({"o": "m-1", "p": "m-2"})) == []
    assert len(list(placed_twice({"o": "m-1", "p": "m-1"}))) == 1
