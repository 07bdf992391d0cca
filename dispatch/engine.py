"""The engine: what happens because time passed.

Owns deadlines, silent agents, rows that Redis never heard of, and the call for reconciliation. One engine a
region is active, by a lease; correctness rests on the scripts, which compare the deadline that was read.
Invariant: a timeout is an ordinary command on the ordinary path.
"""

import asyncio
import random
from typing import Any

import msgspec
import structlog

from dispatch import metrics
from dispatch.catalog import PEOPLE, Catalog
from dispatch.clock import now_ms
from dispatch.errors import DispatchError, InvariantBroken, Refused
from dispatch.intake import Intake
from dispatch.order import HELD, Order, Status
from dispatch.people import REACHABLE_MS
from dispatch.policy import Policy, terms
from dispatch.reconcile import Reconciler
from dispatch.records import Records
from dispatch.state import State
from dispatch.store import Quarantined, Reply, Store

log = structlog.get_logger()
LEASE_MS = 3_000
MOST_DUE = 64
LONGEST_WAIT_S = 1.0
SWEEP_S = 2.0
FAULT_WAIT_S = 0.1
UNOPENED_MS = 2_000
MOST_UNOPENED = 1_000
MOST_VANISHED = 256


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
        self._active = False

    async def run(self) -> None:
        """Until cancelled; away databases are waited for. No deadline waits for a sweep, which asks PostgreSQL."""
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._keep_time())
                both.create_task(self._keep_sweeping())
        finally:
            await self._give_back()

    async def _give_back(self) -> None:
        """The lease, so that another engine need not wait for its end."""
        if self._active:
            self._active = False
            try:
                await self._store.run_now("lease", self._region, owner=self._owner, lease_ms=0)
            except DispatchError as exc:
                self._note("lease_not_given_back", exc)

    async def _keep_time(self) -> None:
        while True:
            try:
                wait = await self._turn()
            except Quarantined:
                wait = await self._reconcile()
            except DispatchError as exc:
                self._note("engine_waits", exc)
                wait = random.uniform(0.1, LONGEST_WAIT_S)
            await asyncio.sleep(wait)

    async def _keep_sweeping(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            if self._active:
                try:
                    await self._sweep()
                except DispatchError as exc:
                    self._note("sweep_waits", exc)

    def _note(self, what: str, exc: DispatchError) -> None:
        if isinstance(exc, InvariantBroken):
            metrics.BROKEN.inc()
        log.warning(what, region=self._region, error=exc.message)

    async def _turn(self) -> float:
        """One look at the clock; returns the seconds until the next is needed."""
        held = await self._store.run_now("lease", self._region, owner=self._owner, lease_ms=LEASE_MS)
        self._active = held.outcome == "ok"
        if not self._active:
            return LONGEST_WAIT_S
        reply = await self._store.run_now("due", self._region, most=MOST_DUE)
        found = msgspec.msgpack.decode(reply.extra, type=DueList)
        if found.due:
            done = await asyncio.gather(*(self._take_effect(due) for due in found.due))
            return 0.0 if all(done) else FAULT_WAIT_S
        # A deadline set while we sleep lies no nearer than the shortest span of any policy.
        nearest = min(LONGEST_WAIT_S, self._catalog.shortest_seconds)
        return nearest if found.wait_ms < 0 else min(nearest, max(found.wait_ms, 1) / 1000)

    async def _take_effect(self, due: Due) -> bool:
        """False for an order that is at fault: it must not hold up the others. Raises Unavailable."""
        try:
            policy = await self._catalog.policy(due.kind)
            reply = await self._command(due, policy)
        except (InvariantBroken, Refused) as exc:
            metrics.BROKEN.inc()
            log.error("deadline_without_effect", order=due.order_id, error=exc.message)
            return False
        if reply.outcome == "ok":
            at = [event.at for event in reply.events if event.order_id == due.order_id][-1]
            metrics.DEADLINE_LATENESS.observe(max(0, at - int(due.due_at)) / 1000)
        return True

    async def _command(self, due: Due, policy: Policy) -> Reply:
        """What the passing of this deadline means. The script refuses when it is not the order's any more."""
        values: dict[str, Any] = {"order_id": due.order_id, "due_at": due.due_at}
        if due.status is Status.SCHEDULED or due.status is Status.OPEN:
            number = 1 if due.status is Status.SCHEDULED else due.round + 1
            following = terms(policy, number, due.plan)
            if following is not None:
                name = "open" if due.status is Status.SCHEDULED else "widen"
                packed = msgspec.msgpack.encode(following)
                return await self._store.run_now(name, self._region, **values, terms=packed)
            return await self._store.run_now("escalate", self._region, **values, desk_ms=policy.desk_ms)
        if due.status in HELD:
            return await self._store.run_now("stall", self._region, **values)
        return await self._store.run_now("expire", self._region, **values)

    async def _sweep(self) -> None:
        """Each few seconds: who fell silent, and which rows Redis never heard of."""
        vanished = MOST_VANISHED
        while vanished == MOST_VANISHED:
            reply = await self._store.run_now("vanish", self._region, silent_ms=REACHABLE_MS, most=MOST_VANISHED)
            vanished = len(reply.unpacked())
        if self._region == PEOPLE:
            return
        rows = await self._records.orders.unopened(self._region, now_ms() - UNOPENED_MS, MOST_UNOPENED)
        await asyncio.gather(*(self._open(order, state) for order, state in rows))

    async def _open(self, order: Order, state: State) -> None:
        """Raises Unavailable."""
        try:
            policy = await self._catalog.policy(order.kind)
            await self._intake.enter(order.id, order.region, state, policy, "engine:", f"k{order.id}")
        except (InvariantBroken, Refused) as exc:
            metrics.BROKEN.inc()
            log.error("row_not_opened", order=order.id, error=exc.message)

    async def _reconcile(self) -> float:
        try:
            done = await self._reconciler.ensure(self._region)
        except DispatchError as exc:
            self._note("reconciliation_waits", exc)
            return random.uniform(0.1, LONGEST_WAIT_S)
        return 0.0 if done else random.uniform(0.2, 0.6)  # another is at it; to ask costs a connection
