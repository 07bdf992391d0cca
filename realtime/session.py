"""What one connected party has been told, and therefore what it is told next.

Sans-I/O: events and answers in, messages out; no clock, no socket, no Redis. Invariants: `welcome` comes
first and nothing that it contains comes after it; a session hears of one order in the order of its versions;
while a command of its own on an order is unanswered, what concerns that order waits behind the answer; what a
session keeps is bounded by the orders that are alive.
"""

from collections.abc import Iterable
from typing import Any

from ulid import ULID

from dispatch.catalog import PEOPLE
from dispatch.claims import NOT_OFFERED, Outcome, Verdict
from dispatch.events import Event, Type
from dispatch.identity import Identity
from dispatch.order import TERMINAL, Status
from dispatch.people import DeskPresent, Present
from dispatch.records.agents import Agent
from dispatch.views import View, full_view
from geo.crs import Crs
from geo.point import Point
from realtime.showing import Showing
from realtime.telling import Telling
from realtime.wire import Outbound

REMEMBERED = 32
"""Orders of which a session remembers why they are not his any more."""
MOST_HELD_BACK = 1024
"""Events that wait while the present is read; with more, the present is read once more instead."""

Message = dict[str, Any]

DECLINED = Verdict(Outcome.REFUSED, "declined")
_AFTER_RETRACT = {
    "taken": Verdict(Outcome.TAKEN),
    "escalated": Verdict(Outcome.GONE, "escalated"),
    "cancelled": Verdict(Outcome.GONE, "cancelled"),
    "changed": NOT_OFFERED,
}
_AFTER_JOB: dict[str, Verdict] = {
    Type.COMPLETED: Verdict(Outcome.GONE, "completed"),
    Type.CANCELLED: Verdict(Outcome.GONE, "cancelled"),
    Type.ASSIGNED: Verdict(Outcome.TAKEN),
}
"""By the event that ended the job. Whoever released an order is not offered it again."""


class OfferBook:
    """Which sessions of this node hold an offer of which order, or may: what they are to hear of it waits."""

    def __init__(self) -> None:
        self._sessions: dict[str, set[AgentSession]] = {}

    def sessions(self, order_id: str) -> Iterable["AgentSession"]:
        return self._sessions.get(order_id, ())

    def add(self, order_id: str, session: "AgentSession") -> None:
        self._sessions.setdefault(order_id, set()).add(session)

    def drop(self, order_id: str, session: "AgentSession") -> None:
        sessions = self._sessions.get(order_id)
        if sessions is not None:
            sessions.discard(session)
            if not sessions:
                del self._sessions[order_id]


class Session:
    """What all roles share: a name, and the waiting of events. On its own it is told nothing (service, admin)."""

    __slots__ = ("_backlog", "_waiting", "crs", "doubts", "id", "member", "over", "slots", "unsure", "who")

    def __init__(self, session_id: str, who: Identity, crs: Crs, member: str, slots: tuple[str, ...]) -> None:
        self.id = session_id
        self.who = who
        self.crs = crs
        self.member = member
        """The name under which Redis keeps the session."""
        self.slots = slots
        """The regions whose logs concern it."""
        self.over = False
        """Set when it ended: it hears nothing any more."""
        self.doubts = 0
        """How often it may have missed something: a present that was read before the last time is not enough."""
        self.unsure = False
        """Set when an answer may have been older than the present that was told before it."""
        self._backlog: list[Telling] | None = []
        self._waiting: dict[str, tuple[int, list[Telling]]] | None = None

    @property
    def ready(self) -> bool:
        """Whether it has been told the present and hears of events at once."""
        return self._backlog is None

    @property
    def since_at(self) -> int:
        """When it began, ms: a session's id is a ULID."""
        return int(ULID.from_str(self.id).milliseconds)

    @property
    def slot(self) -> str:
        """Where in Redis the session is kept: agents in their region, all others with the people."""
        return PEOPLE

    def hear(self, telling: Telling) -> list[Outbound]:
        """An event that may concern this session; what it has to be told now."""
        if self.over:
            return []
        if self._backlog is not None:
            self._backlog.append(telling)
            if len(self._backlog) > MOST_HELD_BACK:
                self.doubt()
            return []
        if self._waiting:
            waiting = self._waiting.get(telling.event.order_id)
            if waiting is not None:
                waiting[1].append(telling)
                return []
        return self._tell(telling) if not telling.void and self._is_news(telling.event) else []

    def wait(self, order_id: str) -> None:
        """From now on what concerns the order waits, until `go_on` was called as often."""
        if self._waiting is None:
            self._waiting = {}
        depth, held = self._waiting.get(order_id, (0, []))
        self._waiting[order_id] = (depth + 1, held)

    def go_on(self, order_id: str) -> list[Outbound]:
        """One answer was given; what had waited for the last one."""
        if self._waiting is None or order_id not in self._waiting:
            return []
        depth, held = self._waiting[order_id]
        if depth > 1:
            self._waiting[order_id] = (depth - 1, held)
            return []
        del self._waiting[order_id]
        return [message for telling in held for message in self.hear(telling)]

    def doubt(self) -> None:
        """The present has to be read (anew): it holds all that waits until now; hold back what comes."""
        self.doubts += 1
        self.unsure = False
        self._backlog = []
        for _, held in (self._waiting or {}).values():
            held.clear()

    def resume(self) -> list[Outbound]:
        """The present was told: deliver what is newer."""
        held, self._backlog = self._backlog or [], None
        return [message for telling in held for message in self.hear(telling)]

    def close(self) -> None:
        self.over = True
        self._backlog = self._waiting = None

    def _is_news(self, event: Event) -> bool:
        raise NotImplementedError

    def _tell(self, telling: Telling) -> list[Outbound]:
        raise NotImplementedError


