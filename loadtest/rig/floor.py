"""The floor: the least that a Python server can spend on a frame. A process of its own.

    python -m loadtest.rig.floor        (driven over standard input and output by `line`)

Owns a bare `asyncio.Protocol` under uvloop with framing by hand: one pre-encoded frame to each connection, or the
same answer to each frame. Knows nothing of orders. Invariant: it does what any server has to do, and nothing else:
upgrade, join, unmask, write.
"""

import asyncio
from typing import Any, cast

from loadtest.rig.frames import BINARY, CLOSE, HEAD_END, PING, PONG, TEXT, Joiner, acceptance, plain
from loadtest.rig.line import serve

WELCOME = {TEXT: plain(b'{"type":"welcome"}'), BINARY: plain(b"\x81\xa4type\xa7welcome", BINARY)}
"""In the words in which the hello came: JSON or MessagePack."""
BACKLOG = 4096


class Floor:
    """All connections, and the one answer."""

    def __init__(self) -> None:
        self.connections: set[Held] = set()
        self.answer = plain(b'{"type":"ok"}')

    async def listen(self) -> int:
        """The port."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Held(self), "127.0.0.1", 0, backlog=BACKLOG)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def hear(self, command: dict[str, Any]) -> dict[str, Any]:
        payload = command["payload"].encode("latin-1")
        if command["do"] == "answer":
            self.answer = plain(payload, command["opcode"])
            return {}
        frame = plain(payload, command["opcode"])
        for each in self.connections:
            each.transport.write(frame)
        return {"messages": len(self.connections)}


class Held(asyncio.Protocol):
    """One connection."""

    __slots__ = ("_floor", "_head", "_joiner", "_welcomed", "transport")

    transport: asyncio.Transport

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._joiner = Joiner()
        self._head: bytes | None = b""
        self._welcomed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def connection_lost(self, exc: Exception | None) -> None:
        self._floor.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            self._shake(self._head + data)
            return
        for opcode, payload in self._joiner.feed(data):
            if opcode in WELCOME:
                self._answer(opcode)
            elif opcode == PING:
                self.transport.write(plain(payload, PONG))
            elif opcode == CLOSE:
                self.transport.write(plain(payload, CLOSE))
                self.transport.close()

    def _answer(self, opcode: int) -> None:
        if self._welcomed:
            self.transport.write(self._floor.answer)
        else:
            self._welcomed = True
            self._floor.connections.add(self)
            self.transport.write(WELCOME[opcode])

    def _shake(self, head: bytes) -> None:
        if HEAD_END not in head:
            self._head = head
            return
        self._head = None
        self.transport.write(acceptance(head))


async def main() -> None:
    floor = Floor()
    port = await floor.listen()
    await serve(floor.hear, {"port": port})


if __name__ == "__main__":
    from loadtest.rig.line import run

    run(main())
