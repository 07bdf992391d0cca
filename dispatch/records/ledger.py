"""One way into SQL: `apply` writes what happened to orders, for hub, api and projector alike.

It is idempotent and does not care who comes first, nor in which order: each event bears the order's whole
state. What a loop turn asks is gathered into one transaction, one in flight. Invariant: an event counted as
applied is committed; (order, fence) belongs to one agent for ever.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias

import asyncpg
import msgspec
import orjson
import structlog
from sqlalchemy import text

from dispatch import metrics
from dispatch.clock import now_ms
from dispatch.errors import InvariantBroken, Unavailable
from dispatch.events import Event
from dispatch.order import HELD
from dispatch.records.applied import Applied, Holders
from dispatch.records.database import Database
from dispatch.records.turns import Turns, columns
from dispatch.state import State, phone_end

_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_Write = Callable[[_Connection, Sequence[Event]], Awaitable[Holders]]

log = structlog.get_logger()
EMPTY: Mapping[str, int] = {}


class Ledger:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._turns = Turns(self._write_turn, divided_by=(InvariantBroken, StaleEpoch))
        self._applied = Applied()

    async def apply(self, events: Sequence[Event]) -> Holders:
        """Returns once the events stand in PostgreSQL, with the holders of their orders.

        Raises Unavailable (also for an event of an older epoch), InvariantBroken (PostgreSQL refused it), FenceTaken.
        """
        orders = [event for event in events if event.order_id]
        known, fresh = self._applied.divided(orders)
        return _checked({**known, **await self._turns.ask(fresh)} if fresh else known, orders)

    def has(self, event: Event) -> bool:
        """Whether this process has written the event lately; False says nothing."""
        return event in self._applied

    async def project(self, region: str, events: Sequence[Event], entry: str, n: int) -> "list[FenceTaken]":
        """Apply a batch of a region's log and move the projector's cursor, in one transaction.
        Returns what Redis has to be put right about."""
        try:
            async with self._transaction() as connection:
                await _share_epochs(connection, events)
                await _write(connection, [event for event in events if event not in self._applied])
                await connection.execute(_MOVE_CURSOR, region, entry, n)
            return []
        except InvariantBroken:
            good, taken = await self._one_by_one(events, _apply)
            async with self._transaction() as connection:
                await _share_epochs(connection, good)
                await connection.execute(_MOVE_CURSOR, region, entry, n)
            return taken

    async def survive(self, region: str, epoch: int, events: Sequence[Event]) -> None:
        """What Redis still has that PostgreSQL has not, while the region is put right: of whatever epoch it is.
        Raises StaleEpoch when the region's epoch is not `epoch` any more: another is putting it right."""

        async def write(connection: _Connection, some: Sequence[Event]) -> Holders:
            if await connection.fetchval(_SHARE_EPOCH, region) != epoch:
                raise StaleEpoch(region)
            return await _write(connection, some)

        try:
            async with self._transaction() as connection:
                await write(connection, events)
        except InvariantBroken:
            await self._one_by_one(events, write)

    async def _one_by_one(self, events: Sequence[Event], write: _Write) -> "tuple[list[Event], list[FenceTaken]]":
        """A batch was refused: bury the event that is to blame, and go on. Returns those that were written."""
        good: list[Event] = []
        taken: list[FenceTaken] = []
        for event in events:
            try:
                async with self._transaction() as connection:
                    await write(connection, [event])
            except InvariantBroken as exc:
                log.error("event_refused", order=event.order_id, version=event.version, error=exc.message)
                await self.bury(event, exc.message)
                if isinstance(exc, FenceTaken):
                    taken.append(exc)
            else:
                good.append(event)
        return good, taken

    def forget(self) -> None:
        """The projector begins anew at its cursor: PostgreSQL may have lost what it had committed (a failover)."""
        self._applied = Applied()

    async def bury(self, event: Event, error: str) -> None:
        """A dead-letter row for an event that PostgreSQL refused."""
        metrics.DEAD_LETTERS.inc()
        row = {
            "region": event.region,
            "n": event.n,
            "order_id": event.order_id,
            "version": event.version,
            "type": str(event.type),
            "error": error,
            "body": event.packed,
            "at": now_ms(),
        }
        async with self._database.statement() as connection:
            await connection.execute(_BURY, row)

    async def agent_under(self, order_id: str, fence: int) -> str | None:
        """To whom PostgreSQL says that the order was assigned under this fence, also when that has ended."""
        async with self._database.statement() as connection:
            agent_id: str | None = await connection.scalar(_AGENT_UNDER, {"id": order_id, "fence": fence})
            return agent_id

    async def double_holders(self) -> int:
        """How many orders have two assignments that have not ended: must be 0."""
        async with self._database.statement() as connection:
            return int(await connection.scalar(_DOUBLE) or 0)

    async def close(self) -> None:
        await self._turns.close()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[_Connection]:
        async with self._database.line() as connection, connection.transaction():
            yield connection

    async def _write_turn(self, asked: Sequence[list[Event]]) -> list[Holders]:
        events = [event for some in asked for event in some]
        metrics.APPLY_BATCH.observe(len(events))
        try:
            # Where nobody was assigned yet one statement is all: it needs no transaction around it.
            alone = not any(_was_assigned(event) for event in events)
            async with self._database.line() if alone else self._transaction() as connection:
                holders = await _apply(connection, events)
        except InvariantBroken as exc:
            if len(asked) == 1:
                log.error("events_refused", error=exc.message, orders=[event.order_id for event in events])
            raise
        self._applied.add(events, holders)
        return [holders] * len(asked)


