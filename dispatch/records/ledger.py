"""One way into SQL: `apply` writes what happened to orders, for hub, api and projector alike.

It is idempotent and does not care who comes first, nor in which order: each event bears the order's whole
state. What a loop turn asks is gathered into one transaction, one in flight. Invariant: an event counted as
applied is committed; (order, fence) belongs to one agent for ever.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import orjson
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from dispatch import metrics
from dispatch.clock import now_ms
from dispatch.errors import DispatchError, InvariantBroken, Unavailable
from dispatch.events import Event
from dispatch.order import HELD
from dispatch.records.applied import Applied, Holders
from dispatch.records.database import Database
from dispatch.state import State

_Asked = tuple[list[Event], "asyncio.Future[Holders]"]
_Write = Callable[[AsyncConnection, Sequence[Event]], Awaitable[Holders]]

log = structlog.get_logger()
MOST_IN_A_TURN = 1000


class Ledger:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Asked] = []
        self._writer: asyncio.Task[None] | None = None
        self._applied = Applied()

    async def apply(self, events: Sequence[Event]) -> Holders:
        """Returns once the events stand in PostgreSQL, with the holders of their orders.

        Raises Unavailable (also for an event of an older epoch), InvariantBroken (PostgreSQL refused it), FenceTaken.
        """
        orders = [event for event in events if event.order_id]
        if (known := self._applied.holders(orders)) is not None:
            return _checked(known, orders)
        future: asyncio.Future[Holders] = asyncio.get_running_loop().create_future()
        self._waiting.append((orders, future))
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write_all())
        return await future

    def has(self, event: Event) -> bool:
        """Whether this process has written the event lately; False says nothing."""
        return self._applied.holders([event]) is not None

    async def project(self, region: str, events: Sequence[Event], entry: str, n: int) -> "list[FenceTaken]":
        """Apply a batch of a region's log and move the projector's cursor, in one transaction.
        Returns what Redis has to be put right about."""
        try:
            async with self._database.transaction() as connection:
                await _share_epochs(connection, events)
                await _write(connection, [event for event in events if self._applied.holders([event]) is None])
                await connection.execute(_MOVE_CURSOR, {"region": region, "entry": entry, "n": n})
            return []
        except InvariantBroken:
            good, taken = await self._one_by_one(events, _apply)
            async with self._database.transaction() as connection:
                await _share_epochs(connection, good)
                await connection.execute(_MOVE_CURSOR, {"region": region, "entry": entry, "n": n})
            return taken

    async def survive(self, region: str, epoch: int, events: Sequence[Event]) -> None:
        """What Redis still has that PostgreSQL has not, while the region is put right: of whatever epoch it is.
        Raises StaleEpoch when the region's epoch is not `epoch` any more: another is putting it right."""

        async def write(connection: AsyncConnection, some: Sequence[Event]) -> Holders:
            if await connection.scalar(_SHARE_EPOCH, {"region": region}) != epoch:
                raise StaleEpoch(region)
            return await _write(connection, some)

        try:
            async with self._database.transaction() as connection:
                await write(connection, events)
        except InvariantBroken:
            await self._one_by_one(events, write)

    async def _one_by_one(self, events: Sequence[Event], write: _Write) -> "tuple[list[Event], list[FenceTaken]]":
        """A batch was refused: bury the event that is to blame, and go on. Returns those that were written."""
        good: list[Event] = []
        taken: list[FenceTaken] = []
        for event in events:
            try:
                async with self._database.transaction() as connection:
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
        if self._writer:
            await asyncio.wait([self._writer])

    async def _write_all(self) -> None:
        turn: list[_Asked] = []
        try:
            while self._waiting:
                turn, self._waiting = self._waiting[:MOST_IN_A_TURN], self._waiting[MOST_IN_A_TURN:]
                await self._write_turn(turn)
        finally:
            self._writer = None
            left, self._waiting = [*turn, *self._waiting], []
            _tell(left, Unavailable("the server is stopping"))

    async def _write_turn(self, turn: list[_Asked]) -> None:
        events = [event for asked, _ in turn for event in asked]
        metrics.APPLY_BATCH.observe(len(events))
        try:
            async with self._database.transaction() as connection:
                holders = await _apply(connection, events)
        except (InvariantBroken, StaleEpoch) as exc:
            await self._write_alone(turn, exc)
        except DispatchError as exc:
            _tell(turn, exc)
        except Exception as exc:  # a bug of ours: these askers hear of it, those who come next are served
            log.error("turn_failed", exc_info=exc)
            _tell(turn, InvariantBroken(f"events could not be written: {type(exc).__name__}"))
        else:
            self._applied.add(events, holders)
            for _, future in turn:
                if not future.done():
                    future.set_result(holders)

    async def _write_alone(self, turn: list[_Asked], exc: DispatchError) -> None:
        """One bad event must not refuse its neighbours: each asker by himself."""
        if len(turn) == 1:
            if isinstance(exc, InvariantBroken):
                log.error("events_refused", error=exc.message, orders=[event.order_id for event in turn[0][0]])
            _tell(turn, exc)
            return
        for asker in turn:
            await self._write_turn([asker])


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


