"""Who may connect at all: how many sockets a node keeps, how fast new ones come, how many of them nobody knows yet.

Owns the counts and the answer to one who is turned away. Knows no sockets. Turning away costs no reading: it is decided
when a socket is accepted, and told in place of the handshake. It is refused rather than let wait, so that the client,
or the proxy before it, can go to another node at once. Invariant: `gone` takes away exactly what `come` has counted.
"""

import enum
from collections import Counter
from dataclasses import dataclass

from dispatch import metrics
from realtime.limits import Buckets, Limit

MOST_TOLD = 1000
"""So many sockets are kept open at a time only to be told that they are turned away; more are cut."""
_LONGEST_S = 10
_NODE = ""


@dataclass(frozen=True, slots=True)
class Room:
    """What a node has room for; 0 and None: without a limit."""

    connections: int = 0
    strangers: int = 0
    """Sockets before `welcome`."""
    of_one_address: int = 0
    new: Limit | None = None


ENDLESS = Room()


class Standing(enum.Enum):
    """Of one socket."""

    STRANGER = enum.auto()
    KNOWN = enum.auto()
    TURNED_AWAY = enum.auto()
    CUT = enum.auto()


class Admission:
    def __init__(self, room: Room) -> None:
        self._room = room
        self._new = None if room.new is None else Buckets(room.new)
        self._standings: Counter[Standing] = Counter()
        self._addresses: Counter[str] = Counter()
        self._told = 0
        self._closed = False

    def come(self, host: str, now: float) -> Standing:
        why = self._why_not(host, now)
        if why is None:
            standing = Standing.STRANGER
            if self._room.of_one_address:
                self._addresses[host] += 1
        else:
            metrics.REFUSED.labels(why).inc()
            full = self._standings[Standing.TURNED_AWAY] >= MOST_TOLD
            standing = Standing.CUT if full else Standing.TURNED_AWAY
        self._standings[standing] += 1
        return standing

    def close(self) -> None:
        """Nobody is let in any more, also not who was accepted already and is only now announced."""
        self._closed = True

    def recognise(self) -> None:
        """A stranger is known from now on."""
        self._standings[Standing.STRANGER] -= 1
        self._standings[Standing.KNOWN] += 1

    def gone(self, standing: Standing, host: str) -> None:
        self._standings[standing] -= 1
        if self._room.of_one_address and standing in (Standing.STRANGER, Standing.KNOWN):
            self._addresses[host] -= 1
            if not self._addresses[host]:
                del self._addresses[host]

    def refusal(self) -> bytes:
        """In place of the handshake; not the same wait for all."""
        self._told += 1
        return refusal(1 + self._told * 7 % _LONGEST_S)

    def _why_not(self, host: str, now: float) -> str | None:
        if self._closed:
            return "draining"
        room, strangers = self._room, self._standings[Standing.STRANGER]
        if room.connections and strangers + self._standings[Standing.KNOWN] >= room.connections:
            return "connections"
        if room.strangers and strangers >= room.strangers:
            return "unauthenticated"
        if room.of_one_address and self._addresses[host] >= room.of_one_address:
            return "address"
        if self._new is not None and not self._new.take(_NODE, now):
            return "new_connections"
        return None


def refusal(after_s: int) -> bytes:
    body = b"Not now. Come again, or go to another node.\n"
    head = (
        "HTTP/1.1 503 Service Unavailable\r\n"
        f"Retry-After: {after_s}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body
