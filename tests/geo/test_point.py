"""Bounds of a position, whatever it comes from, and the distance between two."""

import math

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from geo.point import Point, PointFault, bounded, distance_m, in_bounds

points = st.builds(Point, st.floats(-85, 85), st.floats(-180, 180))

NOWHERE = [
    (math.nan, 0.0, "lat"),
    (math.inf, 0.0, "lat"),
    (-math.inf, 0.0, "lat"),
    (85.0000001, 0.0, "lat"),
    (-85.0000001, 0.0, "lat"),
    (0.0, math.nan, "lon"),
    (0.0, math.inf, "lon"),
    (0.0, -math.inf, "lon"),
    (0.0, 180.0000001, "lon"),
    (0.0, -180.0000001, "lon"),
]
CORNERS = [(85, 180), (-85, -180), (85.0, -180.0), (0.0, 0.0)]


@pytest.mark.parametrize(("lat", "lon", "path"), NOWHERE)
def test_a_position_out_of_bounds_is_refused_by_every_way_in(lat: float, lon: float, path: str) -> None:
    fields = {"lat": lat, "lon": lon}
    with pytest.raises(msgspec.ValidationError, match=rf"\$\.{path}"):
        msgspec.convert(fields, Point)
    with pytest.raises(msgspec.ValidationError, match=rf"\$\.{path}"):
        msgspec.msgpack.decode(msgspec.msgpack.encode(fields), type=Point)
    with pytest.raises(PointFault) as fault:
        bounded(lat, lon)
    assert fault.value.path == path
    assert "must be a number from" in fault.value.message
    assert not in_bounds(lat, lon)


@pytest.mark.parametrize(
    "text",
    ["NaN", "nan", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400, '"NaN"', '"nan"', "true", "null"],
)
def test_json_has_no_way_to_say_a_latitude_that_is_no_finite_number(text: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(f'{{"lat": {text}, "lon": 0}}'.encode(), type=Point)


@pytest.mark.parametrize("lat", ["nan", "NaN", "inf", "85.1"])
def test_a_query_parameter_is_bounded_too(lat: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\.lat"):
        msgspec.convert({"lat": lat, "lon": "0"}, Point, strict=False)


@pytest.mark.parametrize(("lat", "lon"), CORNERS)
def test_the_bounds_themselves_are_within(lat: float, lon: float) -> None:
    assert in_bounds(lat, lon)
    assert bounded(lat, lon) == Point(lat, lon) == msgspec.convert({"lat": lat, "lon": lon}, Point)


@pytest.mark.parametrize("fields", [{"lat": 1.0}, {"lon": 1.0}, {"lat": 1.0, "lon": 1.0, "alt": 3.0}, [1.0, 1.0]])
def test_a_point_has_exactly_lat_and_lon(fields: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(fields, Point)


def test_distance_is_the_one_redis_computes() -> None:
    # The example of Redis' documentation of GEODIST, at the positions that its GEOPOS answers.
    palermo = Point(38.11555639549629859, 13.36138933897018433)
    catania = Point(37.50266842333162032, 15.08726745843887329)
    assert distance_m(palermo, catania) == pytest.approx(166274.1516, abs=1e-4)


def test_distance_crosses_the_antimeridian_by_the_short_way() -> None:
    assert distance_m(Point(0.0, 179.9), Point(0.0, -179.9)) == pytest.approx(22245, abs=1)


@given(points, points)
def test_distance_is_symmetric_and_at_most_half_round_the_earth(a: Point, b: Point) -> None:
    assert distance_m(a, b) == distance_m(b, a)
    assert 0 <= distance_m(a, b) <= math.pi * 6372797.560856


@given(points)
@example(Point(-80.74, 100.33))  # rounding carries the haversine beyond 1
def test_a_point_is_at_no_distance_from_itself_and_half_a_turn_from_its_antipode(a: Point) -> None:
    assert distance_m(a, a) == 0
    antipode = Point(-a.lat, a.lon - 180 if a.lon > 0 else a.lon + 180)
    assert distance_m(a, antipode) == pytest.approx(math.pi * 6372797.560856, abs=1)


@given(points, points, points)
def test_a_detour_is_never_shorter(a: Point, b: Point, c: Point) -> None:
    # Near the antipode the arcsine magnifies the last bit to some decimetres.
    assert distance_m(a, c) <= distance_m(a, b) + distance_m(b, c) + 1
