"""Who says too much: it is refused, and who goes on is sent away.

Owns the buckets of every party on this node and what is said when one is empty. An agent is measured by his id, so
that coming back fills no bucket, everybody else by the session. Invariants: a message with a `ref` is answered; one
without costs the sender no more than one error a second.
"""

import time
from collections.abc import Callable

from dispatch import metrics
from dispatch.errors import Code
from realtime.commands import error
from realtime.connection import Connection
from realtime.limits import Buckets, Limit, Rates
from realtime.session import AgentSession, Session
from realtime.wire import ClientMessage, CloseCode, Grab, Invalid, Position

PATIENCE = 3
"""So many times the burst may be refused at once, and again in each `PATIENCE_S`."""
PATIENCE_S = 10.0
_TOLD = Limit(1, 1)

End = Callable[[Session, CloseCode, str], None]


class _Gauge:
    """One kind of thing that is limited."""

    __slots__ = ("_granted", "_patience", "what")

    def __init__(self, what: str, limit: Limit) -> None:
        self.what = what
        self._granted = Buckets(limit)
        refusals = PATIENCE * limit.burst
        self._patience = Buckets(Limit(refusals / PATIENCE_S, refusals))

    def grants(self, name: str, now: float) -> bool:
        return self._granted.take(name, now)

    def bears(self, name: str, now: float) -> bool:
        return self._patience.take(name, now)


class Throttle:
    def __init__(self, rates: Rates, end: End, clock: Callable[[], float] = time.monotonic) -> None:
        self._any = _gauges(messages=rates.messages)
        self._special: dict[type, tuple[_Gauge, ...]] = {
            Grab: self._any + _gauges(grabs=rates.grabs),
            Position: self._any + _gauges(positions=rates.positions),
        }
        self._told = Buckets(_TOLD)
        self._end = end
        self._clock = clock

    def lets(self, conn: Connection, session: Session, message: ClientMessage | Invalid) -> bool:
        """Whether to carry it out; if not, it was answered or dropped."""
        name = session.agent.id if isinstance(session, AgentSession) else session.id
        now = self._clock()
        for gauge in self._special.get(type(message), self._any):
            if not gauge.grants(name, now):
                self._refuse(conn, session, message, gauge, name, now)
                return False
        return True

    def _refuse(
        self, conn: Connection, session: Session, message: ClientMessage | Invalid, gauge: _Gauge, name: str, now: float
    ) -> None:
        metrics.RATE_LIMITED.labels(gauge.what).inc()
        if not gauge.bears(name, now):
            self._end(session, CloseCode.TOO_MANY, f"too many {gauge.what}")
            return
        ref = getattr(message, "ref", None)
        if ref is not None or self._told.take(session.id, now):
            conn.send(error(ref, Code.RATE_LIMITED, f"too many {gauge.what}: slow down", retryable=True))


def _gauges(**limits: Limit | None) -> tuple[_Gauge, ...]:
    return tuple(_Gauge(what, limit) for what, limit in limits.items() if limit is not None)
