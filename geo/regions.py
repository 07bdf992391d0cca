"""Regions: where an operator works, as polygons, and which one a position lies in.

Owns the reading of GeoJSON (RFC 7946: a Feature with a Polygon or MultiPolygon, so a region
over the antimeridian comes in two parts) and the search. Knows neither agents nor orders nor
where regions are kept. Invariant: a geometry that `parse_feature` returned is valid, not empty,
in bounds and in WGS-84; its edges are straight in longitude and latitude.
"""

import math
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Annotated, Any, Literal

import msgspec
import shapely
from msgspec import Meta
from shapely import MultiPolygon, Polygon, STRtree

from geo.crs import Crs, from_wgs84, to_wgs84
from geo.point import EARTH_RADIUS_M, MAX_LAT, MAX_LON, Point, PointFault, bounded

Geometry = Polygon | MultiPolygon

MAX_VERTICES = 50_000
# Whether rings lie within each other is checked pair by pair: 10,000 nested ones took half a minute.
MAX_RINGS = 1_000

WORLD: Geometry = shapely.box(-MAX_LON, -MAX_LAT, MAX_LON, MAX_LAT)
"""The region `default` of a fresh database: every position that PROTOCOL §1 admits."""

# Longitude, latitude; RFC 7946 lets a reader ignore what follows. Rings: the outline, then its holes.
_Position = Annotated[list[float], Meta(min_length=2)]
_Ring = Annotated[list[_Position], Meta(min_length=4)]
_Rings = Annotated[list[_Ring], Meta(min_length=1)]


class _PolygonShape(msgspec.Struct, tag="Polygon"):
    coordinates: _Rings


class _MultiPolygonShape(msgspec.Struct, tag="MultiPolygon"):
    coordinates: Annotated[list[_Rings], Meta(min_length=1)]


class _Feature(msgspec.Struct):
    # Not a tag: msgspec lets the tag of a lone struct be absent.
    type: Literal["Feature"]
    geometry: _PolygonShape | _MultiPolygonShape


class RegionFault(ValueError):
    """Why a Feature is no region.

    `path` is where, such as `geometry.coordinates[0][3]`, or empty for the Feature as a whole.
    """

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message


def parse_feature(feature: object, crs: Crs = Crs.WGS84) -> Geometry:
    """The geometry of a GeoJSON Feature, as decoded from JSON. Raises RegionFault.

    Members that RFC 7946 allows beside `type` and `geometry` are ignored, and so is the
    direction of the rings.
    """
    shape = _shape(feature)
    path = "geometry.coordinates"
    if isinstance(shape, _PolygonShape):
        _refuse_too_many(shape.coordinates, path)
        return _valid(_polygon(shape.coordinates, path, crs), path)
    _refuse_too_many([ring for rings in shape.coordinates for ring in rings], path)
    parts = [_polygon(rings, f"{path}[{i}]", crs) for i, rings in enumerate(shape.coordinates)]
    return _valid(MultiPolygon(parts), path)


def to_feature(region_id: str, geometry: Geometry, crs: Crs = Crs.WGS84) -> dict[str, Any]:
    """The GeoJSON Feature of a region, made of dicts, lists, strings and floats alone."""
    parts = [[_positions(ring, crs) for ring in _rings(polygon)] for polygon in _polygons(geometry)]
    single = isinstance(geometry, Polygon)
    return {
        "type": "Feature",
        "id": region_id,
        "properties": {},
        "geometry": {"type": geometry.geom_type, "coordinates": parts[0] if single else parts},
    }


def area_m2(geometry: Geometry) -> float:
    """Area on the sphere, exact for edges that are straight in longitude and latitude.

    By Green's theorem: the area below a ring is the sum of ∫ sin(lat) d(lon) over its edges. `fsum`
    makes it independent of where a ring starts and of its direction.
    """
    signed = []
    for polygon in _polygons(geometry):
        outline, *holes = (abs(math.fsum(_below(ring))) for ring in _rings(polygon))
        signed += [outline, *(-hole for hole in holes)]
    return EARTH_RADIUS_M**2 * math.fsum(signed)


