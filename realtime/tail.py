"""The tail: one region's log, read for the hub as it grows.

Owns the place in the log. Knows no sessions. Invariant: the hub hears every entry once and in order, or is told
that some may be missing (`lost`), after which it gives its sessions the present.
"""

import asyncio
import random
from collections.abc import Callable

import structlog

from dispatch import metrics
from dispatch.errors import DispatchError
from dispatch.events import Event
from dispatch.store import LogReader, Store

log = structlog.get_logger()
MOST_AT_ONCE = 512
BLOCK_MS = 1_000

Hear = Callable[[list[Event]], None]
Lost = Callable[[str], None]


class Tail:
    def __init__(self, store: Store, region: str, hear: Hear, lost: Lost) -> None:
        self._store = store
        self._region = region
        self._hear = hear
        self._lost = lost
        self._last_n = 0
        self._reader: LogReader | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """From now on nothing is missed. Raises Unavailable."""
        self._reader = await self._at_end()
        self._task = asyncio.create_task(self._run(), name=f"tail {self._region}")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._reader:
            await self._reader.close()

    async def _at_end(self) -> LogReader:
        entry, self._last_n = await self._store.log_end(self._region)
        return self._store.reader(self._region, entry)

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except DispatchError as exc:
                log.warning("tail_waits", region=self._region, error=exc.message)
            await asyncio.sleep(random.uniform(0.05, 0.5))

    async def _follow(self) -> None:
        """Until Redis is another one: then the place in the log means nothing any more."""
        assert self._reader is not None
        run_id = self._reader.run_id
        while True:
            events = await self._reader.read(MOST_AT_ONCE, BLOCK_MS)
            run_id = run_id or self._reader.run_id
            if self._reader.run_id != run_id:
                await self._reader.close()
                self._reader = await self._at_end()
                self._lost(self._region)
                return
            if events:
                self._pass_on(events)

    def _pass_on(self, events: list[Event]) -> None:
        gap = events[0].n != self._last_n + 1 or events[-1].n - events[0].n != len(events) - 1
        self._last_n = events[-1].n
        self._hear(events)
        metrics.READER_LAG.labels("hub", self._region).set(0 if len(events) < MOST_AT_ONCE else len(events))
        if gap:
            log.warning("log_gap", region=self._region, n=self._last_n)
            self._lost(self._region)
