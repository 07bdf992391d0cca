"""Events: what the scripts append to a region's log, as readers see it.

Pure. An entry's outer fields say whom it concerns, so that a reader can skip it without decoding; the
body (MessagePack) holds time, actor, data and the order's whole state. Invariant: `decode` and `emit` in
`lua/_emit.lua` name the same fields, in one order (`ENTRY`).
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any

import msgspec

from dispatch.order import Order
from dispatch.state import State, order_of


class Type(StrEnum):
    """Orders' events raise the order's version; agents' events and notices have none.

    A newer server may write others: an order's still bears its whole state, one without an order concerns nobody here.
    """

    PLACED = "placed"
    OPENED = "opened"
    WIDENED = "widened"
    OFFERED = "offered"
    DECLINED = "declined"
    ASSIGNED = "assigned"
    PROGRESSED = "progressed"
    COMPLETED = "completed"
    RELEASED = "released"
    STALLED = "stalled"
    ESCALATED = "escalated"
    TAKEN_UP = "taken_up"
    REOPENED = "reopened"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    EDITED = "edited"
    NOTED = "noted"
    """A voice note was added; one that came with the order stands in its state from the first event on."""
    HEARD = "heard"
    """Somebody listened to a voice note, for the first time."""
    REPLACED = "replaced"
    KICKED = "kicked"
    SUSPENDED = "suspended"
    MOVED = "moved"
    TRACKED = "tracked"
    """Where an agent is who is on his way with an order, for its customer."""
    NOTICED = "noticed"
    """In the people's slot: a notice for whom it may concern."""
    RECONCILED = "reconciled"
    """The region was put right; `n` leapt, so every reader knows that it may have missed something."""
    CORRECTED = "corrected"
    """Redis had given a fence that PostgreSQL knows as another agent's: the order is again what PostgreSQL says."""
    ADOPTED = "adopted"
    """Not in any log: the order's state as Redis had it, when PostgreSQL had lost the events that led to it."""


_KNOWN = {kind.value: kind for kind in Type}

ABOUT_AGENTS = frozenset({Type.REPLACED, Type.KICKED, Type.SUSPENDED, Type.MOVED})

ENTRY = ("n", "type", "order", "version", "to", "holder", "was", "customer", "desk", "before", "body")
"""Outer fields of a log entry: `to` are the agents newly offered the order (or, for an agent's event, the
agent), `holder` holds it now, `was` held it before, `customer` is the order's (or whom a position is for), `desk` is
set when it was on the desk before or is after, `before` is the place of the order's last event before this one."""


class Event:
    """One entry of a region's log. The body is decoded when somebody asks for it, once."""

    def __init__(self, region: str, fields: Mapping[bytes, bytes]) -> None:
        self.region = region
        self.n = int(fields[b"n"])
        kind = fields[b"type"].decode()
        self.type: str = _KNOWN.get(kind, kind)
        self.order_id = fields[b"order"].decode()
        self.version = int(fields[b"version"])
        to = fields[b"to"].decode()
        self.to: tuple[str, ...] = tuple(to.split(",")) if to else ()
        self.holder = fields[b"holder"].decode()
        self.was = fields[b"was"].decode()
        self.customer = fields[b"customer"].decode()
        self.desk = fields[b"desk"] == b"1"
        self.before = fields.get(b"before", b"").decode()  # absent in entries of an older server
        self.packed = fields[b"body"]
        """The body as it came."""

    @property
    def tells_all(self) -> bool:
        """Whether its type says to each party what changed for him. Of others only the new state is known."""
        return isinstance(self.type, Type) and self.type is not Type.CORRECTED

    @classmethod
    def of_flat(cls, region: str, flat: list[bytes]) -> "Event":
        """From the alternating names and values that a script returns."""
        return cls(region, dict(zip(flat[::2], flat[1::2], strict=True)))

    @cached_property
    def addressed(self) -> frozenset[str]:
        """The same as `to`, for each of thousands who asks whether he is among them."""
        return frozenset(self.to)

    @cached_property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = msgspec.msgpack.decode(self.packed)
        return body

    @property
    def at(self) -> int:
        return int(self.body["at"])

    @property
    def actor(self) -> str:
        return str(self.body["actor"])

    @property
    def epoch(self) -> int:
        return int(self.body["epoch"])

    @cached_property
    def detail(self) -> dict[str, Any]:
        """What this event adds to its type; cmsgpack writes an empty table as a list."""
        return dict(self.body["data"] or {})

    @property
    def state(self) -> State:
        """The order's whole state after this event (orders' events only)."""
        state: State = self.body["state"]
        return state

    @cached_property
    def order(self) -> Order:
        return order_of(self.order_id, self.region, self.state)
