"""A gate before the socket of a real server: what passes can be stopped at a chosen point, or cut off.

So a test decides what happens between two steps of the code under test, and how a server is away.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from dispatch.assembly import Dispatch

POSTGRES_SOCKET = ".s.PGSQL.5432"
CHUNK = 1 << 16


class Hold:
    """Stops the first connection that says `match`: before the server hears it, or before its answer gets back."""

    def __init__(self, match: bytes, answer: bool) -> None:
        self.match = match
        self.answer = answer
        self.reached = asyncio.Event()
        self._free = asyncio.Event()

    def release(self) -> None:
        self._free.set()

    async def stop_here(self) -> None:
        self.reached.set()
        await self._free.wait()


class Gate:
    def __init__(self, path: Path, server: Path) -> None:
        self._path = path
        self._server = server
        self._holds: list[Hold] = []
        self._listening: asyncio.AbstractServer | None = None
        self._passing: set[asyncio.Task[None]] = set()

    def hold(self, match: bytes, *, answer: bool = False) -> Hold:
        held = Hold(match, answer)
        self._holds.append(held)
        return held

    async def open(self) -> None:
        self._listening = await asyncio.start_unix_server(self._let_pass, self._path)

    async def cut(self) -> None:
        """The server can not be reached, and whoever was connected is cut off."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
            self._path.unlink(missing_ok=True)
        passing = tuple(self._passing)
        for task in passing:
            task.cancel()
        await asyncio.gather(*passing, return_exceptions=True)

    async def _let_pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        try:
            await _Passage(self._holds, reader, writer).run(self._server)
        except* (asyncio.CancelledError, OSError):  # either side may reset the connection, also both at once
            writer.transport.abort()
        finally:
            writer.close()
            self._passing.discard(task)


class _Passage:
    """One connection through the gate."""

    def __init__(self, holds: list[Hold], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._holds = holds
        self._reader = reader
        self._writer = writer
        self._answer_held: Hold | None = None

    async def run(self, server: Path) -> None:
        answers, requests = await asyncio.open_unix_connection(server)
        async with asyncio.TaskGroup() as both:
            back = both.create_task(self._pass_answers(answers))
            try:
                await self._pass_requests(requests)
            finally:
                requests.close()
                back.cancel()

    async def _pass_requests(self, requests: asyncio.StreamWriter) -> None:
        while chunk := await self._reader.read(CHUNK):
            for held in [held for held in self._holds if held.match in chunk]:
                self._holds.remove(held)
                if held.answer:
                    self._answer_held = held
                else:
                    await held.stop_here()
            requests.write(chunk)
            await requests.drain()

    async def _pass_answers(self, answers: asyncio.StreamReader) -> None:
        while chunk := await answers.read(CHUNK):
            if held := self._answer_held:
                self._answer_held = None
                await held.stop_here()
            self._writer.write(chunk)
            await self._writer.drain()
        self._writer.close()


@asynccontextmanager
async def gate(path: Path, server: Path) -> AsyncIterator[Gate]:
    made = Gate(path, server)
    await made.open()
    try:
        yield made
    finally:
        await made.cut()


class Gated(NamedTuple):
    """The use cases of another process, with a gate before each server."""

    dispatch: Dispatch
    redis: Gate
    postgres: Gate


@asynccontextmanager
async def gated(dispatch: Dispatch, folder: Path) -> AsyncIterator[Gated]:
    """On the same Redis and PostgreSQL as `dispatch`."""
    database = dispatch.records.database.url
    user, _, host = database.partition("?host=")
    real_redis, real_postgres = Path(dispatch.store._url.removeprefix("unix://")), Path(host) / POSTGRES_SOCKET
    async with (
        gate(folder / "redis.sock", real_redis) as redis,
        gate(folder / POSTGRES_SOCKET, real_postgres) as postgres,
    ):
        found = Dispatch(
            redis_url=f"unix://{folder}/redis.sock", database_url=f"{user}?host={folder}", verifier=dispatch.verifier
        )
        try:
            await found.start()
            await found.store.ping()
            yield Gated(found, redis, postgres)
        finally:
            await found.close()
