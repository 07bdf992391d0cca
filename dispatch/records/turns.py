"""Turns: what is asked while one batch is on its way to PostgreSQL goes together in the next.

Owns the waiting and how a refused batch is divided; what a batch says is its `write`. Knows no SQL. Invariants: one
batch is in flight at a time; an asker is answered only once its batch is committed; one bad question does not refuse
its neighbours.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

import structlog

from dispatch.errors import DispatchError, InvariantBroken, Unavailable

log = structlog.get_logger()
MOST_IN_A_TURN = 1000
GATHER_S = 0.003
"""After a batch of several: who asks then is not alone, and more come. Who is alone never waits."""
A = TypeVar("A")
R = TypeVar("R")


class Turns(Generic[A, R]):
    """`write` commits a batch and returns one answer each. After an error of the kinds `divided_by` each asker is
    written by itself; any other is told to all of the batch."""

    def __init__(
        self,
        write: Callable[[Sequence[A]], Awaitable[Sequence[R]]],
        divided_by: tuple[type[DispatchError], ...] = (InvariantBroken,),
    ) -> None:
        self._write = write
        self._divided_by = divided_by
        self._waiting: list[tuple[A, asyncio.Future[R]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def ask(self, asked: A) -> R:
        """Raises what `write` raises, InvariantBroken for a bug in it, Unavailable when the server stops."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._waiting.append((asked, future))
        if self._writer is None:
            self._writer = loop.create_task(self._write_all())
        return await future

    async def close(self) -> None:
        if self._writer:
            await asyncio.wait([self._writer])

    async def _write_all(self) -> None:
        turn: list[tuple[A, asyncio.Future[R]]] = []
        try:
            while self._waiting:
                turn, self._waiting = self._waiting[:MOST_IN_A_TURN], self._waiting[MOST_IN_A_TURN:]
                await self._write_turn(turn)
                if len(turn) > 1:
                    await asyncio.sleep(GATHER_S)
        finally:
            self._writer = None
            left, self._waiting = [*turn, *self._waiting], []
            _tell(left, Unavailable("the server is stopping"))

    async def _write_turn(self, turn: Sequence[tuple[A, "asyncio.Future[R]"]]) -> None:
        try:
            answers = await self._write([asked for asked, _ in turn])
        except DispatchError as exc:
            if len(turn) == 1 or not isinstance(exc, self._divided_by):
                _tell(turn, exc)
                return
            for each in turn:
                await self._write_turn([each])
        except Exception as exc:  # a bug of ours: these askers hear of it, those who come next are served
            log.error("turn_failed", exc_info=exc)
            _tell(turn, InvariantBroken(f"a batch could not be written: {type(exc).__name__}"))
        else:
            for (_, future), answer in zip(turn, answers, strict=True):
                if not future.done():
                    future.set_result(answer)


def _tell(turn: "Iterable[tuple[A, asyncio.Future[R]]]", exc: DispatchError) -> None:
    for _, future in turn:
        if not future.done():
            future.set_exception(exc)


def columns(rows: Sequence[Sequence[Any]]) -> Iterable[Sequence[Any]]:
    """What a statement that unnests takes: the values of each field."""
    return zip(*rows, strict=True)
