"""The figures of a desk: what became of the orders of some regions that were placed in a span.

Owns spans and buckets; the counting is done in PostgreSQL, and one count is shared by all who ask the same. Invariants:
the buckets follow each other without a gap from the span's beginning to its end, also those without an order; each
order of the span is in one of them.
"""

from collections.abc import Sequence

import msgspec

from dispatch.clock import now_ms
from dispatch.errors import invalid
from dispatch.records import Records
from dispatch.records.figures import Asked, Tally
from dispatch.shared import Shared

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
LONGEST_MS = 31 * DAY_MS
WIDTHS_MS = (5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS)
MOST_BUCKETS = 32
"""The narrowest buckets are taken of which there are no more."""
FRESH_S = 10.0


class TimeToGrab(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From when an order was placed (one that was scheduled: first opened) to its first assignment, by a grab."""

    p50: int
    p95: int


class Bucket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """It begins at `at` and ends where the next begins. `p50_ms` is of the time to grab; null where nobody grabbed."""

    at: int
    orders: int = 0
    grabbed: int = 0
    escalated: int = 0
    expired: int = 0
    p50_ms: int | None = None


class FiguresView(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of the orders placed from `since` on and before `until`, as they stood at `at`."""

    at: int
    since: int
    until: int
    bucket_ms: int
    orders: int
    grabbed: int
    assigned_by_desk: int
    escalated: int
    expired: int
    cancelled: int
    completed: int
    time_to_grab_ms: TimeToGrab | None
    buckets: list[Bucket]


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked; None for `until` means now, for `since` a day before."""

    regions: tuple[str, ...]
    kind: str | None
    since: int | None
    until: int | None


class Figures:
    def __init__(self, records: Records) -> None:
        self._records = records
        self._shared = Shared(self._counted, FRESH_S, at_once=1)

    async def of(self, regions: Sequence[str], kind: str | None, since: int | None, until: int | None) -> FiguresView:
        """Some seconds old at most. Raises Refused (invalid: since), Unavailable."""
        span = Span(regions=tuple(sorted(regions)), kind=kind, since=since, until=until)
        _bounds(span, now_ms())
        return await self._shared.ask(span)

    async def close(self) -> None:
        await self._shared.close()

    async def _counted(self, span: Span) -> FiguresView:
        at = now_ms()
        since, until = _bounds(span, at)
        bucket_ms = width(until - since)
        asked = Asked(regions=span.regions, kind=span.kind, since=since, until=until, bucket_ms=bucket_ms)
        tallies = {tally.bucket: tally for tally in await self._records.figures.count(asked)}
        total = tallies.pop(None)
        return FiguresView(
            at=at,
            since=since,
            until=until,
            bucket_ms=bucket_ms,
            orders=total.orders,
            grabbed=total.grabbed,
            assigned_by_desk=total.assigned_by_desk,
            escalated=total.escalated,
            expired=total.expired,
            cancelled=total.cancelled,
            completed=total.completed,
            time_to_grab_ms=_time_to_grab(total),
            buckets=[
                _bucket(begins, tallies.get(number)) for number, begins in enumerate(range(since, until, bucket_ms))
            ],
        )


def width(span_ms: int) -> int:
    """Of the buckets of a span."""
    return next(each for each in WIDTHS_MS if each * MOST_BUCKETS >= span_ms)


def _bounds(span: Span, at: int) -> tuple[int, int]:
    until = at if span.until is None else span.until
    since = until - DAY_MS if span.since is None else span.since
    if since >= until:
        raise invalid("since", "must lie before until")
    if until - since > LONGEST_MS:
        raise invalid("since", "must lie 31 days before until at most")
    return since, until


def _time_to_grab(total: Tally) -> TimeToGrab | None:
    if total.p50_ms is None or total.p95_ms is None:
        return None
    return TimeToGrab(p50=round(total.p50_ms), p95=round(total.p95_ms))


def _bucket(begins: int, tally: Tally | None) -> Bucket:
    if tally is None:
        return Bucket(at=begins)
    return Bucket(
        at=begins,
        orders=tally.orders,
        grabbed=tally.grabbed,
        escalated=tally.escalated,
        expired=tally.expired,
        p50_ms=None if tally.p50_ms is None else round(tally.p50_ms),
    )
