"""Orders as PostgreSQL has them: the row at version 0, and every reading.

Knows no rule of dispatch. Invariant: lists are paged by order id, newest first, so an order that is created
while somebody pages is neither skipped nor repeated.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import orjson
from sqlalchemy import Select, Text, and_, any_, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from dispatch.order import HELD, TERMINAL, Order, Status
from dispatch.records.database import Database
from dispatch.records.turns import Turns, columns
from dispatch.schema import ORDER_EVENTS, ORDERS, UNFINISHED
from dispatch.state import State, order_of, phone_end


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What a list asks for; None asks for nothing. `regions` None means all."""

    status: Status | None = None
    kind: str | None = None
    region: str | None = None
    regions: frozenset[str] | None = None
    agent_id: str | None = None
    own_agent: str | None = None
    customer_id: str | None = None
    created_after: int | None = None
    created_before: int | None = None
    ended_after: int | None = None
    ended_before: int | None = None


class Happening(msgspec.Struct, frozen=True):
    """One line of a timeline; `actor` is `role:id`."""

    version: int
    type: str
    at: int
    actor: str
    data: dict[str, Any]


class Row(NamedTuple):
    """An order as it stands: `version` 0 means that no script has seen it yet."""

    region: str
    version: int
    state: State


class Mark(NamedTuple):
    """By what two pictures of one order are compared."""

    version: int
    status: str
    fence: int
    agent_id: str


class _New(NamedTuple):
    """An order's row at version 0, as the table has it; what is not here follows from that."""

    id: str
    region: str
    kind: str
    status: str
    customer_id: str
    created_at: int
    state: str
    phone_end: str | None


