"""What clients were answered, held against the timelines that the server shows afterwards.

Owns the rules for `lost`, `ghost` and `dup_applied` that need the recorded calls; what loadtest's judge finds in the
server's account alone is not repeated here. Pure. Invariant: a call that was never answered accuses nobody.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from loadtest.judge import Event, Fault
from tests.faults.history import Call

Timelines = Mapping[str, Sequence[Event]]

EFFECTS: Mapping[str, frozenset[str]] = {
    "assign": frozenset({"assigned"}),
    "release": frozenset({"released"}),
    "progress": frozenset({"progressed", "completed"}),
    "cancel": frozenset({"cancelled"}),
    "reopen": frozenset({"reopened"}),
    "close": frozenset({"closed"}),
}
"""The events by which an answered command shows in the timeline."""
DONE = frozenset({"ok", "won"})


def lost_commands(calls: Iterable[Call], timelines: Timelines) -> Iterator[Fault]:
    for call in calls:
        if call.outcome not in DONE:
            continue
        if call.order_id not in timelines:
            yield Fault("lost order", call.order_id, f"`{call.op}` was answered, the order is unknown")
        elif call.op in EFFECTS and not any(_shows(event, call) for event in timelines[call.order_id]):
            yield Fault("lost command", call.order_id, f"`{call.op}` of {call.actor} was answered: {dict(call.result)}")


def _shows(event: Event, call: Call) -> bool:
    if event.type not in EFFECTS[call.op] or event.version > call.result.get("version", event.version):
        return False
    match call.op:
        case "assign":
            return bool(event.agent_id == call.args["agent_id"])
        case "progress":
            return bool(event.data.get("step") == call.args["step"])
        case "release":
            return bool(event.fence == call.args["fence"])
    return True


def ghosts(calls: Iterable[Call], timelines: Timelines) -> Iterator[Fault]:
    """Both ways: a `won` that the timeline does not know, and a holder by grab who was never told so."""
    told: dict[tuple[str, str], list[Call]] = {}
    for call in calls:
        if call.op == "grab":
            told.setdefault((call.order_id, call.actor), []).append(call)
    for (order_id, agent_id), grabs in told.items():
        fences = _fences_by_grab(timelines.get(order_id, ()), agent_id)
        all_fences = {event.fence for event in timelines.get(order_id, ()) if event.agent_id == agent_id}
        won = {call.result.get("fence") for call in grabs if call.outcome == "won"}
        for fence in won - all_fences:
            yield Fault(
                "ghost", order_id, f"{agent_id} was told `won` under fence {fence}, the timeline knows {fences}"
            )
        if any(call.returned_at is None for call in grabs):
            continue
        for fence in fences - won:
            answers = [f"{call.outcome} {call.result.get('reason', '')}".strip() for call in grabs]
            yield Fault("ghost", order_id, f"{agent_id} holds by grab under fence {fence}, was told {answers}")


def _fences_by_grab(timeline: Iterable[Event], agent_id: str) -> set[Any]:
    grabbed = (event for event in timeline if event.begins_holding and event.data.get("by") == "grab")
    return {event.fence for event in grabbed if event.agent_id == agent_id}


def twice_applied(markers: Iterable[tuple[str, str]], timelines: Timelines) -> Iterator[Fault]:
    """`markers`: (order, text that one command alone bore)."""
    found: dict[str, Counter[str]] = {}
    for order_id, marker in markers:
        if order_id not in found:
            found[order_id] = Counter(
                text for event in timelines.get(order_id, ()) for text in set(_texts(msgspec.to_builtins(event.data)))
            )
        if found[order_id][marker] > 1:
            yield Fault("applied twice", order_id, f"{marker!r} stands in {found[order_id][marker]} events")


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from _texts(inner)
        case list() | tuple():
            for inner in value:
                yield from _texts(inner)


def placed_twice(placed: Mapping[str, str]) -> Iterator[Fault]:
    """`placed`: every order that the server shows → the marker that its client gave it."""
    for marker, number in Counter(placed.values()).items():
        if number > 1:
            yield Fault("applied twice", marker, f"one POST made {number} orders")