class AgentSession(Session):
    """A valet's or a shop's."""

    __slots__ = (
        "_all_listed",
        "_book",
        "_floor",
        "_overtaken",
        "_past",
        "agent",
        "jobs",
        "offers",
        "position",
        "status",
        "status_at",
    )

    def __init__(self, session_id: str, who: Identity, crs: Crs, agent: Agent, book: OfferBook) -> None:
        super().__init__(session_id, who, crs, agent.id, (agent.region,))
        self.agent = agent
        self.status = "available"
        self.status_at = 0
        """When Redis heard so first, by its clock."""
        self.position: Point | None = None
        """The last one he told, WGS-84."""
        self.offers: set[str] = set()
        self.jobs: dict[str, int] = {}
        """Order → the version he was last told."""
        self._book = book
        self._floor = 0
        self._all_listed = True
        self._overtaken: frozenset[str] = frozenset()
        """Orders whose answers were under way when the present was read."""
        self._past: dict[str, Verdict] | None = None
        """Order → how a grab of it is answered, since its offer or job ended."""

    @property
    def slot(self) -> str:
        return self.agent.region

    @property
    def stands(self) -> Point | None:
        """Where he is, as far as is known: a shop at its home."""
        return self.agent.home if self.position is None or self.agent.role == "shop" else self.position

    def lists(self, present: Present, showing: Showing) -> Message:
        """Replace all that is known by the present; the lists of `welcome` and `snapshot`."""
        for order_id in tuple(self.offers):
            self._drop_offer(order_id, None)
        self._floor = present.n
        self.status_at = self.status_at or present.at
        self._all_listed = not present.more
        self._overtaken = frozenset(self._waiting or ())
        for order in present.offers:
            self._add_offer(order.id)
        self.jobs = {order.id: order.version for order in present.jobs}
        reader = showing.reader(self.who, self.crs)
        return {
            "offers": showing.offers(present.offers, reader, self.stands),
            "jobs": [full_view(order, reader) for order in present.jobs],
            "more": present.more,
        }

    def knows(self, order_id: str) -> bool:
        """Whether a grab of the order is worth asking Redis for."""
        known = order_id in self.offers or order_id in self.jobs or bool(self._waiting and order_id in self._waiting)
        return known or not (self._all_listed or order_id in (self._past or ()))

    def remembered(self, order_id: str) -> Verdict:
        """The answer to a grab of an order that is not held, offered or asked for."""
        return (self._past or {}).get(order_id, NOT_OFFERED)

    def verdict(self, ref: str, order_id: str, verdict: Verdict, showing: Showing) -> Message:
        """What he is told, and what he then knows."""
        match verdict.outcome:
            case Outcome.WON if verdict.order is not None:
                self._drop_offer(order_id, None)
                self.unsure = order_id in self._overtaken and self.jobs.get(order_id) != verdict.order.version
                self.jobs[order_id] = max(verdict.order.version, self.jobs.get(order_id, 0))
            case Outcome.TAKEN | Outcome.GONE:
                self._drop_offer(order_id, verdict)
            case Outcome.REFUSED if verdict.reason in ("declined", "suspended"):
                self._drop_offer(order_id, verdict)
        message = verdict_message(ref, order_id, verdict)
        if verdict.order is not None:
            message["fence"] = verdict.fence
            message["job"] = full_view(verdict.order, showing.reader(self.who, self.crs))
        return message

    def declined(self, order_id: str) -> None:
        self._drop_offer(order_id, DECLINED)

    def wait(self, order_id: str) -> None:
        super().wait(order_id)
        self._rebook(order_id)

    def go_on(self, order_id: str) -> list[Outbound]:
        messages = super().go_on(order_id)
        self._rebook(order_id)
        return messages

    def close(self) -> None:
        interests = {*self.offers, *(self._waiting or ())}
        super().close()
        for order_id in interests:
            self._book.drop(order_id, self)

    def _is_news(self, event: Event) -> bool:
        return event.n > self._floor and event.version > self.jobs.get(event.order_id, 0)

    def _tell(self, telling: Telling) -> list[Outbound]:
        event, me = telling.event, self.agent.id
        if event.holder == me:
            self._drop_offer(event.order_id, None)
            self.jobs[event.order_id] = event.version
            return [telling.job(self.who, self.crs)]
        if event.was == me:
            self.jobs.pop(event.order_id, None)
            self._remember(event.order_id, _AFTER_JOB.get(event.type, NOT_OFFERED))
            return [telling.job(self.who, self.crs) if event.type is Type.COMPLETED else telling.unjob()]
        if me in event.addressed:
            self._add_offer(event.order_id)
            return [telling.offer(self.who, self.crs, self.stands)]
        return self._tell_candidate(telling) if event.order_id in self.offers else []

    def _tell_candidate(self, telling: Telling) -> list[Outbound]:
        event = telling.event
        if event.order.status is Status.OPEN:
            if event.type is Type.DECLINED and event.detail["agent_id"] == self.agent.id:
                self._drop_offer(event.order_id, DECLINED)  # by another session of the same shop
                return [telling.retract("changed")]
            if event.type is Type.EDITED and self.agent.id in event.detail.get("retracted", ()):
                self._drop_offer(event.order_id, NOT_OFFERED)
                return [telling.retract("changed")]
            return [telling.offer(self.who, self.crs, self.stands)] if _renews_offer(event) else []
        reason = telling.retract_reason()
        self._drop_offer(event.order_id, _AFTER_RETRACT[reason])
        return [telling.retract(reason)]

    def _add_offer(self, order_id: str) -> None:
        self.offers.add(order_id)
        self._rebook(order_id)
        if self._past:
            self._past.pop(order_id, None)

    def _drop_offer(self, order_id: str, later: Verdict | None) -> None:
        """`later` answers later grabs of it."""
        self.offers.discard(order_id)
        self._rebook(order_id)
        if later is not None:
            self._remember(order_id, later)

    def _rebook(self, order_id: str) -> None:
        """An offer may be among what waits, so all that concerns the order must get there, too."""
        if not self.over and (order_id in self.offers or (self._waiting and order_id in self._waiting)):
            self._book.add(order_id, self)
        else:
            self._book.drop(order_id, self)

    def _remember(self, order_id: str, answer: Verdict) -> None:
        if self._past is None:
            self._past = {}
        self._past.pop(order_id, None)  # the latest goes to the end
        self._past[order_id] = answer
        if len(self._past) > REMEMBERED:
            del self._past[next(iter(self._past))]