def _tell(turn: Iterable[_Asked], exc: DispatchError) -> None:
    for _, future in turn:
        if not future.done():
            future.set_exception(exc)


async def _apply(connection: AsyncConnection, events: Sequence[Event]) -> Holders:
    await _share_epochs(connection, events)
    return await _write(connection, events)


async def _share_epochs(connection: AsyncConnection, events: Sequence[Event]) -> None:
    """No reconciliation begins until the transaction ends. Raises StaleEpoch when one has."""
    regions = sorted({event.region for event in events})
    rows = await connection.execute(_SHARE_EPOCHS, {"regions": regions})
    epochs: dict[str, int] = {row.region: row.epoch for row in rows}
    with _readable():
        stale = [event.region for event in events if event.epoch < epochs.get(event.region, 0)]
    if stale:
        raise StaleEpoch(stale[0])


async def _write(connection: AsyncConnection, events: Sequence[Event]) -> Holders:
    """Locks follow the order ids, so that two batches never wait for each other in a ring."""
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
        rows = _order_columns([newest[order_id] for order_id in ids])
        happenings, assignments = _event_columns(events), _assignment_columns(events)
    await connection.execute(_UPSERT_ORDERS, rows)
    await connection.execute(_INSERT_EVENTS, happenings)
    if assignments["order_ids"]:
        await connection.execute(_INSERT_ASSIGNMENTS, assignments)
    await connection.execute(_END_ASSIGNMENTS, {"ids": ids, "held": [status.value for status in HELD]})
    holders = await connection.execute(_READ_HOLDERS, {"ids": ids})
    return _checked({(row.order_id, row.fence): row.agent_id for row in holders}, events)


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


def _order_columns(newest: list[Event]) -> dict[str, list[Any]]:
    states = [event.state for event in newest]
    return {
        "ids": [event.order_id for event in newest],
        "regions": [event.region for event in newest],
        "kinds": [state["kind"] for state in states],
        "statuses": [state["status"] for state in states],
        "versions": [event.version for event in newest],
        "customers": [state["customer_id"] for state in states],
        "agents": [state["agent_id"] or None for state in states],
        "fences": [int(state["fence"]) for state in states],
        "desk_ats": [int(state["desk_at"]) if state["desk_at"] else None for state in states],
        "created_ats": [int(state["created_at"]) for state in states],
        "updated_ats": [event.at for event in newest],
        "states": [orjson.dumps(state).decode() for state in states],
    }


def _event_columns(events: Sequence[Event]) -> dict[str, list[Any]]:
    return {
        "order_ids": [event.order_id for event in events],
        "versions": [event.version for event in events],
        "types": [str(event.type) for event in events],
        "ats": [event.at for event in events],
        "actors": [event.actor for event in events],
        "datas": [orjson.dumps(event.detail).decode() for event in events],
    }


