"""What a stranger sees of a position."""

import math

from hypothesis import given
from hypothesis import strategies as st

from geo.crs import Crs, from_wgs84
from geo.point import Point, distance_m, in_bounds
from geo.views import area

points = st.builds(Point, st.floats(-85, 85), st.floats(-180, 180))
in_china = st.builds(Point, st.floats(18, 53), st.floats(74, 134))


def test_an_area_has_three_decimals() -> None:
    assert area(Point(40.718849, -73.986351)) == {"lat": 40.719, "lon": -73.986}
    assert area(Point(85.0, -180.0)) == {"lat": 85.0, "lon": -180.0}


def test_an_area_at_the_equator_is_zero_without_a_sign() -> None:
    seen = area(Point(-0.0004, -0.0001))
    assert math.copysign(1, seen["lat"]) == math.copysign(1, seen["lon"]) == 1


@given(points)
def test_an_area_is_near_the_point_and_gives_away_no_more_when_viewed_again(point: Point) -> None:
    seen = area(point)
    assert in_bounds(**seen)
    assert distance_m(point, Point(**seen)) < 79
    assert area(Point(**seen)) == seen


@given(in_china, st.sampled_from(Crs))
def test_all_places_of_one_cell_look_alike_in_every_system(point: Point, crs: Crs) -> None:
    middle = Point(**area(point))
    for north, east in ((0.0004, 0.0004), (-0.0004, 0.0004), (0.0004, -0.0004), (-0.0004, -0.0004)):
        assert area(Point(middle.lat + north, middle.lon + east), crs) == area(point, crs)


@given(in_china, st.sampled_from(Crs))
def test_an_area_is_in_the_viewers_system_and_as_coarse(point: Point, crs: Crs) -> None:
    seen = area(point, crs)
    assert distance_m(from_wgs84(point, crs), Point(**seen)) < 160
    assert seen == {name: round(degrees, 3) for name, degrees in seen.items()}
