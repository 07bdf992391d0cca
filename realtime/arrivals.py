"""Arrivals: from `hello` to the moment at which a session begins.

Owns how many read the present at a time, and in what order that is done so that no word is missed. Knows no rule of
dispatch; `welcome` finds out who it is and what he sees. Invariants: a session is in the indexes before its present is
read; whoever is not let in is told so, and when to come again if that is worth his while.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from dispatch import metrics
from dispatch.catalog import PEOPLE
from dispatch.errors import Unavailable
from realtime.connection import Connection
from realtime.guest import Guest
from realtime.notices import NoticeBoard
from realtime.registry import Registry
from realtime.session import Session
from realtime.tail import Tails
from realtime.welcome import Refusal, Usher
from realtime.wire import CloseCode, Hello, Outbound

log = structlog.get_logger()
MOST_AT_ONCE = 64
"""Guests whose present is read: more at a time would only make each wait longer."""
WAIT_S = 15.0
"""How long a guest waits for his turn."""
SPREAD_MS = 10_000
"""Over which those who waited in vain come again."""
_GOLDEN = 0.618034

Begin = Callable[[Connection, Guest, Session, Outbound], None]
Spawn = Callable[[Coroutine[Any, Any, None]], None]
Leave = Callable[[Session], Coroutine[Any, Any, None]]


class Arrivals:
    """`begin` has a session hear and be heard; `leave` tells Redis that one is over that did not come so far."""

    def __init__(
        self,
        usher: Usher,
        registry: Registry,
        tails: Tails,
        notices: NoticeBoard,
        begin: Begin,
        spawn: Spawn,
        leave: Leave,
    ) -> None:
        self._usher = usher
        self._registry = registry
        self._tails = tails
        self._notices = notices
        self._begin = begin
        self._spawn = spawn
        self._leave = leave
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        self._in_vain = 0
        self.sendings_away = 0
        """How often agents were sent away, whichever session it was."""

    async def welcome(self, conn: Connection, guest: Guest, hello: Hello, header_token: str | None) -> None:
        try:
            async with asyncio.timeout(WAIT_S):
                await self._turns.acquire()
        except TimeoutError:
            self._put_off(conn)
            return
        try:
            if guest.here:
                await self._receive(conn, guest, hello, header_token)
        finally:
            self._turns.release()

    def _put_off(self, conn: Connection) -> None:
        """Multiples of the golden ratio are spread evenly, however many there will be."""
        self._in_vain += 1
        metrics.REFUSED.labels("crowded").inc()
        after_ms = int(SPREAD_MS * (self._in_vain * _GOLDEN % 1))
        conn.close(CloseCode.START_OVER, "too many come at once", 500 + after_ms)

    async def _receive(self, conn: Connection, guest: Guest, hello: Hello, header_token: str | None) -> None:
        try:
            session = await self._meet(hello, header_token)
            if guest.here:
                await self._let_in(conn, guest, session)
        except Refusal as exc:
            conn.close(exc.close_code, exc.reason)
        except Unavailable as exc:
            log.warning("not_welcomed", error=exc.message)
            conn.close(CloseCode.START_OVER, exc.message, random.randint(500, 3000))
        except Exception as exc:
            metrics.BROKEN.inc()
            log.error("not_welcomed", exc_info=exc)
            conn.close(CloseCode.START_OVER, "internal error", random.randint(500, 3000))

    async def _meet(self, hello: Hello, header_token: str | None) -> Session:
        """No word about it is missed: its logs were followed, and no agent sent away, while its profile was read."""
        while True:
            sendings_away = self.sendings_away
            session = await self._usher.meet(hello, header_token)
            slots = {*session.slots, session.slot, PEOPLE}
            told = self._tails.follows(slots) and self._notices.loaded
            if told and sendings_away == self.sendings_away:
                return session
            await self._tails.follow(slots)
            await self._notices.load()

    async def _let_in(self, conn: Connection, guest: Guest, session: Session) -> None:
        """In the indexes first, so that what happens while the present is read is held back and not lost."""
        self._registry.add(session, conn)
        try:
            doubts = -1
            while guest.here and doubts != session.doubts:
                doubts = session.doubts
                welcome = await self._usher.welcome(session, conn.address, conn.codec.name)
            if guest.here:
                self._begin(conn, guest, session, welcome)
        finally:
            if conn.peer is not session:
                self._registry.discard(session)
                self._spawn(self._leave(session))
