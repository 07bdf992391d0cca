"""The real side: two server processes' use cases over one real Redis and one real PostgreSQL.

Owns their connections, how a call is cut off after its script took effect, and what is looked at afterwards. Knows
nothing of the model. Invariant: between two looks only what the machine asked for happens: no engine, no projector
and no clock of the policies' length runs by itself.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar
from unittest.mock import patch

from dispatch.assembly import Dispatch
from dispatch.identity import Verifier
from dispatch.store import Reply, Store
from server import embedded
from tests.conftest import SECRET, City, new_city
from tests.models.orders import KINDS, Kind

T = TypeVar("T")
DAY_MS = 86_400_000


class Died(Exception):
    """The process that asked is no more: what it asked for took effect, and nobody heard the answer."""


class Fate(StrEnum):
    """What becomes of the process that issues a command."""

    ANSWERS = "answers"
    DIES_BEFORE = "dies before its script"
    DIES_AFTER = "dies after its script"


class Tap:
    """One store's scripts, overheard."""

    def __init__(self, store: Store) -> None:
        self._run = store.run
        self.heard: list[Reply] = []
        self.fate = Fate.ANSWERS

    async def run(self, name: str, region: str, **values: Any) -> Reply:
        if self.fate is Fate.DIES_BEFORE:
            raise Died
        reply = await self._run(name, region, **values)
        self.heard.append(reply)
        if self.fate is Fate.DIES_AFTER:
            raise Died
        return reply

    @contextmanager
    def listening(self, fate: Fate) -> Iterator[list[Reply]]:
        """What its scripts answer meanwhile; who dies is silent."""
        self.heard, self.fate = [], fate
        try:
            yield self.heard
        except Died:
            assert fate is not Fate.ANSWERS
        finally:
            self.fate = Fate.ANSWERS


class Node:
    """One server process' use cases."""

    def __init__(self, dispatch: Dispatch) -> None:
        self.dispatch = dispatch
        self.tap = Tap(dispatch.store)
        self._overheard = patch.object(dispatch.store, "run", self.tap.run)

    async def start(self) -> None:
        await self.dispatch.start()
        self._overheard.start()

    async def close(self) -> None:
        self._overheard.stop()
        await self.dispatch.close()


class Place(NamedTuple):
    """A region of its own, and a second process that knows it."""

    city: City
    nodes: tuple[Node, Node]


class Servers(NamedTuple):
    """And the loop to which they belong."""

    running: embedded.Embedded
    runner: asyncio.Runner


class Stage:
    """Use as a context; everything asynchronous of it happens inside `run`."""

    def __init__(self, services: Servers) -> None:
        self._services, self._runner = services
        self._nodes: tuple[Node, Node]
        self._limits = ExitStack()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def __enter__(self) -> Self:
        """No session is ever too old, and positions count by distance only: time passes by the machine's rules."""
        for name in ("REACHABLE_MS", "MATCH_MS", "TRACK_MS"):
            self._limits.enter_context(patch(f"dispatch.people.{name}", DAY_MS))
        self.run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._close())
        self._limits.close()

    def place(self) -> Place:
        return self.run(self._place())

    async def _open(self) -> None:
        self._nodes = (Node(self._dispatch()), Node(self._dispatch()))
        for node in self._nodes:
            await node.start()
        for name, kind in KINDS.items():
            await self._nodes[0].dispatch.catalog.put_policy(name, _policy(kind))

    def _dispatch(self) -> Dispatch:
        return Dispatch(
            redis_url=self._services.redis_url,
            database_url=self._services.database_url,
            verifier=Verifier([SECRET]),
        )

    async def _close(self) -> None:
        for node in self._nodes:
            await node.close()

    async def _place(self) -> Place:
        city = await new_city(self._nodes[0].dispatch)
        await self._nodes[1].dispatch.catalog.load()
        return Place(city, self._nodes)


def _policy(kind: Kind) -> dict[str, object]:
    rounds = [
        {"radius_m": r.radius_m, "limit": r.limit, "seconds": r.seconds, "bonus_fen": r.bonus_fen} for r in kind.rounds
    ]
    return {
        "audience": list(kind.audience),
        "rounds": rounds,
        "desk_seconds": kind.desk_seconds,
        "lead_seconds": kind.lead_seconds,
        "stall_seconds": kind.stall_seconds,
    }


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """Real ones for the models alone. No other loop of this thread is touched."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        running = runner.run(embedded.start(folder))
        try:
            yield Servers(running, runner)
        finally:
            runner.run(running.stop())
