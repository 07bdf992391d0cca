"""What a client may say on the stream: one struct a message of PROTOCOL §4.

Owns the fields, their bounds and defaults. Knows neither codecs nor what a message causes. Positions are in
the coordinate system that `hello` named. Invariant: what was decoded is within these bounds; strings hold no
NUL (PostgreSQL's jsonb refuses it), numbers are finite, integers fit 53 bits.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from dispatch.order import OrderId as AnyOrderId
from geo.crs import Crs
from geo.point import Latitude, Longitude, Point

MAX_TOKEN = 8192
MAX_REF = 128
MAX_REASON = 500
MAX_SEEN = 200

_NO_NUL = r"^[^\x00]*$"

Ref = Annotated[str, Meta(max_length=MAX_REF)]
OrderId = Annotated[AnyOrderId, Meta(min_length=1, max_length=64, pattern=_NO_NUL)]
NoteId = Annotated[str, Meta(min_length=1, max_length=64, pattern=_NO_NUL)]
Reason = Annotated[str, Meta(max_length=MAX_REASON, pattern=_NO_NUL)]
Millis = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Fence = Annotated[int, Meta(ge=1, le=2**53 - 1)]
# The upper bounds keep infinity out; no device means more.
Metres = Annotated[float, Meta(ge=0, le=1e8)]
Degrees = Annotated[float, Meta(ge=0, le=360)]
MetresPerSecond = Annotated[float, Meta(ge=0, le=1e4)]

Availability = Literal["available", "paused"]
Step = Literal["en_route", "arrived", "working", "completed"]


# gc=False: a decoded message holds no cycle, so the collector need not look at it.
class _Message(Struct, tag_field="type", forbid_unknown_fields=True, frozen=True, gc=False):
    pass


class Hello(_Message, frozen=True, tag="hello"):
    token: Annotated[str, Meta(max_length=MAX_TOKEN)] | None = None
    position: Point | None = None
    status: Availability = "available"
    crs: Crs = Crs.WGS84


class Position(_Message, frozen=True, tag="position"):
    lat: Latitude
    lon: Longitude
    accuracy_m: Metres | None = None
    heading: Degrees | None = None
    speed_mps: MetresPerSecond | None = None
    at: Millis | None = None

    @property
    def point(self) -> Point:
        return Point(self.lat, self.lon)


class SetStatus(_Message, frozen=True, tag="status"):
    status: Availability
    ref: Ref | None = None


class Grab(_Message, frozen=True, tag="grab"):
    ref: Ref
    order_id: OrderId


class Decline(_Message, frozen=True, tag="decline"):
    ref: Ref
    order_id: OrderId
    reason: Reason | None = None


class Seen(_Message, frozen=True, tag="seen"):
    order_ids: Annotated[tuple[OrderId, ...], Meta(max_length=MAX_SEEN)]


class Progress(_Message, frozen=True, tag="progress"):
    ref: Ref
    order_id: OrderId
    fence: Fence
    step: Step
    at: Millis | None = None


class Release(_Message, frozen=True, tag="release"):
    ref: Ref
    order_id: OrderId
    fence: Fence
    reason: Reason


class Heard(_Message, frozen=True, tag="heard"):
    order_id: OrderId
    note_id: NoteId
    ref: Ref | None = None


class Ping(_Message, frozen=True, tag="ping"):
    ref: Ref | None = None


ClientMessage = Hello | Position | SetStatus | Grab | Decline | Seen | Heard | Progress | Release | Ping
