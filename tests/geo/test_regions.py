"""Reading regions from GeoJSON, and finding the one a position lies in."""

import json
import math
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.crs import Crs, from_wgs84
from geo.point import EARTH_RADIUS_M, Point
from geo.regions import (
    MAX_RINGS,
    MAX_VERTICES,
    WORLD,
    Geometry,
    RegionFault,
    RegionIndex,
    area_m2,
    parse_feature,
    to_feature,
)

Ring = list[list[float]]


def ring(west: float, south: float, east: float, north: float) -> Ring:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def feature(kind: object, coordinates: object) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}}


def polygon(*rings: object) -> dict[str, Any]:
    return feature("Polygon", list(rings))


SQUARE = ring(0, 0, 10, 10)


def test_a_polygon_with_a_hole_is_read() -> None:
    geometry = parse_feature(polygon(SQUARE, ring(4, 4, 6, 6)))
    index = RegionIndex([("ring-road", geometry)])
    assert index.locate(Point(2.0, 2.0)) == "ring-road"
    assert index.locate(Point(5.0, 5.0)) is None
    assert index.locate(Point(4.0, 5.0)) == "ring-road"


def test_a_multipolygon_is_read_and_found_in_each_part() -> None:
    index = RegionIndex([("isles", parse_feature(feature("MultiPolygon", [[SQUARE], [ring(170, -20, 180, -10)]])))])
    assert index.locate(Point(5.0, 5.0)) == index.locate(Point(-15.0, 180.0)) == "isles"
    assert index.locate(Point(5.0, 100.0)) is None


def test_what_rfc_7946_allows_beside_is_ignored() -> None:
    plain = parse_feature(polygon(SQUARE))
    rich = polygon([[lon, lat, 12.5] for lon, lat in SQUARE]) | {
        "id": 7,
        "properties": None,
        "bbox": [0, 0, 10, 10],
    }
    assert shapely.equals_identical(parse_feature(rich), plain)
    assert parse_feature(polygon(SQUARE[::-1])).equals(plain)


