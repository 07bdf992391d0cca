"""What the connections of one listener share: limits, handler, clock, counters, and the flush of a loop turn.

Knows of a connection only that it can be flushed. Invariant: `now` moves only at a sweep, and never by more
than two sweeps at a time.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from realtime.admission import ENDLESS, Admission, Room
from realtime.wire import ClientMessage, CloseCode, Invalid

if TYPE_CHECKING:
    from realtime.connection import Connection


@dataclass(frozen=True, slots=True)
class Limits:
    """What a listener allows its clients. Seconds, bytes."""

    path: str
    origins: frozenset[str] | None
    hello_seconds: float
    heartbeat_seconds: float
    pong_seconds: float
    close_seconds: float
    sweep_seconds: float
    max_message: int
    max_unsent: int


@dataclass(slots=True)
class Counters:
    """What happened on one listener since its start."""

    accepted: int = 0
    refused: int = 0
    opened: int = 0
    lost: int = 0
    received: int = 0
    invalid: int = 0
    sent: int = 0
    shed: int = 0
    closed: Counter[CloseCode] = field(default_factory=Counter)
    """By our code; a closing that the client began is not in it."""
    fullest: int = 0
    """The most bytes that waited for one client when something was written, since it was last told."""


class Handler(Protocol):
    """Who is told what comes in; the hub, and the tests' recorder."""

    def opened(self, conn: "Connection", token: str | None) -> None:
        """The handshake is done; `token` is that of the upgrade's header, unjudged."""

    def received(self, conn: "Connection", message: ClientMessage) -> None: ...

    def invalid(self, conn: "Connection", fault: Invalid) -> None: ...

    def settle(self, conn: "Connection", then: Callable[[], None]) -> None:
        """Call `then`, which says good-bye, as soon as everything that was asked on it is answered."""

    def lost(self, conn: "Connection") -> None:
        """The socket is gone; once for each `opened`."""


class Switchboard:
    """What the connections of one listener share."""

    __slots__ = (
        "_due",
        "_ticked_at",
        "admission",
        "connections",
        "counters",
        "empty",
        "handler",
        "limits",
        "loop",
        "now",
    )

    loop: asyncio.AbstractEventLoop
    """Set when the listener starts, before the first connection."""

    def __init__(self, handler: Handler, limits: Limits, room: Room = ENDLESS) -> None:
        self.handler = handler
        self.limits = limits
        self.admission = Admission(room)
        self.counters = Counters()
        self.connections: set[Connection] = set()
        self.empty = asyncio.Event()
        self.empty.set()
        self.now = 0.0
        self._ticked_at = 0.0
        self._due: list[Connection] = []

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._ticked_at = loop.time()

    def tick(self) -> None:
        """Move `now` on, at each sweep; seconds in which we ourselves stood still do not count.

        Otherwise a server that was stopped for half a minute would cut every client whose pong it has not
        read yet.
        """
        self.now += self._since_tick()
        self._ticked_at = self.loop.time()

    def time(self) -> float:
        """`now` to the moment, for a term that begins here."""
        return self.now + self._since_tick()

    def _since_tick(self) -> float:
        return min(self.loop.time() - self._ticked_at, 2 * self.limits.sweep_seconds)

    def add(self, conn: "Connection") -> None:
        self.counters.accepted += 1
        self.connections.add(conn)
        self.empty.clear()

    def remove(self, conn: "Connection") -> None:
        self.connections.discard(conn)
        if not self.connections:
            self.empty.set()

    def flush_soon(self, conn: "Connection") -> None:
        """One callback a loop turn, however many connections have something to say."""
        if not self._due:
            self.loop.call_soon(self._flush)
        self._due.append(conn)

    def _flush(self) -> None:
        due, self._due = self._due, []
        for conn in due:
            conn.flush()
