"""Orders and agents as points of a map: a few columns of many rows.

Knows not how agents stand; that is Redis' matter. Invariant: nothing of customers is read but where their orders are.
"""

from collections.abc import Sequence
from typing import NamedTuple

from dispatch.order import HELD, TERMINAL, Status
from dispatch.records.database import Database


class OrderPoint(NamedTuple):
    """`since_at`: since when it is at the desk, else since when it is held, else since it was placed. WGS-84."""

    id: str
    kind: str
    region: str
    status: str
    stalled: bool
    lat: float
    lon: float
    since_at: int


class AgentPoint(NamedTuple):
    """A profile's part of it; `home` is WGS-84."""

    id: str
    role: str
    region: str
    name: str
    capacity: int
    home_lat: float | None
    home_lon: float | None


class Points:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def orders(self, regions: Sequence[str], limit: int) -> list[OrderPoint]:
        """Unfinished ones: those at the desk, longest waiting first; then by age; at last those that are scheduled."""
        async with self._database.line() as connection:
            return [OrderPoint(*row) for row in await connection.fetch(_ORDERS, list(regions), limit)]

    async def agents(self, regions: Sequence[str], first: Sequence[str], limit: int) -> list[AgentPoint]:
        """Those of whom `first` has the ids come first."""
        async with self._database.line() as connection:
            return [AgentPoint(*row) for row in await connection.fetch(_AGENTS, list(regions), list(first), limit)]


def _words(statuses: Sequence[Status]) -> str:
    return ", ".join(f"'{status.value}'" for status in statuses)


# The rows are wide: their states are read of those only that are shown.
_ORDERS = f"""
WITH chosen AS (
  SELECT id FROM orders WHERE region = ANY($1::text[])
    AND status IN ({_words([status for status in Status if status not in TERMINAL])})
  ORDER BY desk_at NULLS LAST, status = '{Status.SCHEDULED.value}', id LIMIT $2
)
SELECT id, kind, region, status, state ->> 'stalled' = '1', (state ->> 'lat')::float8, (state ->> 'lon')::float8,
  coalesce(desk_at, CASE WHEN status IN ({_words(HELD)}) THEN (state ->> 'assigned_at')::bigint END, created_at)
FROM chosen JOIN orders USING (id)
ORDER BY desk_at NULLS LAST, status = '{Status.SCHEDULED.value}', id
"""

_AGENTS = """
SELECT id, role, region, name, capacity, home_lat, home_lon
FROM agents LEFT JOIN (SELECT unnest($2::text[]) AS id, true AS first) AS chosen USING (id)
WHERE region = ANY($1::text[])
ORDER BY first, id LIMIT $3
"""
