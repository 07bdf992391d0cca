"""What is late, and what only looks so."""

from loadtest.judge import Event
from tests.faults.lateness import Excuses, Window, both, late


def widened(due_at: int, at: int) -> dict[str, list[Event]]:
    return {"o": [Event(1, "placed", 0, {}), Event(2, "widened", at, {"due_at": due_at})]}


def found(due_at: int, at: int, excuses: Excuses | None = None) -> list[str]:
    return [fault.text for fault in late(widened(due_at, at), excuses or Excuses())]


def test_the_bound_is_six_seconds() -> None:
    assert found(10_000, 16_000) == []
    assert found(10_000, 16_001) == ["`widened` at version 2, 6001 ms late"]


def test_it_counts_from_the_return_of_what_was_away() -> None:
    away = Excuses(away=[Window(9_000, 20_000)])
    assert found(10_000, 26_000, away) == []
    assert found(10_000, 26_001, away) == ["`widened` at version 2, 6001 ms late"]


def test_absences_follow_one_another() -> None:
    assert found(10_000, 40_000, Excuses(away=[Window(24_000, 35_000), Window(9_000, 20_000)])) == []
    assert found(10_000, 40_000, Excuses(away=[Window(27_000, 35_000), Window(9_000, 20_000)])) != []


def test_an_absence_after_the_effect_or_before_the_deadline_excuses_nothing() -> None:
    assert found(10_000, 17_000, Excuses(away=[Window(1_000, 9_000), Window(18_000, 19_000)])) != []


def test_a_jump_of_the_clock_excuses_as_much_as_it_leapt() -> None:
    jump = Excuses(jumps=[(Window(100_000, 110_000), 120_000)])
    assert found(100_500, 220_400, jump) == []
    assert found(100_500, 228_000, jump) != []
    assert found(900_000, 910_000, jump) != []


def test_two_are_away_only_while_both_are() -> None:
    assert both([Window(0, 10)], [Window(5, 20), Window(30, 40)]) == [Window(5, 10)]
