"""The order: its statuses, how one may follow another, and its parts.

Pure. Knows neither how an order is stored (`state`) nor how it is shown (`views`).
Invariant: a status change that `TRANSITIONS` does not list never happens.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NewType

import msgspec

from dispatch.voice.note import Note
from geo.point import Point

OrderId = NewType("OrderId", str)
AgentId = NewType("AgentId", str)
RegionId = NewType("RegionId", str)


class Status(StrEnum):
    SCHEDULED = "scheduled"
    OPEN = "open"
    ESCALATED = "escalated"
    ASSIGNED = "assigned"
    EN_ROUTE = "en_route"
    ARRIVED = "arrived"
    WORKING = "working"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


HELD = (Status.ASSIGNED, Status.EN_ROUTE, Status.ARRIVED, Status.WORKING)
"""Statuses in which an agent holds the order, in the order of the job's steps."""
TERMINAL = (Status.COMPLETED, Status.CANCELLED, Status.EXPIRED)
STEPS = (*HELD, Status.COMPLETED)
"""A holder may skip steps forward, never back (PROTOCOL §3)."""
CUSTODY = (Status.ARRIVED, Status.WORKING)
"""The car may be in the holder's hands: released from here, the order goes to the desk."""

TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.SCHEDULED: frozenset({Status.OPEN, Status.CANCELLED}),
    Status.OPEN: frozenset({Status.ESCALATED, Status.ASSIGNED, Status.CANCELLED}),
    Status.ESCALATED: frozenset(
        {Status.OPEN, Status.ASSIGNED, Status.COMPLETED, Status.EXPIRED, Status.CANCELLED}
    ),
    Status.ASSIGNED: frozenset({*STEPS, Status.OPEN, Status.CANCELLED}),
    Status.EN_ROUTE: frozenset({*STEPS, Status.OPEN, Status.CANCELLED} - {Status.EN_ROUTE}),
    Status.ARRIVED: frozenset({Status.WORKING, Status.COMPLETED, Status.ESCALATED, Status.ASSIGNED, Status.CANCELLED}),
    Status.WORKING: frozenset({Status.COMPLETED, Status.ESCALATED, Status.ASSIGNED, Status.CANCELLED}),
    Status.COMPLETED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.EXPIRED: frozenset(),
}  # fmt: skip
"""PROTOCOL §3; from a held status `assigned` is a reassignment by the desk."""


class Spot(msgspec.Struct, frozen=True):
    """A place with an address; `point` is WGS-84."""

    point: Point
    address: str | None = None


class Customer(msgspec.Struct, frozen=True):
    id: str
    name: str | None = None
    phone: str | None = None


class Assignment(msgspec.Struct, frozen=True):
    agent_id: AgentId
    role: str
    by: str
    dispatcher_id: str | None
    fence: int
    at: int


class Card(msgspec.Struct, frozen=True):
    """What a customer and the desk see of the agent that holds the order."""

    id: AgentId
    role: str
    name: str
    phone: str | None


class TakeUp(msgspec.Struct, frozen=True):
    dispatcher_id: str
    until_at: int


class Order(msgspec.Struct, frozen=True):
    """One order at one version. Times in ms since the epoch, money in fen, positions WGS-84."""

    id: OrderId
    region: RegionId
    kind: str
    status: Status
    version: int
    customer: Customer
    place: Spot
    destination: Spot | None
    details: dict[str, Any]
    price_fen: int | None
    own_bonus_fen: int
    bonus_fen: int
    voice_notes: tuple[Note, ...]
    round: int
    rounds: int
    offered: int
    due_at: int | None
    scheduled_at: int | None
    created_at: int
    desk_at: int | None
    fence: int
    assignment: Assignment | None
    agent: Card | None
    stalled: bool
    taken_up: TakeUp | None
    reason: str | None
    declined: tuple[str, ...]
    released: tuple[str, ...]
    plan: str

    @property
    def held(self) -> bool:
        return self.status in HELD

    @property
    def holder(self) -> AgentId | None:
        return self.agent.id if self.agent else None

    @property
    def finisher(self) -> AgentId | None:
        """The agent who completed it; None when the desk closed it, also after he had given it back."""
        done = self.assignment if self.status is Status.COMPLETED else None
        return done.agent_id if done and done.agent_id not in self.released else None

    @property
    def on_desk(self) -> bool:
        return self.desk_at is not None

    @property
    def expires_at(self) -> int | None:
        """The end of the current round, or of the wait at the desk."""
        return self.due_at if self.status in (Status.OPEN, Status.ESCALATED) else None