class Orders:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._creating = Turns(self._create)

    async def create(self, order_id: str, region: str, state: State) -> Row | None:
        """The row at version 0; a second time the row that stands. None when the region is gone."""
        if await self._creating.ask(_new(order_id, region, state)):
            return Row(region, 0, state)
        query = select(ORDERS.c.region, ORDERS.c.version, ORDERS.c.state).where(ORDERS.c.id == order_id)
        async with self._database.statement() as connection:
            found = (await connection.execute(query)).one_or_none()
        return None if found is None else Row(*found)

    async def close(self) -> None:
        await self._creating.close()

    async def _create(self, asked: Sequence[_New]) -> list[bool]:
        """Which of them had no row yet, and have a region."""
        regions = list({each.region for each in asked})
        async with self._database.line() as connection:
            created = {row["id"] for row in await connection.fetch(_CREATE, regions, *columns(asked))}
        return [each.id in created for each in asked]

    async def find(self, order_id: str) -> Order | None:
        found = await self._read(select(ORDERS).where(ORDERS.c.id == order_id))
        return found[0] if found else None

    async def page(self, wanted: Filter, limit: int, before: str | None) -> list[Order]:
        """At most `limit` orders older than the order `before`, newest first."""
        query = select(ORDERS).where(*_conditions(wanted)).order_by(ORDERS.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(ORDERS.c.id < before)
        return await self._read(query)

    async def desk(self, regions: Sequence[str], limit: int, after: tuple[int, str] | None) -> list[Order]:
        """Escalated and stalled orders, longest waiting first, after the place (desk_at, id)."""
        query = select(ORDERS).where(ORDERS.c.desk_at.is_not(None), ORDERS.c.region.in_(regions))
        if after is not None:
            at, order_id = after
            query = query.where(or_(ORDERS.c.desk_at > at, and_(ORDERS.c.desk_at == at, ORDERS.c.id > order_id)))
        return await self._read(query.order_by(ORDERS.c.desk_at, ORDERS.c.id).limit(limit))

    async def held_by(self, agent_id: str, limit: int, before: str | None = None) -> list[Order]:
        query = select(ORDERS).where(ORDERS.c.agent_id == agent_id, ORDERS.c.status.in_(HELD))
        if before is not None:
            query = query.where(ORDERS.c.id < before)
        return await self._read(query.order_by(ORDERS.c.id.desc()).limit(limit))

    async def unfinished_of(self, customer_id: str, limit: int) -> list[Order]:
        query = select(ORDERS).where(ORDERS.c.customer_id == customer_id, ORDERS.c.status.not_in(TERMINAL))
        return await self._read(query.order_by(ORDERS.c.id.desc()).limit(limit))

    async def unfinished_by_phone(self, regions: Sequence[str], ending: str | None, limit: int) -> list[Order]:
        """Newest first, whose customer's number ends so (`phone.ending`); none for None."""
        if ending is None:
            return []
        query = select(ORDERS).where(
            text(UNFINISHED), ORDERS.c.phone_end == ending, ORDERS.c.region == any_(literal(list(regions), ARRAY(Text)))
        )
        return await self._read(query.order_by(ORDERS.c.id.desc()).limit(limit))

    async def declines(self, order_id: str) -> dict[str, str | None]:
        """Agent → the reason he gave, if any, of all who declined the order."""
        events = ORDER_EVENTS.c
        query = select(events.data).where(events.order_id == order_id, events.type == "declined")
        async with self._database.statement() as connection:
            return {data["agent_id"]: data["reason"] or None for (data,) in await connection.execute(query)}

    async def unopened(self, region: str, created_before: int, limit: int) -> list[tuple[Order, State]]:
        """Rows still at version 0: Redis was away when they were placed."""
        query = select(ORDERS).where(
            ORDERS.c.version == 0, ORDERS.c.region == region, ORDERS.c.created_at < created_before
        )
        async with self._database.statement() as connection:
            rows = await connection.execute(query.order_by(ORDERS.c.id).limit(limit))
            return [(order_of(row.id, row.region, row.state), row.state) for row in rows]

    async def unfinished(self, region: str) -> dict[str, int]:
        """Id → version of every order of the region that is not terminal and was opened."""
        query = select(ORDERS.c.id, ORDERS.c.version).where(
            ORDERS.c.region == region, ORDERS.c.status.not_in(TERMINAL), ORDERS.c.version > 0
        )
        async with self._database.statement() as connection:
            return {row.id: row.version for row in await connection.execute(query)}

    async def holders(self, region: str) -> dict[str, str]:
        """Id → holder of every held order of the region."""
        query = select(ORDERS.c.id, ORDERS.c.agent_id).where(ORDERS.c.region == region, ORDERS.c.status.in_(HELD))
        async with self._database.statement() as connection:
            return {order_id: agent_id for order_id, agent_id in await connection.execute(query)}

    async def states(self, ids: Sequence[str]) -> dict[str, tuple[int, State]]:
        """Id → (version, state) of those that exist."""
        these = any_(literal(list(ids), ARRAY(Text)))  # one parameter, however many ids
        query = select(ORDERS.c.id, ORDERS.c.version, ORDERS.c.state).where(ORDERS.c.id == these)
        async with self._database.statement() as connection:
            return {row.id: (row.version, row.state) for row in await connection.execute(query)}

    async def marks(self, ids: Sequence[str]) -> dict[str, Mark]:
        """Of those that exist."""
        these = any_(literal(list(ids), ARRAY(Text)))
        columns = (ORDERS.c.version, ORDERS.c.status, ORDERS.c.fence, func.coalesce(ORDERS.c.agent_id, ""))
        async with self._database.statement() as connection:
            rows = await connection.execute(select(ORDERS.c.id, *columns).where(ORDERS.c.id == these))
            return {order_id: Mark(*mark) for order_id, *mark in rows}

    async def counts(self, since: int) -> dict[tuple[str, str], int]:
        """(region, status) → orders that are unfinished, or ended since then."""
        wanted = or_(ORDERS.c.status.not_in(TERMINAL), ORDERS.c.updated_at >= since)
        query = select(ORDERS.c.region, ORDERS.c.status, func.count()).where(wanted)
        async with self._database.statement() as connection:
            rows = await connection.execute(query.group_by(ORDERS.c.region, ORDERS.c.status))
            return {(region, status): count for region, status, count in rows}

    async def desk_lengths(self) -> dict[str, int]:
        """Region → orders at its desk."""
        query = select(ORDERS.c.region, func.count()).where(ORDERS.c.desk_at.is_not(None)).group_by(ORDERS.c.region)
        async with self._database.statement() as connection:
            return {region: count for region, count in await connection.execute(query)}

    async def timeline(self, order_id: str, after: int, limit: int) -> list[Happening]:
        """Events by version, those above `after`."""
        events = ORDER_EVENTS
        query = select(events).where(events.c.order_id == order_id, events.c.version > after)
        async with self._database.statement() as connection:
            rows = await connection.execute(query.order_by(events.c.version).limit(limit))
            return [Happening(row.version, row.type, row.at, row.actor, row.data) for row in rows]

    async def _read(self, query: Select[Any]) -> list[Order]:
        async with self._database.statement() as connection:
            return [order_of(row.id, row.region, row.state) for row in await connection.execute(query)]


def _new(order_id: str, region: str, state: State) -> _New:
    return _New(
        order_id,
        region,
        state["kind"],
        state["status"],
        state["customer_id"],
        int(state["created_at"]),
        orjson.dumps(state).decode(),
        phone_end(state),
    )


def _conditions(wanted: Filter) -> list[Any]:
    columns = ORDERS.c
    equal = (
        (columns.status, wanted.status),
        (columns.kind, wanted.kind),
        (columns.region, wanted.region),
        (columns.agent_id, wanted.agent_id),
        (columns.customer_id, wanted.customer_id),
    )
    found = [column == value for column, value in equal if value is not None]
    if wanted.regions is not None:
        found.append(columns.region.in_(wanted.regions))
    if wanted.own_agent is not None:
        found.append(columns.agent_id == wanted.own_agent)
        found.append(columns.status.in_((*HELD, Status.COMPLETED)))
        # Not those that the desk completed after he had given them back (`Order.finisher`).
        found.append(func.strpos(columns.state["released"].astext, f",{wanted.own_agent},") == 0)
    if wanted.created_after is not None:
        found.append(columns.created_at > wanted.created_after)
    if wanted.created_before is not None:
        found.append(columns.created_at < wanted.created_before)
    if wanted.ended_after is not None or wanted.ended_before is not None:
        found.append(columns.status.in_(TERMINAL))
        if wanted.ended_after is not None:  # nothing happens to an order that has ended
            found.append(columns.updated_at > wanted.ended_after)
        if wanted.ended_before is not None:
            found.append(columns.updated_at < wanted.ended_before)
    return found


# The regions are kept from being deleted until the rows stand.
_CREATE = """
WITH kept AS (SELECT id FROM regions WHERE id = ANY($1::text[]) ORDER BY id FOR KEY SHARE)
INSERT INTO orders (id, region, kind, status, version, customer_id, fence, created_at, updated_at, state, phone_end)
SELECT id, region, kind, status, 0, customer_id, 0, created_at, created_at, state::jsonb, phone_end
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::text[])
  AS t(id, region, kind, status, customer_id, created_at, state, phone_end)
WHERE region IN (SELECT kept.id FROM kept)
ORDER BY id
ON CONFLICT DO NOTHING
RETURNING id
"""
