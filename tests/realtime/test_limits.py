"""Token buckets, with the time passed in."""

from hypothesis import given
from hypothesis import strategies as st

from realtime.limits import FORGET_S, Buckets, Limit

LIMITS = st.builds(Limit, st.floats(0.01, 1000), st.integers(1, 50))
PAUSES = st.lists(st.floats(0, 30), max_size=200)
START = 1_000_000.0
"""A monotonic clock is that far after two weeks."""


def granted(buckets: Buckets, pauses: list[float], name: str = "a") -> list[float]:
    """The times at which there was a token, of those after each pause."""
    now, found = START, []
    for pause in pauses:
        now += pause
        if buckets.take(name, now):
            found.append(now)
    return found


@given(LIMITS, PAUSES)
def test_within_any_stretch_no_more_than_the_burst_and_what_came_since(limit: Limit, pauses: list[float]) -> None:
    times = granted(Buckets(limit), pauses)
    for i, first in enumerate(times):
        for j, last in enumerate(times[i:], 1):
            assert j <= limit.burst + limit.rate * (last - first) + 0.01


@given(LIMITS, PAUSES)
def test_who_keeps_to_it_is_never_refused(limit: Limit, pauses: list[float]) -> None:
    buckets = Buckets(limit)
    assert len(granted(buckets, [0.0] * limit.burst)) == limit.burst
    paced = [pause + 1.001 / limit.rate for pause in pauses]
    assert len(granted(buckets, paced, "b")) == len(paced)


@given(LIMITS, PAUSES)
def test_a_refusal_takes_nothing(limit: Limit, pauses: list[float]) -> None:
    """However often it is asked in vain, the next token comes when it would have come."""
    patient, eager = Buckets(limit), Buckets(limit)
    for buckets in (patient, eager):
        granted(buckets, [0.0] * limit.burst)
    assert granted(eager, [0.0] * 100) == []
    later = [1.01 / limit.rate, *pauses]
    assert granted(eager, later) == granted(patient, later) != []


def test_each_name_has_a_bucket_of_its_own() -> None:
    buckets = Buckets(Limit(1, 1))
    assert buckets.take("a", START)
    assert buckets.take("b", START)
    assert not buckets.take("a", START)


def test_full_buckets_are_forgotten_and_others_are_not() -> None:
    buckets = Buckets(Limit(0.5, 100))
    for i in range(50):
        buckets.take(f"once-{i}", START)
    for _ in range(100):
        buckets.take("much", START)
    assert len(buckets) == 51
    assert buckets.take("other", START + FORGET_S)
    assert len(buckets) == 2
    assert [buckets.take("much", START + FORGET_S) for _ in range(6)] == [True] * 5 + [False]
