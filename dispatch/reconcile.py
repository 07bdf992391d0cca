"""Reconciliation: after Redis restarted, was emptied or set back, a region is put right from PostgreSQL.

Owns the six steps of DESIGN §6, under an advisory lock of their own (not the projector's, so a hung projector
does not hold it up). Invariant: while a region is being put right its epoch is in no Redis, so no script of
anybody takes effect; what `apply` is offered of the older epoch is refused.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, TypeVar

import msgspec
import structlog

from dispatch import metrics
from dispatch.errors import Unavailable
from dispatch.people import profile_fields
from dispatch.projector import TTL_MS
from dispatch.records import Records
from dispatch.records.agents import Agent
from dispatch.scripts import key
from dispatch.store import Store

T = TypeVar("T")
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
        return await self.settled(region) or await self._alone(region, unless_settled=True)

    async def region(self, region: str) -> bool:
        """All six steps; False when another process is at it. Raises Unavailable."""
        return await self._alone(region, unless_settled=False)

    async def _alone(self, region: str, *, unless_settled: bool) -> bool:
        async with self._records.database.try_lock(f"reconcile:{region}") as held:
            if held is None:
                return False
            if not (unless_settled and await self.settled(region)):  # another may just have done it
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
        # (3), (4) PostgreSQL wins where it knows more. Scripts of ours run under a private epoch, nobody else's do.
        private = -epoch
        await self._store.direct([("SET", key(region, "epoch"), private)])
        restored = await self._restore(region, private)
        # (5) `n` goes on above whatever anybody saw.
        _, known_n = await self._records.marks.cursor(region)
        n = max(n, known_n) + LEAP
        await self._store.run_as(private, "settle", region, number=n, new_epoch=epoch)
        # (6) The region is open again for whoever reads its epoch here; the projector goes on at the end of the log.
        if self._store.run_id != run_id or not await self._records.marks.settle(region, epoch, run_id, last, n):
            raise Unavailable("Redis or the epoch changed while the region was being reconciled")
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

    async def _restore(self, region: str, private: int) -> int:
        """How many orders were written to Redis."""
        await self._right_profiles(region)
        redis = await self._redis_versions(region)
        behind = await self._behind(region, redis)
        for ids in _batched(sorted(behind), MOST_AT_ONCE):
            states = await self._records.orders.states(ids)
            packed = {order_id: msgspec.msgpack.encode(state) for order_id, (_, state) in states.items()}
            await asyncio.gather(
                *(
                    self._store.run_as(private, "restore", region, order_id=order_id, state=state, ttl_ms=TTL_MS)
                    for order_id, state in packed.items()
                )
            )
        await self._right_jobs(region)
        metrics.RESTORED.labels(region).inc(len(behind))
        return len(behind)

    async def _right_profiles(self, region: str) -> None:
        """An older copy may know as available whom the operator has suspended since."""
        agents = await self._records.agents.of_region(region)
        for some in _batched(agents, MOST_AT_ONCE):
            await self._store.direct([("HSET", key(region, "agent", agent.id), *_flat(agent)) for agent in some])

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
        true = {(agent, oid) for oid, agent in (await self._records.orders.holders(region)).items()}
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


def _flat(agent: Agent) -> Iterator[str]:
    return chain.from_iterable(profile_fields(agent).items())


def _batched(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
