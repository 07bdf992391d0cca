"""Where an order's time goes."""

import pytest

from loadtest.modes.mixed import steps


def test_the_steps_make_up_the_whole() -> None:
    found = steps(whole=10.0, created=1.0, executed=5.0, sql=3.0, hub=2.0)
    assert [ms for _, ms in found] == [1.0, 3.0, 2.0, 2.0, pytest.approx(2.0)]
    assert sum(ms for _, ms in found) == pytest.approx(10.0)


def test_clocks_that_disagree_make_no_negative_step() -> None:
    found = steps(whole=3.0, created=1.0, executed=1.0, sql=2.0, hub=1.0)
    assert min(ms for _, ms in found) >= 0
