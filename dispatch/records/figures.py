"""What became of the orders of a span, counted in PostgreSQL.

Owns the counting; what the words mean to a reader is `dispatch.figures`'. Invariants: an order counts in the bucket in
which it was placed, and once; its first assignment (fence 1) says by whom it was taken.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from dispatch.records.database import Database
from dispatch.schema import ESCALATED


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Of orders placed from `since` on and before `until`; `kind` None means all."""

    regions: tuple[str, ...]
    kind: str | None
    since: int
    until: int
    bucket_ms: int


class Tally(NamedTuple):
    """`bucket` counts from `since`; None: of the whole span. `p50_ms`, `p95_ms` None: nothing was grabbed."""

    bucket: int | None
    orders: int
    grabbed: int
    assigned_by_desk: int
    escalated: int
    expired: int
    cancelled: int
    completed: int
    p50_ms: float | None
    p95_ms: float | None


class Figures:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, asked: Asked) -> list[Tally]:
        """Of each bucket with orders, and of the whole."""
        these: Sequence[object] = (list(asked.regions), asked.kind, asked.since, asked.until, asked.bucket_ms)
        async with self._database.line() as connection, connection.transaction():
            # It may take its time, but not the processors that orders are written with.
            await connection.execute("SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL work_mem = '32MB'")
            return [Tally(*row) for row in await connection.fetch(_COUNT, *these)]


# Who holds it under fence 1 stands in the order's own row, but for the few that were assigned again. `ms` runs from
# when an order was placed, of one that was scheduled from when it first opened. An order can not escalate before it is
# placed; the second is for clocks that differ.
_COUNT = f"""
WITH counted AS MATERIALIZED (
  SELECT (orders.created_at - $3::bigint) / $5::bigint AS bucket, orders.status, first.by,
    came.order_id IS NOT NULL AS escalated,
    CASE WHEN first.by = 'grab' THEN first.at - CASE WHEN orders.state ->> 'scheduled_at' = '' THEN orders.created_at
      ELSE (SELECT at FROM order_events WHERE order_id = orders.id AND type = 'opened' ORDER BY version LIMIT 1) END
    END AS ms
  FROM orders
  LEFT JOIN LATERAL (
    SELECT orders.state ->> 'by' AS by, (orders.state ->> 'assigned_at')::bigint AS at WHERE orders.fence = 1
    UNION ALL
    SELECT by, at FROM assignments WHERE orders.fence > 1 AND order_id = orders.id AND fence = 1
  ) AS first ON true
  LEFT JOIN (
    SELECT DISTINCT order_id FROM order_events WHERE ({ESCALATED}) AND at >= $3::bigint - 1000
  ) AS came ON came.order_id = orders.id
  WHERE region = ANY($1::text[]) AND ($2::text IS NULL OR kind = $2) AND created_at >= $3 AND created_at < $4::bigint
)
SELECT bucket, count(*), count(*) FILTER (WHERE by = 'grab'), count(*) FILTER (WHERE by = 'desk'),
  count(*) FILTER (WHERE escalated), count(*) FILTER (WHERE status = 'expired'),
  count(*) FILTER (WHERE status = 'cancelled'), count(*) FILTER (WHERE status = 'completed'),
  percentile_cont(0.5) WITHIN GROUP (ORDER BY ms), percentile_cont(0.95) WITHIN GROUP (ORDER BY ms)
FROM counted GROUP BY GROUPING SETS ((bucket), ())
"""
