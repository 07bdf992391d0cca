"""The curve of the lunch hours."""

from loadtest.locust_users.lunch import rate_for, users_at


def test_noon_has_all_users_and_the_ends_a_fifth() -> None:
    assert users_at(0.0, 500) == 100
    assert users_at(0.5, 500) == 500
    assert users_at(0.999, 500) in range(100, 103)


def test_it_rises_to_noon_falls_after_it_and_ends() -> None:
    curve = [users_at(part / 100, 1000) for part in range(100)]
    rising, falling = [each or 0 for each in curve[:46]], [each or 0 for each in curve[59:]]
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    assert users_at(1.0, 1000) is None


def test_few_users_are_never_none() -> None:
    assert users_at(0.0, 1) == 1


def test_users_come_quickly_enough_for_the_steepest_rise() -> None:
    rise = ((users_at(0.45, 1000) or 0) - (users_at(0.25, 1000) or 0)) / (0.2 * 600)
    assert rate_for(1000, 600) >= rise
    assert rate_for(1, 600) == 1.0