class DeskSession(Session):
    """A dispatcher's: the desks of his regions."""

    __slots__ = ("_floors",)

    def lists(self, presents: dict[str, DeskPresent], most: int, showing: Showing) -> Message:
        """Region → its desk. The desk of one that is being put right is missing; `snapshot` follows then."""
        self._floors = {region: present.n for region, present in presents.items()}
        orders = sorted((o for p in presents.values() for o in p.orders), key=lambda order: (order.desk_at, order.id))
        whole = presents.keys() >= set(self.slots)
        cut = not whole or len(orders) > most or any(present.more for present in presents.values())
        reader = showing.reader(self.who, self.crs)
        return {"desk": [full_view(order, reader) for order in orders[:most]], "more": ["desk"] if cut else []}

    def _is_news(self, event: Event) -> bool:
        return event.n > self._floors.get(event.region, 0)

    def _tell(self, telling: Telling) -> list[Outbound]:
        return [telling.desk(self.who, self.crs)] if telling.event.desk else []


class CustomerSession(Session):
    """A customer's: his own orders, wherever they are."""

    __slots__ = ("_told",)

    def lists(self, orders: list[View], more: bool) -> Message:
        self._told: dict[str, int] = {order["id"]: order["version"] for order in orders}
        return {"orders": orders, "more": ["orders"] if more else []}

    def hear(self, telling: Telling) -> list[Outbound]:
        """Positions are no part of the order's versions: one that would have to wait is left out, another follows."""
        if telling.event.type is not Type.TRACKED:
            return super().hear(telling)
        waits = self.over or not self.ready or telling.event.detail["order_id"] in (self._waiting or ())
        return [] if waits else [telling.track(self.crs)]

    def _is_news(self, event: Event) -> bool:
        return event.version > self._told.get(event.order_id, 0)

    def _tell(self, telling: Telling) -> list[Outbound]:
        event = telling.event
        if event.customer != self.who.sub:
            self.unsure = True  # it is another's now: the present, without it, says so
            return []
        if event.order.status in TERMINAL:
            self._told.pop(event.order_id, None)  # nothing follows
        else:
            self._told[event.order_id] = event.version
        return [telling.order(self.who, self.crs)]


def _renews_offer(event: Event) -> bool:
    """Whether those who hold the offer of an open order are shown it again."""
    return event.type in (Type.WIDENED, Type.EDITED) or (event.type is Type.NOTED and bool(event.detail["shared"]))


def verdict_message(ref: str, order_id: str, verdict: Verdict) -> Message:
    """But for what the winner is shown."""
    message: Message = {"type": "verdict", "ref": ref, "order_id": order_id, "outcome": verdict.outcome.value}
    if verdict.reason is not None:
        message["reason"] = verdict.reason
    return message
