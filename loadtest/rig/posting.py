"""HTTP for those who ask much: keep-alive connections, one request in flight on each, next to no cost a request.

Owns connections and framing of HTTP/1.1. Knows no route. Unlike `rest` it repeats nothing: a measurement wants to
know what happened. Invariant: an answer is given to the request that it belongs to, or the request fails.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import urlsplit

import httptools
import orjson

from loadtest.rest import problem

ANSWER_SECONDS = 30.0


class Lost(Exception):
    """The connection ended before the answer came."""


class _Wire(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Lost("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        status, body = self._parser.get_status_code(), b"".join(self._body)
        self._body = []
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((status, body))

    async def exchange(self, request: bytes) -> tuple[int, bytes]:
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        async with asyncio.timeout(ANSWER_SECONDS):
            return await self._answer


class Posting:
    """A pool of connections to one server. `await posting.ask("POST", "/v1/orders", token, body)`."""

    def __init__(self, url: str, connections: int = 64) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._host, self._port = parts.hostname, parts.port or 80
        self._free = asyncio.Semaphore(connections)
        self._idle: deque[_Wire] = deque()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._idle:
            self._idle.pop().transport.close()

    async def ask(self, method: str, path: str, token: str, body: Mapping[str, Any] | None = None) -> Any:
        """The decoded answer. Raises Refused (any status but 2xx), Lost, TimeoutError."""
        content = b"" if body is None else orjson.dumps(body)
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        async with self._free:
            status, answer = await self._exchange(head.encode() + content)
        if not 200 <= status < 300:
            raise problem(status, answer)
        return orjson.loads(answer) if answer else None

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        wire = await self._wire()
        try:
            answer = await wire.exchange(request)
        except BaseException:
            wire.transport.close()
            raise
        self._idle.append(wire)
        return answer

    async def _wire(self) -> _Wire:
        while self._idle:
            wire = self._idle.pop()
            if not wire.transport.is_closing():
                return wire
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(_Wire, self._host, self._port)
        return wire
