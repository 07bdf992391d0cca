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
from dispatch.errors import DispatchError, InvariantBroken
from dispatch.events import Event
from dispatch.order import TERMINAL
from dispatch.records import Records
from dispatch.records.ledger import StaleEpoch
from dispatch.store import LogReader, Store

log = structlog.get_logger()
MOST_AT_ONCE = 512
BLOCK_MS = 1_000
TTL_MS = 3_600_000
"""How long Redis keeps an ended order: late grabs are still told why."""
KEEP_MS = 600_000
"""What the log keeps at least."""


class Projector:
    """One region's. Any number may run; a lock lets one work, correctness rests on `apply`."""

    def __init__(self, store: Store, records: Records, region: str) -> None:
        self._store = store
        self._records = records
        self._region = region

    async def run(self) -> None:
        """Until cancelled; away databases are waited for."""
        while True:
            try:
                async with self._records.database.try_lock(f"project:{self._region}") as connection:
                    if connection is not None:
                        await self._follow(connection.is_closed)
            except DispatchError as exc:
                log.warning("projector_waits", region=self._region, error=exc.message)
            await asyncio.sleep(random.uniform(0.2, 1.0))

    async def _follow(self, lock_lost: Callable[[], bool]) -> None:
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
        finally:
            await reader.close()

    async def _project(self, events: list[Event], reader: LogReader) -> None:
        last = events[-1].n
        try:
            await self._records.ledger.project(self._region, events, reader.cursor, last)
        except StaleEpoch:
            raise
        except InvariantBroken:
            await self._one_by_one(events, reader)
        ended = {e.order_id for e in events if e.order_id and e.state["status"] in TERMINAL}
        await self._store.run(
            "tidy",
            self._region,
            ended=msgspec.msgpack.encode(sorted(ended)),
            ttl_ms=TTL_MS,
            cursor=reader.cursor,
            keep_ms=KEEP_MS,
        )

    async def _one_by_one(self, events: list[Event], reader: LogReader) -> None:
        """A batch was refused: bury the event that is to blame, and go on."""
        for event in events:
            try:
                await self._records.ledger.survive([event])
            except InvariantBroken as exc:
                log.error("event_refused", order=event.order_id, version=event.version, error=exc.message)
                await self._records.ledger.bury(event, exc.message)
        await self._records.ledger.project(self._region, [], reader.cursor, events[-1].n)

    async def _tell_lag(self, reader: LogReader, events: list[Event]) -> None:
        lag = 0
        if len(events) == MOST_AT_ONCE:
            _, n = await self._store.log_end(self._region)
            lag = n - events[-1].n
        metrics.READER_LAG.labels("projector", self._region).set(lag)
