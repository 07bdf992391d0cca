"""What of a position a stranger may see.

Owns the coarseness of PROTOCOL §3's public view: a grid of three decimals, some 110 m from
south to north. Who may see the exact place is decided elsewhere. Invariant: all places of one
WGS-84 cell look alike in every coordinate system.
"""

from geo.crs import Crs, from_wgs84
from geo.point import Point

AREA_DECIMALS = 3


def area(point: Point, crs: Crs = Crs.WGS84) -> dict[str, float]:
    """`{"lat", "lon"}` in `crs` of the grid point nearest to a WGS-84 point.

    Rounded before it is converted: an exact place that was rounded in each of three systems
    would be found where the three cells overlap.
    """
    shown = _rounded(from_wgs84(_rounded(point), crs))
    return {"lat": shown.lat, "lon": shown.lon}


def _rounded(point: Point) -> Point:
    # Adding 0.0 turns the -0.0 that rounding leaves just south of the equator into 0.0.
    return Point(round(point.lat, AREA_DECIMALS) + 0.0, round(point.lon, AREA_DECIMALS) + 0.0)
