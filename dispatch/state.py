"""The flat form of an order: one map of strings, the same in Redis, in every event and in PostgreSQL.

Owns the field names that the scripts read and write; '' stands for null, lists of agents are `,a,b,`.
Invariant: `order_of(id, region, state)` accepts whatever `new_state` and the scripts produce.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import orjson

from dispatch.order import (
    HELD,
    AgentId,
    Assignment,
    Card,
    Customer,
    Order,
    OrderId,
    RegionId,
    Spot,
    Status,
    TakeUp,
)
from dispatch.phone import ending
from dispatch.voice.note import Note, decode_all, encode_all
from geo.point import Point

State = dict[str, str]

FIELDS = (
    *("kind", "status", "version", "customer_id", "customer", "lat", "lon", "address", "destination"),
    *("details", "price_fen", "own_bonus_fen", "bonus_fen", "voice_notes", "round", "rounds", "limit"),
    *("radius_m", "round_offered", "offered", "audience", "due_at", "scheduled_at", "created_at", "desk_at"),
    *("agent_id", "agent_role", "agent_name", "agent_phone", "by", "dispatcher_id", "fence", "assigned_at"),
    *("stalled", "taken_by", "taken_until", "reason", "declined", "released", "plan", "stall", "round_bonus_fen"),
)
"""Every field of an order's hash, in the order in which PROTOCOL §3 shows them where it does."""

_ZERO = ("version", "round", "rounds", "round_offered", "offered", "fence", "stalled", "bonus_fen", "round_bonus_fen")

_EDITABLE = {
    "customer": ("customer_id", "customer"),
    "place": ("lat", "lon", "address"),
    "destination": ("destination",),
    "details": ("details",),
    "price_fen": ("price_fen",),
    "bonus_fen": ("own_bonus_fen",),
    "scheduled_at": ("scheduled_at",),
}
"""What a client may edit → the fields that hold it."""


class Draft(msgspec.Struct, frozen=True):
    """What a client may set and edit: the body of an order without its course."""

    customer: Customer
    place: Spot
    destination: Spot | None
    details: dict[str, Any]
    price_fen: int | None
    bonus_fen: int
    scheduled_at: int | None


def new_state(kind: str, draft: Draft, created_at: int, notes: Iterable[Note] = ()) -> State:
    """The state at version 0, as `intake` stores it before any script ran."""
    scheduled = draft.scheduled_at is not None
    return (
        dict.fromkeys(FIELDS, "")
        | dict.fromkeys(_ZERO, "0")
        | {
            "kind": kind,
            "status": Status.SCHEDULED if scheduled else Status.OPEN,
            "voice_notes": encode_all(notes),
            "created_at": str(created_at),
            "declined": ",",
            "released": ",",
            "bonus_fen": str(draft.bonus_fen),
        }
        | draft_state(draft)
    )


def draft_state(draft: Draft) -> State:
    """The fields that an edit may replace."""
    return {
        "customer_id": draft.customer.id,
        "customer": msgspec.json.encode(draft.customer).decode(),
        "lat": repr(draft.place.point.lat),
        "lon": repr(draft.place.point.lon),
        "address": draft.place.address or "",
        "destination": msgspec.json.encode(draft.destination).decode() if draft.destination else "",
        "details": orjson.dumps(draft.details).decode(),
        "price_fen": _text(draft.price_fen),
        "own_bonus_fen": str(draft.bonus_fen),
        "scheduled_at": _text(draft.scheduled_at),
    }


def edited_state(draft: Draft, names: Iterable[str]) -> dict[str, State]:
    """Of the named parts of a draft: the fields that hold them."""
    state = draft_state(draft)
    return {name: {field: state[field] for field in _EDITABLE[name]} for name in names}


def draft_of(order: Order) -> Draft:
    """The editable part of an order: what a PATCH is laid over."""
    return Draft(
        customer=order.customer,
        place=order.place,
        destination=order.destination,
        details=order.details,
        price_fen=order.price_fen,
        bonus_fen=order.own_bonus_fen,
        scheduled_at=order.scheduled_at,
    )


def order_of(order_id: str, region: str, state: Mapping[str, str]) -> Order:
    """Decode one state; raises KeyError or ValueError on a map that no script of ours wrote."""
    status = Status(state["status"])
    assignment = _assignment(state)
    return Order(
        id=OrderId(order_id),
        region=RegionId(region),
        kind=state["kind"],
        status=status,
        version=int(state["version"]),
        customer=msgspec.json.decode(state["customer"], type=Customer),
        place=Spot(Point(lat=float(state["lat"]), lon=float(state["lon"])), state["address"] or None),
        destination=_spot(state["destination"]),
        details=orjson.loads(state["details"]),
        price_fen=_number(state["price_fen"]),
        own_bonus_fen=int(state["own_bonus_fen"]),
        bonus_fen=int(state["bonus_fen"]),
        voice_notes=decode_all(state["voice_notes"]),
        round=int(state["round"]),
        rounds=int(state["rounds"]),
        offered=int(state["offered"]),
        due_at=_number(state["due_at"]),
        scheduled_at=_number(state["scheduled_at"]),
        created_at=int(state["created_at"]),
        desk_at=_number(state["desk_at"]),
        fence=int(state["fence"]),
        assignment=assignment,
        agent=_card(state) if assignment and status in HELD else None,
        stalled=state["stalled"] == "1",
        taken_up=TakeUp(state["taken_by"], int(state["taken_until"])) if state["taken_by"] else None,
        reason=state["reason"] or None,
        declined=_ids(state["declined"]),
        released=_ids(state["released"]),
        plan=state["plan"],
    )


def phone_end(state: Mapping[str, str]) -> str | None:
    """By what the order is found when its customer calls."""
    return ending(msgspec.json.decode(state["customer"], type=Customer).phone)


def _assignment(state: Mapping[str, str]) -> Assignment | None:
    if not state["agent_id"]:
        return None
    return Assignment(
        agent_id=AgentId(state["agent_id"]),
        role=state["agent_role"],
        by=state["by"],
        dispatcher_id=state["dispatcher_id"] or None,
        fence=int(state["fence"]),
        at=int(state["assigned_at"]),
    )


def _card(state: Mapping[str, str]) -> Card:
    return Card(
        id=AgentId(state["agent_id"]),
        role=state["agent_role"],
        name=state["agent_name"],
        phone=state["agent_phone"] or None,
    )


def _spot(text: str) -> Spot | None:
    return msgspec.json.decode(text, type=Spot) if text else None


def _number(text: str) -> int | None:
    return int(text) if text else None


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _ids(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)
