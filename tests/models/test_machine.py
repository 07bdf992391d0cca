"""The real house and the model play the same games, and nothing differs after any step."""

from collections.abc import Iterator

import pytest

from tests.models.covered import ALL, Covered, Pair
from tests.models.machine import GAMES, Machine, play, staged
from tests.models.stage import Servers, Stage
from tests.models.walks import walk


@pytest.fixture(scope="module")
def stage(model_servers: Servers) -> Iterator[Stage]:
    with Stage(model_servers) as found:
        yield found


@pytest.mark.parametrize("pair", sorted(ALL), ids="-".join)
def test_every_transition_of_the_status_table(stage: Stage, covered: Covered, pair: Pair) -> None:
    before = covered.seen[pair]
    machine: Machine = staged(stage, covered)()
    walk(machine, pair)
    machine.teardown()
    assert covered.seen[pair] > before


def test_whatever_happens_the_house_is_as_the_model_says(stage: Stage, covered: Covered) -> None:
    play(staged(stage, covered), GAMES)
