"""One answer for all who ask the same at about the same time.

Owns who waits and how long an answer counts: the dearer it was, the longer, so that however many ask, finding answers
takes a small share of the time. Knows no question. Invariants: of one question one is on its way at a time; a failure
is told to those who wait and is not kept; an asker who goes away takes nothing from the others; no more than `MOST`
answers are on their way or kept, however many different things somebody asks.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from dispatch.errors import Unavailable
from dispatch.tasks import end

Q = TypeVar("Q", bound=Hashable)
A = TypeVar("A")
DEARNESS = 20
MOST = 200


class Shared(Generic[Q, A]):
    """`find` is asked at most `at_once` questions side by side. An answer counts for `seconds` from when it is there,
    or for `DEARNESS` times as long as it took to find."""

    def __init__(self, find: Callable[[Q], Awaitable[A]], seconds: float, at_once: int) -> None:
        self._find = find
        self._seconds = seconds
        self._free = asyncio.Semaphore(at_once)
        self._answers: dict[Q, asyncio.Task[A]] = {}

    async def ask(self, question: Q) -> A:
        """Raises what `find` raises, and Unavailable."""
        answer = self._answers.get(question)
        if answer is None:
            if len(self._answers) >= MOST:
                raise Unavailable("too many different questions at once")
            answer = self._answers[question] = asyncio.create_task(self._answer(question))
        return await asyncio.shield(answer)

    async def _answer(self, question: Q) -> A:
        loop, counts = asyncio.get_running_loop(), 0.0
        async with self._free:
            begun = loop.time()
            try:
                found = await self._find(question)
                counts = max(self._seconds, DEARNESS * (loop.time() - begun))
                return found
            finally:
                loop.call_later(counts, self._answers.pop, question)

    async def close(self) -> None:
        await end(list(self._answers.values()))