def _assignment_columns(events: Sequence[Event]) -> dict[str, list[Any]]:
    found: dict[tuple[str, int], State] = {}
    for event in events:
        if event.state["agent_id"]:
            found.setdefault((event.order_id, int(event.state["fence"])), event.state)
    return {
        "order_ids": [order_id for order_id, _ in found],
        "fences": [fence for _, fence in found],
        "agents": [state["agent_id"] for state in found.values()],
        "bys": [state["by"] for state in found.values()],
        "dispatchers": [state["dispatcher_id"] or None for state in found.values()],
        "ats": [int(state["assigned_at"]) for state in found.values()],
    }


_SHARE_EPOCHS = text("SELECT region, epoch FROM epochs WHERE region = ANY(:regions) ORDER BY region FOR SHARE")

_SHARE_EPOCH = text("SELECT epoch FROM epochs WHERE region = :region FOR SHARE")

_UPSERT_ORDERS = text("""
INSERT INTO orders
  (id, region, kind, status, version, customer_id, agent_id, fence, desk_at, created_at, updated_at, state)
SELECT id, region, kind, status, version, customer_id, agent_id, fence, desk_at, created_at, updated_at, state::jsonb
FROM unnest(CAST(:ids AS text[]), CAST(:regions AS text[]), CAST(:kinds AS text[]), CAST(:statuses AS text[]),
    CAST(:versions AS bigint[]), CAST(:customers AS text[]), CAST(:agents AS text[]), CAST(:fences AS bigint[]),
    CAST(:desk_ats AS bigint[]), CAST(:created_ats AS bigint[]), CAST(:updated_ats AS bigint[]),
    CAST(:states AS text[]))
  AS t(id, region, kind, status, version, customer_id, agent_id, fence, desk_at, created_at, updated_at, state)
ORDER BY id
ON CONFLICT (id) DO UPDATE SET status = excluded.status, version = excluded.version, customer_id = excluded.customer_id,
  agent_id = excluded.agent_id, fence = excluded.fence, desk_at = excluded.desk_at, updated_at = excluded.updated_at,
  state = excluded.state
WHERE orders.version < excluded.version
""")

_INSERT_EVENTS = text("""
INSERT INTO order_events (order_id, version, type, at, actor, data)
SELECT order_id, version, type, at, actor, data::jsonb
FROM unnest(CAST(:order_ids AS text[]), CAST(:versions AS bigint[]), CAST(:types AS text[]), CAST(:ats AS bigint[]),
    CAST(:actors AS text[]), CAST(:datas AS text[])) AS t(order_id, version, type, at, actor, data)
ORDER BY order_id, version
ON CONFLICT DO NOTHING
""")

_INSERT_ASSIGNMENTS = text("""
INSERT INTO assignments (order_id, fence, agent_id, by, dispatcher_id, at)
SELECT * FROM unnest(CAST(:order_ids AS text[]), CAST(:fences AS bigint[]), CAST(:agents AS text[]),
    CAST(:bys AS text[]), CAST(:dispatchers AS text[]), CAST(:ats AS bigint[]))
  AS t(order_id, fence, agent_id, by, dispatcher_id, at)
ORDER BY order_id, fence
ON CONFLICT DO NOTHING
""")

_END_ASSIGNMENTS = text("""
UPDATE assignments SET ended_at = orders.updated_at FROM orders
WHERE assignments.order_id = ANY(:ids) AND orders.id = assignments.order_id AND assignments.ended_at IS NULL
  AND (assignments.fence < orders.fence OR orders.status <> ALL(:held))
""")

_READ_HOLDERS = text("SELECT order_id, fence, agent_id FROM assignments WHERE order_id = ANY(:ids)")

_MOVE_CURSOR = text("""
INSERT INTO cursors (region, entry, n) VALUES (:region, :entry, :n)
ON CONFLICT (region) DO UPDATE SET entry = excluded.entry, n = excluded.n
""")

_BURY = text("""
INSERT INTO dead_letters (region, n, order_id, version, type, error, body, at)
VALUES (:region, :n, :order_id, :version, :type, :error, :body, :at)
""")

_AGENT_UNDER = text("SELECT agent_id FROM assignments WHERE order_id = :id AND fence = :fence")

_DOUBLE = text("""
SELECT count(*) FROM (SELECT 1 FROM assignments WHERE ended_at IS NULL GROUP BY order_id HAVING count(*) > 1) AS d
""")
