"""The listening socket of the stream and the one timer behind all its connections.

Owns accepting, the sweep once a second, and the orderly end. Knows nobody's name and no rule of dispatch: it
tells the `Handler`. Invariant: a connection that is due (hello, pong, close) is dealt with at most one
sweep late, and none outlives `close_all`.
"""

import asyncio
import socket
from contextlib import suppress
from functools import partial

from realtime.admission import ENDLESS, Room
from realtime.connection import Connection
from realtime.switchboard import Counters, Handler, Limits, Switchboard
from realtime.tally import Tally
from realtime.wire import CloseCode

__all__ = ["Handler", "Listener"]

_BACKLOG = 4096
_CLOSED_A_TURN = 200


class Listener:
    """Accepts on one socket. Use: construct, `start`, in the end `close_all`."""

    def __init__(
        self,
        handler: Handler,
        *,
        path: str = "/v1/stream",
        hello_seconds: float = 5.0,
        heartbeat_seconds: float = 20.0,
        pong_seconds: float = 20.0,
        close_seconds: float = 3.0,
        sweep_seconds: float = 1.0,
        max_message: int = 65536,
        max_unsent: int = 262144,
        origins: frozenset[str] | None = None,
        room: Room = ENDLESS,
    ) -> None:
        self._board = Switchboard(
            handler,
            Limits(
                path=path,
                origins=origins,
                hello_seconds=hello_seconds,
                heartbeat_seconds=heartbeat_seconds,
                pong_seconds=pong_seconds,
                close_seconds=close_seconds,
                sweep_seconds=sweep_seconds,
                max_message=max_message,
                max_unsent=max_unsent,
            ),
            room,
        )
        self._tally = Tally(self._board.counters)
        self._server: asyncio.AbstractServer | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def connections(self) -> set[Connection]:
        """Every accepted socket, also before its handshake and while it closes."""
        return self._board.connections

    @property
    def counters(self) -> Counters:
        return self._board.counters

    async def start(self, sock: socket.socket) -> None:
        """Accept on a bound socket, which is the listener's from here on."""
        loop = asyncio.get_running_loop()
        self._board.start(loop)
        # Accepted sockets inherit it.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server = await loop.create_server(partial(Connection, self._board), sock=sock, backlog=_BACKLOG)
        self._timer = loop.call_later(self._board.limits.sweep_seconds, self._sweep)

    def stop_accepting(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def close_all(
        self,
        code: CloseCode = CloseCode.DRAINING,
        reason: str = "the server is going down",
        *,
        spread_ms: int = 5000,
        answer_seconds: float = 5.0,
    ) -> None:
        """Stop accepting, send everyone away, wait until they are gone; those who stay are cut.

        `reconnect_after_ms` is spread evenly over `spread_ms`, so that they do not all come back at once. Who waits
        for an answer hears it first, if it comes within `answer_seconds`.
        """
        self.stop_accepting()
        self._board.admission.close()
        leaving = tuple(self.connections)
        goodbyes = [
            partial(conn.close, code, reason, reconnect_after_ms=spread_ms * i // len(leaving))
            for i, conn in enumerate(leaving)
        ]
        for i, (conn, goodbye) in enumerate(zip(leaving, goodbyes, strict=True)):
            self._board.handler.settle(conn, goodbye)
            if i % _CLOSED_A_TURN == _CLOSED_A_TURN - 1:
                await asyncio.sleep(0)
        with suppress(TimeoutError):
            async with asyncio.timeout(answer_seconds):
                await self._board.empty.wait()
        for goodbye in goodbyes:
            goodbye()
        # The sweep cuts those who do not answer.
        await self._board.empty.wait()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._tally.carry_over()

    def _sweep(self) -> None:
        board = self._board
        # First of all, so that no fault in a single connection ends the sweeping.
        self._timer = board.loop.call_later(board.limits.sweep_seconds, self._sweep)
        board.tick()
        for conn in tuple(board.connections):
            conn.check(board.now)
        self._tally.carry_over()
