"""Servers that a test may kill, empty and set back: not those that all other tests share."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from dispatch.assembly import Dispatch
from dispatch.errors import Unavailable
from dispatch.identity import Verifier
from server import embedded
from tests.conftest import SECRET, City, new_city
from tests.dispatch.looking import looks


@dataclass(frozen=True)
class Laboratory:
    services: embedded.Embedded
    dispatch: Dispatch

    async def process(self) -> Dispatch:
        """Another server process' use cases; the caller closes them."""
        found = Dispatch(
            redis_url=self.services.redis_url, database_url=self.services.database_url, verifier=Verifier([SECRET])
        )
        await found.start()
        return found

    def kill_redis(self) -> int:
        """`kill -9`; it is brought back. Returns the pid that it had."""
        pid = self.services.pids["redis"]
        os.kill(pid, signal.SIGKILL)
        return pid

    async def redis_back(self, pid: int) -> None:
        """Returns when another one answers, and our store has met it."""
        async for _ in looks():
            if self.services.pids["redis"] != pid and await self._answers():
                return

    async def _answers(self) -> bool:
        try:
            await self.dispatch.store.ping()
        except Unavailable:
            return False
        return True


@pytest.fixture(scope="session")
async def laboratory(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Laboratory]:
    running = await embedded.start(tmp_path_factory.mktemp("laboratory"))
    watching = asyncio.create_task(running.watch())
    dispatch = Dispatch(redis_url=running.redis_url, database_url=running.database_url, verifier=Verifier([SECRET]))
    await dispatch.start()
    yield Laboratory(running, dispatch)
    await dispatch.close()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await running.stop()


@pytest.fixture
async def ghost_town(laboratory: Laboratory) -> City:
    """A city in the laboratory."""
    return await new_city(laboratory.dispatch)
