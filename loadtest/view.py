"""What one session knows, computed from the messages that it heard, in their order.

Owns the meaning of every server message of PROTOCOL §4 for the lists that a client shows: offers, jobs,
desk, orders. Knows no socket, no clock and no server. Invariant: after any message the lists are exactly
what the protocol entitles the session to show; a `welcome` or `snapshot` replaces all of them. What a
server must not do (an order's version going back, an unknown verdict) is noted in `disorder`, never raised.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from loadtest.wire import HELD, TERMINAL, Message, Offer, Order

# A refusal after which the offer is no longer the agent's (PROTOCOL §4, `verdict`).
_REFUSED_FOR_GOOD = frozenset({"declined", "suspended"})


def is_on_desk(order: Order) -> bool:
    """The desk shows what waits for a dispatcher and what stalls in somebody's hands."""
    return order["status"] == "escalated" or (bool(order.get("stalled")) and order["status"] in HELD)


def holder(order: Order) -> str | None:
    """Who holds the order now. `assignment` is the last one and outlives the holding."""
    assignment = order.get("assignment")
    return assignment["agent_id"] if assignment and order["status"] in HELD else None


def turn(job: Order) -> tuple[str, int]:
    """One agent's time with the order: its id and the fence."""
    assignment = job["assignment"]
    assert assignment is not None
    return job["id"], assignment["fence"]


def terms(offer: Offer) -> tuple[int, int]:
    """What may change one's mind about it."""
    return offer["round"], offer["bonus_fen"]


@dataclass(slots=True)
class View:
    session_id: str | None = None
    heartbeat_seconds: float | None = None
    features: Any = None
    agent: dict[str, Any] | None = None
    offers: dict[str, Offer] = field(default_factory=dict)
    jobs: dict[str, Order] = field(default_factory=dict)
    desk: dict[str, Order] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    tracks: dict[str, Message] = field(default_factory=dict)
    notices: dict[str, Message] = field(default_factory=dict)
    more: frozenset[str] = frozenset()
    disorder: list[str] = field(default_factory=list)
    _versions: dict[str, int] = field(default_factory=dict)

    def hear(self, message: Message, asked: Mapping[str, Any] | None = None) -> None:
        """`asked` is our own message that this one answers, if it answers one."""
        if message["type"] in _HEARING:
            _HEARING[message["type"]](self, message)
        elif message["type"] == "ok" and asked is not None and asked["type"] == "decline":
            self.offers.pop(asked["order_id"], None)

    def _welcome(self, message: Message) -> None:
        self.session_id = message["session_id"]
        self.heartbeat_seconds = message.get("heartbeat_seconds")
        self.features = message.get("features")
        self._replace(message)

    def _replace(self, message: Message) -> None:
        if "agent" in message:
            self.agent = message["agent"]
        self.offers = {each["id"]: each for each in message.get("offers") or ()}
        self.jobs = {each["id"]: each for each in message.get("jobs") or ()}
        self.desk = {each["id"]: each for each in message.get("desk") or ()}
        self.orders = {each["id"]: each for each in message.get("orders") or ()}
        self.more = frozenset(message.get("more") or ())
        known = (*self.offers.values(), *self.jobs.values(), *self.desk.values(), *self.orders.values())
        self._versions = {each["id"]: each["version"] for each in known}

    def _offer(self, message: Message) -> None:
        """What is to be said stands beside the order here, and within it in lists."""
        order: Offer = message["order"]
        self._in_order(order["id"], order["version"], "offer")
        self.offers[order["id"]] = {**order, "say": message["say"]} if "say" in message else order

    def _verdict(self, message: Message) -> None:
        order_id, outcome = message["order_id"], message["outcome"]
        if outcome == "won":
            self._job(message["job"])
        elif outcome in ("taken", "gone") or (outcome == "refused" and message.get("reason") in _REFUSED_FOR_GOOD):
            self.offers.pop(order_id, None)
        elif outcome not in ("pending", "refused"):
            self.disorder.append(f"unknown outcome {outcome!r} for order {order_id}")

    def _job(self, order: Order) -> None:
        self._in_order(order["id"], order["version"], "job")
        self.offers.pop(order["id"], None)
        if order["status"] in HELD:
            self.jobs[order["id"]] = order
        else:
            self.jobs.pop(order["id"], None)

    def _order(self, order: Order) -> None:
        self._in_order(order["id"], order["version"], "order")
        if order["status"] in TERMINAL:
            self.orders.pop(order["id"], None)
        else:
            self.orders[order["id"]] = order

    def _desk(self, order: Order) -> None:
        self._in_order(order["id"], order["version"], "desk")
        if is_on_desk(order):
            self.desk[order["id"]] = order
        else:
            self.desk.pop(order["id"], None)

    def _in_order(self, order_id: str, version: int, told_by: str) -> None:
        before = self._versions.get(order_id, 0)
        if version < before:
            self.disorder.append(f"{told_by} of order {order_id} went back from version {before} to {version}")
        self._versions[order_id] = max(version, before)


def holds(view: View, order_id: str, fence: int) -> bool:
    job = view.jobs.get(order_id)
    return job is not None and turn(job) == (order_id, fence)


_HEARING: Mapping[str, Callable[[View, Message], object]] = {
    "welcome": View._welcome,
    "snapshot": View._replace,
    "offer": View._offer,
    "retract": lambda view, message: view.offers.pop(message["order_id"], None),
    "verdict": View._verdict,
    "job": lambda view, message: view._job(message["order"]),
    "unjob": lambda view, message: view.jobs.pop(message["order_id"], None),
    "order": lambda view, message: view._order(message["order"]),
    "desk": lambda view, message: view._desk(message["order"]),
    "track": lambda view, message: view.tracks.update({message["order_id"]: message}),
    "notice": lambda view, message: view.notices.update({message["id"]: message}),
}
