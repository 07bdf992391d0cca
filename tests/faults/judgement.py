"""The judgement of a whole run: gathers the server's account once all is quiet, and asks every rule.

Owns which fact goes to which rule. Reads over HTTP what staff may read and changes nothing. Invariant: each rule is
asked about every order, every call and every message of the run.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from loadtest.audit import Staff, audit_server, audit_views
from loadtest.judge import ClientFacts, Event, Fault, ServerFacts, Won
from tests.faults.answered import ghosts, lost_commands, placed_twice, twice_applied
from tests.faults.excuses import REDIS, excuses, jumps, wall_minus_monotonic_ns
from tests.faults.history import Call, History
from tests.faults.incidents import Incident
from tests.faults.lateness import Window, late
from tests.faults.order_model import check_order
from tests.faults.order_rules import OPS
from tests.faults.people import People
from tests.faults.told import sessions, strange_retracts, untold

TIMEOUTS = {"escalated": "escalate", "expired": "expire"}


@dataclass
class Judgement:
    facts: ServerFacts
    faults: list[Fault] = field(default_factory=list)


async def judge(staff: Staff, people: People, incidents: Sequence[Incident]) -> Judgement:
    """Once all is quiet."""
    told = ClientFacts(dict(people.acknowledged), _won(people.history.calls), disorder=people.disorder)
    told.surprises += people.surprises
    facts, faults = await audit_server(staff, told)
    if jumps(incidents):  # by a clock that leaps, two jobs that followed one another seem to overlap
        faults = [fault for fault in faults if fault.rule != "once over capacity"]
    faults += await audit_views(staff, people.agents | people.second_agents, people.desks)
    faults += [
        *by_calls(people, facts),
        *late(facts.timelines, excuses(incidents)),
        *by_streams(people, facts, incidents),
        *by_order(people.history, facts.timelines, incidents),
    ]
    return Judgement(facts, _once(faults))


def _once(faults: Iterable[Fault]) -> list[Fault]:
    """Two rules may find the same: a `won` that the timeline does not know is one ghost."""
    return list({(each.rule, each.subject): each for each in faults}.values())


def _won(calls: Iterable[Call]) -> list[Won]:
    won = (call for call in calls if call.op == "grab" and call.outcome == "won")
    return [Won(call.order_id, call.actor, call.result["fence"]) for call in won]


def by_calls(people: People, facts: ServerFacts) -> Iterator[Fault]:
    calls = people.history.calls
    yield from lost_commands(calls, facts.timelines)
    yield from ghosts(calls, facts.timelines)
    marked = ((call.order_id, call.args["marker"]) for call in calls if "marker" in call.args and call.op != "place")
    yield from twice_applied(marked, facts.timelines)
    markers = {order_id: (order.get("details") or {}).get("marker") for order_id, order in facts.orders.items()}
    yield from placed_twice({order_id: marker for order_id, marker in markers.items() if marker})


def by_streams(people: People, facts: ServerFacts, incidents: Sequence[Incident]) -> Iterator[Fault]:
    """Times of timelines say nothing where Redis' clock was moved."""
    every = sessions(people.told)
    yield from strange_retracts(every)
    shift = wall_minus_monotonic_ns()
    moved = [Window(each.from_ms - abs(ms), each.until_ms + abs(ms)) for each, ms in jumps(incidents)]
    told_by_time = {
        order_id: timeline
        for order_id, timeline in facts.timelines.items()
        if not any(window.from_ms <= event.at <= window.until_ms for event in timeline for window in moved)
    }
    agent_of = {each.who: each.who.partition("#")[0] for each in every}
    closed = [(each.from_ns, each.until_ns) for each in incidents if each.target == REDIS]
    yield from untold(every, agent_of, told_by_time, -shift, closed)


# --- linearizability ------------------------------------------------------------------------------------


def by_order(
    history: History, timelines: Mapping[str, Sequence[Event]], incidents: Sequence[Incident]
) -> Iterator[Fault]:
    losses = [incident for incident in incidents if incident.loses_data]
    for order_id, recorded in history.of_orders():
        calls = [call for call in recorded if call.op in OPS]  # edits, declines and the like change no status
        if not calls:
            continue
        began = calls[0].called_at
        lossy = any(incident.until_ns >= began for incident in losses)
        calls += _timeouts(order_id, began, timelines.get(order_id, ()))
        if (found := check_order(calls, redis_lost_data=lossy)) is not None:
            yield Fault("nonlinearizable", order_id, found.explanation)


def _timeouts(order_id: str, since: int, timeline: Iterable[Event]) -> Iterator[Call]:
    """When they were decided only the server knows: at any time after the order was asked for."""
    for event in timeline:
        if event.type in TIMEOUTS:
            yield Call(order_id, TIMEOUTS[event.type], "", since, {})


def by_kind(incidents: Iterable[Incident]) -> str:
    return " ".join(f"{kind}={number}" for kind, number in sorted(Counter(each.kind for each in incidents).items()))
