"""The model can fail: it finds faults that are put into the server on purpose."""

from pathlib import Path

import pytest

from dispatch.errors import DispatchError
from tests.models.covered import Covered
from tests.models.machine import play, staged
from tests.models.mutants import MUTANTS
from tests.models.stage import Servers, Stage

GAMES = 100
"""At most; most of these are found within a few. `python -m tests.models --mutants` hunts them all."""
SWIFT = (
    "claim without the status",
    "the car stays with nobody",
    "the paused are offered",
    "a repeat takes effect again",
    "an older event undoes a newer",
    "a lost past comes back",
    "declined does not count",
)


@pytest.mark.parametrize("name", SWIFT)
def test_the_model_finds(name: str, model_servers: Servers, tmp_path: Path) -> None:
    with MUTANTS[name](tmp_path), Stage(model_servers) as stage, pytest.raises((AssertionError, DispatchError)):
        play(staged(stage, Covered()), GAMES)
