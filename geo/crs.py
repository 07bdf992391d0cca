"""Coordinate systems of Chinese maps: WGS-84, GCJ-02 (Amap, Tencent), BD-09 (Baidu).

Owns the conversion at the border; everything behind it is WGS-84. The formulas are not
published by their makers; they are known from code that leaked and has been reproduced and
compared with the providers' own conversion services ever since: googollee/eviltransform,
wandergis/coordtransform, caijun/geoChina (all on GitHub), and the article "Restrictions on
geographic data in China" of Wikipedia. Outside a box around China both systems equal WGS-84;
Baidu's documentation says the same of its coordinates abroad.

Invariant: both systems map the plane onto itself continuously and one to one, so that every
position survives the round trip. The public formula does not: at the border of the box it
jumps by up to a kilometre, and two places share one coordinate. Therefore the shift fades out
over the last half degree inside the box. China itself ends more than a degree within, so
every place in China has the public formula's coordinates.
"""

import math
from collections.abc import Callable
from enum import StrEnum

from geo.point import Point

_WEST, _EAST = 72.004, 137.8347
_SOUTH, _NORTH = 0.8293, 55.8271
_RIM_DEGREES = 0.5

# Krasovsky's ellipsoid of 1940, which the formula uses to turn metres into degrees.
_SEMI_MAJOR_M = 6378245.0
_ECCENTRICITY_SQUARED = 0.00669342162296594323

# A step of the inverse is at most 4 % of the one before (0.011° of shift over 0.5° of rim, and the
# formula's own waves), so that some 8 steps reach the precision; 1e-10° is a hundredth of a millimetre.
_PRECISION_DEGREES = 1e-10
_MAX_STEPS = 16

_Pair = tuple[float, float]
_Shift = Callable[[float, float], _Pair]


class Crs(StrEnum):
    WGS84 = "wgs84"
    GCJ02 = "gcj02"
    BD09 = "bd09"


def to_wgs84(point: Point, crs: Crs) -> Point:
    """The WGS-84 position of a point that is given in `crs`."""
    if crs is Crs.WGS84 or not _weight(point.lat, point.lon):
        return point
    lat, lon = point.lat, point.lon
    if crs is Crs.BD09:
        lat, lon = _unshifted(lat, lon, _bd09_shift)
    return Point(*_unshifted(lat, lon, _gcj02_shift))


def from_wgs84(point: Point, crs: Crs) -> Point:
    """The position in `crs` of a WGS-84 point."""
    if crs is Crs.WGS84 or not _weight(point.lat, point.lon):
        return point
    lat, lon = _shifted(point.lat, point.lon, _gcj02_shift)
    if crs is Crs.BD09:
        lat, lon = _shifted(lat, lon, _bd09_shift)
    return Point(lat, lon)


def _weight(lat: float, lon: float) -> float:
    """How much of the shift applies: 1 in China, 0 outside the box, between them in the rim."""
    inward = min(lat - _SOUTH, _NORTH - lat, lon - _WEST, _EAST - lon)
    return min(1.0, max(0.0, inward / _RIM_DEGREES))


def _shifted(lat: float, lon: float, shift: _Shift) -> _Pair:
    weight = _weight(lat, lon)
    north, east = shift(lat, lon)
    return lat + weight * north, lon + weight * east


def _unshifted(lat: float, lon: float, shift: _Shift) -> _Pair:
    """The position whose `_shifted` is lat, lon: a fixed-point iteration, as there is no closed form."""
    at_lat, at_lon = lat, lon
    for _ in range(_MAX_STEPS):
        reached_lat, reached_lon = _shifted(at_lat, at_lon, shift)
        step_lat, step_lon = lat - reached_lat, lon - reached_lon
        at_lat, at_lon = at_lat + step_lat, at_lon + step_lon
        if abs(step_lat) < _PRECISION_DEGREES and abs(step_lon) < _PRECISION_DEGREES:
            break
    return at_lat, at_lon


def _gcj02_shift(lat: float, lon: float) -> _Pair:
    """Degrees north and east by which GCJ-02 moves a WGS-84 position in China."""
    north_m, east_m = _gcj02_offset_m(lon - 105, lat - 35)
    phi = math.radians(lat)
    w = math.sqrt(1 - _ECCENTRICITY_SQUARED * math.sin(phi) ** 2)
    meridian_radius_m = _SEMI_MAJOR_M * (1 - _ECCENTRICITY_SQUARED) / w**3
    parallel_radius_m = _SEMI_MAJOR_M / w * math.cos(phi)
    return math.degrees(north_m / meridian_radius_m), math.degrees(east_m / parallel_radius_m)


def _gcj02_offset_m(x: float, y: float) -> _Pair:
    """Metres north and east; x, y are degrees from 105° E, 35° N: a polynomial plus waves along both axes."""
    both = _waves(x, (20, 6), (20, 2))
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    north += both + _waves(y, (20, 1), (40, 1 / 3), (160, 1 / 12), (320, 1 / 30))
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    east += both + _waves(x, (20, 1), (40, 1 / 3), (150, 1 / 12), (300, 1 / 30))
    return north, east


def _waves(degrees: float, *waves: tuple[float, float]) -> float:
    """Two thirds of the sum of sines, each given by amplitude in metres and half-turns a degree."""
    return sum(amplitude * math.sin(turns * degrees * math.pi) for amplitude, turns in waves) * 2 / 3


def _bd09_shift(lat: float, lon: float) -> _Pair:
    """Degrees north and east by which BD-09 moves a GCJ-02 position: polar waves and a constant."""
    wave = math.pi * 3000 / 180
    radius = math.hypot(lon, lat) + 0.00002 * math.sin(lat * wave)
    angle = math.atan2(lat, lon) + 0.000003 * math.cos(lon * wave)
    return radius * math.sin(angle) + 0.006 - lat, radius * math.cos(angle) + 0.0065 - lon
