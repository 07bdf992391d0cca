"""A TCP proxy on loopback, and the network that it makes bad when told so.

Owns every connection that goes through it. Knows nothing of what the bytes mean. Invariants: at most one piece a
direction is in memory, so a receiver that does not read stops its sender; and no connection lives on that has lost
bytes in its middle, which TCP can not: it is cut, at the latest when the fault ends.
"""

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from random import Random

PIECE_BYTES = 16 * 1024
RECEIVE_BUFFER_BYTES = 32 * 1024  # small, so that a slow reader is felt by the sender and not hidden by the kernel
PORTIONS_A_SECOND = 4
RESET_AT_CLOSE = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Weather:
    """What the network does now. `bytes_per_second` None: as fast as it can, 0: nothing is read."""

    delay_s: float = 0.0
    drop_share: float = 0.0
    rng: Random | None = None
    refusing: bool = False
    half_open: bool = False
    bytes_per_second: int | None = None
    every: int = 1

    def drops(self) -> bool:
        return self.rng is not None and self.rng.random() < self.drop_share


class Cut(Exception):
    """This connection ends now, by the fault and not by either side."""


def close(side: socket.socket, *, orderly: bool) -> None:
    """Not orderly: the other end hears a reset instead of an end."""
    if not orderly:
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
    side.close()


class Connection:
    """One client's connection, and ours to the upstream for it."""

    def __init__(self, proxy: "Proxy", client: socket.socket, number: int) -> None:
        self._proxy = proxy
        self._loop = asyncio.get_running_loop()
        self._client = client
        self._upstream = socket.socket()
        self._upstream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self._upstream.setblocking(False)
        self._number = number
        self.lossy = False
        self.task = asyncio.create_task(self._run())

    def close(self, *, orderly: bool) -> None:
        for side in (self._client, self._upstream):
            close(side, orderly=orderly)

    async def _run(self) -> bool:
        """Whether both sides said all that they had to say; else one of them, or a fault, broke it."""
        orderly = True
        try:
            await self._carry()
        except* (OSError, Cut):
            orderly = False
        return orderly

    async def _carry(self) -> None:
        if self._proxy.weather.half_open:
            await self._go_dead()
        await self._loop.sock_connect(self._upstream, self._proxy.upstream)
        for side in (self._client, self._upstream):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with asyncio.TaskGroup() as pumps:
            pumps.create_task(self._pump(self._client, self._upstream, replies=False))
            pumps.create_task(self._pump(self._upstream, self._client, replies=True))

    async def _go_dead(self) -> None:
        """What comes before the fault ends finds nobody; then the connection is cut from outside."""
        self.lossy = True
        while await self._loop.sock_recv(self._client, PIECE_BYTES):
            pass
        await self._loop.create_future()

    async def _pump(self, source: socket.socket, sink: socket.socket, *, replies: bool) -> None:
        while piece := await self._read(source, replies=replies):
            if self._proxy.weather.delay_s:
                await self._proxy.unchanged_for(self._proxy.weather.delay_s)
            if self._proxy.weather.half_open:
                self.lossy = True
                continue
            if replies and self._proxy.weather.drops():
                self._proxy.dropped += 1
                raise Cut
            await self._loop.sock_sendall(sink, piece)
        await self._proxy.unchanged_for(self._proxy.weather.delay_s)
        if self._proxy.weather.half_open:  # nor does the end of one side come through
            self.lossy = True
            await self._loop.create_future()
        with suppress(OSError):  # the other side may have ended, too
            sink.shutdown(socket.SHUT_WR)

    async def _read(self, source: socket.socket, *, replies: bool) -> bytes:
        try:
            return await self._receive(source, replies=replies)
        except OSError:
            if self._proxy.weather.half_open:  # a reset does not come through either
                return b""
            raise

    async def _receive(self, source: socket.socket, *, replies: bool) -> bytes:
        while replies and (rate := self._rate()) is not None:
            portion = max(1, min(PIECE_BYTES, rate // PORTIONS_A_SECOND))
            if await self._proxy.unchanged_for(portion / rate if rate else None):
                return await self._loop.sock_recv(source, portion)
        return await self._loop.sock_recv(source, PIECE_BYTES)

    def _rate(self) -> int | None:
        weather = self._proxy.weather
        return None if self._number % weather.every else weather.bytes_per_second


class Proxy:
    """`upstream` is (host, port). Faults add up until `heal`; a fault holds for open and for new connections."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.upstream = upstream
        self.weather = Weather()
        self.accepted = self.dropped = 0
        self.port = 0
        self._connections: set[Connection] = set()
        self._bugs: list[BaseException] = []
        self._changed = asyncio.Event()
        self._listener = socket.socket()
        self._accepting: asyncio.Task[None] | None = None

    @property
    def open_connections(self) -> int:
        return len(self._connections)

    async def start(self) -> None:
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(1024)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._accepting = asyncio.create_task(self._accept())

    async def close(self) -> None:
        """Raises what was wrong with the proxy itself, if anything was."""
        self.cut()
        await asyncio.gather(*(connection.task for connection in self._connections), return_exceptions=True)
        self._listener.close()
        if self._accepting is not None:
            self._accepting.cancel()
            with suppress(asyncio.CancelledError):
                await self._accepting
        if self._bugs:
            raise BaseExceptionGroup("bugs of the proxy", self._bugs)

    def delay(self, ms: float) -> None:
        """Each way; what follows closely on something delayed may wait up to twice as long."""
        self.weather.delay_s = ms / 1000
        self._wake()

    def drop_replies(self, share: float, rng: Random) -> None:
        """The upstream gets and answers the request, the answer is lost, and with it the connection."""
        self.weather.drop_share, self.weather.rng = share, rng
        self._wake()

    def refuse(self, refusing: bool) -> None:
        self.weather.refusing = refusing
        self._wake()
        if refusing:
            self.cut()

    def half_open(self, dead: bool) -> None:
        """Bytes and ends vanish both ways, nothing is closed: as if a cable were pulled."""
        self.weather.half_open = dead
        self._wake()
        if not dead:
            self._cut([connection for connection in self._connections if connection.lossy])

    def slow_reader(self, bytes_per_second: int | None, every: int = 1) -> None:
        """From the upstream to the clients, for each `every`th connection. 0: the upstream is not read at all."""
        self.weather.bytes_per_second, self.weather.every = bytes_per_second, every
        self._wake()

    def cut(self) -> None:
        """Resets all connections that are open now, both ways."""
        self._cut(list(self._connections))

    def heal(self) -> None:
        self.half_open(False)
        self.weather = Weather()
        self._wake()

    async def unchanged_for(self, seconds: float | None) -> bool:
        """False as soon as the weather changes; None waits for that."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return True
        return False

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _cut(self, connections: list[Connection]) -> None:
        for connection in connections:
            connection.task.cancel()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(self._listener)
            except ConnectionAbortedError:  # by the client, before we came to it
                continue
            if self.weather.refusing:
                close(client, orderly=False)
                continue
            connection = Connection(self, client, self.accepted)
            self.accepted += 1
            self._connections.add(connection)
            connection.task.add_done_callback(partial(self._over, connection))

    def _over(self, connection: Connection, task: asyncio.Task[bool]) -> None:
        """Here and not in the task: one that is cancelled before its first step runs no `finally`."""
        self._connections.discard(connection)
        bug = None if task.cancelled() else task.exception()
        if bug is not None:
            self._bugs.append(bug)
        connection.close(orderly=not task.cancelled() and bug is None and task.result())
