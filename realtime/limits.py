"""Token buckets: how much of something is granted a second, and how much at once.

Pure; `now` is passed in. A bucket is one number, the moment at which it is full again, and one that is full is not kept
at all: whoever is silent costs nothing. Invariant: within any t seconds a name is granted at most burst + rate · t,
however often it comes and goes.
"""

from typing import NamedTuple

FORGET_S = 10.0
_GRAIN = 1e-3
"""Of one token: what sums of fractions may be wrong by."""


class Limit(NamedTuple):
    """`rate` a second, above 0; `burst` at once, at least 1."""

    rate: float
    burst: int


class Rates(NamedTuple):
    """Of one party; None: without a limit. Every message counts as one, a grab or a position also as what it is."""

    messages: Limit | None = Limit(100, 1000)
    grabs: Limit | None = Limit(50, 500)
    positions: Limit | None = Limit(10, 100)


DEFAULT_RATES = Rates()


class Buckets:
    """All buckets of one limit, by name."""

    __slots__ = ("_each", "_forgot_at", "_full_at", "_most")

    def __init__(self, limit: Limit) -> None:
        self._each = 1 / limit.rate
        self._most = (limit.burst + _GRAIN) * self._each
        self._full_at: dict[str, float] = {}
        self._forgot_at = 0.0

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, name: str, now: float) -> bool:
        """Whether there was a token; without one, nothing is taken."""
        if now - self._forgot_at >= FORGET_S:
            self._forget_full(now)
        full_at = max(self._full_at.get(name, now), now) + self._each
        if full_at - now > self._most:
            return False
        self._full_at[name] = full_at
        return True

    def _forget_full(self, now: float) -> None:
        self._forgot_at = now
        self._full_at = {name: full_at for name, full_at in self._full_at.items() if full_at > now}
