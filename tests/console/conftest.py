"""What the browser tests share: one Chromium, one server with its Redis and PostgreSQL, people with pages."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.console.chromium import chromium, missing
from tests.console.house import House, Town, house
from tests.console.network import Network, network
from tests.console.people import People

expect.set_options(timeout=20_000)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a browser one test says so, in one line, instead of all of them."""
    if missing() is None:
        return
    left_out = [item for item in items if "browser" in getattr(item, "fixturenames", ())]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as found:
        yield found


@pytest.fixture(scope="session", name="house")
async def the_house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with house(tmp_path_factory.mktemp("house")) as found:
        yield found


@pytest.fixture
async def town(house: House) -> AsyncIterator[Town]:
    async with house.town() as found:
        yield found


@pytest.fixture
async def people(browser: Browser, house: House, town: Town, tmp_path: Path) -> AsyncIterator[People]:
    """Whoever comes has done nothing wrong by the test's end."""
    found = People(browser, house.home, town)
    yield found
    await found.leave(tmp_path)


@pytest.fixture(scope="session")
async def far(house: House) -> AsyncIterator[Network]:
    """A second server, behind a network that can be cut."""
    async with network(house.cluster) as found:
        yield found


@pytest.fixture
def there(far: Network) -> Iterator[Network]:
    yield far
    far.heal()
