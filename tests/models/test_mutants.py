"""The model can fail: it finds faults that are put into the server on purpose."""

from pathlib import Path

import pytest

from dispatch.errors import DispatchError
from tests.models.covered import Covered
from tests.models.machine import play, staged
from tests.models.mutants import MUTANTS
from tests.models.stage import Servers, Stage

GAMES = 200
"""At most; most are found within a few."""
IN_EACH_RUN = (
    "claim without the status",
    "the car stays with nobody",
    "any fence moves a job",
    "the paused are offered",
    "an older event undoes a newer",
)
"""The others, some twenty seconds each, are hunted by `python -m tests.models --mutants`."""


@pytest.mark.parametrize("name", IN_EACH_RUN)
def test_the_model_finds(name: str, model_servers: Servers, tmp_path: Path) -> None:
    with MUTANTS[name](tmp_path), Stage(model_servers) as stage, pytest.raises((AssertionError, DispatchError)):
        play(staged(stage, Covered()), GAMES)
