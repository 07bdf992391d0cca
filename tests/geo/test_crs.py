"""Conversions between the coordinate systems of Chinese maps, and back."""

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from geo.crs import Crs, from_wgs84, to_wgs84
from geo.point import Point, distance_m

SHIFTED = [Crs.GCJ02, Crs.BD09]

# The box of the public formula.
WEST, EAST, SOUTH, NORTH = 72.004, 137.8347, 0.8293, 55.8271

points = st.builds(Point, st.floats(-85, 85), st.floats(-180, 180))
in_china = st.builds(Point, st.floats(3.5, 54), st.floats(73.4, 135.2))
at_the_border = st.one_of(
    st.builds(
        Point,
        st.floats(SOUTH - 1, NORTH + 1),
        st.sampled_from([WEST, EAST]).flatmap(lambda x: st.floats(x - 0.6, x + 0.6)),
    ),
    st.builds(
        Point,
        st.sampled_from([SOUTH, NORTH]).flatmap(lambda y: st.floats(y - 0.6, y + 0.6)),
        st.floats(WEST - 1, EAST + 1),
    ),
)

GCJ02_OF = [
    # What Amap's conversion service answers, in its own documentation.
    (Point(39.990475, 116.481499), Point(39.991754014757, 116.487585177952), 0.1),
    # The test values of googollee/eviltransform: Shanghai, Shenzhen, Beijing.
    (Point(31.1774276, 121.5272106), Point(31.17530398364597, 121.531541859215), 0.1),
    (Point(22.543847, 113.912316), Point(22.540796131694766, 113.9171764808363), 0.1),
    (Point(39.911954, 116.377817), Point(39.91334545536069, 116.38404722455657), 0.1),
    # wandergis/coordtransform, whose digits are all shown.
    (Point(39.915, 116.404), Point(39.91640428150164, 116.41024449916938), 1e-6),
    # China's outermost places, by the public formula: the fading rim does not reach them.
    (Point(39.4, 73.5), Point(39.400178293285784, 73.5033526655317), 1e-6),
    (Point(48.3645, 135.0956), Point(48.36706303904385, 135.10387617612096), 1e-6),
    (Point(53.5606, 123.3), Point(53.562593413246205, 123.30808353257689), 1e-6),
    (Point(3.97, 112.28), Point(3.9690209808945696, 112.2843067583474), 1e-6),
]
BD09_OF_GCJ02 = [
    # wandergis/coordtransform, whose digits are all shown.
    (Point(39.915, 116.404), Point(39.92133699351021, 116.41036949371029), 1e-4),
    # Alibaba Cloud's conversion service, in its documentation, to six decimals.
    (Point(30.279164, 120.026268), Point(30.285238, 120.032768), 0.2),
]
# Baidu's own service for the example of its documentation; its answers vary by as much as a metre.
BAIDU = (Point(29.575429778924, 114.21892734521), Point(29.57908428837437, 114.2307519546763), 1.0)


@pytest.mark.parametrize(("wgs84", "gcj02", "off_m"), GCJ02_OF)
def test_gcj02_agrees_with_known_pairs(wgs84: Point, gcj02: Point, off_m: float) -> None:
    assert distance_m(from_wgs84(wgs84, Crs.GCJ02), gcj02) < off_m
    assert distance_m(to_wgs84(gcj02, Crs.GCJ02), wgs84) < off_m + 1e-4


@pytest.mark.parametrize(("gcj02", "bd09", "off_m"), BD09_OF_GCJ02)
def test_bd09_agrees_with_known_pairs(gcj02: Point, bd09: Point, off_m: float) -> None:
    wgs84 = to_wgs84(gcj02, Crs.GCJ02)
    assert distance_m(from_wgs84(wgs84, Crs.BD09), bd09) < off_m
    assert distance_m(from_wgs84(to_wgs84(bd09, Crs.BD09), Crs.GCJ02), gcj02) < off_m + 1e-4


def test_bd09_agrees_with_baidu() -> None:
    wgs84, bd09, off_m = BAIDU
    assert distance_m(from_wgs84(wgs84, Crs.BD09), bd09) < off_m
    assert distance_m(to_wgs84(bd09, Crs.BD09), wgs84) < off_m


@pytest.mark.parametrize("crs", SHIFTED)
def test_the_round_trip_over_all_of_china_returns(crs: Crs) -> None:
    worst = 0.0
    for half_lat in range(7, 108):
        for half_lon in range(146, 272):
            point = Point(half_lat / 2, half_lon / 2)
            worst = max(worst, distance_m(to_wgs84(from_wgs84(point, crs), crs), point))
    assert worst < 0.001


@given(st.one_of(points, in_china, at_the_border), st.sampled_from(SHIFTED))
# The sharp bend of the formula: the root of the distance from 105° E.
@example(Point(30.0, 105.0), Crs.GCJ02)
@example(Point(30.0, 105.0 - 1e-12), Crs.BD09)
def test_every_position_survives_the_round_trip_both_ways(point: Point, crs: Crs) -> None:
    assert distance_m(to_wgs84(from_wgs84(point, crs), crs), point) < 0.001
    assert distance_m(from_wgs84(to_wgs84(point, crs), crs), point) < 0.001


@given(at_the_border, st.floats(-1e-6, 1e-6), st.floats(-1e-6, 1e-6), st.sampled_from(SHIFTED))
@example(Point(30.0, WEST), 0.0, -1e-9, Crs.GCJ02)
@example(Point(SOUTH, 100.0), -1e-9, 0.0, Crs.BD09)
def test_a_small_step_over_the_border_stays_small(point: Point, north: float, east: float, crs: Crs) -> None:
    beside = Point(point.lat + north, point.lon + east)
    step_m = distance_m(point, beside)
    for convert in (from_wgs84, to_wgs84):
        assert distance_m(convert(point, crs), convert(beside, crs)) < 1.1 * step_m + 0.001


OUTSIDE = [
    Point(40.7188, -73.9863),
    Point(-33.87, 151.21),
    Point(SOUTH - 1e-9, 100.0),
    Point(NORTH + 1e-9, 100.0),
    Point(30.0, WEST - 1e-9),
    Point(30.0, EAST + 1e-9),
    Point(85.0, 180.0),
    Point(-85.0, -180.0),
]


@pytest.mark.parametrize("crs", SHIFTED)
@pytest.mark.parametrize("point", OUTSIDE)
def test_outside_the_box_all_systems_are_one(point: Point, crs: Crs) -> None:
    assert from_wgs84(point, crs) == point == to_wgs84(point, crs)


@given(points)
def test_wgs84_is_left_alone(point: Point) -> None:
    assert to_wgs84(point, Crs.WGS84) is point
    assert from_wgs84(point, Crs.WGS84) is point


@given(in_china)
def test_unconverted_positions_in_china_are_hundreds_of_metres_off(point: Point) -> None:
    assert 20 < distance_m(from_wgs84(point, Crs.GCJ02), point) < 1500
    assert 300 < distance_m(from_wgs84(point, Crs.BD09), from_wgs84(point, Crs.GCJ02)) < 1500


def test_a_client_names_the_system_as_the_protocol_does() -> None:
    assert [msgspec.convert(name, Crs) for name in ("wgs84", "gcj02", "bd09")] == list(Crs)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert("epsg:4326", Crs)
