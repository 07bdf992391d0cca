"""Examples for the OpenAPI document: of every answer's form, and of what stands in paths and queries.

Pure. An operation may name one of its own; these are the rest. Invariant: a test replays every request's example
and holds every answer's example against its form.
"""

from collections.abc import Mapping
from typing import Any, get_args, get_origin

import msgspec

from admin_api.answers import AgentView, EventView, RegionView, VerdictView
from admin_api.paging import Page
from dispatch.eligibility import WhyNot
from dispatch.figures import Bucket, FiguresView, TimeToGrab
from dispatch.map import MapAgent, MapOrder, MapView
from dispatch.order import Status
from dispatch.policy import DEFAULTS, Policy
from dispatch.roster import Candidate, Presence
from dispatch.view_examples import HELD, KIND, NOTE, NOW, OPEN, REGION, SHOP, VALET, WIDENED, full, offered, public
from dispatch.view_forms import HallOrderView, OrderView, PublicOrderView

TOWING = next(policy for policy in DEFAULTS if policy.kind == KIND)
RING = [[-74.3, 40.4], [-73.6, 40.4], [-73.6, 41.0], [-74.3, 41.0], [-74.3, 40.4]]
OUTLINE = {
    "type": "Feature",
    "properties": {"name": "New York"},
    "geometry": {"type": "Polygon", "coordinates": [RING]},
}
PROFILE = {
    "role": "valet",
    "region": REGION,
    "name": "Wang",
    "phone": "+8613900000001",
    "skills": [KIND, "chauffeur"],
    "capacity": 1,
}

_CANDIDATE = Candidate(
    agent_id=SHOP,
    role="shop",
    name="Houston Motors",
    phone="+8613700000001",
    distance_m=640,
    status=Presence.AVAILABLE,
    load=2,
    capacity=2,
    offered_at=NOW + 40,
    delivered_at=NOW + 1000,
    seen_at=None,
    heard_at=None,
    declined=False,
    decline_reason=None,
    eligible=False,
    why_not=WhyNot.AT_CAPACITY,
)

_ON_MAP = MapOrder(
    id=HELD.id,
    kind=KIND,
    region=REGION,
    status=Status.ASSIGNED,
    stalled=False,
    lat=40.7188,
    lon=-73.9863,
    since_at=NOW + 18_120,
)
_HIS_PLACE = MapAgent(
    id=VALET,
    role="valet",
    region=REGION,
    name="Wang",
    status=Presence.AVAILABLE,
    load=1,
    capacity=1,
    lat=40.7202,
    lon=-73.9871,
)
_FIGURES = FiguresView(
    at=NOW,
    since=NOW - 600_000,
    until=NOW,
    bucket_ms=300_000,
    orders=41,
    grabbed=36,
    assigned_by_desk=2,
    escalated=3,
    expired=0,
    cancelled=1,
    completed=5,
    time_to_grab_ms=TimeToGrab(p50=6_200, p95=41_000),
    buckets=[
        Bucket(at=NOW - 600_000, orders=22, grabbed=20, escalated=2, p50_ms=6_900),
        Bucket(at=NOW - 300_000, orders=19, grabbed=16, escalated=1, p50_ms=5_400),
    ],
)

ANSWERS: Mapping[Any, object] = {
    OrderView: full(HELD),
    PublicOrderView: public(WIDENED),
    HallOrderView: offered(WIDENED) | {"distance_m": 2410},
    VerdictView: {"order_id": HELD.id, "outcome": "won", "fence": 1, "job": full(HELD)},
    EventView: {
        "version": 4,
        "type": "assigned",
        "at": NOW + 18_120,
        "actor": {"role": "valet", "id": VALET},
        "data": {"agent_id": VALET, "by": "grab", "fence": 1, "round": 2},
    },
    Candidate: msgspec.to_builtins(_CANDIDATE),
    AgentView: {
        **{"id": VALET, **PROFILE, "home": None, "suspended": False, "status": "available", "load": 0},
        "position": {"lat": 40.7202, "lon": -73.9871},
    },
    MapView: msgspec.to_builtins(MapView(at=NOW + 20_000, orders=[_ON_MAP], agents=[_HIS_PLACE], more=[])),
    FiguresView: msgspec.to_builtins(_FIGURES),
    Policy: msgspec.to_builtins(TOWING),
    RegionView: {"id": REGION, **OUTLINE},
}
"""By form."""

_PATHS = {
    "orders": OPEN.id,
    "desk": OPEN.id,
    "agents": VALET,
    "regions": REGION,
    "policies": KIND,
    "sessions": "01M3252NK0DA2PBFXQJWDFQCH4",
    "voice-notes": NOTE.id,
}
"""By the noun that a path begins with."""

QUERIES: Mapping[str, object] = {
    "limit": 50,
    "crs": "wgs84",
    "region": REGION,
    "kind": KIND,
    "status": {"orders": "open", "agents": "available"},
    "role": "valet",
    "agent_id": VALET,
    "customer_id": OPEN.customer.id,
    "created_after": NOW - 3_600_000,
    "created_before": NOW + 1,
    "ended_after": NOW - 3_600_000,
    "ended_before": NOW + 1,
    "since": NOW - 3_600_000,
    "until": {"figures": NOW},
    "near": "40.7188,-73.9863",
    "radius_m": 3000,
}
"""By name. `cursor` has none: a list gives its own; so it is with what a voice note's address bears."""


def noun(path: str) -> str:
    return path.removeprefix("/v1/").partition("/")[0]


def of_path(path: str) -> str | None:
    return _PATHS.get(noun(path))


def of_query(path: str, name: str) -> object:
    example = QUERIES.get(name)
    return example.get(noun(path)) if isinstance(example, dict) else example


def of_answer(form: Any) -> object:
    """None: there is none; the tests do not let that stand."""
    if get_origin(form) is Page:
        (item,) = get_args(form)
        return {"items": [of_answer(item)], "next": None}
    return ANSWERS.get(form)
