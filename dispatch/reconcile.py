"""Reconciliation: after Redis restarted, was emptied or set back, a region is put right from PostgreSQL.

Owns the six steps of DESIGN §6, under an advisory lock of their own (not the projector's, so a hung projector
does not hold it up). Invariant: while a region is being put right its epoch is in no Redis, so no script of
anybody takes effect; what `apply` is offered of the older epoch is refused.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec
import structlog

from dispatch import metrics
from dispatch.clock import now_ms
from dispatch.errors import InvariantBroken
from dispatch.order import HELD, TERMINAL
from dispatch.records import Records
from dispatch.scripts import key
from dispatch.state import State
from dispatch.store import Store

log = structlog.get_logger()
LEAP = 1_000_000
"""How far `n` jumps: above whatever a reader may have seen of a log that was lost."""
MOST_AT_ONCE = 500


class Differences(msgspec.Struct, frozen=True):
    """What PostgreSQL and Redis do not agree on, before anything is changed."""

    behind: list[str]
    """Orders of which PostgreSQL has a higher version, or which Redis lacks."""
    jobs: list[tuple[str, str]]
    """(agent, order) where Redis counts a load that PostgreSQL does not know, or lacks one."""
    settled: bool
    """Whether the region's epoch holds on this run of Redis."""


