"""The closing line, and that no rule is left out of it."""

import inspect
import re
from collections import Counter

import pytest

from loadtest import comparison, judge
from loadtest.judge import Fault
from tests.faults import __main__ as course
from tests.faults import answered, judgement, lateness, told
from tests.faults.figures import FIGURE_OF, Figures, counted, shown


def test_the_line() -> None:
    figures = Figures(12, 34, 5, counted([Fault("late", "o", "6001 ms late")]), 7)
    assert str(figures) == (
        "orders=12 verdicts=34 faults=5 lost=0 double=0 ghost=0 stuck=0 late=1 misinformed=0"
        " dup_applied=0 nonlinearizable=0 seed=7"
    )
    assert not figures.clean
    assert Figures(12, 34, 5, Counter(), 7).clean


def test_every_rule_of_every_judge_is_counted() -> None:
    rules = {
        rule
        for module in (judge, comparison, answered, lateness, told, judgement, course)
        for rule in re.findall(r'(?:Fault|_differs)\("([^"]+)"', inspect.getsource(module))
    }
    assert len(rules) > 15
    assert rules - FIGURE_OF.keys() == set()


def test_a_rule_that_nobody_assigned_is_an_error() -> None:
    with pytest.raises(KeyError):
        counted([Fault("new", "o", "")])


def test_the_first_faults_are_shown() -> None:
    assert shown([Fault("late", "o", "text")]) == ["  late: late: text [o]"]
    assert shown([Fault("late", "o", "text")] * 5, most=2)[-1] == "  … and 3 more"
