"""The machine: all rules, how a game begins and ends, and how many are played.

Owns Hypothesis' settings. Invariant: the same seeds play the same games.
"""

import sys
from typing import Any, cast

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, run_state_machine_as_test

from dispatch.order import HELD, TERMINAL, Status
from tests.models.commands import DISPATCHERS, NEWEST, SPOTS
from tests.models.covered import Covered
from tests.models.losses import Losses
from tests.models.note_rules import NoteRules
from tests.models.orders import KINDS
from tests.models.stage import Fate, Stage

STEPS = 50
GAMES = 30
"""In an ordinary run of the tests; `python -m tests.models` plays more, and others."""
BEGINNINGS = [*[Status.OPEN] * 4, *(status for status in Status if status not in TERMINAL)]


FIRST_SEED = 20261122
_SETTINGS = settings(
    max_examples=2,
    stateful_step_count=STEPS,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
    print_blob=False,
    report_multiple_bugs=False,
)


class _AllRules:
    """Hypothesis would leave half of the rules out of most games: an order's whole life needs nearly all of them."""

    def is_enabled(self, _: object) -> bool:
        return True


class Machine(NoteRules, Losses):
    def __init__(self) -> None:
        super().__init__()
        self._rules_strategy.enabled_rules_strategy = st.just(cast(Any, _AllRules()))

    @initialize(
        there=st.lists(st.sampled_from([True, True, True, False]), min_size=4, max_size=4),
        statuses=st.lists(st.sampled_from(BEGINNINGS), min_size=3, max_size=5),
    )
    def begin(self, there: list[bool], statuses: list[Status]) -> None:
        """People who are there, and orders in several statuses: hardly a rule finds nothing to do."""
        self.hire(there)
        for number, status in enumerate(statuses):
            kind = sorted(KINDS)[number % len(KINDS)]
            self.place_order(kind, SPOTS[number % len(SPOTS)], status is Status.SCHEDULED, 0, Fate.ANSWERS)
            self.bring(status, number)

    def bring(self, status: Status, number: int) -> None:
        """The newest order, which is open or scheduled, into a status, by the shortest way; the agent gets it."""
        if status is Status.ESCALATED:
            while self.house.orders[self.orders[-1]].status == Status.OPEN:
                self.deadline(NEWEST)
        elif status in HELD:
            self.assign(NEWEST, number, DISPATCHERS[0], force=True, held=False, fate=Fate.ANSWERS)
            if status is not Status.ASSIGNED:
                self.progress(NEWEST, None, 0, status, desk=True, fate=Fate.ANSWERS)

    def teardown(self) -> None:
        if sys.exc_info()[0] is None:  # else the game is lost already, and that is to be shown
            self.everything_arrives()
        super().teardown()


def staged(stage: Stage, covered: Covered) -> type[Machine]:
    """A machine on a stage of its own."""
    return type("Machine", (Machine,), {"stage": stage, "covered": covered})


def play(machine: type[Machine], games: int, first_seed: int = FIRST_SEED) -> None:
    """Many games, each from a seed of its own. Raises what the first one that goes wrong raises.

    Of one seed Hypothesis plays its simplest game first (in ours nothing happens), then a drawn one; the next four
    would be that one again with one step changed.
    """
    for number in range(games):
        seeded = seed(first_seed + number)(machine)
        try:
            run_state_machine_as_test(seeded, settings=_SETTINGS)
        except BaseException as exc:
            exc.add_note(f"seed {first_seed + number}")
            raise