class Reconciler:
    def __init__(self, store: Store, records: Records) -> None:
        self._store = store
        self._records = records

    async def ensure(self, region: str) -> bool:
        """Reconcile the region unless its epoch holds; False when another process is at it. Raises Unavailable."""
        if await self.settled(region):
            return True
        return await self.region(region)

    async def region(self, region: str) -> bool:
        """All six steps; False when another process is at it. Raises Unavailable."""
        async with self._records.database.try_lock(f"reconcile:{region}") as held:
            if held is None:
                return False
            await self._put_right(region)
            return True

    async def check(self, region: str) -> Differences:
        """What `region` would put right; changes nothing. Raises Unavailable."""
        redis = await self._redis_versions(region)
        behind = await self._behind(region, redis)
        wrong = await self._wrong_jobs(region)
        return Differences(sorted(behind), sorted(wrong), await self.settled(region))

    async def settled(self, region: str) -> bool:
        """Whether the region's epoch holds on this run of Redis. Raises Unavailable."""
        found = await self._records.marks.epoch(region)
        in_redis = (await self._store.direct([("GET", key(region, "epoch"))]))[0]
        return found is not None and found[0] == self._store.run_id and in_redis == str(found[1]).encode()

    async def _put_right(self, region: str) -> None:
        # (1) From here on no script takes effect and no `apply` of the old epoch is let in.
        epoch = await self._records.marks.raise_epoch(region)
        await self._store.direct([("DEL", key(region, "epoch"))])
        run_id = self._store.run_id
        # (2) What the surviving log still has.
        last, n = await self._survivors(region)
        # (3), (4) PostgreSQL wins where it knows more.
        restored = await self._restore(region, epoch)
        # (5) The projector goes on at the end of the log, `n` above whatever anybody saw.
        _, known_n = await self._records.marks.cursor(region)
        n = max(n, known_n) + LEAP
        await self._records.marks.settle(region, epoch, run_id, last, n)
        # (6) The region is open again; hubs see the new epoch and `n`, and announce their sessions.
        await self._store.direct([("SET", key(region, "n"), n), ("SET", key(region, "epoch"), epoch)])
        if self._store.run_id != run_id:
            raise InvariantBroken("Redis changed while it was reconciled")
        metrics.RECONCILED.labels(region).inc()
        log.info("region_reconciled", region=region, epoch=epoch, restored=restored)

    async def _survivors(self, region: str) -> tuple[str, int]:
        cursor, _ = await self._records.marks.cursor(region)
        reader = self._store.reader(region, cursor)
        try:
            while events := await reader.read(MOST_AT_ONCE, 0):
                await self._records.ledger.survive(events)
        finally:
            await reader.close()
        return await self._store.log_end(region)

    async def _restore(self, region: str, epoch: int) -> int:
        """The epoch in Redis is a private one meanwhile: scripts of ours run, nobody else's do."""
        restored = 0
        private = -epoch
        await self._store.direct([("SET", key(region, "epoch"), private)])
        redis = await self._redis_versions(region)
        for ids in _batched(sorted(await self._behind(region, redis)), MOST_AT_ONCE):
            states = await self._records.orders.states(ids)
            for order_id, (_, state) in states.items():
                await self._store.run_as(
                    private,
                    "restore",
                    region,
                    order_id=order_id,
                    state=msgspec.msgpack.encode(state),
                    due_at=_due(state),
                )
                restored += 1
        await self._right_jobs(region)
        metrics.RESTORED.labels(region).inc(restored)
        return restored

    async def _behind(self, region: str, redis: dict[str, int]) -> set[str]:
        """Unfinished orders that Redis lacks or has at a lower version, and ended ones it still has at a lower one."""
        unfinished = await self._records.orders.unfinished(region)
        behind = {order_id for order_id, version in unfinished.items() if redis.get(order_id, -1) < version}
        for ids in _batched([order_id for order_id in redis if order_id not in unfinished], MOST_AT_ONCE):
            states = await self._records.orders.states(ids)
            behind |= {order_id for order_id, (version, _) in states.items() if redis[order_id] < version}
        return behind

    async def _redis_versions(self, region: str) -> dict[str, int]:
        found: dict[str, int] = {}
        prefix = key(region, "order", "")
        async for names in self._scan(prefix):
            versions = await self._store.direct([("HGET", name, "version") for name in names])
            found |= {
                name.removeprefix(prefix): int(version)
                for name, version in zip(names, versions, strict=True)
                if version is not None
            }
        return found

    async def _scan(self, prefix: str) -> Any:
        """Names of keys that begin with `prefix`, in batches."""
        cursor = b"0"
        pattern = "".join(f"\\{c}" if c in "*?[]\\" else c for c in prefix) + "*"
        while True:
            cursor, names = (await self._store.direct([("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)]))[0]
            if names:
                yield [name.decode() for name in names]
            if cursor == b"0":
                return

    async def _loads(self, region: str) -> dict[str, set[str]]:
        """Agent → orders that Redis counts as his load."""
        prefix = key(region, "jobs", "")
        found: dict[str, set[str]] = {}
        async for names in self._scan(prefix):
            members = await self._store.direct([("SMEMBERS", name) for name in names])
            for name, held in zip(names, members, strict=True):
                found[name.removeprefix(prefix)] = {order_id.decode() for order_id in held}
        return found

    async def _wrong_jobs(self, region: str) -> set[tuple[str, str]]:
        counted = {(agent, oid) for agent, ids in (await self._loads(region)).items() for oid in ids}
        states = await self._records.orders.states(list(await self._records.orders.unfinished(region)))
        true = {(state["agent_id"], oid) for oid, (_, state) in states.items() if state["status"] in HELD}
        return counted ^ true

    async def _right_jobs(self, region: str) -> None:
        wrong = await self._wrong_jobs(region)
        loads = await self._loads(region)
        commands = [
            ("SREM" if order_id in loads.get(agent, ()) else "SADD", key(region, "jobs", agent), order_id)
            for agent, order_id in wrong
        ]
        if commands:
            await self._store.direct(commands)


def _due(state: State) -> str:
    """A restored order that waits for something is due now: nobody knows what its round had left."""
    if state["status"] in TERMINAL or not state["due_at"]:
        return ""
    return str(now_ms()) if state["status"] not in ("scheduled", *HELD) else state["due_at"]


def _batched(items: Iterable[str], size: int) -> Iterator[Sequence[str]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
