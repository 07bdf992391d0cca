"""The words of the model: an order and an event as they are compared, and the terms that the model plays by.

Owns the typed reading of an order's flat state, and the literal terms of two kinds of order. Knows no transition.
Invariant: `read` takes every field that an order has, so the model leaves no field of the real ones unchecked.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from dispatch.order import HELD

METRES_A_DEGREE = 6372797.560856 * 3.141592653589793 / 180
"""Redis' sphere."""
_LISTS = frozenset({"declined", "released"})


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order at one version, with every field of its hash. Times in ms; '' and None are what is unset."""

    id: str
    kind: str
    status: str
    version: int
    customer_id: str
    customer: str
    lat: str
    lon: str
    address: str
    destination: str
    details: str
    price_fen: int | None
    own_bonus_fen: int
    bonus_fen: int
    round_bonus_fen: int
    voice_notes: str
    round: int
    rounds: int
    limit: int | None
    radius_m: int | None
    round_offered: int
    offered: int
    audience: str
    due_at: int | None
    scheduled_at: int | None
    created_at: int
    desk_at: int | None
    agent_id: str
    agent_role: str
    agent_name: str
    agent_phone: str
    by: str
    dispatcher_id: str
    fence: int
    assigned_at: int | None
    stalled: int
    taken_by: str
    taken_until: int | None
    reason: str
    declined: tuple[str, ...]
    released: tuple[str, ...]
    plan: str
    stall: str

    @property
    def held(self) -> bool:
        return self.status in HELD

    @property
    def holder(self) -> str:
        return self.agent_id if self.held else ""

    @property
    def room(self) -> int:
        """How many more this round may offer it to."""
        return (self.limit or 0) - self.round_offered if self.status == "open" else 0


_NUMBERS = frozenset(
    field.name for field in msgspec.structs.fields(Order) if field.type in (int, int | None) and field.name != "id"
)


def read(order_id: str, state: Mapping[str, str]) -> Order:
    """Raises TypeError for a state that lacks a field or has one more."""
    return Order(id=order_id, **{name: _typed(name, text) for name, text in state.items()})


def _typed(name: str, text: str) -> Any:
    if name in _LISTS:
        return tuple(part for part in text.split(",") if part)
    if name in _NUMBERS:
        return int(text) if text else None
    return text


def change(order: Order, **changes: Any) -> Order:
    return msgspec.structs.replace(order, **changes)


class Event(msgspec.Struct, eq=False):
    """What one transition appended, or one signal about an agent (`order` is None, `to` the agent).

    `entry` and `n` are the log's, and read from it: the model says how many there are, not when.
    """

    type: str
    epoch: int
    order: Order | None
    to: tuple[str, ...] = ()
    was: str = ""
    desk: bool = False
    customer: str = ""
    entry: tuple[int, int] = (0, 0)
    n: int = 0

    @property
    def place(self) -> tuple[str, int]:
        return (self.order.id, self.order.version) if self.order else ("", 0)

    @property
    def told(self) -> tuple[object, ...]:
        """All that is compared."""
        holder = self.order.holder if self.order else ""
        return (self.type, self.place, self.epoch, self.to, holder, self.was, self.desk, self.customer)


class Round(msgspec.Struct, frozen=True):
    radius_m: int
    limit: int
    seconds: int
    bonus_fen: int = 0


class Kind(msgspec.Struct, frozen=True):
    """Terms of a kind of order, as its policy is put. Every time limit is hours long: time passes by rules only."""

    audience: tuple[str, ...]
    rounds: tuple[Round, ...]
    desk_seconds: int
    stall_seconds: dict[str, int]
    lead_seconds: int = 1800

    @property
    def stall(self) -> str:
        return ",".join(f"{status}:{1000 * seconds}" for status, seconds in self.stall_seconds.items())


KINDS: Mapping[str, Kind] = {
    "model.wide": Kind(
        audience=("valet", "shop"),
        rounds=(Round(1500, 2, 7200), Round(3000, 2, 10800, 500)),
        desk_seconds=14400,
        stall_seconds={"assigned": 18000, "working": 21600},
    ),
    "model.narrow": Kind(
        audience=("valet",), rounds=(Round(3000, 2, 7300),), desk_seconds=14500, stall_seconds={"en_route": 18100}
    ),
}
PLAN = (Round(3000, 3, 7400, 900),)
"""Rounds of a dispatcher's own, in place of the policy's: the only ones that an order of the model has as its plan."""


def rounds_of(kind: str, plan: str) -> tuple[Round, ...]:
    return PLAN if plan else KINDS[kind].rounds
