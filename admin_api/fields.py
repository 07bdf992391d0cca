"""The words that requests and answers share: bounds of ids, texts, numbers and positions.

Pure. Invariant: what passes these bounds is accepted by every layer below, PostgreSQL included.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from dispatch.order import Spot
from geo.crs import Crs, to_wgs84
from geo.point import Latitude, Longitude, Point

# `$` alone would let a line feed follow.
_ID = r"^[A-Za-z0-9._:-]{1,64}$(?!\n)"

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=_ID)]
Name = Annotated[str, Meta(max_length=200)]
Phone = Annotated[str, Meta(max_length=32)]
Address = Annotated[str, Meta(max_length=500)]
Reason = Annotated[str, Meta(max_length=500)]
Millis = Annotated[int, Meta(ge=0, le=2**53 - 1, description="Milliseconds since the Unix epoch, UTC")]
Whole = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Fence = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Metres = Annotated[float, Meta(gt=0, le=20_040_000)]


class Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a request; a field that it does not know is refused."""


class Place(Form, frozen=True, kw_only=True):
    """A position in the request's coordinate system, with the address as people say it."""

    lat: Latitude
    lon: Longitude
    address: Address | None = None

    def spot(self, crs: Crs) -> Spot:
        return Spot(to_wgs84(Point(self.lat, self.lon), crs), self.address)
