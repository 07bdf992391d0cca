"""Where a test takes place: places within the outline, numbers of users, the policy of quick rounds."""

import shapely
from shapely.geometry import mapping

from dispatch.policy import parse
from loadtest.demand import Area
from loadtest.locust_users.scene import Numbers, outline_of, places_in, quick_policy


def test_real_places_of_the_city_all_within_it() -> None:
    outline = Area.read().outline
    found = places_in(outline)
    assert len(found) > 1500
    assert all(outline.contains(shapely.Point(lon, lat)) for lat, lon in found)


def test_another_city_gets_places_of_its_own() -> None:
    city = shapely.Point(121.47, 31.23).buffer(0.2)
    found = places_in(outline_of({"geometry": mapping(city)}))
    assert len(found) == 2000
    assert all(city.contains(shapely.Point(lon, lat)) for lat, lon in found)


def test_the_least_free_number_is_taken_first() -> None:
    numbers = Numbers()
    assert [numbers.take() for _ in range(3)] == [0, 1, 2]
    numbers.give_back(2)
    numbers.give_back(0)
    assert [numbers.take() for _ in range(3)] == [0, 2, 3]


def test_the_quick_policy_is_one() -> None:
    policy = parse("load", quick_policy("load"))
    assert sum(each.seconds for each in policy.rounds) < 20