class StaleEpoch(Unavailable):
    """An event that was emitted before its region was reconciled; what it says may be undone."""

    def __init__(self, region: str) -> None:
        super().__init__(f"region {region} has been reconciled since")


class FenceTaken(InvariantBroken):
    """PostgreSQL has this fence of the order for another agent: Redis had lost something, and gave it twice."""

    def __init__(self, event: Event) -> None:
        super().__init__("the order's fence belongs to another agent")
        self.order_id = event.order_id
        self.agent_id = event.state["agent_id"]
        self.fence = int(event.state["fence"])


async def _apply(connection: _Connection, events: Sequence[Event]) -> Holders:
    """Writes them all, or none and raises StaleEpoch."""
    epochs: dict[str, int] = {}
    with _readable():
        for event in events:
            epochs[event.region] = min(event.epoch, epochs.get(event.region, event.epoch))
    return await _write(connection, events, epochs)


async def _share_epochs(connection: _Connection, events: Sequence[Event]) -> None:
    """No reconciliation begins until the transaction ends. Raises StaleEpoch when one has begun."""
    regions = sorted({event.region for event in events})
    epochs: dict[str, int] = {row["region"]: row["epoch"] for row in await connection.fetch(_SHARE_EPOCHS, regions)}
    with _readable():
        stale = [event.region for event in events if event.epoch < epochs.get(event.region, 0)]
    if stale:
        raise StaleEpoch(stale[0])


async def _write(connection: _Connection, events: Sequence[Event], epochs: Mapping[str, int] = EMPTY) -> Holders:
    """Locks follow the order ids, so that two batches never wait for each other in a ring.

    `epochs` of regions are those of the oldest events; one of them may be over, then nothing is written.
    """
    events = [event for event in events if event.order_id]  # agents' events have no place in SQL
    if not events:
        return {}
    newest: dict[str, Event] = {}
    for event in events:
        known = newest.get(event.order_id)
        if known is None or known.version < event.version:
            newest[event.order_id] = event
    ids = sorted(newest)
    with _readable():
        rows = columns([_order_row(newest[order_id]) for order_id in ids])
        happenings = columns([_event_row(event) for event in events])
        assignments = _assignment_columns(events)
    stale = await connection.fetch(_WRITE, [*epochs], [*epochs.values()], *rows, *happenings, *assignments)
    if stale:
        raise StaleEpoch(stale[0]["region"])
    if not any(_was_assigned(event) for event in events):
        return {}
    holders = await connection.fetch(_SETTLE, ids, [status.value for status in HELD])
    return _checked({(order_id, fence): agent_id for order_id, fence, agent_id in holders}, events)


def _was_assigned(event: Event) -> bool:
    """Its order, to whomever and whenever."""
    with _readable():
        return event.state["fence"] != "0"


def _checked(holders: Holders, events: Iterable[Event]) -> Holders:
    """Raises FenceTaken; what the transaction wrote is undone."""
    for event in events:
        agent_id = event.state["agent_id"]
        if agent_id and holders.get((event.order_id, int(event.state["fence"]))) != agent_id:
            raise FenceTaken(event)
    return holders


@contextmanager
def _readable() -> Iterator[None]:
    """An event that no script of ours wrote is refused like one that PostgreSQL refuses."""
    try:
        yield
    except (LookupError, TypeError, ValueError, msgspec.MsgspecError) as exc:
        raise InvariantBroken(f"an event can not be read: {type(exc).__name__}") from exc


def _order_row(newest: Event) -> tuple[Any, ...]:
    state = newest.state
    return (
        newest.order_id,
        newest.region,
        state["kind"],
        state["status"],
        newest.version,
        state["customer_id"],
        state["agent_id"] or None,
        int(state["fence"]),
        int(state["desk_at"]) if state["desk_at"] else None,
        int(state["created_at"]),
        newest.at,
        orjson.dumps(state).decode(),
        phone_end(state),
    )