AT = "geometry.coordinates"
REFUSED: list[tuple[object, str, str]] = [
    (None, "", "Expected `object`"),
    ([], "", "Expected `object`"),
    ({}, "", "missing required field `type`"),
    ({"type": "Feature"}, "", "missing required field `geometry`"),
    ({"geometry": {"type": "Polygon", "coordinates": [SQUARE]}}, "", "missing required field `type`"),
    ({"type": "Feature", "geometry": None}, "geometry", "Expected `object`"),
    ({"type": "Polygon", "coordinates": [SQUARE]}, "type", "Invalid enum value 'Polygon'"),
    ({"type": "FeatureCollection", "features": []}, "type", "Invalid enum value 'FeatureCollection'"),
    (polygon(SQUARE) | {"type": "feature"}, "type", "Invalid enum value 'feature'"),
    (feature("Point", [1, 1]), "geometry.type", "Invalid value 'Point'"),
    (feature(None, [SQUARE]), "geometry.type", "Expected `str`"),
    (feature("Polygon", []), AT, "length >= 1"),
    (feature("Polygon", [[]]), AT + "[0]", "length >= 4"),
    (feature("Polygon", "0 0, 1 1"), AT, "Expected `array`"),
    (feature("MultiPolygon", []), AT, "length >= 1"),
    (feature("MultiPolygon", [[]]), AT + "[0]", "length >= 1"),
    (feature("MultiPolygon", [SQUARE]), AT + "[0][0]", "length >= 4"),
    (polygon(SQUARE[:3]), AT + "[0]", "length >= 4"),
    (polygon(SQUARE[:4]), AT + "[0]", "not closed"),
    (polygon(SQUARE, SQUARE[:4]), AT + "[1]", "not closed"),
    (feature("MultiPolygon", [[SQUARE], [SQUARE[:4]]]), AT + "[1][0]", "not closed"),
    (polygon([[0, 0], [1], [1, 1], [0, 0]]), AT + "[0][1]", "length >= 2"),
    (polygon([[0, 0], [1, "0"], [1, 1], [0, 0]]), AT + "[0][1][1]", "got `str`"),
    (polygon([[0, 0], [1, True], [1, 1], [0, 0]]), AT + "[0][1][1]", "got `bool`"),
    (polygon([[0, 0], [1, None], [1, 1], [0, 0]]), AT + "[0][1][1]", "got `null`"),
    (polygon([[0, 0], [1, math.nan], [1, 1], [0, 0]]), AT + "[0][1][1]", "latitude must be a number"),
    (polygon([[0, 0], [math.inf, 0], [1, 1], [0, 0]]), AT + "[0][1][0]", "longitude must be a number"),
    (
        polygon([[0, 0], [1, 85.001], [1, 1], [0, 0]]),
        AT + "[0][1][1]",
        "latitude must be a number from -85 to 85",
    ),
    (
        polygon([[0, 0], [-181, 0], [1, 1], [0, 0]]),
        AT + "[0][1][0]",
        "longitude must be a number from -180 to 180",
    ),
    (polygon([[0, 0], [10**400, 0], [1, 1], [0, 0]]), AT + "[0][1][0]", "out of range"),
    (
        polygon([[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]),
        AT,
        "Self-intersection at longitude 0.5, latitude 0.5",
    ),
    (polygon([[0, 0], [1, 1], [2, 2], [0, 0]]), AT, "no valid area"),
    (polygon([[1, 1], [1, 1], [1, 1], [1, 1]]), AT, "no valid area"),
    (polygon(SQUARE, ring(20, 20, 21, 21)), AT, "Hole lies outside shell at longitude 20, latitude 20"),
    (feature("MultiPolygon", [[SQUARE], [ring(5, 5, 15, 15)]]), AT, "Self-intersection at longitude"),
]


@pytest.mark.parametrize(("bad", "path", "message"), REFUSED)
def test_what_is_no_region_is_refused_naming_the_place(bad: object, path: str, message: str) -> None:
    with pytest.raises(RegionFault) as fault:
        parse_feature(bad)
    assert fault.value.path == path
    assert message in fault.value.message


def test_too_many_positions_are_refused_and_the_limit_itself_is_not() -> None:
    def circle(positions: int) -> Ring:
        turns = [2 * math.pi * i / (positions - 1) for i in range(positions - 1)]
        around = [[math.cos(turn), math.sin(turn)] for turn in turns]
        return [*around, around[0]]

    assert shapely.get_num_coordinates(parse_feature(polygon(circle(MAX_VERTICES)))) == MAX_VERTICES
    with pytest.raises(RegionFault, match=f"{MAX_VERTICES + 1} positions"):
        parse_feature(polygon(circle(MAX_VERTICES + 1)))


def test_too_many_rings_are_refused() -> None:
    squares = [[ring(i % 40, i // 40, i % 40 + 0.5, i // 40 + 0.5)] for i in range(MAX_RINGS + 1)]
    assert len(shapely.get_parts(parse_feature(feature("MultiPolygon", squares[:-1])))) == MAX_RINGS
    with pytest.raises(RegionFault, match=f"{MAX_RINGS + 1} rings"):
        parse_feature(feature("MultiPolygon", squares))


@pytest.mark.parametrize(
    "source",
    [
        polygon(SQUARE, ring(4, 4, 6, 6)),
        feature("MultiPolygon", [[SQUARE], [ring(20, 0, 30, 10), ring(22, 2, 23, 3)]]),
    ],
)
def test_a_region_is_written_as_it_was_read(source: dict[str, Any]) -> None:
    written = json.loads(json.dumps(to_feature("town", parse_feature(source))))
    assert written["geometry"] == source["geometry"]
    assert (written["type"], written["id"], written["properties"]) == ("Feature", "town", {})


@pytest.mark.parametrize("crs", list(Crs))
def test_a_region_is_read_and_written_in_the_clients_system(crs: Crs) -> None:
    pudong = [Point(31.1, 121.5), Point(31.1, 121.7), Point(31.3, 121.7), Point(31.1, 121.5)]
    theirs = [[at.lon, at.lat] for at in (from_wgs84(point, crs) for point in pudong)]
    geometry = parse_feature(polygon(theirs), crs)
    ours = shapely.Polygon([(at.lon, at.lat) for at in pudong])
    assert shapely.equals_exact(geometry, ours, tolerance=1e-8)
    written = parse_feature(to_feature("pudong", geometry, crs), Crs.WGS84)
    assert shapely.equals_exact(written, shapely.Polygon(theirs), tolerance=1e-8)


def test_the_world_holds_every_position_and_can_be_read_back() -> None:
    index = RegionIndex([("default", WORLD)])
    for lat in (-85.0, 0.0, 85.0):
        for lon in (-180.0, 0.0, 180.0):
            assert index.locate(Point(lat, lon)) == "default"
    assert parse_feature(to_feature("default", WORLD)).equals(WORLD)


def test_area_is_that_of_the_sphere() -> None:
    zone = 2 * math.pi * 2 * math.sin(math.radians(85)) * EARTH_RADIUS_M**2
    assert area_m2(WORLD) == pytest.approx(zone)
    # Between the equator, a meridian and the straight line from 10° E to 10° N.
    triangle = (1 - math.cos(math.radians(10))) * EARTH_RADIUS_M**2
    assert area_m2(shapely.Polygon([(0, 0), (10, 0), (0, 10)])) == pytest.approx(triangle)


def test_area_leaves_out_holes_and_adds_parts() -> None:
    whole, hole, part = (area_m2(shapely.box(*box)) for box in ((0, 0, 10, 10), (4, 4, 6, 6), (20, 0, 30, 10)))
    geometry = parse_feature(feature("MultiPolygon", [[SQUARE, ring(4, 4, 6, 6)], [ring(20, 0, 30, 10)]]))
    assert area_m2(geometry) == pytest.approx(whole - hole + part)


def test_area_does_not_depend_on_where_a_ring_starts_or_turns() -> None:
    corners = [(121.1, 31.2), (121.73, 31.05), (121.9, 31.44), (121.3, 31.51)]
    rings = [corners[i:] + corners[:i] for i in range(4)]
    assert len({area_m2(shapely.Polygon(r)) for r in (*rings, *(r[::-1] for r in rings))}) == 1


def test_the_smallest_region_wins() -> None:
    regions = [
        ("country", shapely.box(0, 0, 50, 50)),
        ("city", shapely.box(10, 10, 12, 12)),
        ("province", shapely.box(5, 5, 20, 20)),
    ]
    index = RegionIndex(regions)
    assert [index.locate(Point(lat, lat)) for lat in (11.0, 15.0, 40.0, 60.0)] == [
        "city",
        "province",
        "country",
        None,
    ]


def test_smallest_is_meant_on_the_ground_not_in_degrees() -> None:
    # Half of the hemisphere's area lies south of 30° N.
    index = RegionIndex([("south", shapely.box(0, 0, 10, 30)), ("north", shapely.box(0, 30, 10, 85))])
    assert index.locate(Point(30.0, 5.0)) == "north"


def test_equally_large_regions_go_by_id() -> None:
    # Their areas, the same on paper, differ in the twelfth digit.
    west, east = shapely.box(121.0, 31, 121.1, 31.1), shapely.box(121.1, 31, 121.2, 31.1)
    assert area_m2(west) != area_m2(east)
    for regions in ([("b", west), ("a", east)], [("a", west), ("b", east)]):
        for order in (regions, regions[::-1]):
            assert RegionIndex(order).locate(Point(31.05, 121.1)) == "a"


def test_the_boundary_belongs_to_the_region() -> None:
    index = RegionIndex([("square", parse_feature(polygon(SQUARE)))])
    for lat, lon in ((0.0, 0.0), (10.0, 10.0), (0.0, 5.0), (5.0, 10.0)):
        assert index.locate(Point(lat, lon)) == "square"
        assert index.contains("square", Point(lat, lon))
    assert index.locate(Point(5.0, 10.0000001)) is None


def test_contains_asks_one_region_only() -> None:
    index = RegionIndex([("world", WORLD), ("square", shapely.box(0, 0, 10, 10))])
    assert index.contains("world", Point(5.0, 5.0))
    assert not index.contains("square", Point(5.0, 15.0))
    with pytest.raises(KeyError):
        index.contains("nowhere", Point(5.0, 5.0))


def test_two_regions_of_one_id_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="same id"):
        RegionIndex([("a", WORLD), ("a", shapely.box(0, 0, 1, 1))])


def test_without_regions_nothing_is_located() -> None:
    assert RegionIndex([]).locate(Point(0.0, 0.0)) is None


Box = tuple[int, int, int, int]


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    """Corners on a coarse grid, so that edges meet, areas tie and points fall on boundaries."""
    west, south = draw(st.integers(-10, 8)), draw(st.integers(-10, 8))
    return west, south, draw(st.integers(west + 1, 10)), draw(st.integers(south + 1, 10))


def smallest_by_hand(regions: list[tuple[str, Box]], lat: float, lon: float) -> str | None:
    around = [(i, b) for i, b in regions if b[0] <= lon <= b[2] and b[1] <= lat <= b[3]]

    def by_size(region: tuple[str, Box]) -> tuple[str, str]:
        west, south, east, north = region[1]
        size = (east - west) * (math.sin(math.radians(north)) - math.sin(math.radians(south)))
        return f"{size:.8f}".zfill(20), region[0]

    return min(around, key=by_size)[0] if around else None


@given(st.lists(boxes(), max_size=12), st.integers(-22, 22), st.integers(-22, 22))
def test_locate_agrees_with_a_look_at_every_region(corners: list[Box], half_lat: int, half_lon: int) -> None:
    regions = [(f"r{i:02}", box) for i, box in enumerate(corners)]
    geometries: list[tuple[str, Geometry]] = [(i, shapely.box(*box)) for i, box in regions]
    lat, lon = half_lat / 2, half_lon / 2
    index = RegionIndex(reversed(geometries))
    assert index.locate(Point(lat, lon)) == smallest_by_hand(regions, lat, lon)
    for region_id, (west, south, east, north) in regions:
        assert index.contains(region_id, Point(lat, lon)) == (west <= lon <= east and south <= lat <= north)


@st.composite
def stars(draw: st.DrawFn) -> Geometry:
    """A simple polygon of any shape: one corner in each direction from its middle."""
    lon, lat = draw(st.floats(-5, 5)), draw(st.floats(-5, 5))
    radii = draw(st.lists(st.floats(0.5, 6), min_size=3, max_size=12))
    turns = [2 * math.pi * i / len(radii) for i in range(len(radii))]
    return shapely.Polygon([(lon + r * math.cos(t), lat + r * math.sin(t)) for r, t in zip(radii, turns, strict=True)])


@given(st.lists(stars(), min_size=1, max_size=10), st.floats(-10, 10), st.floats(-10, 10))
def test_locate_misses_nothing_among_regions_of_any_shape(shapes: list[Geometry], lat: float, lon: float) -> None:
    regions = [(f"r{i}", geometry) for i, geometry in enumerate(shapes)]
    at = shapely.Point(lon, lat)
    around = [(f"{area_m2(geometry):.9g}", i) for i, geometry in regions if shapely.distance(geometry, at) == 0]
    expected = min(around, key=lambda region: (float(region[0]), region[1]))[1] if around else None
    assert RegionIndex(regions).locate(Point(lat, lon)) == expected
