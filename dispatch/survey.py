"""The survey of a region: how Redis has its orders and loads, beside what PostgreSQL says of them.

Reads only, without a walk through all keys: every unfinished order stands in an index of its region. Knows not what
is done about a difference. Invariant: each order's standing, with its indexes, is of one instant.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar, get_args

import msgspec

from dispatch.policy import AgentRole
from dispatch.records import Records
from dispatch.records.orders import Mark
from dispatch.scripts import key
from dispatch.store import Store

T = TypeVar("T")
MOST_AT_ONCE = 500
NOTHING = Mark(0, "", 0, "")
"""Of an order that is not there, or was not opened yet."""


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """How Redis has an order, and the names of the indexes that disagree with that."""

    version: int
    status: str
    fence: int
    agent_id: str
    wrong: list[str]

    @property
    def mark(self) -> Mark:
        return Mark(self.version, self.status, self.fence, self.agent_id)


class Picture(NamedTuple):
    """One look at a region. `redis` and `sql` have the same orders."""

    redis: dict[str, Standing]
    sql: dict[str, Mark]
    counted: set[tuple[str, str]]
    """(agent, order) as the loads in Redis have it."""
    held: set[tuple[str, str]]
    """(agent, order) as PostgreSQL has it."""


class Survey:
    def __init__(self, store: Store, records: Records) -> None:
        self._store = store
        self._records = records

    async def picture(self, region: str, epoch: int | str) -> Picture:
        """Under the epoch that Redis shows. Raises Unavailable."""
        agents = [agent.id for agent in await self._records.agents.of_region(region)]
        held = {(agent, order_id) for order_id, agent in (await self._records.orders.holders(region)).items()}
        counted = await self._loads(region, {*agents, *(agent for agent, _ in held)})
        known = {*await self._indexed(region), *await self._records.orders.unfinished(region)}
        ids = sorted(known | {order_id for _, order_id in counted})
        sql = await self.marks(ids)
        return Picture(await self.standings(region, epoch, ids), sql, counted, held)

    async def standings(self, region: str, epoch: int | str, ids: Sequence[str]) -> dict[str, Standing]:
        found: dict[str, Standing] = {}
        for some in batched(ids, MOST_AT_ONCE):
            packed = msgspec.msgpack.encode(some)
            reply = await self._store.run_as(epoch, "survey", region, order_ids=packed)
            found |= zip(some, msgspec.msgpack.decode(reply.extra, type=list[Standing]), strict=True)
        return found

    async def marks(self, ids: Sequence[str]) -> dict[str, Mark]:
        """What PostgreSQL says; `NOTHING` of those that it does not know, or not as opened."""
        found: dict[str, Mark] = {}
        for some in batched(ids, MOST_AT_ONCE):
            known = await self._records.orders.marks(some)
            found |= {order_id: known[order_id] if _opened(known.get(order_id)) else NOTHING for order_id in some}
        return found

    async def _indexed(self, region: str) -> set[str]:
        roles = get_args(AgentRole)
        groups = await self._store.direct([("SMEMBERS", key(region, "reach", role)) for role in roles])
        ranked = [key(region, name) for name in ("deadlines", "desk", "hall")]
        for role, found in zip(roles, groups, strict=True):
            ranked += [key(region, "wanting", f"{role}:{group.decode()}") for group in found]
        replies = await self._store.direct(
            [*(("ZRANGE", name, 0, -1) for name in ranked), ("SMEMBERS", key(region, "held"))]
        )
        return {member.decode() for members in replies for member in members}

    async def _loads(self, region: str, agents: Iterable[str]) -> set[tuple[str, str]]:
        counted: set[tuple[str, str]] = set()
        for some in batched(sorted(agents), MOST_AT_ONCE):
            replies = await self._store.direct([("SMEMBERS", key(region, "jobs", agent)) for agent in some])
            counted |= {(agent, oid.decode()) for agent, held in zip(some, replies, strict=True) for oid in held}
        return counted


def _opened(mark: Mark | None) -> bool:
    return mark is not None and mark.version > 0


def batched(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
