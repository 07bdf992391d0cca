"""The lunch hours of a car service, in short: a quiet morning, the rise to noon, the fall after it.

Owns the curve, as shares. Pure. Invariant: it never asks for more users than the most, nor for none before it is over.
"""

from collections.abc import Sequence
from itertools import pairwise

# Share of the time → share of the users.
CURVE: Sequence[tuple[float, float]] = (
    (0.00, 0.20),
    (0.25, 0.35),
    (0.45, 1.00),
    (0.60, 1.00),
    (0.80, 0.40),
    (1.00, 0.20),
)


def users_at(part: float, most: int) -> int | None:
    """How many users there are when that part of the time has passed; None when it is over. At least one."""
    for (begins, fewer), (ends, more) in pairwise(CURVE):
        if begins <= part < ends:
            share = fewer + (more - fewer) * (part - begins) / (ends - begins)
            return max(1, round(most * share))
    return None


def rate_for(most: int, seconds: float) -> float:
    """Users a second, twice what the steepest rise needs."""
    steepest = max(abs(more - fewer) / (ends - begins) for (begins, fewer), (ends, more) in pairwise(CURVE))
    return max(1.0, 2 * steepest * most / seconds)