def _event_row(event: Event) -> tuple[Any, ...]:
    detail = orjson.dumps(event.detail).decode()
    return event.order_id, event.version, str(event.type), event.at, event.actor, detail


def _assignment_columns(events: Sequence[Event]) -> Iterable[Sequence[Any]]:
    found: dict[tuple[str, int], State] = {}
    for event in events:
        if event.state["agent_id"]:
            found.setdefault((event.order_id, int(event.state["fence"])), event.state)
    rows = [
        (order_id, fence, state["agent_id"], state["by"], state["dispatcher_id"] or None, int(state["assigned_at"]))
        for (order_id, fence), state in found.items()
    ]
    return columns(rows) if rows else ([],) * 6


_SHARE_EPOCHS = "SELECT region, epoch FROM epochs WHERE region = ANY($1::text[]) ORDER BY region FOR SHARE"

_SHARE_EPOCH = "SELECT epoch FROM epochs WHERE region = $1 FOR SHARE"

# No reconciliation begins until it is committed. One part after the other: each reads how many rows the one before it
# wrote, and whoever has an order's row writes what belongs to it, so two batches wait for each other at one place only.
_WRITE = """
WITH shared AS (
  SELECT region, epoch FROM epochs WHERE region = ANY($1::text[]) ORDER BY region FOR SHARE
), stale AS (
  SELECT region FROM shared JOIN unnest($1::text[], $2::bigint[]) AS t(region, epoch) USING (region)
  WHERE t.epoch < shared.epoch
), upserted AS (
  INSERT INTO orders
    (id, region, kind, status, version, customer_id, agent_id, fence, desk_at, created_at, updated_at, state,
     phone_end)
  SELECT id, region, kind, status, version, customer_id, agent_id, fence, desk_at, created_at, updated_at, state::jsonb,
    phone_end
  FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::text[], $10::bigint[],
      $11::bigint[], $12::bigint[], $13::bigint[], $14::text[], $15::text[])
    AS t(id, region, kind, status, version, customer_id, agent_id, fence, desk_at, created_at, updated_at, state,
      phone_end)
  WHERE NOT EXISTS (SELECT FROM stale)
  ORDER BY id
  ON CONFLICT (id) DO UPDATE SET status = excluded.status, version = excluded.version,
    customer_id = excluded.customer_id, agent_id = excluded.agent_id, fence = excluded.fence,
    desk_at = excluded.desk_at, updated_at = excluded.updated_at, state = excluded.state,
    phone_end = excluded.phone_end
  WHERE orders.version < excluded.version
  RETURNING 1
), happened AS (
  INSERT INTO order_events (order_id, version, type, at, actor, data)
  SELECT order_id, version, type, at, actor, data::jsonb
  FROM unnest($16::text[], $17::bigint[], $18::text[], $19::bigint[], $20::text[], $21::text[])
    AS t(order_id, version, type, at, actor, data)
  WHERE NOT EXISTS (SELECT FROM stale) AND (SELECT count(*) FROM upserted) >= 0
  ORDER BY order_id, version
  ON CONFLICT DO NOTHING
  RETURNING 1
), assigned AS (
  INSERT INTO assignments (order_id, fence, agent_id, by, dispatcher_id, at)
  SELECT * FROM unnest($22::text[], $23::bigint[], $24::text[], $25::text[], $26::text[], $27::bigint[])
    AS t(order_id, fence, agent_id, by, dispatcher_id, at)
  WHERE NOT EXISTS (SELECT FROM stale) AND (SELECT count(*) FROM happened) >= 0
  ORDER BY order_id, fence
  ON CONFLICT DO NOTHING
)
SELECT region FROM stale
"""

_SETTLE = """
WITH ended AS (
  UPDATE assignments SET ended_at = orders.updated_at FROM orders
  WHERE assignments.order_id = ANY($1::text[]) AND orders.id = assignments.order_id AND assignments.ended_at IS NULL
    AND (assignments.fence < orders.fence OR orders.status <> ALL($2::text[]))
)
SELECT order_id, fence, agent_id FROM assignments WHERE order_id = ANY($1::text[])
"""

_MOVE_CURSOR = """
INSERT INTO cursors (region, entry, n) VALUES ($1, $2, $3)
ON CONFLICT (region) DO UPDATE SET entry = excluded.entry, n = excluded.n
"""

_BURY = text("""
INSERT INTO dead_letters (region, n, order_id, version, type, error, body, at)
VALUES (:region, :n, :order_id, :version, :type, :error, :body, :at)
""")

_AGENT_UNDER = text("SELECT agent_id FROM assignments WHERE order_id = :id AND fence = :fence")

_DOUBLE = text("""
SELECT count(*) FROM (SELECT 1 FROM assignments WHERE ended_at IS NULL GROUP BY order_id HAVING count(*) > 1) AS d
""")
