"""What the bodies of requests may hold, one struct a body (PROTOCOL §5).

Pure: fields and bounds. What a field means is the use cases' matter. Invariant: unknown fields are refused.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from admin_api.fields import Fence, Form, Id, Millis, Name, Phone, Place, Reason
from dispatch.policy import AgentRole, Fen, Policy, Rounds
from geo.point import Point

Step = Literal["en_route", "arrived", "working", "completed"]
Details = Annotated[
    dict[Annotated[str, Meta(max_length=128)], Any],
    Meta(max_length=64, description="Whatever the kind needs; at most 16 KiB"),
]


class Nothing(Form, frozen=True, kw_only=True):
    """A command without fields; its body may be absent."""


class CustomerBody(Form, frozen=True, kw_only=True):
    """`id` may be absent where a customer orders for himself."""

    id: Id | None = None
    name: Name | None = None
    phone: Phone | None = None


class OrderBody(Form, frozen=True, kw_only=True):
    kind: Id
    place: Place
    customer: CustomerBody | None = None
    details: Details = msgspec.field(default_factory=dict)
    destination: Place | None = None
    price_fen: Fen | None = None
    bonus_fen: Fen = 0
    scheduled_at: Millis | None = None
    region: Id | None = None


class VoiceOrderBody(OrderBody, frozen=True, kw_only=True):
    """The note says what the customer wants: `kind` may be left out."""

    kind: Literal["voice"] = "voice"


class EditBody(Form, frozen=True, kw_only=True):
    """What is absent stays as it is; what is given is replaced whole, but `customer.id` may be absent: the same."""

    place: Place | UnsetType = UNSET
    destination: Place | UnsetType | None = UNSET
    details: Details | UnsetType = UNSET
    customer: CustomerBody | UnsetType = UNSET
    price_fen: Fen | UnsetType | None = UNSET
    bonus_fen: Fen | UnsetType = UNSET
    scheduled_at: Millis | UnsetType | None = UNSET


class LookupBody(Form, frozen=True, kw_only=True):
    """However it is written, with its country code or without; what holds no digits but zeros is no number."""

    phone: Annotated[str, Meta(max_length=32, pattern="[1-9]")]


class ProgressBody(Form, frozen=True, kw_only=True):
    fence: Fence
    step: Step
    at: Millis | None = None


class ReleaseBody(Form, frozen=True, kw_only=True):
    fence: Fence
    reason: Reason


class AssignBody(Form, frozen=True, kw_only=True):
    agent_id: Id
    force: bool = False


class ReopenBody(Form, frozen=True, kw_only=True):
    """Without `rounds` the order goes out on its policy's."""

    rounds: Rounds | None = None
    bonus_fen: Fen | None = None


class CloseBody(Form, frozen=True, kw_only=True):
    outcome: Reason


class CancelBody(Form, frozen=True, kw_only=True):
    reason: Reason


class AgentBody(Form, frozen=True, kw_only=True):
    role: AgentRole
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    phone: Phone | None
    skills: Annotated[list[Id], Meta(max_length=100)]
    capacity: Annotated[int, Meta(ge=1, le=1000)]
    region: Id | None = None
    home: Point | None = None
    suspended: bool = False


def _policy_body() -> type[msgspec.Struct]:
    """The fields of a policy; `kind` stands in the path and may be absent here."""
    fields: list[Any] = []
    for field in msgspec.structs.fields(Policy):
        if field.name == "kind":
            fields.append(("kind", Id | UnsetType, UNSET))
        elif field.required:
            fields.append((field.name, field.type))
        elif field.default_factory is not msgspec.NODEFAULT:
            fields.append((field.name, field.type, msgspec.field(default_factory=field.default_factory)))
        else:
            fields.append((field.name, field.type, field.default))
    return msgspec.defstruct("PolicyBody", fields, bases=(Form,), kw_only=True, frozen=True)


PolicyBody = _policy_body()


Position = Annotated[list[float], Meta(min_length=2)]
Ring = Annotated[list[Position], Meta(min_length=4)]
Rings = Annotated[list[Ring], Meta(min_length=1)]


class PolygonBody(msgspec.Struct, frozen=True, tag="Polygon"):
    coordinates: Rings


class MultiPolygonBody(msgspec.Struct, frozen=True, tag="MultiPolygon"):
    coordinates: Annotated[list[Rings], Meta(min_length=1)]


class RegionBody(msgspec.Struct, frozen=True, kw_only=True):
    """A GeoJSON Feature; members that RFC 7946 allows beside these are ignored."""

    type: Literal["Feature"]
    geometry: PolygonBody | MultiPolygonBody
    properties: dict[str, Any] | None = None
