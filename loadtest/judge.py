"""The promises of PROTOCOL §7, judged on recorded facts: what was answered against what the server shows.

Owns the rules and nothing else: no socket, no clock (`now_ms` is a fact), no knowledge of how facts are
gathered. Each rule is a function from facts to faults, and finds nothing where nothing is wrong. Timelines
are read by fences and data; of event types only those that begin or end a holding are known.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest
from typing import Any

from loadtest.view import holder
from loadtest.wire import HELD, TERMINAL, Order

# A deadline takes effect within 6 s even when the process that was to do it dies (promise 3).
GRACE_MS = 6_000
BEGINNINGS = frozenset({"assigned", "reassigned"})
ENDINGS = frozenset({"released", "escalated", "opened", "reopened", "cancelled", "closed", "completed", "expired"})


@dataclass(frozen=True, slots=True)
class Fault:
    rule: str
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.text} [{self.subject}]"


@dataclass(frozen=True, slots=True)
class Won:
    """An agent was told `won`."""

    order_id: str
    agent_id: str
    fence: int


@dataclass(frozen=True, slots=True)
class Event:
    version: int
    type: str
    at: int
    data: Mapping[str, Any]

    @property
    def begins_holding(self) -> bool:
        return self.type in BEGINNINGS

    @property
    def agent_id(self) -> Any:
        return self.data.get("agent_id")

    @property
    def fence(self) -> Any:
        return self.data.get("fence")

    @property
    def ends_holding(self) -> bool:
        return self.type in ENDINGS or self.data.get("step") == "completed"


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the server shows: every order, its timeline, the agents' capacities, the desk's list."""

    now_ms: int
    orders: Mapping[str, Order]
    timelines: Mapping[str, Sequence[Event]]
    capacity: Mapping[str, int]
    desk: Mapping[str, Order]


@dataclass(slots=True)
class ClientFacts:
    """What clients were told: the highest version that an answer showed them of an order, and who had won."""

    acknowledged: dict[str, int] = field(default_factory=dict)
    won: list[Won] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    disorder: list[str] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Holding:
    """One agent's time with one order; `until_at` is None while it lasts."""

    order_id: str
    agent_id: str
    fence: int
    from_at: int
    until_at: int | None
    forced: bool


def judge_server(facts: ServerFacts) -> list[Fault]:
    """Every rule that needs the server's own account alone."""
    return [
        *nowhere(facts),
        *gaps(facts),
        *broken_fences(facts),
        *double_holders(facts),
        *wrong_assignments(facts),
        *over_capacity(facts),
    ]


def judge_told(told: ClientFacts, facts: ServerFacts) -> list[Fault]:
    """What clients were told, against the server's account."""
    return [
        *lost(told.acknowledged, facts.orders),
        *two_winners(told.won),
        *ghosts(told.won, facts.timelines),
        *(Fault("leak", "frame", text) for text in told.leaks),
        *(Fault("disorder", "session", text) for text in told.disorder),
        *(Fault("unexpected", "answer", text) for text in told.surprises),
    ]


# Promise 1: nothing is lost


def lost(acknowledged: Mapping[str, int], orders: Mapping[str, Order]) -> Iterator[Fault]:
    for order_id, version in acknowledged.items():
        if order_id not in orders:
            yield Fault("lost order", order_id, "was answered 201 and is unknown now")
        elif orders[order_id]["version"] < version:
            shown = orders[order_id]["version"]
            yield Fault("lost change", order_id, f"was answered at version {version}, is at {shown} now")


def nowhere(facts: ServerFacts) -> Iterator[Fault]:
    for order_id, order in facts.orders.items():
        if (why := _why_nowhere(order, facts)) is not None:
            yield Fault("nowhere", order_id, why)


def _why_nowhere(order: Order, facts: ServerFacts) -> str | None:
    status = order["status"]
    if status in TERMINAL:
        return None
    if status in HELD:
        return None if holder(order) and order.get("agent") else f"is {status} and nobody holds it"
    if status == "open":
        return _overdue("open", order.get("expires_at"), facts.now_ms)
    if status == "scheduled":
        return _overdue("scheduled", order.get("scheduled_at"), facts.now_ms)
    if status == "escalated":
        return _why_not_at_desk(order, facts)
    return f"has the unknown status {status!r}"


def _overdue(status: str, due_at: int | None, now_ms: int) -> str | None:
    if due_at is None:
        return f"is {status} without a deadline"
    late_ms = now_ms - due_at
    return f"is {status}, {late_ms} ms after its deadline" if late_ms > GRACE_MS else None


def _why_not_at_desk(order: Order, facts: ServerFacts) -> str | None:
    if order["id"] not in facts.desk:
        return "is escalated and not at the desk"
    due_at = order.get("expires_at")
    return None if due_at is None else _overdue("escalated", due_at, facts.now_ms)


# Promise 2: one holder


def two_winners(won: Iterable[Won]) -> Iterator[Fault]:
    winners: dict[tuple[str, int], set[str]] = {}
    for each in won:
        winners.setdefault((each.order_id, each.fence), set()).add(each.agent_id)
    for (order_id, fence), agents in winners.items():
        if len(agents) > 1:
            yield Fault("two winners", order_id, f"fence {fence} was told `won` to {', '.join(sorted(agents))}")


