"""Positions on the earth and the distance between two of them.

Owns the bounds that PROTOCOL §1 sets for every position: latitudes -85…85, longitudes
-180…180, finite. A `Point` that msgspec decoded is within them; the constructor itself
checks nothing, so positions from anywhere else come in through `bounded`. All are WGS-84:
what a client calls otherwise is converted (`geo.crs`) before it is used.
"""

import math
from typing import Annotated

import msgspec

MAX_LAT = 85.0
MAX_LON = 180.0

EARTH_RADIUS_M = 6372797.560856
"""The sphere of Redis GEO (`EARTH_RADIUS_IN_METERS` in its geohash_helper.c)."""

# NaN and the infinities are refused with the rest: msgspec demands that both comparisons hold.
Latitude = Annotated[float, msgspec.Meta(ge=-MAX_LAT, le=MAX_LAT)]
Longitude = Annotated[float, msgspec.Meta(ge=-MAX_LON, le=MAX_LON)]


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    lat: Latitude
    lon: Longitude


class PointFault(ValueError):
    """A coordinate out of bounds; `path` is `lat` or `lon`."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


def in_bounds(lat: float, lon: float) -> bool:
    """False for NaN and the infinities, too: no comparison with them holds."""
    return -MAX_LAT <= lat <= MAX_LAT and -MAX_LON <= lon <= MAX_LON


def bounded(lat: float, lon: float) -> Point:
    """The point at lat, lon. Raises PointFault naming the coordinate that is out of bounds."""
    if not -MAX_LAT <= lat <= MAX_LAT:
        raise PointFault("lat", f"must be a number from {-MAX_LAT:g} to {MAX_LAT:g}")
    if not -MAX_LON <= lon <= MAX_LON:
        raise PointFault("lon", f"must be a number from {-MAX_LON:g} to {MAX_LON:g}")
    return Point(lat, lon)


def distance_m(a: Point, b: Point) -> float:
    """Great-circle distance by the haversine formula, on the sphere that Redis GEO uses.

    So a distance computed here and one answered by GEOSEARCH agree, up to the rounding of
    the positions that Redis keeps (below a metre).
    """
    a_lat, b_lat = math.radians(a.lat), math.radians(b.lat)
    u = math.sin((b_lat - a_lat) / 2)
    v = math.sin(math.radians(b.lon - a.lon) / 2)
    h = u * u + math.cos(a_lat) * math.cos(b_lat) * v * v
    # For antipodes rounding can lift h above 1, where the arcsine ends.
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, h)))
