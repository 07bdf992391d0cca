"""The app behind a real uvicorn on a real socket, for what only a connection can show."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import uvicorn
from starlette.types import ASGIApp


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Wire(NamedTuple):
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, head: str, headers: dict[str, str], body: bytes = b"") -> None:
        lines = [f"{head} HTTP/1.1", "Host: dispatch.test", *(f"{name}: {text}" for name, text in headers.items())]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await self.writer.drain()

    async def head(self) -> tuple[int, dict[str, str]]:
        told = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = told.strip().split("\r\n")
        return int(first.split()[1]), {name.lower(): text for name, _, text in (each.partition(": ") for each in lines)}

    async def answer(self, method: str = "GET") -> Answer:
        status, headers = await self.head()
        length = 0 if method == "HEAD" else int(headers.get("content-length", "0"))
        return Answer(status, headers, await self.reader.readexactly(length))


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[tuple[str, int]]:
    """Its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, loop="none", lifespan="off", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield listening.getsockname()
        finally:
            server.should_exit = True
            await task


@asynccontextmanager
async def connected(address: tuple[str, int]) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
