"""Which deadlines took effect later than PROTOCOL §7 allows, read from timelines.

Owns the bound and what excuses: while Redis is away nothing can take effect, so the bound counts from its return.
Knows no socket and no clock. Invariant: what happened while only one of two engines was hit is never excused.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from loadtest.judge import Event, Fault

BOUND_MS = 6_000
DEADLINES = frozenset({"opened", "widened", "escalated", "stalled", "expired"})


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Wall-clock ms in which something was away."""

    from_ms: int
    until_ms: int

    def overlap(self, other: "Window") -> "Window | None":
        both = Window(max(self.from_ms, other.from_ms), min(self.until_ms, other.until_ms))
        return both if both.from_ms < both.until_ms else None


@dataclass(frozen=True, slots=True)
class Excuses:
    """`away`: nobody could have done it. `jumps`: a clock was being moved by so many ms."""

    away: Sequence[Window] = ()
    jumps: Sequence[tuple[Window, int]] = ()


def late(timelines: Mapping[str, Sequence[Event]], excuses: Excuses, bound_ms: int = BOUND_MS) -> Iterator[Fault]:
    for order_id, timeline in timelines.items():
        for event in timeline:
            due_at = event.data.get("due_at")
            if event.type not in DEADLINES or due_at is None:
                continue
            late_ms = event.at - _counted_from(due_at, event.at, excuses.away, bound_ms)
            if late_ms > bound_ms and not _jumped(event.at, event.at - due_at, excuses.jumps, bound_ms):
                yield Fault("late", order_id, f"`{event.type}` at version {event.version}, {late_ms} ms late")


def _counted_from(due_at: int, at: int, away: Iterable[Window], bound_ms: int) -> int:
    """The instant from which somebody could have done it; an absence that begins within the grace begins it anew."""
    begun = due_at
    for window in sorted(away):
        if window.from_ms <= min(begun + bound_ms, at) and window.until_ms > begun:
            begun = window.until_ms
    return begun


def _jumped(at: int, late_ms: int, jumps: Iterable[tuple[Window, int]], bound_ms: int) -> bool:
    """Redis' clock leapt over the deadline: by that clock nothing could have happened in between."""
    return any(
        late_ms <= abs(by_ms) + bound_ms
        and window.from_ms - abs(by_ms) - bound_ms <= at <= window.until_ms + abs(by_ms) + bound_ms
        for window, by_ms in jumps
    )


def both(first: Iterable[Window], second: Iterable[Window]) -> list[Window]:
    """Where the two were away at the same time."""
    others = list(second)
    return [shared for one in first for other in others if (shared := one.overlap(other))]
