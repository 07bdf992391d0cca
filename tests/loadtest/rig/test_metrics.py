"""Reading /metrics."""

import pytest

from loadtest.rig.calls import CALLS, calls_of_orders
from loadtest.rig.metrics import Samples, parse

PAGE = """
# HELP dispatch_script_calls_total Script calls sent to Redis
# TYPE dispatch_script_calls_total counter
dispatch_script_calls_total{script="claim"} 4.0
dispatch_script_calls_total{script="refresh"} 9.0
dispatch_sessions{role="valet"} 2.0
dispatch_sessions{role="shop"} 1.0
dispatch_seconds_bucket{le="0.1",step="sql"} 3.0
dispatch_dead_letters_total 0.0
"""


def test_samples_are_found_by_any_of_their_labels() -> None:
    found = parse(PAGE)
    assert found.value("dispatch_sessions") == 3.0
    assert found.value("dispatch_sessions", role="shop") == 1.0
    assert found.value("dispatch_seconds_bucket", step="sql") == 3.0
    assert found.value("dispatch_unheard_of") == 0.0
    assert found.by("dispatch_sessions", "role") == {"valet": 2.0, "shop": 1.0}


def test_processes_add_up_and_what_was_before_is_taken_off() -> None:
    one = parse(PAGE)
    both = Samples.sum([one, parse('dispatch_script_calls_total{script="claim"} 1.5\n')])
    assert both.since(one).value(CALLS, script="claim") == pytest.approx(1.5)


def test_calls_of_the_clock_and_of_sessions_do_not_count_for_orders() -> None:
    assert calls_of_orders(parse(PAGE)) == {"claim": 4.0}


def test_a_script_that_nobody_knows_counts() -> None:
    assert calls_of_orders(parse('dispatch_script_calls_total{script="new_one"} 2.0\n')) == {"new_one": 2.0}
