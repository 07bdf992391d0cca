"""Who takes part: groups that no order of another group's reaches."""

from itertools import combinations
from math import cos, hypot, radians

from loadtest.rig import cast, stock


def metres(one: tuple[float, float], other: tuple[float, float]) -> float:
    north = (one[0] - other[0]) * 111_195
    east = (one[1] - other[1]) * 111_195 * cos(radians(one[0]))
    return hypot(north, east)


def test_each_is_near_his_own_group_only() -> None:
    people = cast.agents(2_000)
    assert len({each.id for each in people}) == 2_000
    for each in people:
        assert metres((each.lat, each.lon), cast.place(each.group)) < cast.ROUND_M / 4
    places = [cast.place(group) for group in range(2 * cast.GROUPS_A_ROW)]
    assert min(metres(one, other) for one, other in combinations(places, 2)) > 2 * cast.ROUND_M


def test_everything_lies_in_the_region() -> None:
    (ring,) = cast.region()["geometry"]["coordinates"]
    east, north = max(lon for lon, _ in ring), max(lat for _, lat in ring)
    spots = [cast.place(cast.MOST_GROUPS - 1), *(stock.spot(number) for number in range(-500, 500))]
    assert all(cast.SOUTH < lat < north and cast.WEST < lon < east for lat, lon in spots)


def test_the_stock_lies_beyond_every_group() -> None:
    northernmost = cast.place(cast.MOST_GROUPS - 1)[0]
    assert (min(stock.spot(number)[0] for number in range(1_000)) - northernmost) * 111_195 > 2 * cast.ROUND_M