def ghosts(won: Iterable[Won], timelines: Mapping[str, Sequence[Event]]) -> Iterator[Fault]:
    for each in won:
        if each.order_id not in timelines:
            yield Fault("ghost", each.order_id, f"{each.agent_id} was told `won` of an order without a timeline")
        elif each.agent_id not in _assigned_under(timelines[each.order_id], each.fence):
            text = f"{each.agent_id} was told `won` under fence {each.fence}, which the timeline does not know"
            yield Fault("ghost", each.order_id, text)


def _assigned_under(timeline: Sequence[Event], fence: int) -> list[str]:
    begun = [event for event in timeline if event.begins_holding]
    return [event.agent_id for event in begun if event.fence == fence]


def broken_fences(facts: ServerFacts) -> Iterator[Fault]:
    for order_id, timeline in facts.timelines.items():
        fences = [event.fence for event in timeline if event.begins_holding]
        if fences != list(range(1, len(fences) + 1)):
            yield Fault("fences", order_id, f"do not rise by one from 1: {fences}")


def double_holders(facts: ServerFacts) -> Iterator[Fault]:
    """A grab of what somebody held. The desk may take an order from one and give it to another at once."""
    for order_id, timeline in facts.timelines.items():
        turns = [event for event in timeline if event.begins_holding or event.ends_holding]
        for before, after in pairwise(turns):
            if before.begins_holding and after.begins_holding and not _is_reassignment(after):
                both = f"{before.agent_id} and {after.agent_id}"
                yield Fault("two holders", order_id, f"{both} at version {after.version}")


def _is_reassignment(event: Event) -> bool:
    return event.data.get("by") == "desk" or event.data.get("previous") is not None


def wrong_assignments(facts: ServerFacts) -> Iterator[Fault]:
    """What the order says of its last assignment is what its timeline says."""
    for order_id, order in facts.orders.items():
        begun = [event for event in facts.timelines.get(order_id, ()) if event.begins_holding]
        last = (begun[-1].agent_id, begun[-1].fence) if begun else None
        shown = order.get("assignment")
        said = (shown["agent_id"], shown["fence"]) if shown else None
        if order_id in facts.timelines and said != last:
            yield Fault("wrong assignment", order_id, f"the order says {said}, its timeline {last}")


def over_capacity(facts: ServerFacts) -> Iterator[Fault]:
    """Held now, beyond what the agent may hold; what the desk forced on him does not count."""
    loads: dict[str, list[str]] = {}
    for order_id, order in facts.orders.items():
        if (agent_id := holder(order)) is not None and not _is_forced(facts.timelines.get(order_id, ())):
            loads.setdefault(agent_id, []).append(order_id)
    for agent_id, held in loads.items():
        if agent_id not in facts.capacity:
            yield Fault("unknown agent", agent_id, f"holds {', '.join(held)}")
        elif len(held) > facts.capacity[agent_id]:
            yield Fault("over capacity", agent_id, f"holds {len(held)} of {facts.capacity[agent_id]}")


def _is_forced(timeline: Sequence[Event]) -> bool:
    begun = [event for event in timeline if event.begins_holding]
    return bool(begun and begun[-1].data.get("force"))


def ever_over_capacity(facts: ServerFacts) -> Iterator[Fault]:
    """The same over the whole past. Only where capacities never changed."""
    held: dict[str, list[Holding]] = {}
    for order_id, timeline in facts.timelines.items():
        for holding in holdings(order_id, timeline):
            if not holding.forced:
                held.setdefault(holding.agent_id, []).append(holding)
    for agent_id, each in held.items():
        if (most := _most_at_once(each)) > facts.capacity.get(agent_id, 0):
            yield Fault("once over capacity", agent_id, f"held {most} of {facts.capacity.get(agent_id, 0)}")


def holdings(order_id: str, timeline: Sequence[Event]) -> Iterator[Holding]:
    turns = [event for event in timeline if event.begins_holding or event.ends_holding]
    for event, following in zip_longest(turns, turns[1:]):
        if event.begins_holding:
            until_at = following.at if following else None
            forced = bool(event.data.get("force"))
            yield Holding(order_id, event.agent_id, event.fence, event.at, until_at, forced)


def _most_at_once(held: Iterable[Holding]) -> int:
    """An end and a beginning in the same millisecond may have come in that order: ends count first."""
    turns = [(each.from_at, 1) for each in held] + [(e.until_at, -1) for e in held if e.until_at is not None]
    load = most = 0
    for _, step in sorted(turns):
        load += step
        most = max(most, load)
    return most


# Promise 4: everything stands in the timeline


def gaps(facts: ServerFacts) -> Iterator[Fault]:
    """Versions are 1, 2, 3 … up to the order's; events that came after the order was read are no fault."""
    for order_id, order in facts.orders.items():
        if order_id not in facts.timelines:
            continue
        versions = [event.version for event in facts.timelines[order_id]]
        if versions != list(range(1, len(versions) + 1)):
            yield Fault("timeline", order_id, f"is not contiguous: {_shortened(versions)}")
        elif len(versions) < order["version"]:
            yield Fault("timeline", order_id, f"ends at {len(versions)}, the order is at {order['version']}")


def _shortened(versions: Sequence[int]) -> str:
    missing = sorted(set(range(1, max(versions) + 1)) - set(versions))
    return f"missing {missing[:10]}" if missing else f"out of order or twice: {list(versions[:30])}"
