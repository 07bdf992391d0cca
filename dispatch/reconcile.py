"""Reconciliation: after Redis restarted, was emptied or set back, a region is put right from PostgreSQL.

Owns the steps of DESIGN §6, under an advisory lock of their own (not the projector's, so a hung projector does not
hold it up). Invariants: while a region is being put right only the one who does it knows the epoch that its scripts
take effect under; whoever is overtaken in the middle changes nothing any more, neither in Redis nor in PostgreSQL;
afterwards Redis says of every order what PostgreSQL says.
"""

import asyncio
from collections.abc import Sequence

import msgspec
import structlog

from dispatch import metrics
from dispatch.catalog import PEOPLE
from dispatch.clock import now_ms
from dispatch.differences import Comparison, Differences
from dispatch.errors import Unavailable
from dispatch.events import Event, Type
from dispatch.order import HELD, TERMINAL
from dispatch.people import profile_fields
from dispatch.projector import KEEP_MS, TTL_MS
from dispatch.records import Records
from dispatch.scripts import key
from dispatch.state import State
from dispatch.store import Store
from dispatch.survey import MOST_AT_ONCE, Picture, Survey, batched

log = structlog.get_logger()
LEAP = 2**32
"""How far `n` leaps, to the next multiple: above whatever a reader may have seen of a log that was lost. Which
multiple `n` lies above tells, too, since when a copy of Redis is what it is."""
MOST_IN_A_SCRIPT = 200
"""Orders written in one call: some 10 ms, for which Redis answers nobody else."""
MOST_REGIONS = 4
"""At a time in one process: the first are open again before the last are begun."""


