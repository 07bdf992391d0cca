"""The notice board of one hub: what operators want people to be told.

Owns the notices in force and who of this node's sessions hears which. Knows no sockets and no orders. Invariant: each
session hears a notice that is for it once: when it is announced, or after `welcome` when that was before.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import structlog

from dispatch.clock import now_ms
from dispatch.errors import Unavailable
from dispatch.events import Event
from dispatch.notice import Notice, is_for, reaches
from dispatch.notices import Notices, noticed
from dispatch.people import MOST_LISTED
from realtime.session import AgentSession, Session
from realtime.wire import Outbound

log = structlog.get_logger()
Begun = Callable[[], Iterable[Session]]
"""The sessions that were welcomed."""
Tell = Callable[[Iterable[Session], Outbound], None]
Spawn = Callable[[Coroutine[Any, Any, None]], None]


class _Pinned:
    __slots__ = ("notice", "outbound")

    def __init__(self, notice: Notice) -> None:
        self.notice = notice
        self.outbound = Outbound(_message(notice), sheddable=True)


class NoticeBoard:
    def __init__(self, notices: Notices, begun: Begun, tell: Tell, spawn: Spawn) -> None:
        self._notices = notices
        self._begun = begun
        self._tell = tell
        self._spawn = spawn
        self._pinned: dict[str, _Pinned] = {}
        self._loading = asyncio.Lock()
        self._losses = 0
        self.loaded = False
        """Whether those of before the log was followed are known."""

    async def load(self) -> None:
        """What is in force, unless that is known. The log is followed already. Raises Unavailable."""
        async with self._loading:
            while not self.loaded:
                losses = self._losses
                for notice in await self._notices.in_force():
                    self._pin(notice)
                self.loaded = losses == self._losses

    def lost(self) -> None:
        """Announcements may have been missed."""
        self._losses += 1
        self.loaded = False
        self._spawn(self._load_again())

    def hear(self, event: Event) -> None:
        self._pin(noticed(event))

    def greet(self, session: Session) -> None:
        """It was just welcomed: what was announced before."""
        now = now_ms()
        for notice_id in [each for each, pinned in self._pinned.items() if pinned.notice.until_at <= now]:
            del self._pinned[notice_id]
        wanted = [pinned for pinned in self._pinned.values() if _is_for(pinned.notice, session)]
        for pinned in wanted[-MOST_LISTED:]:
            self._tell_whom_it_reaches(pinned, [session])

    def _pin(self, notice: Notice) -> None:
        if notice.id not in self._pinned:
            pinned = self._pinned[notice.id] = _Pinned(notice)
            self._tell_whom_it_reaches(pinned, [each for each in self._begun() if _is_for(notice, each)])

    def _tell_whom_it_reaches(self, pinned: _Pinned, sessions: list[Session]) -> None:
        if pinned.notice.near is None:
            self._tell(sessions, pinned.outbound)
            return
        elsewhere: list[AgentSession] = []
        for session in sessions:
            if isinstance(session, AgentSession):
                if session.agent.role == "valet" and session.position is not None:
                    self._tell_if_near(pinned, session, reaches(pinned.notice, session.position))
                else:
                    elsewhere.append(session)
        if elsewhere:
            self._spawn(self._ask_where(pinned, elsewhere))

    def _tell_if_near(self, pinned: _Pinned, session: AgentSession, near: bool) -> None:
        if near and not session.over:
            self._tell([session], pinned.outbound)

    async def _ask_where(self, pinned: _Pinned, sessions: list[AgentSession]) -> None:
        """A shop stands at its home; a valet who told no position on this session stands where he was last."""
        agents = {session.agent.id: session.agent for session in sessions}
        positions = await _patiently(lambda: self._notices.positions(list(agents.values())))
        for session in sessions:
            self._tell_if_near(pinned, session, reaches(pinned.notice, positions.get(session.agent.id)))

    async def _load_again(self) -> None:
        await _patiently(self.load)


async def _patiently(ask: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """While a database is away, it waits."""
    wait = 0.1
    while True:
        try:
            return await ask()
        except Unavailable as exc:
            log.warning("notices_wait", error=exc.message)
            await asyncio.sleep(random.uniform(0, wait))
            wait = min(2 * wait, 2.0)


def _is_for(notice: Notice, session: Session) -> bool:
    return is_for(notice, session.who, session.agent.region if isinstance(session, AgentSession) else None)


def _message(notice: Notice) -> dict[str, object]:
    return {
        "type": "notice",
        "id": notice.id,
        "title": notice.title,
        "body": notice.body,
        "level": notice.level,
        "at": notice.at,
    }
