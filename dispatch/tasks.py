"""How background tasks are ended.

Knows nothing of what they do. Invariant: when `end` returns, each is done.
"""

import asyncio
from collections.abc import Collection
from typing import Any

AGAIN_S = 0.1


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel until they are done: redis-py sends with `asyncio.wait_for`, which on Python 3.11 may swallow one."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=AGAIN_S)