class Reconciler:
    def __init__(self, store: Store, records: Records) -> None:
        self._store = store
        self._records = records
        self._survey = Survey(store, records)
        self._few = asyncio.Semaphore(MOST_REGIONS)

    async def ensure(self, region: str) -> bool:
        """Reconcile the region unless its epoch holds; False when another process is at it. Raises Unavailable."""
        return await self.settled(region) or await self._alone(region, unless_settled=True)

    async def region(self, region: str) -> bool:
        """All steps; False when another process is at it. Raises Unavailable."""
        return await self._alone(region, unless_settled=False)

    async def _alone(self, region: str, *, unless_settled: bool) -> bool:
        async with self._few, self._records.database.try_lock(f"reconcile:{region}") as held:
            if held is None:
                return False
            if not (unless_settled and await self.settled(region)):  # another may just have done it
                await self._put_right(region)
            return True

    async def check(self, region: str) -> Differences:
        """What `region` would put right; changes nothing, and leaves out what is in motion. Raises Unavailable."""
        return await Comparison(self._store, self._records, self._survey).of(region, await self.settled(region))

    async def settled(self, region: str) -> bool:
        """Whether the region's epoch holds on this run of Redis. Raises Unavailable."""
        found = await self._records.marks.epoch(region)
        in_redis = (await self._store.direct([("GET", key(region, "epoch"))]))[0]
        return found is not None and found[0] == self._store.run_id and in_redis == str(found[1]).encode()

    async def _put_right(self, region: str) -> None:
        # (1) From here on no `apply` of the old epoch is let in, and no script takes effect but ours.
        epoch = await self._close(region)
        private, run_id = -epoch, self._store.run_id
        # (2) What the surviving log still has; nothing, when Redis is a copy from before the last reconciliation.
        _, n = await self._store.log_end(region)
        cursor, known_n = await self._records.marks.cursor(region)
        continues = n // LEAP >= known_n // LEAP
        if continues:
            await self._survive(region, epoch, run_id, cursor, known_n)
        # (3) Redis is given what PostgreSQL says.
        restored = await self._restore(region, epoch, continues=continues)
        # (4) `n` goes on above whatever anybody saw, and the region is open for whoever reads its epoch here; the
        # projector goes on at the end of the log.
        n = (max(n, known_n) // LEAP + 1) * LEAP
        undone = "" if continues else "1"
        settled = await self._store.run_as(private, "settle", region, number=n, new_epoch=epoch, undone=undone)
        # (5) Hubs see the leap, and announce and ask again.
        if self._store.run_id != run_id or not await self._records.marks.settle(
            region, epoch, run_id, settled.text, n + 1
        ):
            raise Unavailable("Redis or the epoch changed while the region was being reconciled")
        metrics.RECONCILED.labels(region).inc()
        metrics.RESTORED.labels(region).inc(restored)
        log.info("region_reconciled", region=region, epoch=epoch, restored=restored, lost=not continues)

    async def _close(self, region: str) -> int:
        """Returns the new epoch. Another who closed the region between our two looks at it makes this Unavailable."""
        shown = ((await self._store.direct([("GET", key(region, "epoch"))]))[0] or b"").decode()
        epoch = await self._records.marks.raise_epoch(region, above=abs(int(shown or 0)))
        await self._store.run_as(shown, "seclude", region, private=-epoch)
        return epoch

    async def _survive(self, region: str, epoch: int, run_id: str, cursor: str, known_n: int) -> None:
        reader = self._store.reader(region, cursor)
        ended: set[str] = set()
        try:
            while events := await reader.read(MOST_AT_ONCE, 0):
                if reader.run_id != run_id:
                    raise Unavailable("Redis changed while its log was read")
                news = [event for event in events if event.order_id and event.n > known_n]
                await self._records.ledger.survive(region, epoch, news)
                ended |= {event.order_id for event in news if event.state["status"] in TERMINAL}
        finally:
            await reader.close()
        if ended:  # no projector comes by here
            packed = msgspec.msgpack.encode(sorted(ended))
            await self._store.run_as(
                -epoch, "tidy", region, ended=packed, ttl_ms=TTL_MS, cursor=reader.cursor, keep_ms=KEEP_MS
            )

    async def _restore(self, region: str, epoch: int, *, continues: bool) -> int:
        """How many orders were written to Redis."""
        private = -epoch
        picture = await self._survey.picture(region, private)
        if continues:
            picture = await self._adopt(region, epoch, picture)
        wrong = [
            order_id
            for order_id, standing in picture.redis.items()
            if not continues or standing.mark != picture.sql[order_id] or standing.wrong
        ]
        for ids in batched(sorted(wrong), MOST_IN_A_SCRIPT):
            await self._write(region, private, ids)
        await self._right_loads(region, private, picture)
        if region != PEOPLE:
            await self._right_agents(region, private)
        return len(wrong)

    async def _write(self, region: str, private: int, ids: Sequence[str]) -> None:
        """What PostgreSQL knows only as a row at version 0, or not at all, Redis has to forget."""
        found = await self._records.orders.states(ids)
        states = {order_id: state for order_id, (version, state) in found.items() if version}
        packed = msgspec.msgpack.encode(states)
        await self._store.run_as(private, "restore", region, states=packed, ttl_ms=TTL_MS)
        for order_id in set(ids) - states.keys():
            await self._store.run_as(private, "drop", region, order_id=order_id)

    async def _adopt(self, region: str, epoch: int, picture: Picture) -> Picture:
        """Where Redis goes on from what PostgreSQL knew and knows more, without a log that says so: PostgreSQL was
        set back, or had refused an event. It learns the present state."""
        ahead = [oid for oid, standing in picture.redis.items() if standing.version > picture.sql[oid].version]
        for ids in batched(sorted(ahead), MOST_AT_ONCE):
            reply = await self._store.run_as(-epoch, "states", region, order_ids=msgspec.msgpack.encode(ids))
            events = [_adopted(region, epoch, order_id, state) for order_id, state in reply.unpacked()["orders"]]
            await self._records.ledger.survive(region, epoch, events)
            log.warning("orders_adopted", region=region, orders=ids)
        return picture._replace(sql=picture.sql | await self._survey.marks(ahead))

    async def _right_loads(self, region: str, private: int, picture: Picture) -> None:
        held = {(agent, oid) for oid, agent in (await self._records.orders.holders(region)).items()}
        loads: dict[str, list[str]] = {agent: [] for agent, _ in picture.counted ^ held}
        for agent, order_id in sorted(held):
            if agent in loads:
                loads[agent].append(order_id)
        await asyncio.gather(
            *(
                self._store.run_as(private, "tally", region, agent_id=agent, order_ids=msgspec.msgpack.encode(ids))
                for agent, ids in loads.items()
            )
        )

    async def _right_agents(self, region: str, private: int) -> None:
        """An older copy may know as available whom the operator has suspended since, and as here who has moved."""
        agents = await self._records.agents.of_region(region)
        cards = msgspec.msgpack.encode({agent.id: profile_fields(agent) for agent in agents})
        moved: Sequence[str] = (await self._store.run_as(private, "cards", region, cards=cards)).unpacked()
        await asyncio.gather(*(self._store.run_as(private, "depart", region, agent_id=agent) for agent in moved))


def _adopted(region: str, epoch: int, order_id: str, state: State) -> Event:
    """An event that no script wrote, of what Redis shows."""
    holder = state["agent_id"] if state["status"] in HELD else ""
    body = {"at": now_ms(), "actor": "engine:", "epoch": str(epoch), "data": {}, "state": state}
    fields = {"n": "0", "type": Type.ADOPTED, "order": order_id, "version": state["version"], "to": "", "was": ""}
    outer = fields | {"holder": holder, "customer": state["customer_id"], "desk": ""}
    encoded = {name.encode(): value.encode() for name, value in outer.items()}
    return Event(region, encoded | {b"body": msgspec.msgpack.encode(body)})
