"""Grabs that wait for their verdicts: who waits too long is told so.

Owns one timer for all of them: the patience is the same, so they run out of it in the order in which they asked. A
timer each would cost a grab a seventh of its CPU. Invariant: nobody is told after his verdict is known.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

_Waiting = tuple[float, "asyncio.Future[Any]", Callable[[], None]]
"""Until when, for what, and what to do then."""


class Undecided:
    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._waiting: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, verdict: "asyncio.Future[Any]", tell: Callable[[], None]) -> None:
        """Calls `tell` when the verdict is not known within the patience."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience_seconds
        self._waiting.append((until, verdict, tell))
        if self._timer is None:
            self._timer = loop.call_at(until, self._look)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        now = loop.time()
        while self._waiting:
            until, verdict, tell = self._waiting[0]
            if until > now and not verdict.done():
                self._timer = loop.call_at(until, self._look)
                return
            self._waiting.popleft()
            if not verdict.done():
                tell()
