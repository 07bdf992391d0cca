"""The play: the real house and the model side by side, and what must be the same after each step.

Owns both sides of one region, and the comparison. Knows no rule of the machine. Invariant: a step is over when what
stands in Redis, in its log and in PostgreSQL is what the model says, field by field.
"""

from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

from hypothesis.stateful import RuleBasedStateMachine

from dispatch.assembly import Dispatch
from dispatch.eligibility import Standing, why_not
from dispatch.engine import Engine
from dispatch.events import Event as RealEvent
from dispatch.order import Order as DispatchOrder
from dispatch.people import Present
from dispatch.records.agents import Agent as AgentRecord
from geo.point import Point
from tests.models import looks
from tests.models.archive import Archive
from tests.models.covered import Covered
from tests.models.crowd import Profile
from tests.models.house import House
from tests.models.orders import KINDS, Event, Order, read
from tests.models.stage import Fate, Node, Stage

T = TypeVar("T")
NOWHERE = (0, 0)


class Play(RuleBasedStateMachine):
    stage: ClassVar[Stage]
    covered: ClassVar[Covered]

    def __init__(self) -> None:
        super().__init__()
        self.covered.games += 1
        self.city, self._nodes = self.stage.place()
        self.region = self.city.region
        self.house, self.archive = House(), Archive()
        self.turn = 0
        self.broken = False
        """Redis lost something, and the region is not yet reconciled."""
        self.orders: list[str] = []
        self.records: dict[str, AgentRecord] = {}
        self.sessions: dict[str, dict[str, float | None]] = {}
        """Agent → his live sockets, and where he stands."""
        self.statuses: dict[str, str] = {}
        """As his app shows it."""
        self.real: dict[tuple[int, int], tuple[Event, RealEvent]] = {}
        """By log entry: every event that ever was, also of a log that was lost."""
        self.torn: set[str] = set()
        """Orders of which PostgreSQL was given some event without those before it."""
        self.by_n: dict[int, Event] = {}
        self._statuses: dict[str, str] = {}
        self.engine = self._engine()
        self._open()

    def _engine(self) -> Engine:
        d = self.node.dispatch
        return Engine(d.store, d.records, d.catalog, d.intake, d.reconciler, self.region, "model")

    def _open(self) -> None:
        """The region was reconciled when it was made."""
        self.archive.close(self.house)
        self.archive.reopen(self.house, continues=True)
        self.align(self.look())
        self.archive.settle(self.house)
        self.compare(self.look())

    # --- both sides -----------------------------------------------------------------------------------

    @property
    def node(self) -> Node:
        return self._nodes[self.turn]

    @property
    def dispatch(self) -> Dispatch:
        return self.node.dispatch

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.stage.run(work)

    def look(self) -> looks.RedisPicture:
        """The log as far as it is not known yet."""
        after = self.house.log[-1].entry if self.house.log else NOWHERE
        return self.run(looks.look(self.city, self.orders, [*self.records], after))

    def tell(self, picture: looks.RedisPicture) -> None:
        """The model's clock is that of the script that ran, or of the look when nothing happened."""
        self.house.now = picture.log[0][1].at if picture.log else picture.now

    # --- what must be the same ------------------------------------------------------------------------

    def compare(self, picture: looks.RedisPicture) -> None:
        self.covered.steps += 1
        self.align(picture)
        self._compare_redis(picture)
        self._compare_indexes(picture)
        self._compare_sql(self.run(looks.sql(self.city)))
        if not self.broken:
            self._compare_eligibility(picture)

    def align(self, picture: looks.RedisPicture) -> None:
        """What the model says happened is what the log says happened; it says in which order, and numbers it."""
        unseen = [event for event in self.house.log if event.entry == NOWHERE]
        del self.house.log[len(self.house.log) - len(unseen) :]
        expected, found = [event.told for event in unseen], [_told(event) for _, event in picture.log]
        assert sorted(expected, key=repr) == sorted(found, key=repr), difference("events", found, expected)
        for entry, real in picture.log:
            event = next(event for event in unseen if event.told == _told(real))
            unseen.remove(event)
            self.house.n += 1
            assert real.n == self.house.n
            event.entry, event.n = entry, real.n
            self.house.log.append(event)
            self.real[entry] = (event, real)
            self.by_n[real.n] = event
            if event.order:
                same("the event's state", read(real.order_id, real.state), event.order)
                self._count(event, event.order)
        picture.log.clear()
        assert picture.n == self.house.n

    def taken_in(self, expected: list[Event]) -> None:
        """PostgreSQL has what the scripts answered: what happened now, and whatever of the same orders led to it."""
        told = [self.by_n[event.n] for reply in self.node.tap.heard for event in reply.events if event.order_id]
        missing = [event.told for event in expected if event not in told and not self.archive.has(event)]
        assert not missing, f"not answered, and not in PostgreSQL: {missing}"
        assert self.archive.apply(told)

    def _count(self, event: Event, order: Order) -> None:
        if before := self._statuses.get(order.id):
            self.covered.add(before, order.status, event.type)
        self._statuses[order.id] = order.status

    def forget_statuses(self) -> None:
        """Redis went back in time: so did its orders."""
        self._statuses = {order.id: order.status for order in self.house.orders.values()}

    def _compare_redis(self, picture: looks.RedisPicture) -> None:
        house = self.house
        same("orders", picture.orders, house.orders)
        same("offers", picture.offers, {order_id: offers for order_id, offers in house.offers.items() if offers})
        same("sessions", picture.sessions, {a: _sessions(house, a) for a in self.records})
        same("reachable", picture.reachable, {a for a, agent in house.agents.items() if agent.reachable})
        for role, standing in picture.standing.items():
            there = {a for a, agent in house.agents.items() if agent.reachable and agent.at is not None}
            same("standing", standing, {a for a in there if house.agents[a].profile.role == role})
        lasting = {order_id for order_id, ms in picture.lifetimes.items() if ms < 0}
        same("kept for ever", lasting, house.orders.keys() - house.fleeting)

    def _compare_indexes(self, picture: looks.RedisPicture) -> None:
        """They follow from the orders' states alone."""
        orders = self.house.orders.values()
        same("deadlines", picture.deadlines, {o.id: o.due_at for o in orders if o.due_at is not None})
        same("desk", picture.desk, {o.id: o.desk_at for o in orders if o.desk_at is not None})
        same("hall", picture.hall, {o.id for o in orders if o.status == "open"})
        same("held", picture.held, {o.id for o in orders if o.held})
        for role, wanting in picture.wanting.items():
            same("wanting", wanting, {o.id for o in orders if o.room > 0 and role in o.audience.split(",")})
        same("jobs", picture.jobs, {a: {o.id for o in orders if o.holder == a} for a in self.records})

    def _compare_sql(self, picture: looks.SqlPicture) -> None:
        archive = self.archive
        same("rows", picture.rows, archive.rows)
        same("versions", picture.versions, {order.id: order.version for order in archive.rows.values()})
        same("order_events", picture.events, archive.events)
        same("assignments", picture.assignments, archive.assignments)
        same("unended assignments", picture.unended, archive.unended)
        same("cursor", picture.cursor, archive.cursor)
        self._compare_timelines(picture)
        lost = [event.told for event in self.valid_log if event.entry <= archive.cursor and not archive.has(event)]
        assert not lost or self.broken, f"behind the cursor, and not in PostgreSQL: {lost}"

    @property
    def valid_log(self) -> list[Event]:
        """Orders' events that were not undone: a copy from before the last reconciliation shows such."""
        return [event for event in self.house.log if event.order and event.epoch >= self.house.since]

    def _compare_timelines(self, picture: looks.SqlPicture) -> None:
        """Whoever writes an event into PostgreSQL writes those that led to it."""
        timelines: dict[str, list[int]] = {}
        for order_id, version in sorted(picture.events):
            timelines.setdefault(order_id, []).append(version)
        for order_id in timelines.keys() - self.torn:
            same("timeline", timelines[order_id], list(range(1, picture.versions[order_id] + 1)))

    def _compare_eligibility(self, picture: looks.RedisPicture) -> None:
        """The scripts, `dispatch.eligibility` and the model: three readings of one rule.

        Who a scheduled order is for, its first round says: until then the scripts are asked nothing.
        """
        opened = [order_id for order_id, order in picture.orders.items() if order.audience]
        pairs = [(order_id, agent_id) for order_id in opened for agent_id in self.records]
        answers = self.run(looks.probe(self.city, self.house.epoch, pairs))
        for (order_id, agent_id), found in zip(pairs, answers, strict=True):
            python = self._why_not(picture.shown[order_id], agent_id, picture) or ""
            if found == "unknown":
                assert agent_id not in self.house.agents
                assert python
            else:
                expected = self.house.why_not(agent_id, self.house.orders[order_id]) or ""
                assert (found, python) == (expected, expected), f"{agent_id} and {picture.orders[order_id]}"

    def _why_not(self, order: DispatchOrder, agent_id: str, picture: looks.RedisPicture) -> str | None:
        """As the desk is shown it: the profile is PostgreSQL's, the rest Redis'."""
        record = self.records[agent_id]
        standing = Standing(
            agent_id=agent_id,
            role=record.role,
            skills=frozenset(record.skills),
            suspended=record.suspended,
            reachable=agent_id in picture.reachable,
            available=picture.statuses[agent_id] == "available",
            load=len(picture.jobs[agent_id]),
            capacity=record.capacity,
        )
        return why_not(standing, order, KINDS[order.kind].audience)

    # --- people ---------------------------------------------------------------------------------------

    def profile_of(self, record: AgentRecord) -> Profile:
        return Profile(
            role=record.role,
            skills=record.skills,
            suspended=record.suspended,
            capacity=record.capacity,
            name=record.name,
            phone=record.phone or "",
            home=record.home.lat if record.home else None,
        )

    def put(self, agent_id: str, record: AgentRecord) -> None:
        self.records[agent_id] = self.run(self.dispatch.people.put(record))
        profile = self.archive.profiles[agent_id] = self.profile_of(record)
        picture = self.look()
        self.tell(picture)
        self.house.put(agent_id, profile)
        self.compare(picture)

    def enter(self, agent_id: str, session: str, status: str, lat: float | None) -> None:
        """A socket opens, or its hub announces it again; he is told the present."""
        record = self.records[agent_id]
        point = None if lat is None else Point(lat=lat, lon=self.city.centre.lon)
        with self.node.tap.listening(Fate.ANSWERS):
            present = self.run(self.dispatch.people.enter(record, session, {}, status, point))
        picture = self.look()
        self.tell(picture)
        self.house.enter(agent_id, session, self.profile_of(record), status, lat)
        self.compare_present(agent_id, present, picture)

    def compare_present(self, agent_id: str, present: Present, picture: looks.RedisPicture) -> None:
        """What he is told is so; what is shown as held has passed `apply` first."""
        told = {order.id for order in present.offers}, {order.id for order in present.jobs}
        expected = self.house.present(agent_id)
        assert present.n == picture.n
        same("the present", told, expected)
        self.align(picture)
        self.taken_in([event for order_id in expected[1] for event in self.house.last_event(order_id)])
        self.compare(picture)


def _sessions(house: House, agent_id: str) -> set[str]:
    return set(house.agents[agent_id].sessions) if agent_id in house.agents else set()


def _told(event: RealEvent) -> tuple[object, ...]:
    place = (event.order_id, event.version)
    return (str(event.type), place, event.epoch, event.to, event.holder, event.was, event.desk, event.customer)


def same(what: str, found: Any, expected: Any) -> None:
    assert found == expected, difference(what, found, expected)


def difference(what: str, found: Any, expected: Any) -> str:
    """What only one of both has; of two orders, the fields that differ."""
    if isinstance(found, dict) and isinstance(expected, dict):
        names = [name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)]
        return "; ".join(difference(f"{what} {name}", found.get(name), expected.get(name)) for name in names)
    if isinstance(found, Order) and isinstance(expected, Order):
        fields = [name for name in found.__struct_fields__ if getattr(found, name) != getattr(expected, name)]
        return "; ".join(f"{what}.{f}: {getattr(found, f)!r}, not {getattr(expected, f)!r}" for f in fields)
    return f"{what}: {found!r}, not {expected!r}"
