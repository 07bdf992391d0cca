"""The nodes and the sessions that most tests of the stream need."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from realtime.session import AgentSession, OfferBook
from tests.conftest import City
from tests.realtime.gate import Gated, gated
from tests.realtime.log import Log
from tests.realtime.nodes import Node, node
from tests.realtime.sessions import agent_session, begin


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


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def book() -> OfferBook:
    return OfferBook()


@pytest.fixture
def session(book: OfferBook, log: Log) -> AgentSession:
    """A valet's, welcomed when there was nothing."""
    session = agent_session(book)
    begin(session, log)
    return session


@pytest.fixture
async def there(city: City) -> AsyncIterator[Node]:
    """Another node on the same servers."""
    async with node(city.dispatch) as found:
        yield found
