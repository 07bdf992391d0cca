"""The end of tokens: a session lives no longer than the token that it came with.

Owns the looking, once a second over all sessions; says goodbye to none itself. Invariant: a session is over when its
token would be refused, by this node's clock and with the same leeway, and at most a second and a sweep later.
"""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from dispatch import metrics
from dispatch.clock import now_ms
from realtime.session import Session
from realtime.wire import CloseCode

log = structlog.get_logger()
SWEEP_S = 1.0
End = Callable[[Session, CloseCode, str], None]


class Expiry:
    def __init__(self, live: Callable[[], Iterable[Session]], leeway_ms: int, end: End) -> None:
        self._live = live
        self._leeway_ms = leeway_ms
        self._end = end

    def sweep(self, now: int) -> None:
        """End those whose token has run out; `now` is in ms."""
        before = now - self._leeway_ms
        for session in [session for session in self._live() if session.who.expires_at <= before]:
            self._end(session, CloseCode.TOKEN_EXPIRED, "the token has expired")

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                self.sweep(now_ms())
            except Exception as exc:  # a bug: without these sweeps no token would ever end a session
                metrics.BROKEN.inc()
                log.error("expiry_failed", exc_info=exc)
