"""Servers for the models alone: what is loaded, wiped and set back there is nobody else's."""

from collections.abc import Iterator

import pytest

from tests.models.covered import Covered
from tests.models.stage import Servers, servers

_COVERED = pytest.StashKey[Covered]()


@pytest.fixture(scope="session")
def model_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers(tmp_path_factory.mktemp("models")) as running:
        yield running


@pytest.fixture(scope="session")
def covered(request: pytest.FixtureRequest) -> Covered:
    return request.config.stash.setdefault(_COVERED, Covered())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Which transitions of the status table the models have covered."""
    if _COVERED in config.stash:
        terminalreporter.write_line("\n".join(config.stash[_COVERED].lines()))
