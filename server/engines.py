"""The working roles of one process: an engine and a projector for every region, as regions come and go.

Owns their tasks, the gauges that are read from PostgreSQL, and when audio is swept. Invariant: a task that ends by a
bug is logged and started again; none ends silently.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog
from ulid import ULID

from dispatch import metrics
from dispatch.assembly import Dispatch
from dispatch.clock import now_ms
from dispatch.engine import Engine
from dispatch.errors import DispatchError
from dispatch.projector import Projector
from dispatch.records.requests import REMEMBERED_MS
from dispatch.tasks import end

log = structlog.get_logger()
GAUGES_S = 5.0
SWEEP_S = 60.0
"""How often audio is looked for that nobody has, or whose time is over."""
DAY_MS = 24 * 3600 * 1000


class Engines:
    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch
        self._owner = str(ULID())
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}
        self._own: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._own = [
            asyncio.create_task(_kept_going("regions", self._follow_regions)),
            asyncio.create_task(_kept_going("gauges", self._read_gauges)),
            asyncio.create_task(_kept_going("audio", self._sweep_audio)),
        ]

    async def close(self) -> None:
        tasks = [*self._own, *(task for tasks in self._tasks.values() for task in tasks)]
        await end(tasks)

    async def _follow_regions(self) -> None:
        while True:
            slots = set(self._dispatch.catalog.slots)
            for slot in slots - self._tasks.keys():
                self._tasks[slot] = self._begin(slot)
            for slot in self._tasks.keys() - slots:
                await end(self._tasks.pop(slot))
            await self._dispatch.catalog.changed()

    def _begin(self, slot: str) -> list[asyncio.Task[None]]:
        d = self._dispatch
        for counter in (metrics.RECONCILED, metrics.RESTORED):  # an increase is seen only of what was told as 0 before
            counter.labels(slot)
        engine = Engine(d.store, d.records, d.catalog, d.intake, d.reconciler, slot, self._owner)
        projector = Projector(d.store, d.records, slot)
        return [
            asyncio.create_task(_kept_going(f"engine {slot}", engine.run)),
            asyncio.create_task(_kept_going(f"projector {slot}", projector.run)),
        ]

    async def _read_gauges(self) -> None:
        while True:
            try:
                await self._gauge()
            except DispatchError as exc:
                log.warning("gauges_not_read", error=exc.message)
            await asyncio.sleep(GAUGES_S)

    async def _sweep_audio(self) -> None:
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.5) * SWEEP_S)  # the processes of a deployment take turns
            try:
                await self._dispatch.notes.sweep()
            except DispatchError as exc:
                log.warning("audio_not_swept", error=exc.message)

    async def _gauge(self) -> None:
        records = self._dispatch.records
        now = now_ms()
        counts = await records.orders.counts(now - DAY_MS)
        desk = await records.orders.desk_lengths()
        metrics.ORDERS.clear()
        metrics.DESK_LENGTH.clear()
        for (region, status), count in counts.items():
            metrics.ORDERS.labels(region, status).set(count)
        for region in self._dispatch.catalog.regions:
            metrics.DESK_LENGTH.labels(region).set(desk.get(region, 0))
        metrics.DOUBLE_HOLDERS.set(await records.ledger.double_holders())
        await records.requests.forget(now - REMEMBERED_MS)


async def _kept_going(name: str, run: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await run()
        except Exception as exc:  # a bug: it must not stop deadlines for good
            metrics.BROKEN.inc()
            log.error("task_failed", task=name, exc_info=exc)
        await asyncio.sleep(random.uniform(0.5, 1.5))
