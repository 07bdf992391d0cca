"""What sessions say so often, or so unimportantly, that it is sent on together.

Owns positions (each 250 ms), deliveries and `seen` (each second), and the word that sessions still live (each
15 s): one script call a region each time, however many sessions. Invariant: of a session that is gone nothing
is sent on any more.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable

import structlog

from dispatch.errors import DispatchError
from dispatch.people import People
from geo.point import Point
from realtime.session import AgentSession, Session

log = structlog.get_logger()
POSITIONS_S = 0.25
MARKS_S = 1.0
REFRESH_S = 15.0
MOST_AT_ONCE = 1000

LiveSessions = Callable[[], Iterable[Session]]
SessionOver = Callable[[str], None]


class Gathering:
    def __init__(self, people: People, live: LiveSessions, over: SessionOver) -> None:
        self._people = people
        self._live = live
        self._over = over
        self._positions: dict[AgentSession, Point] = {}
        self._marks: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        turns = ((POSITIONS_S, self._send_positions), (MARKS_S, self._send_marks), (REFRESH_S, self._refresh))
        self._tasks = [asyncio.create_task(_each(seconds, turn)) for seconds, turn in turns]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def position(self, session: AgentSession, point: Point) -> None:
        session.position = point
        self._positions[session] = point

    def delivered(self, session: AgentSession, order_ids: Iterable[str]) -> None:
        self._marks[session.slot].extend((order_id, session.member, "d") for order_id in order_ids)

    def seen(self, session: AgentSession, order_ids: Iterable[str]) -> None:
        self._marks[session.slot].extend((order_id, session.member, "s") for order_id in order_ids)

    def forget(self, session: Session) -> None:
        if isinstance(session, AgentSession):
            self._positions.pop(session, None)

    async def _send_positions(self) -> None:
        positions, self._positions = self._positions, {}
        moves: dict[str, list[tuple[str, str, Point]]] = defaultdict(list)
        for session, point in positions.items():
            moves[session.slot].append((session.member, session.id, point))
        for region, of_region in moves.items():
            for i in range(0, len(of_region), MOST_AT_ONCE):
                await self._people.move(region, of_region[i : i + MOST_AT_ONCE])

    async def _send_marks(self) -> None:
        marks, self._marks = self._marks, defaultdict(list)
        for region, of_region in marks.items():
            for i in range(0, len(of_region), MOST_AT_ONCE):
                await self._people.mark(region, of_region[i : i + MOST_AT_ONCE])

    async def _refresh(self) -> None:
        here: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for session in self._live():
            here[session.slot].append((session.member, session.id))
        for slot, sessions in here.items():
            for i in range(0, len(sessions), MOST_AT_ONCE):
                for session_id in await self._people.refresh(slot, sessions[i : i + MOST_AT_ONCE]):
                    self._over(session_id)


async def _each(seconds: float, turn: Callable[[], Awaitable[None]]) -> None:
    """What could not be sent on is made up by the next turn: positions and lives are told again."""
    await asyncio.sleep(random.uniform(0, seconds))
    while True:
        try:
            await turn()
        except DispatchError as exc:
            log.warning("not_sent_on", what=turn.__name__, error=exc.message)
        await asyncio.sleep(seconds)
