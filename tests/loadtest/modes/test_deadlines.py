"""What a timeline says of a deadline."""

from loadtest.modes.deadlines import Opened, late_by


def test_lateness_is_the_event_against_the_time_asked_for() -> None:
    found = late_by([Opened(1_000, (1_010,)), Opened(1_000, (1_030,)), Opened(1_000, (1_000,))])
    assert found.count == 3
    assert 29.9 < found.most < 30.1
