"""A small world in which every promise is kept; tests break one thing in it and look whether it is found."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from loadtest.judge import Event, ServerFacts
from loadtest.wire import Order

NOW = 1_790_000_100_000


def order(order_id: str, status: str, version: int, agent: tuple[str, int] | None = None, **more: Any) -> Order:
    """`agent` is who held it last, and under which fence."""
    assignment = None
    if agent is not None:
        assignment = {
            "agent_id": agent[0],
            "role": "valet",
            "by": "grab",
            "dispatcher_id": None,
            "fence": agent[1],
            "at": 1,
        }
    card = {"id": agent[0]} if agent is not None and status in ("assigned", "en_route", "arrived", "working") else None
    told = {
        "id": order_id,
        "status": status,
        "version": version,
        "assignment": assignment,
        "agent": card,
        **more,
    }
    return cast(Order, told)


def event(version: int, kind: str, at: int | None = None, **data: Any) -> Event:
    return Event(version, kind, 1000 * version if at is None else at, data)


def kept() -> ServerFacts:
    """One order in each situation: done, held, released and held by another, open, at the desk, scheduled."""
    timelines = {
        "done": [
            event(1, "placed"),
            event(2, "opened"),
            event(3, "assigned", agent_id="v-1", fence=1, by="grab"),
            event(4, "progressed", step="completed"),
        ],
        "held": [
            event(1, "placed"),
            event(2, "opened"),
            event(3, "assigned", at=9000, agent_id="v-1", fence=1, by="grab"),
        ],
        "passed_on": [
            event(1, "opened"),
            event(2, "assigned", agent_id="v-2", fence=1, by="grab"),
            event(3, "released"),
            event(4, "opened"),
            event(5, "assigned", at=9000, agent_id="v-3", fence=2, by="grab"),
        ],
        "reassigned": [
            event(1, "opened"),
            event(2, "assigned", agent_id="v-2", fence=1, by="grab"),
            event(3, "assigned", agent_id="v-4", fence=2, by="desk", previous="v-2"),
        ],
        "open": [event(1, "placed"), event(2, "opened")],
        "desk": [event(1, "placed"), event(2, "escalated")],
        "later": [event(1, "scheduled")],
    }
    orders = {
        "done": order("done", "completed", 4, ("v-1", 1)),
        "held": order("held", "assigned", 3, ("v-1", 1)),
        "passed_on": order("passed_on", "assigned", 5, ("v-3", 2)),
        "reassigned": order("reassigned", "en_route", 3, ("v-4", 2)),
        "open": order("open", "open", 2, expires_at=NOW + 3000),
        "desk": order("desk", "escalated", 2, expires_at=NOW + 60_000),
        "later": order("later", "scheduled", 1, scheduled_at=NOW + 3_600_000),
    }
    capacity = {"v-1": 1, "v-2": 2, "v-3": 1, "v-4": 1}
    return ServerFacts(NOW, orders, timelines, capacity, {"desk": orders["desk"]})


def with_order(facts: ServerFacts, changed: Order) -> ServerFacts:
    return replace(facts, orders={**facts.orders, changed["id"]: changed})


def with_timeline(facts: ServerFacts, order_id: str, timeline: Sequence[Event]) -> ServerFacts:
    timelines: Mapping[str, Sequence[Event]] = {**facts.timelines, order_id: timeline}
    return replace(facts, timelines=timelines)
