"""One client's connection: upgrade, hello, then frames in and out.

Owns the bytes of one connection. What a message means is its crowd's. Invariant: pings are answered, and a
connection that ends is reported to its crowd once.
"""

import asyncio
import os
from typing import Protocol, cast

from loadtest.rig.frames import CLOSE, HEAD_END, PING, PONG, Joiner, masked, upgrade

MASK = os.urandom(4)
"""Of all frames of this process: what is measured is the server, to which any mask is the same work."""


class Crowd(Protocol):
    """Whom a member belongs to."""

    opcode: int

    def hear(self, member: "Member", payload: bytes) -> None: ...

    def gone(self, member: "Member", why: str) -> None: ...


class Member(asyncio.Protocol):
    __slots__ = ("_crowd", "_head", "_hello", "_joiner", "_over", "asked_ns", "group", "name", "ready", "transport")

    transport: asyncio.Transport

    def __init__(self, crowd: Crowd, name: str, group: int, head: bytes, hello: bytes) -> None:
        self.name = name
        self.group = group
        self.asked_ns = 0
        self.ready: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()
        """Until it was welcomed."""
        self._crowd = crowd
        self._hello = hello
        self._head: bytes | None = head
        self._joiner = Joiner()
        self._over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        assert self._head is not None
        self.transport.write(self._head)
        self._head = b""

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("lost" if exc is None else str(exc))

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            data = self._shake(self._head + data)
        for opcode, payload in self._joiner.feed(data):
            if opcode < CLOSE:
                self._crowd.hear(self, payload)
            elif opcode == PING:
                self.transport.write(masked(payload, MASK, PONG))
            elif opcode == CLOSE:
                self._end(f"{int.from_bytes(payload[:2], 'big')} {payload[2:].decode(errors='replace')}")
                self.transport.write(masked(payload, MASK, CLOSE))
                self.transport.close()

    def say(self, payload: bytes) -> None:
        self.transport.write(masked(payload, MASK, self._crowd.opcode))

    def leave(self) -> None:
        self._over = True
        if not self.transport.is_closing():
            self.transport.write(masked((1000).to_bytes(2, "big"), MASK, CLOSE))
            self.transport.close()

    def welcomed(self) -> None:
        if self.ready is not None:
            if not self.ready.done():
                self.ready.set_result(None)
            self.ready = None

    def _shake(self, head: bytes) -> bytes:
        """Returns what followed the answer's head."""
        end = head.find(HEAD_END)
        if end < 0:
            self._head = head
            return b""
        self._head = None
        if not head.startswith(b"HTTP/1.1 101"):
            self._end(head[:end].decode(errors="replace"))
            self.transport.close()
            return b""
        self.say(self._hello)
        self._hello = b""
        return head[end + len(HEAD_END) :]

    def _end(self, why: str) -> None:
        if self._over:
            return
        self._over = True
        if self.ready is not None:
            if not self.ready.done():  # whoever waited may have given up
                self.ready.set_exception(ConnectionError(why))
            self.ready = None
        self._crowd.gone(self, why)


def opening(host: str, subprotocol: str | None) -> bytes:
    return upgrade(host, "/v1/stream", subprotocol)
