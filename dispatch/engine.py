"""The engine: what happens because time passed.

Owns deadlines, silent agents, rows that Redis never heard of, and the call for reconciliation. One engine a
region is active, by a lease; correctness rests on the scripts, which compare the deadline that was read.
Invariant: a timeout is an ordinary command on the ordinary path.
"""

import asyncio
import random

import msgspec
import structlog

from dispatch import metrics
from dispatch.catalog import PEOPLE, Catalog
from dispatch.clock import now_ms
from dispatch.errors import DispatchError, InvariantBroken
from dispatch.intake import Intake
from dispatch.order import HELD, Status
from dispatch.people import REACHABLE_MS
from dispatch.policy import Policy, terms
from dispatch.reconcile import Reconciler
from dispatch.records import Records
from dispatch.store import Quarantined, Reply, Store

log = structlog.get_logger()
LEASE_MS = 3_000
MOST_DUE = 64
LONGEST_WAIT_S = 1.0
SWEEP_S = 2.0
UNOPENED_MS = 2_000


class Due(msgspec.Struct, frozen=True, array_like=True):
    """A deadline that passed, as the script reads it."""

    order_id: str
    due_at: str
    status: Status
    kind: str
    round: int
    plan: str


class DueList(msgspec.Struct, frozen=True):
    """`wait_ms` until the next deadline, −1 when there is none."""

    due: list[Due]
    now: int
    wait_ms: int


class Engine:
    """One region's."""

    def __init__(
        self,
        store: Store,
        records: Records,
        catalog: Catalog,
        intake: Intake,
        reconciler: Reconciler,
        region: str,
        owner: str,
    ) -> None:
        self._store = store
        self._records = records
        self._catalog = catalog
        self._intake = intake
        self._reconciler = reconciler
        self._region = region
        self._owner = owner
        self._swept_at = 0.0

    async def run(self) -> None:
        """Until cancelled; away databases are waited for."""
        while True:
            try:
                wait = await self._turn()
            except Quarantined:
                wait = await self._reconcile()
            except DispatchError as exc:
                if isinstance(exc, InvariantBroken):
                    metrics.BROKEN.inc()
                log.warning("engine_waits", region=self._region, error=exc.message)
                wait = random.uniform(0.1, LONGEST_WAIT_S)
            await asyncio.sleep(wait)

    async def _turn(self) -> float:
        """One look at the clock; returns the seconds until the next is needed."""
        held = await self._store.run("lease", self._region, owner=self._owner, lease_ms=LEASE_MS)
        if held.outcome != "ok":
            return LONGEST_WAIT_S
        await self._sweep()
        reply = await self._store.run("due", self._region, most=MOST_DUE)
        found = msgspec.msgpack.decode(reply.extra, type=DueList)
        if found.due:
            await asyncio.gather(*(self._take_effect(due) for due in found.due))
            return 0.0
        # A deadline set while we sleep lies no nearer than the shortest span of any policy.
        nearest = min(LONGEST_WAIT_S, self._catalog.shortest_seconds)
        return nearest if found.wait_ms < 0 else min(nearest, max(found.wait_ms, 1) / 1000)

    async def _take_effect(self, due: Due) -> None:
        policy = await self._catalog.policy(due.kind)
        reply = await self._command(due, policy)
        if reply.outcome == "ok":
            at = next(event.at for event in reply.events if event.order_id == due.order_id)
            metrics.DEADLINE_LATENESS.observe(max(0, at - int(due.due_at)) / 1000)

    async def _command(self, due: Due, policy: Policy) -> Reply:
        """What the passing of this deadline means. The script refuses when it is not the order's any more."""
        values = {"order_id": due.order_id, "due_at": due.due_at}
        if due.status is Status.SCHEDULED or due.status is Status.OPEN:
            number = 1 if due.status is Status.SCHEDULED else due.round + 1
            following = terms(policy, number, due.plan)
            if following is not None:
                name = "open" if due.status is Status.SCHEDULED else "widen"
                packed = msgspec.msgpack.encode(following)
                return await self._store.run(name, self._region, **values, terms=packed)
            return await self._store.run("escalate", self._region, **values, desk_ms=policy.desk_ms)
        if due.status in HELD:
            return await self._store.run("stall", self._region, **values)
        return await self._store.run("expire", self._region, **values)

    async def _sweep(self) -> None:
        """Each few seconds: who fell silent, and which rows Redis never heard of."""
        now = asyncio.get_running_loop().time()
        if now - self._swept_at < SWEEP_S:
            return
        self._swept_at = now
        await self._store.run("vanish", self._region, silent_ms=REACHABLE_MS)
        if self._region == PEOPLE:
            return
        for order, state in await self._records.orders.unopened(self._region, now_ms() - UNOPENED_MS, 100):
            policy = await self._catalog.policy(order.kind)
            await self._intake.enter(order.id, order.region, state, policy, "engine:", f"k{order.id}")

    async def _reconcile(self) -> float:
        try:
            done = await self._reconciler.ensure(self._region)
        except DispatchError as exc:
            log.warning("reconciliation_waits", region=self._region, error=exc.message)
            return random.uniform(0.1, LONGEST_WAIT_S)
        return 0.0 if done else 0.2
