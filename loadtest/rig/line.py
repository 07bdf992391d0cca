"""The line between the measurer and a process of its own: one JSON object a line, over the child's standard streams.

Owns commands, answers and the child's end. Knows nothing of what is commanded. Invariant: a child ends when its line
is cut, by whatever way the parent ended; a command that failed in the child fails in the parent.

Parent to child `{"n": 1, "do": …}`; child to parent `{"n": 1, …}`, `{"n": 1, "failed": text}`, or `{"event": …}`.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import orjson
import uvloop

LONGEST_LINE = 256 * 1024 * 1024
END_SECONDS = 5.0
START_SECONDS = 30.0

Told = dict[str, Any]
Hear = Callable[[Told], Awaitable[Told]]


class ChildFailed(Exception):
    """A child could not do what it was told, or is gone."""


class Line:
    """The parent's end. `heard` gets the child's events."""

    def __init__(self, child: asyncio.subprocess.Process, heard: Callable[[Told], None]) -> None:
        self._child = child
        self._heard = heard
        self._asked: dict[int, asyncio.Future[Told]] = {}
        self._count = 0
        self._first: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, module: str, heard: Callable[[Told], None] = lambda _: None) -> "tuple[Line, Told]":
        """A child that runs `module`, and the first that it said."""
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE, start_new_session=True,
        )  # fmt: skip
        line = cls(child, heard)
        try:
            async with asyncio.timeout(START_SECONDS):
                return line, await line._first
        except BaseException:
            await line.close()
            raise

    @property
    def pid(self) -> int:
        return self._child.pid

    async def ask(self, do: str, **fields: object) -> Told:
        """Raises ChildFailed."""
        if self._reader.done():
            raise ChildFailed("the child has ended")
        self._count += 1
        number = self._count
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        assert self._child.stdin is not None
        self._child.stdin.write(orjson.dumps({"n": number, "do": do, **fields}) + b"\n")
        try:
            told: Told = await answer
            return told
        finally:
            self._asked.pop(number, None)

    async def close(self) -> None:
        """Cuts the line; a child that does not end by that is killed."""
        if self._child.stdin is not None:
            self._child.stdin.close()
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._child.wait()
        except TimeoutError:
            self._child.kill()
            await self._child.wait()
        await self._reader

    async def _read(self) -> None:
        assert self._child.stdout is not None
        while told := await self._child.stdout.readline():
            self._take(orjson.loads(told))
        ended = ChildFailed("the child has ended")
        for waiting in (self._first, *self._asked.values()):
            if not waiting.done():
                waiting.set_exception(ended)
        if self._first.done():
            self._first.exception()  # nobody may wait for it any more

    def _take(self, told: Told) -> None:
        if "n" in told:
            answer = self._asked.get(told["n"])
            if answer is not None and not answer.done():
                if "failed" in told:
                    answer.set_exception(ChildFailed(told["failed"]))
                else:
                    answer.set_result(told)
        elif not self._first.done():
            self._first.set_result(told)
        else:
            self._heard(told)


def tell(told: Told) -> None:
    """The child's word; the line is the only thing on its standard output."""
    sys.stdout.buffer.write(orjson.dumps(told) + b"\n")
    sys.stdout.buffer.flush()


async def serve(hear: Hear, first: Told) -> None:
    """The child's end: says `first`, then does what it is told until the line is cut."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tell(first)
    doing: set[asyncio.Task[None]] = set()
    while line := await reader.readline():
        task = asyncio.create_task(_answer(hear, orjson.loads(line)))
        doing.add(task)
        task.add_done_callback(doing.discard)
    for task in tuple(doing):
        task.cancel()
    await asyncio.gather(*doing, return_exceptions=True)


async def _answer(hear: Hear, command: Told) -> None:
    try:
        tell({"n": command["n"], **await hear(command)})
    except Exception as exc:
        cause: BaseException = exc
        while isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        tell({"n": command["n"], "failed": f"{command['do']}: {type(cause).__name__}: {cause}"})


def run(work: Coroutine[Any, Any, None]) -> None:
    """A child's whole life. Ctrl-C in a terminal is the parent's to hear: it cuts the line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)
