"""Rules of the machine: processes that stop between two steps, a Redis that loses its past, and reconciliation.

Owns the projector's stops, the copies of Redis (one may show a past that never was: taken after the copy to which
Redis was set back), and what is applied late. Invariant: while Redis is broken nothing but reconciliation changes it.
"""

from contextlib import suppress
from enum import StrEnum
from typing import NamedTuple
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from dispatch.events import Event as RealEvent
from dispatch.order import TERMINAL
from dispatch.projector import Projector
from dispatch.records.ledger import StaleEpoch
from dispatch.scripts import key
from dispatch.store import LogReader, Quarantined
from tests.models import looks
from tests.models.commands import picks, whole
from tests.models.house import House
from tests.models.orders import Event, change
from tests.models.people_rules import PeopleRules
from tests.models.play import same
from tests.models.stage import Died, Fate


class Copy(NamedTuple):
    """All of the region's keys as a snapshot of Redis has them, with their lifetimes, and the model's."""

    keys: dict[bytes, tuple[bytes, int]]
    house: House


class Batch(NamedTuple):
    """What a projector has read."""

    reader: LogReader
    real: list[RealEvent]
    events: list[Event]


class Stop(StrEnum):
    """After which step a process dies."""

    READ = "read"
    APPLIED = "applied"
    NEVER = "never"


class Break(StrEnum):
    """After which step reconciliation dies."""

    SURVIVORS = "survivors"
    RESTORED = "restored"
    REOPENED = "reopened"
    NEVER = "never"


