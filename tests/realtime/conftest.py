"""The nodes that most tests of the stream need."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import City
from tests.realtime.gate import Gated, gated
from tests.realtime.nodes import Node, node


@pytest.fixture
async def here(city: City) -> AsyncIterator[Node]:
    """On the use cases of the tests' own process."""
    async with node(city.dispatch) as found:
        yield found


@pytest.fixture
async def far(city: City, tmp_path: Path) -> AsyncIterator[Gated]:
    """The use cases of another process, whose links to Redis and PostgreSQL can be stopped and cut."""
    async with gated(city.dispatch, tmp_path) as found:
        yield found
