"""The tail: one region's log, read for the hub as it grows; and the tails of all regions that a hub follows.

Owns the place in each log. Knows no sessions. Invariant: the hub hears every entry once and in order, or is told
that some may be missing (`lost`), after which it gives its sessions the present. Whatever goes wrong, it goes on.
"""

import asyncio
import random
from collections.abc import Callable, Set

import structlog

from dispatch import metrics
from dispatch.clock import now_ms
from dispatch.errors import DispatchError
from dispatch.events import Event
from dispatch.store import LogReader, Store
from dispatch.tasks import end

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
        self._run_id = ""
        self._reader: LogReader
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """From now on nothing is missed. Raises Unavailable."""
        await self._to_end()
        self._task = asyncio.create_task(self._run(), name=f"tail {self._region}")

    async def stop(self) -> None:
        if self._task:
            await end([self._task])
            await self._reader.close()

    async def _to_end(self) -> None:
        """At the end of the log, and aware of which Redis that log is."""
        entry, self._last_n = await self._store.log_end(self._region)
        self._run_id = self._store.run_id
        self._reader = self._store.reader(self._region, entry)

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except DispatchError as exc:
                log.warning("tail_waits", region=self._region, error=exc.message)
            except Exception as exc:  # a bug: what it kept from the sessions is in the present that they are told
                metrics.BROKEN.inc()
                log.error("tail_failed", region=self._region, exc_info=exc)
                self._lost(self._region)
            await asyncio.sleep(random.uniform(0.05, 0.5))

    async def _follow(self) -> None:
        while True:
            events = await self._reader.read(MOST_AT_ONCE, BLOCK_MS)
            if self._reader.run_id != self._run_id:  # Redis is another one: the place in the log means nothing any more
                await self._reader.close()
                await self._to_end()
                self._lost(self._region)
            elif events:
                self._pass_on(events)

    def _pass_on(self, events: list[Event]) -> None:
        if events[0].n != self._last_n + 1 or events[-1].n - events[0].n != len(events) - 1:
            log.warning("log_gap", region=self._region, after=self._last_n, until=events[-1].n)
            self._lost(self._region)
        self._last_n = events[-1].n
        metrics.TAIL_BATCH.observe(len(events))
        written_ms = int(self._reader.cursor.partition("-")[0])
        metrics.PLACING_STEP.labels("hub").observe(max(0, now_ms() - written_ms) / 1000)
        metrics.READER_LAG.labels("hub", self._region).set(0 if len(events) < MOST_AT_ONCE else len(events))
        self._hear(events)


class Tails:
    """Those of one hub, by slot."""

    def __init__(self, store: Store, hear: Hear, lost: Lost) -> None:
        self._store = store
        self._hear = hear
        self._lost = lost
        self._tails: dict[str, Tail] = {}
        self._changing = asyncio.Lock()

    def follows(self, slots: Set[str]) -> bool:
        return slots <= self._tails.keys()

    async def follow(self, slots: Set[str]) -> None:
        """From now on nothing is missed there. Raises Unavailable."""
        async with self._changing:
            for slot in slots - self._tails.keys():
                tail = Tail(self._store, slot, self._hear, self._lost)
                await tail.start()
                self._tails[slot] = tail

    async def keep(self, slots: Set[str]) -> None:
        """Regions were deleted: no others are followed any more."""
        async with self._changing:
            for slot in self._tails.keys() - slots:
                await self._tails.pop(slot).stop()

    async def stop(self) -> None:
        await self.keep(set())