class Losses(PeopleRules):
    def __init__(self) -> None:
        super().__init__()
        self.copies: list[Copy] = []
        self.hung: list[Batch] = []
        self.refused = False
        """Since Redis broke, somebody was refused."""

    @rule()
    def another_node(self) -> None:
        """Takes over. The simplest of all rules: see `machine.play`."""
        self.turn = 1 - self.turn
        self.engine = self._engine()

    # --- into PostgreSQL ------------------------------------------------------------------------------

    @precondition(whole)
    @rule(most=st.sampled_from([1, 3, 512]), stop=st.sampled_from([Stop.NEVER, *Stop]))
    def project(self, most: int, stop: Stop) -> None:
        """A projector takes its turn, and may stop after any step of it."""
        batch = self._read(most)
        if stop is Stop.READ:
            self.hung.append(batch)
        elif batch.real:
            self._project(batch, tidies=stop is Stop.NEVER)

    def _read(self, most: int) -> Batch:
        entry, _ = self.run(self.dispatch.records.marks.cursor(self.region))
        reader = self.dispatch.store.reader(self.region, entry)
        real = self.run(reader.read(most, 0))
        self.run(reader.close())
        events = [event for event in self.house.log if event.entry > looks.entry_of(entry)][:most]
        assert [event.n for event in real] == [event.n for event in events]
        return Batch(reader, real, events)

    def _project(self, batch: Batch, *, tidies: bool) -> None:
        if tidies:
            projector = Projector(self.dispatch.store, self.dispatch.records, self.region)
            self.run(projector._project(batch.real, batch.reader))
        else:
            place = batch.reader.cursor, batch.real[-1].n
            self.run(self.dispatch.records.ledger.project(self.region, batch.real, *place))
        assert self.archive.project(batch.events)
        if tidies:
            ended = {event.order.id for event in batch.events if event.order and event.order.status in TERMINAL}
            self.house.ended(ended)
        self.compare(self.look())

    @precondition(lambda self: self.hung)
    @rule()
    def a_hung_projector_goes_on(self) -> None:
        """Another may have been at it meanwhile, and the region may have been reconciled."""
        batch = self.hung.pop()
        if not batch.real:
            return
        assert self.run(self._project_late(batch)) is self.archive.project(batch.events)
        self.compare(self.look())

    async def _project_late(self, batch: Batch) -> bool:
        try:
            place = batch.reader.cursor, batch.real[-1].n
            await self.dispatch.records.ledger.project(self.region, batch.real, *place)
        except StaleEpoch:
            return False
        return True

    @precondition(lambda self: self.real)
    @rule(picked=st.lists(picks, min_size=1, max_size=4))
    def apply_anything(self, picked: list[int]) -> None:
        """Events of any time come to PostgreSQL, in any order and again, also such as Redis has lost since."""
        entries = sorted(self.real)[-60:]
        pairs = [self.real[entries[-1 - pick % len(entries)]] for pick in picked]
        pairs = [(event, real) for event, real in pairs if real.order_id]
        has = self.dispatch.records.ledger.has  # what this process knows that it has written is not looked at again
        assert all(self.archive.has(event) for event, real in pairs if has(real))
        self.torn |= {real.order_id for _, real in pairs}
        expected = self.archive.apply([event for event, real in pairs if not has(real)])
        assert self.run(self._apply([real for _, real in pairs])) is expected
        self.compare(self.look())

    async def _apply(self, events: list[RealEvent]) -> bool:
        try:
            await self.dispatch.records.ledger.apply(events)
        except StaleEpoch:
            return False
        return True

    @precondition(whole)
    @rule(picked=st.lists(picks, min_size=1, max_size=4))
    def a_hub_records(self, picked: list[int]) -> None:
        """What it tells its sessions as held: some entries of the log, each with what led to it."""
        log = [event for event in self.house.log if event.order]
        told = sorted({log[-1 - pick % len(log)].entry for pick in picked}) if log else []
        with self.node.tap.listening(Fate.ANSWERS):
            self.run(self._tell_record([self.real[entry][1] for entry in told]))
        expected = [self.real[entry][0] for entry in told]
        if all(event.epoch == self.archive.epoch for event in expected):
            self.archive.survive(expected)
            self.taken_in(expected)
        self.compare(self.look())

    async def _tell_record(self, events: list[RealEvent]) -> None:
        with suppress(StaleEpoch):
            await self.dispatch.transitions.record(events)

    # --- time behind the cursor -----------------------------------------------------------------------

    @precondition(whole)
    @rule()
    def cut_the_log(self) -> None:
        """Ten minutes and more have passed: the log is cut behind the cursor."""
        ms, number = self.archive.cursor
        trim = ("XTRIM", key(self.region, "log"), "MINID", f"{ms}-{number}")
        self.run(self.dispatch.store.direct([trim]))
        self.house.log = [event for event in self.house.log if event.entry >= self.archive.cursor]
        self.compare(self.look())

    @precondition(lambda self: self.house.fleeting and not self.broken)
    @rule(pick=picks)
    def let_go(self, pick: int) -> None:
        """An ended order's time to live is over."""
        order_id = sorted(self.house.fleeting)[pick % len(self.house.fleeting)]
        names = [key(self.region, name, order_id) for name in ("order", "offers")]
        self.run(self.dispatch.store.direct([("DEL", *names)]))
        self.house.let_go(order_id)
        self.compare(self.look())

    # --- Redis loses its past -------------------------------------------------------------------------

    @precondition(whole)
    @rule()
    def copy(self) -> None:
        self.copies.append(Copy(self.run(self._keys()), self.house.copied()))

    @precondition(lambda self: whole(self) or self.refused)
    @rule(pick=picks)
    def lose(self, pick: int) -> None:
        """A failover, or a copy that is restored; without a copy Redis is empty. What ran meanwhile on it has another
        run id: nothing is let in."""
        empty = Copy({}, House())
        among = [empty, *self.copies]
        self._become(among[pick % len(among)])

    def _become(self, copy: Copy) -> None:
        self.run(self._replace_keys(copy.keys))
        self.house = copy.house.copied()
        self.broken, self.refused = True, False
        self.forget_statuses()
        self.compare(self.look())

    async def _keys(self) -> dict[bytes, tuple[bytes, int]]:
        names = (await self.dispatch.store.direct([("KEYS", f"*{{{self.region}}}*")]))[0]
        dumps = await self.dispatch.store.direct([("DUMP", name) for name in names])
        lifetimes = await self.dispatch.store.direct([("PTTL", name) for name in names])
        return {name: (dump, max(0, ms)) for name, dump, ms in zip(names, dumps, lifetimes, strict=True)}

    async def _replace_keys(self, keys: dict[bytes, tuple[bytes, int]]) -> None:
        there = (await self.dispatch.store.direct([("KEYS", f"*{{{self.region}}}*")]))[0]
        await self.dispatch.store.direct(
            [
                *(("DEL", name) for name in there),
                *(("RESTORE", name, ms, dump) for name, (dump, ms) in keys.items()),
                ("DEL", key(self.region, "epoch")),
            ]
        )

    @precondition(lambda self: self.broken and not self.refused)
    @rule()
    def nothing_is_let_in(self) -> None:
        self.refused = True
        assert not self.run(self._let_in())
        self.compare(self.look())

    async def _let_in(self) -> bool:
        try:
            await self.dispatch.store.run_now("lease", self.region, owner="model", lease_ms=1)
        except Quarantined:
            return False
        return True

    # --- and is put right -----------------------------------------------------------------------------

    @precondition(lambda self: self.orders)
    @rule(breaks=st.sampled_from([*[Break.NEVER] * 4, *Break]))
    def reconcile(self, breaks: Break) -> None:
        """Also unasked, of a region that lost nothing; `breaks`: it dies on the way, and another begins anew."""
        self.broken = True
        self.run(self._reconcile(breaks))
        continues = self.archive.close(self.house)
        picture = self.look()
        if breaks is not Break.SURVIVORS:
            self._restore(picture, continues=continues)
        if breaks in (Break.REOPENED, Break.NEVER):
            self.archive.reopen(self.house, continues=continues)
        self.align(picture)
        if breaks is Break.NEVER:
            self.archive.settle(self.house)
            self.broken = False
        self.forget_statuses()
        self.compare(self.look())
        if not self.broken:
            self._announce()

    def _restore(self, picture: looks.RedisPicture, *, continues: bool) -> None:
        """Open orders are due at the moment at which they were restored."""
        for order_id in self.archive.restore(self.house, continues=continues):
            order = self.house.orders.get(order_id)
            if order and order.status == "open" and order_id in picture.orders:
                due_at = picture.orders[order_id].due_at
                assert due_at is not None
                assert due_at <= picture.now
                self.house.due(order_id, due_at)

    async def _reconcile(self, breaks: Break) -> None:
        reconciler, marks = self.dispatch.reconciler, self.dispatch.records.marks
        restore = reconciler._restore

        async def dying(region: str, epoch: int, *, continues: bool) -> int:
            if breaks is Break.RESTORED:
                await restore(region, epoch, continues=continues)
            raise Died

        if breaks is Break.NEVER:
            assert await reconciler.region(self.region)
            return
        with suppress(Died):
            if breaks is Break.REOPENED:
                with patch.object(marks, "settle", side_effect=Died):
                    await reconciler.region(self.region)
            with patch.object(reconciler, "_restore", dying):
                await reconciler.region(self.region)
            raise AssertionError("it did not die")

    def _announce(self) -> None:
        """Hubs announce their sessions again."""
        for agent_id, session in self.sockets:
            self.enter(agent_id, session, self.statuses[agent_id], self.sessions[agent_id][session])

    def everything_arrives(self) -> None:
        """At the end: each event stands in PostgreSQL once, and both know the same."""
        if self.broken:
            self.reconcile(Break.NEVER)
        self.sweep()
        self.project(512, Stop.NEVER)
        assert {event.place for event in self.valid_log} <= self.archive.events.keys()
        for order in self.house.orders.values():
            row = self.archive.rows[order.id]
            restored = order.id not in self.house.last and order.status == "open"
            same("in the end", change(order, due_at=row.due_at) if restored else order, row)
        self._candidates()
        dead = self.run(looks.count(self.city, "SELECT count(*) FROM dead_letters WHERE region = :region"))
        assert dead == 0

    def _candidates(self) -> None:
        """What the desk is shown of each agent beside each order."""
        for order in self.house.orders.values():
            if order.audience:
                shown = self.run(self._candidates_of(order.id))
                known = {agent_id: self.house.why_not(agent_id, order) for agent_id in self.house.agents}
                same("candidates", {agent_id: shown[agent_id] for agent_id in known}, known)

    async def _candidates_of(self, order_id: str) -> dict[str, str | None]:
        order = await self.dispatch.transitions.find(order_id)
        assert order is not None
        policy = await self.dispatch.catalog.policy(order.kind)
        found = await self.dispatch.roster.candidates(order, policy, 100, None)
        assert all(candidate.eligible is (candidate.why_not is None) for candidate in found)
        return {candidate.agent_id: candidate.why_not for candidate in found}
