"""What the tests of the socket layer share: a handler that records, a listener to connect to, a client that
may do anything a well-made library would refuse to.
"""

import asyncio
import base64
import inspect
import json
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import msgpack  # type: ignore[import-untyped]  # it has no types
import pytest
import uvloop

from realtime.connection import Connection
from realtime.listener import Listener
from realtime.switchboard import Limits
from realtime.wire import ClientMessage, CloseCode, Invalid, Outbound, Ping

PATIENCE = 10.0
"""Seconds after which a test that waits for an event has failed."""

TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


LIMITS = Limits(
    path="/v1/stream",
    origins=None,
    hello_seconds=5,
    heartbeat_seconds=20,
    pong_seconds=20,
    close_seconds=3,
    sweep_seconds=1,
    max_message=65536,
    max_unsent=262144,
)
"""Those of PROTOCOL, for what is tested without a listener."""


def on_both_loops(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test on the server's event loop and on asyncio's, each time on a fresh one.

    Transports differ between the two in what they do at once and what later.
    """

    def run(new_loop: Callable[[], asyncio.AbstractEventLoop], **arguments: Any) -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(test(**arguments))

    signature = inspect.signature(test)
    new_loop = inspect.Parameter("new_loop", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    run.__name__ = test.__name__
    # What pytest reads the fixtures and parameters of a test from.
    run.__signature__ = signature.replace(parameters=[new_loop, *signature.parameters.values()])  # type: ignore[attr-defined]
    loops = pytest.mark.parametrize(
        "new_loop", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"]
    )
    both: Callable[..., None] = loops(run)
    return both


class Event(NamedTuple):
    name: str
    conn: Connection
    what: Any = None


class Recorder:
    """A handler that greets everyone, answers `ping` and remembers what it was told, in order.

    `fault`, when set, is what `received` raises: a handler with a bug.
    """

    def __init__(self, greet: bool = True) -> None:
        self.greet = greet
        self.fault: Exception | None = None
        self._events: asyncio.Queue[Event] = asyncio.Queue()

    def opened(self, conn: Connection, token: str | None) -> None:
        conn.greeted = self.greet
        self._events.put_nowait(Event("opened", conn, token))

    def received(self, conn: Connection, message: ClientMessage) -> None:
        if self.fault is not None:
            raise self.fault
        if isinstance(message, Ping):
            conn.send(Outbound({"type": "pong", "ref": message.ref}))
        self._events.put_nowait(Event("received", conn, message))

    def invalid(self, conn: Connection, fault: Invalid) -> None:
        self._events.put_nowait(Event("invalid", conn, fault))

    def lost(self, conn: Connection) -> None:
        self._events.put_nowait(Event("lost", conn))

    def settle(self, conn: Connection, then: Callable[[], None]) -> None:
        then()

    async def next(self, name: str) -> Event:
        async with asyncio.timeout(PATIENCE):
            event = await self._events.get()
        assert event.name == name, event
        return event

    @property
    def silent(self) -> bool:
        return self._events.empty()


class House(NamedTuple):
    listener: Listener
    handler: Recorder
    port: int
    faults: list[BaseException]
    """What callbacks of the event loop raised; a test that provokes one takes it out."""

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/stream"


@asynccontextmanager
async def listening(*, greet: bool = True, **limits: Any) -> AsyncIterator[House]:
    """A listener whose sweep runs often, so that terms given in tens of milliseconds are kept."""
    handler = Recorder(greet)
    listener = Listener(handler, **({"sweep_seconds": 0.02, "close_seconds": 5.0} | limits))
    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    faults: list[BaseException] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))
    await listener.start(sock)
    try:
        yield House(listener, handler, port, faults)
    finally:
        async with asyncio.timeout(PATIENCE):
            await listener.close_all()
        loop.set_exception_handler(None)
    assert faults == []


def request_head(
    *extra: str,
    path: str = "/v1/stream",
    method: str = "GET",
    version: str = "HTTP/1.1",
    drop: str = "",
) -> bytes:
    """An upgrade request; `extra` are header lines, `drop` the name of a header to leave out."""
    lines = [
        "Host: test",
        "Connection: Upgrade",
        "Upgrade: websocket",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        *extra,
    ]
    kept = [line for line in lines if line.partition(":")[0] != drop]
    return "\r\n".join([f"{method} {path} {version}", *kept, "", ""]).encode()


def client_frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bool = True) -> bytes:
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    bit = 0x80 if mask else 0
    length = len(payload)
    if length < 126:
        head = bytes((first, bit | length))
    elif length < 65536:
        head = bytes((first, bit | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((first, bit | 127)) + length.to_bytes(8, "big")
    if not mask:
        return head + payload
    key = b"\x01\x02\x03\x04"
    masked = bytes(byte ^ key[i & 3] for i, byte in enumerate(payload))
    return head + key + masked


def text(message: dict[str, Any]) -> bytes:
    return client_frame(TEXT, json.dumps(message).encode())


class Raw:
    """A client on a bare socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def drain(self) -> None:
        """Wait until the kernel took what was written; raises when the server has cut the connection."""
        async with asyncio.timeout(PATIENCE):
            await self._writer.drain()

    def end_input(self) -> None:
        """Half-close: nothing more will be sent."""
        self._writer.write_eof()

    async def head(self) -> str:
        async with asyncio.timeout(PATIENCE):
            return (await self._reader.readuntil(b"\r\n\r\n")).decode()

    async def upgrade(self, *extra: str) -> "Raw":
        self.write(request_head(*extra))
        head = await self.head()
        assert head.startswith("HTTP/1.1 101 "), head
        return self

    async def frame(self) -> tuple[int, bytes]:
        """One whole frame of the server; raises IncompleteReadError at the end."""
        async with asyncio.timeout(PATIENCE):
            first, length = await self._reader.readexactly(2)
            assert first & 0x80 and not length & 0x80, "whole and unmasked"
            if length >= 126:
                length = int.from_bytes(await self._reader.readexactly(2 if length == 126 else 8), "big")
            return first & 0x0F, await self._reader.readexactly(length)

    async def message(self) -> dict[str, Any]:
        opcode, payload = await self.frame()
        assert opcode in (TEXT, BINARY), (opcode, payload)
        return _decoded(opcode, payload)

    async def rest(self) -> bytes:
        """Everything up to the end of the stream, however the server ends it."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self._reader.read()
            except ConnectionResetError:
                return b""

    async def farewell(self, code: CloseCode) -> dict[str, Any]:
        """The `bye`, right after it the close frame with the same code, then nothing more; hangs up."""
        goodbye: dict[str, Any] = {"type": None}
        while goodbye["type"] != "bye":
            opcode, payload = await self.frame()
            if opcode in (TEXT, BINARY):
                goodbye = _decoded(opcode, payload)
        opcode, payload = await self.frame()
        assert (opcode, int.from_bytes(payload[:2], "big")) == (CLOSE, code)
        assert goodbye["code"] == code
        assert goodbye["reason"].startswith(payload[2:].decode())
        self.write(client_frame(CLOSE, payload[:2]))
        assert await self.rest() == b""
        self._writer.close()
        return goodbye


def _decoded(opcode: int, payload: bytes) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(payload) if opcode == TEXT else msgpack.unpackb(payload)
    return message


@asynccontextmanager
async def raw_client(house: House, *, receive_buffer: int | None = None) -> AsyncIterator[Raw]:
    sock = socket.socket()
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", house.port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=1024 if receive_buffer else 2**16)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()
        # The server may have been quicker.
        with suppress(ConnectionResetError, BrokenPipeError):
            await writer.wait_closed()
