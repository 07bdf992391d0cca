"""What the answers hold, for the documents that machines read (PROTOCOL §3 to §6).

Pure: forms of what the modules here produce; those of an order's views are `dispatch.view_forms`'. Invariant: a
test converts every answer that the tests see into these, so that they tell neither less nor more than what is sent.
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from admin_api.paging import Page
from dispatch.claims import Outcome
from dispatch.policy import AgentRole, Policy
from dispatch.roster import Candidate, Presence
from dispatch.view_forms import HallOrderView, Millis, OrderView
from geo.point import Point


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


class LookupView(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Newest first."""

    items: list[OrderView]


OrderPage = Page[OrderView]
HallPage = Page[HallOrderView]
EventPage = Page[EventView]
CandidatePage = Page[Candidate]
AgentPage = Page[AgentView]
PolicyPage = Page[Policy]
RegionPage = Page[RegionView]