class RegionIndex:
    """Finds the region of a position. Immutable: build another when the regions change."""

    def __init__(self, regions: Iterable[tuple[str, Geometry]]) -> None:
        ordered = sorted(regions, key=lambda region: (_size(region[1]), region[0]))
        self._ids = [region_id for region_id, _ in ordered]
        self._geometries = [geometry for _, geometry in ordered]
        self._by_id = dict(ordered)
        if len(self._by_id) < len(ordered):
            raise ValueError("two regions have the same id")
        shapely.prepare(self._geometries)
        self._tree = STRtree(self._geometries)

    def locate(self, point: Point) -> str | None:
        """The smallest region that contains the point, of equally large ones the first by id.

        Smallest by area on the sphere; areas that agree to nine digits count as equal. A
        region contains its boundary.
        """
        at = shapely.Point(point.lon, point.lat)
        # The tree knows bounding boxes only, and answers in no order; ours is by size.
        nearby: list[int] = sorted(self._tree.query(at).tolist())
        for i in nearby:
            if self._geometries[i].intersects(at):
                return self._ids[i]
        return None

    def contains(self, region_id: str, point: Point) -> bool:
        """Whether the point lies in that region or on its boundary. Raises KeyError for an unknown region."""
        return self._by_id[region_id].intersects(shapely.Point(point.lon, point.lat))


def _shape(feature: object) -> _PolygonShape | _MultiPolygonShape:
    try:
        return msgspec.convert(feature, _Feature).geometry
    except msgspec.ValidationError as exc:
        message, _, path = str(exc).partition(" - at `$")
        raise RegionFault(path.rstrip("`").lstrip("."), message) from exc


def _refuse_too_many(rings: list[_Ring], path: str) -> None:
    """Comes before anything that costs more than counting."""
    vertices = sum(map(len, rings))
    if vertices > MAX_VERTICES:
        raise RegionFault(path, f"has {vertices} positions, more than {MAX_VERTICES}")
    if len(rings) > MAX_RINGS:
        raise RegionFault(path, f"has {len(rings)} rings, more than {MAX_RINGS}")


def _polygon(rings: _Rings, path: str, crs: Crs) -> Polygon:
    outline, *holes = (_ring(ring, f"{path}[{i}]", crs) for i, ring in enumerate(rings))
    return Polygon(outline, holes)


def _ring(ring: _Ring, path: str, crs: Crs) -> list[tuple[float, float]]:
    if ring[0][:2] != ring[-1][:2]:
        raise RegionFault(path, "is not closed: its first and its last position differ")
    return [_vertex(position, f"{path}[{i}]", crs) for i, position in enumerate(ring)]


def _vertex(position: _Position, path: str, crs: Crs) -> tuple[float, float]:
    lon, lat = position[:2]
    try:
        at = to_wgs84(bounded(lat, lon), crs)
    except PointFault as exc:
        name, index = ("latitude", 1) if exc.path == "lat" else ("longitude", 0)
        raise RegionFault(f"{path}[{index}]", f"{name} {exc.message}") from exc
    return at.lon, at.lat


def _valid(geometry: Geometry, path: str) -> Geometry:
    if geometry.is_valid:
        return geometry
    reason = shapely.is_valid_reason(geometry)
    where = re.fullmatch(r"(.+)\[(\S+) (\S+)\]", reason)
    if where:
        reason = f"{where[1]} at longitude {where[2]}, latitude {where[3]} (WGS-84)"
    raise RegionFault(path, f"is no valid area: {reason}")


def _polygons(geometry: Geometry) -> Iterable[Polygon]:
    return [geometry] if isinstance(geometry, Polygon) else geometry.geoms


def _rings(polygon: Polygon) -> Iterator[list[tuple[float, float]]]:
    for ring in (polygon.exterior, *polygon.interiors):
        yield [(lon, lat) for lon, lat, *_ in ring.coords]


def _positions(ring: list[tuple[float, float]], crs: Crs) -> list[list[float]]:
    converted = (from_wgs84(Point(lat, lon), crs) for lon, lat in ring)
    return [[at.lon, at.lat] for at in converted]


def _below(ring: list[tuple[float, float]]) -> Iterator[float]:
    """∫ sin(lat) d(lon) of each edge, in steradians."""
    for (a_lon, a_lat), (b_lon, b_lat) in pairwise(ring):
        half = math.radians(b_lat - a_lat) / 2
        mean = math.sin(math.radians((a_lat + b_lat) / 2))
        yield math.radians(b_lon - a_lon) * mean * (math.sin(half) / half if half else 1.0)


def _size(geometry: Geometry) -> float:
    """Nine digits of the area, so that rounding does not decide between equals."""
    return float(f"{area_m2(geometry):.9g}")
