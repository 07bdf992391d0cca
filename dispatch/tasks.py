"""How background tasks are ended, and how long work leaves room for the others.

Knows nothing of what they do. Invariant: when `end` returns, each is done.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

F = TypeVar("F")
T = TypeVar("T")
AGAIN_S = 0.1
SLICE = 200
"""Items that are worked off without a pause: some milliseconds."""


async def leisurely(work: Callable[[F], T], found: Sequence[F]) -> list[T]:
    """As `map` does, but sessions of the same process need not wait for the end."""
    done: list[T] = []
    for start in range(0, len(found), SLICE):
        done += map(work, found[start : start + SLICE])
        await asyncio.sleep(0)
    return done


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel until they are done: redis-py sends with `asyncio.wait_for`, which on Python 3.11 may swallow one."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=AGAIN_S)
