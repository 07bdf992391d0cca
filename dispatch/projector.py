"""The projector: what a region's log says, PostgreSQL gets, in order and for certain.

Owns the cursor, which stands in SQL and moves in the transaction that applies a batch. Never a consumer
group: two consumers would reorder one order's events. Invariant: every entry of the log is applied, or
stands in `dead_letters` and has raised an alert; behind the cursor the log may be cut.
"""

import asyncio
import random
from collections.abc import Callable

import msgspec
import structlog

from dispatch import metrics
from dispatch.errors import DispatchError
from dispatch.events import Event, Type
from dispatch.order import TERMINAL
from dispatch.records import Records
from dispatch.redress import redress
from dispatch.store import LogReader, Store

log = structlog.get_logger()
MOST_AT_ONCE = 512
BLOCK_MS = 1_000
GATHER_S = 0.1
"""Between two batches that were not full: each costs a transaction and a script, however small it is."""
TTL_MS = 3_600_000
"""How long Redis keeps an ended order: late grabs are still told why."""
AT_ONCE_S, LOCKED_S = 0.5, 3.0
"""Pauses after a fault, and while another process projects: each attempt is a new connection."""
KEEP_MS = 600_000
"""What the log keeps at least."""


class Projector:
    """One region's. Any number may run; a lock lets one work, correctness rests on `apply`."""

    def __init__(self, store: Store, records: Records, region: str) -> None:
        self._store = store
        self._records = records
        self._region = region
        self._ended: set[str] = set()
        """Orders that Redis was not yet told to let go of."""

    async def run(self) -> None:
        """Until cancelled; away databases are waited for."""
        while True:
            wait = AT_ONCE_S
            try:
                async with self._records.database.try_lock(f"project:{self._region}") as connection:
                    if connection is not None:
                        await self._follow(connection.is_closed)
                    else:
                        wait = LOCKED_S
            except DispatchError as exc:
                log.warning("projector_waits", region=self._region, error=exc.message)
            await asyncio.sleep(random.uniform(0.5 * wait, wait))

    async def _follow(self, lock_lost: Callable[[], bool]) -> None:
        self._records.ledger.forget()
        epoch = await self._records.marks.epoch(self._region)
        entry, _ = await self._records.marks.cursor(self._region)
        reader = self._store.reader(self._region, entry)
        try:
            while not lock_lost():
                events = await reader.read(MOST_AT_ONCE, BLOCK_MS)
                if events:
                    await self._project(events, reader)
                elif epoch != (epoch := await self._records.marks.epoch(self._region)):
                    return  # reconciled meanwhile: the cursor was moved
                await self._tell_lag(reader, events)
                if 0 < len(events) < MOST_AT_ONCE:
                    await asyncio.sleep(GATHER_S)
        finally:
            metrics.READER_LAG.labels("projector", self._region).set(0)  # another one tells it from here on
            await reader.close()

    async def _project(self, events: list[Event], reader: LogReader) -> None:
        try:
            for taken in await self._records.ledger.project(self._region, events, reader.cursor, events[-1].n):
                log.error("fence_belongs_to_another", order=taken.order_id, fence=taken.fence)
                await redress(self._store, self._records, self._region, taken)
        finally:  # also when only the commit's answer was lost: the cursor is past them, they are not read again
            self._ended |= {e.order_id for e in events if e.order_id and e.state["status"] in TERMINAL}
        for event in events:
            _count(event)
        await self._store.run(
            "tidy",
            self._region,
            ended=msgspec.msgpack.encode(sorted(self._ended)),
            ttl_ms=TTL_MS,
            cursor=reader.cursor,
            keep_ms=KEEP_MS,
        )
        self._ended.clear()

    async def _tell_lag(self, reader: LogReader, events: list[Event]) -> None:
        lag = 0
        if len(events) == MOST_AT_ONCE:
            _, n = await self._store.log_end(self._region)
            lag = n - events[-1].n
        metrics.READER_LAG.labels("projector", self._region).set(lag)


def _count(event: Event) -> None:
    """Each entry passes one projector, once: what is counted here is counted once in the whole deployment."""
    if not event.order_id:
        return
    if event.to:
        metrics.OFFERS.labels(event.state["kind"]).inc(len(event.to))
    if event.type is Type.ASSIGNED and event.detail["by"] == "grab" and not event.state["scheduled_at"]:
        metrics.TIME_TO_GRAB.observe((event.at - int(event.state["created_at"])) / 1000)
