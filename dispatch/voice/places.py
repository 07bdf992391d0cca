"""Places for those who make a processor busy: so many at a time, and the others wait, but not for ever.

Knows not what is done there. Invariant: whoever has a place gives it back.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from dispatch.errors import Unavailable

PATIENCE_S: Final = 30.0


class Places:
    def __init__(self, count: int) -> None:
        self._count = count
        self._free = asyncio.Semaphore(count)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Raises Unavailable when none became free in time."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._free.acquire()
        except TimeoutError as exc:
            raise Unavailable("too many voice notes at once") from exc
        try:
            yield
        finally:
            self._free.release()

    @asynccontextmanager
    async def all(self) -> AsyncIterator[None]:
        """However long that takes: nobody else has one then."""
        for _ in range(self._count):
            await self._free.acquire()
        try:
            yield
        finally:
            for _ in range(self._count):
                self._free.release()
