"""What the answers hold, for the documents that machines read (PROTOCOL §3 to §6).

Pure: forms of what `dispatch.views` and the modules here produce. Invariant: a test converts every answer that
the tests see into these, so that they tell neither less nor more than what is sent.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from admin_api.paging import Page
from dispatch.claims import Outcome
from dispatch.order import Card, Customer, Status, TakeUp
from dispatch.policy import AgentRole, Policy
from dispatch.roster import Candidate, Presence
from geo.point import Point

Millis = Annotated[int, Meta(description="Milliseconds since the Unix epoch, UTC")]


class PlaceView(msgspec.Struct, forbid_unknown_fields=True):
    lat: float
    lon: float
    address: str | None


class AssignmentView(msgspec.Struct, forbid_unknown_fields=True):
    agent_id: str
    role: AgentRole
    by: Literal["grab", "desk"]
    dispatcher_id: str | None
    fence: int
    at: Millis


class OrderView(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The full view: for staff, the service, the order's customer and the agent that holds it."""

    id: str
    kind: str
    region: str
    status: Status
    version: int
    customer: Customer
    place: PlaceView
    destination: PlaceView | None
    details: dict[str, Any]
    price_fen: int | None
    bonus_fen: int
    voice_notes: list[dict[str, Any]]
    round: int
    offered: int
    expires_at: Millis | None
    scheduled_at: Millis | None
    created_at: Millis
    assignment: AssignmentView | None
    agent: Card | None
    stalled: bool
    taken_up: TakeUp | None
    reason: str | None


class PublicOrderView(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """All that a candidate sees before it holds the order; positions are rounded to 3 decimals."""

    id: str
    kind: str
    region: str
    status: Status
    version: int
    area: Point
    destination_area: Point | None
    details: dict[str, Any]
    price_fen: int | None
    bonus_fen: int
    voice_notes: list[dict[str, Any]]
    round: int
    created_at: Millis
    expires_at: Millis | None


class VerdictView(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`job` and `fence` stand with `won`; `reason` with `gone` and `refused`."""

    order_id: str
    outcome: Outcome
    fence: int | UnsetType = UNSET
    job: OrderView | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class ActorView(msgspec.Struct, forbid_unknown_fields=True):
    """`id` is null for the engine."""

    role: str
    id: str | None


class EventView(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    version: int
    type: str
    at: Millis
    actor: ActorView
    data: dict[str, Any]


class AgentView(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`distance_m` stands in lists with `near`; `load` is how many orders the agent holds."""

    id: str
    role: AgentRole
    region: str
    name: str
    phone: str | None
    skills: list[str]
    capacity: int
    home: Point | None
    suspended: bool
    status: Presence
    load: int
    position: Point | None
    distance_m: int | UnsetType = UNSET


class PolygonView(msgspec.Struct, tag="Polygon", forbid_unknown_fields=True):
    coordinates: list[list[list[float]]]


class MultiPolygonView(msgspec.Struct, tag="MultiPolygon", forbid_unknown_fields=True):
    coordinates: list[list[list[list[float]]]]


class RegionView(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A GeoJSON Feature."""

    type: Literal["Feature"]
    id: str
    properties: dict[str, Any]
    geometry: PolygonView | MultiPolygonView


OrderPage = Page[OrderView]
EventPage = Page[EventView]
CandidatePage = Page[Candidate]
AgentPage = Page[AgentView]
PolicyPage = Page[Policy]
RegionPage = Page[RegionView]
