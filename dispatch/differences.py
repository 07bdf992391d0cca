"""The comparison of Redis and PostgreSQL, for an operator: what `reconcile` would put right.

Changes nothing. Things are in motion while a server runs: a difference counts when a second look, a while later, finds
the same, and the side that knew less has not caught up with what the other knew at the first. Invariant: what was
only on its way between the two is no difference.
"""

import asyncio
from typing import NamedTuple

import msgspec

from dispatch.clock import now_ms
from dispatch.records import Records
from dispatch.records.orders import Mark
from dispatch.scripts import key
from dispatch.store import Quarantined, Store
from dispatch.survey import NOTHING, Picture, Standing, Survey

PAUSE_S = 2.0
"""Between two looks: longer than PostgreSQL takes to follow Redis, and an engine to open a row."""
UNOPENED_MS = 10_000
MOST_LISTED = 1000


class Difference(msgspec.Struct, frozen=True):
    """One order: its version in PostgreSQL and in Redis, 0 where it has none."""

    order_id: str
    sql: int
    redis: int


class Differences(msgspec.Struct, frozen=True):
    """What PostgreSQL and Redis do not agree on."""

    behind: list[Difference]
    """PostgreSQL knows more, or Redis lacks the order."""
    ahead: list[Difference]
    """Redis knows more, and it does not reach PostgreSQL."""
    unlike: list[str]
    """Orders at the same version with another status, fence or agent."""
    unopened: list[str]
    """Orders that were placed, and never opened."""
    indexes: list[tuple[str, list[str]]]
    """(order, indexes of Redis that disagree with the order itself)."""
    jobs: list[tuple[str, str]]
    """(agent, order) where Redis counts a load that PostgreSQL does not know, or lacks one."""
    cursor: str
    """What is wrong with the projector's place in the log, or ''."""
    lag: str
    """What the projector has not come to, if it does not move, or '': no difference by itself."""
    epoch: str
    """Why the region is closed, or ''."""

    @property
    def settled(self) -> bool:
        """Whether the region's epoch holds on this run of Redis."""
        return not self.epoch

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__struct_fields__ if name != "lag")


class _Look(NamedTuple):
    picture: Picture
    unopened: set[str]
    n: int
    """The region's, in Redis."""
    cursor_n: int


class Comparison:
    def __init__(self, store: Store, records: Records, survey: Survey) -> None:
        self._store = store
        self._records = records
        self._survey = survey

    async def of(self, region: str, settled: bool) -> Differences:
        """Raises Unavailable."""
        first = await self._look(region)
        found = await self._compare(region, first, first, settled)
        if not found:
            return found
        await asyncio.sleep(PAUSE_S)
        return await self._compare(region, first, await self._look(region), settled)

    async def _look(self, region: str) -> _Look:
        """The log's end first and the projector's place last: what lies between is on its way."""
        _, n = await self._store.log_end(region)
        picture = await self._picture(region)
        old = now_ms() - UNOPENED_MS
        rows = await self._records.orders.unopened(region, old, MOST_LISTED)
        _, cursor_n = await self._records.marks.cursor(region)
        return _Look(picture, {order.id for order, _ in rows}, n, cursor_n)

    async def _picture(self, region: str) -> Picture:
        for _ in range(3):
            try:
                return await self._survey.picture(region, await self._shown_epoch(region))
            except Quarantined:  # it is being put right just now
                await asyncio.sleep(PAUSE_S)
        return await self._survey.picture(region, await self._shown_epoch(region))

    async def _shown_epoch(self, region: str) -> str:
        return ((await self._store.direct([("GET", key(region, "epoch"))]))[0] or b"").decode()

    async def _compare(self, region: str, first: _Look, second: _Look, settled: bool) -> Differences:
        one, two = first.picture, second.picture
        ids = sorted(one.redis.keys() & two.redis.keys())
        behind = [oid for oid in ids if two.redis[oid].version < one.sql[oid].version]
        ahead = [oid for oid in ids if two.sql[oid].version < one.redis[oid].version]
        moving = {oid for oid in ids if one.sql[oid] != two.sql[oid] or one.redis[oid].mark != two.redis[oid].mark}
        return Differences(
            behind=[Difference(oid, two.sql[oid].version, two.redis[oid].version) for oid in behind],
            ahead=[Difference(oid, two.sql[oid].version, two.redis[oid].version) for oid in ahead],
            unlike=[oid for oid in ids if oid not in moving and _unlike(two.sql[oid], two.redis[oid])],
            unopened=sorted(first.unopened & second.unopened),
            indexes=[(oid, two.redis[oid].wrong) for oid in ids if one.redis[oid].wrong and two.redis[oid].wrong],
            jobs=sorted(pair for pair in _jobs(one) & _jobs(two) if pair[1] not in moving),
            cursor=_cursor(first, second),
            lag=_lag(first, second),
            epoch="" if settled else await self._closed(region),
        )

    async def _closed(self, region: str) -> str:
        shown = await self._shown_epoch(region)
        found = await self._records.marks.epoch(region)
        if found is None:
            return "the region was never reconciled"
        run_id, epoch = found
        if shown != str(epoch):
            return f"epoch {shown or 'missing'} in Redis, {epoch} in PostgreSQL"
        return f"Redis is run {self._store.run_id}, the epoch is of run {run_id or '(being reconciled)'}"


def _unlike(sql: Mark, redis: Standing) -> bool:
    return sql.version == redis.version and sql not in (NOTHING, redis.mark)


def _jobs(picture: Picture) -> set[tuple[str, str]]:
    return picture.counted ^ picture.held


def _cursor(first: _Look, second: _Look) -> str:
    if first.cursor_n > second.n:
        return f"the projector stands at {second.cursor_n}, the log ends at {second.n}"
    return ""


def _lag(first: _Look, second: _Look) -> str:
    if second.cursor_n < first.n and second.cursor_n == first.cursor_n:
        return f"{second.n - second.cursor_n} entries of the log wait for a projector"
    return ""
