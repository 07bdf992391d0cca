"""What sessions say so often, or so unimportantly, that it is sent on together.

Owns positions (each 250 ms), deliveries and `seen` (each second), and the word that sessions still live (each
15 s): one script call a region each time, however many sessions. Invariants: of a session that is gone no
position is sent on any more; a region that can not be used keeps nothing from the others.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

import structlog

from dispatch import metrics
from dispatch.errors import DispatchError, Unavailable
from dispatch.people import People
from dispatch.tasks import end
from geo.point import Point
from realtime.session import AgentSession, Session

log = structlog.get_logger()
POSITIONS_S = 0.25
MARKS_S = 1.0
REFRESH_S = 15.0
LAST_MARKS_S = 1.0
MOST_AT_ONCE = 1000

LiveSessions = Callable[[], Iterable[Session]]
SessionOver = Callable[[str], None]
Unsent = Callable[[Session], int]
"""How many bytes wait to be sent to it."""
_T = TypeVar("_T")
_Mark = tuple[str, str, str]


class Gathering:
    def __init__(self, people: People, live: LiveSessions, over: SessionOver, unsent: Unsent) -> None:
        self._people = people
        self._live = live
        self._over = over
        self._unsent = unsent
        self._positions: dict[AgentSession, Point] = {}
        self._marks: dict[str, dict[_Mark, None]] = defaultdict(dict)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        turns = ((POSITIONS_S, self._send_positions), (MARKS_S, self._send_marks), (REFRESH_S, self._refresh))
        self._tasks = [asyncio.create_task(_each(seconds, turn)) for seconds, turn in turns]

    async def close(self) -> None:
        await end(self._tasks)
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_MARKS_S):
                await self._send_marks()

    def position(self, session: AgentSession, point: Point) -> None:
        session.position = point
        self._positions[session] = point

    def delivered(self, session: AgentSession, order_ids: Iterable[str]) -> None:
        self._mark(session, order_ids, "d")

    def seen(self, session: AgentSession, order_ids: Iterable[str]) -> None:
        self._mark(session, order_ids, "s")

    def forget(self, session: Session) -> None:
        if isinstance(session, AgentSession):
            self._positions.pop(session, None)

    def _mark(self, session: AgentSession, order_ids: Iterable[str], what: str) -> None:
        self._marks[session.slot].update(dict.fromkeys((order_id, session.member, what) for order_id in order_ids))

    async def _send_positions(self) -> None:
        positions, self._positions = self._positions, {}
        moves: dict[str, list[tuple[AgentSession, Point]]] = defaultdict(list)
        for session, point in positions.items():
            moves[session.slot].append((session, point))
        await asyncio.gather(*(self._send_moves(region, batch) for region, batch in _batches(moves)))

    async def _send_moves(self, region: str, moves: Sequence[tuple[AgentSession, Point]]) -> None:
        try:
            await self._people.move(region, [(session.member, session.id, point) for session, point in moves])
        except DispatchError as exc:
            if _worth_repeating("positions", region, exc):
                for session, point in moves:
                    if not session.over:
                        self._positions.setdefault(session, point)  # unless he has told a newer one

    async def _send_marks(self) -> None:
        marks, self._marks = self._marks, defaultdict(dict)
        lists = {region: list(of_region) for region, of_region in marks.items()}
        await asyncio.gather(*(self._send_region_marks(region, batch) for region, batch in _batches(lists)))

    async def _send_region_marks(self, region: str, marks: Sequence[_Mark]) -> None:
        try:
            await self._people.mark(region, marks)
        except DispatchError as exc:
            if _worth_repeating("marks", region, exc) and self._serves(region):
                self._marks[region].update(dict.fromkeys(marks))

    def _serves(self, region: str) -> bool:
        return any(session.slot == region for session in self._live())

    async def _refresh(self) -> None:
        here: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
        for session in self._live():
            if session.ready:  # the others are just being made known to Redis
                here[session.slot].append((session.member, session.id, self._unsent(session)))
        await asyncio.gather(*(self._refresh_batch(slot, batch) for slot, batch in _batches(here)))

    async def _refresh_batch(self, slot: str, sessions: Sequence[tuple[str, str, int]]) -> None:
        try:
            over = await self._people.refresh(slot, sessions)
        except DispatchError as exc:
            _worth_repeating("lives", slot, exc)  # they are told again anyway
            return
        for session_id in over:
            self._over(session_id)


def _batches(lists: Mapping[str, list[_T]]) -> Iterator[tuple[str, list[_T]]]:
    for region, of_region in lists.items():
        for i in range(0, len(of_region), MOST_AT_ONCE):
            yield region, of_region[i : i + MOST_AT_ONCE]


def _worth_repeating(what: str, region: str, exc: DispatchError) -> bool:
    log.warning("not_sent_on", what=what, region=region, error=exc.message)
    return isinstance(exc, Unavailable)


async def _each(seconds: float, turn: Callable[[], Awaitable[None]]) -> None:
    await asyncio.sleep(random.uniform(0, seconds))
    while True:
        try:
            await turn()
        except Exception as exc:  # a bug: without these turns everybody would vanish
            metrics.BROKEN.inc()
            log.error("gathering_failed", turn=turn.__name__, exc_info=exc)
        await asyncio.sleep(seconds)
