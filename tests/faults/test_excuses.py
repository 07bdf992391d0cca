"""Which troubles excuse a late deadline."""

import time

import pytest

from tests.faults.excuses import excuses
from tests.faults.incidents import Incident

SECOND_NS = 1_000_000_000


def trouble(target: str, from_s: float, until_s: float, clock_ms: int = 0) -> Incident:
    began = time.monotonic_ns()
    return Incident("some", target, began + int(from_s * SECOND_NS), began + int(until_s * SECOND_NS), False, clock_ms)


@pytest.mark.parametrize("target", ["redis", "engine-1 engine-2", "engine-1:redis engine-2:redis hub-1:redis"])
def test_nobody_could_have_done_it(target: str) -> None:
    assert len(excuses([trouble(target, 0, 5)]).away) == 1


@pytest.mark.parametrize(
    "target", ["engine-1", "hub-1", "engine-1:redis hub-1:redis", "engine-1:postgres engine-2:postgres", "postgres"]
)
def test_somebody_could(target: str) -> None:
    assert excuses([trouble(target, 0, 5)]).away == []


def test_two_engines_excuse_only_while_both_are_in_trouble() -> None:
    (shared,) = excuses([trouble("engine-1", 0, 6), trouble("engine-2:redis", 4, 9)]).away
    assert 1_500 < shared.until_ms - shared.from_ms < 2_500


def test_postgresql_keeps_a_region_closed_that_is_to_be_put_right() -> None:
    assert len(excuses([trouble("redis", 0, 5), trouble("postgres", 8, 20)]).away) == 2
    assert len(excuses([trouble("redis", 0, 5), trouble("postgres", 16, 20)]).away) == 1


def test_only_redis_clock_counts() -> None:
    assert excuses([trouble("hub-1", 0, 5, clock_ms=120_000)]).jumps == []
    ((_, by_ms),) = excuses([trouble("redis", 0, 5, clock_ms=-120_000)]).jumps
    assert by_ms == -120_000
