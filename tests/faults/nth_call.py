"""The connections of one `Dispatch`, of which call number N dies.

Owns the counting of calls to Redis and PostgreSQL (a batch of commands, a statement, BEGIN, COMMIT, a connect) and
the breaking of the one that was chosen. Knows no use case. Invariants: nothing is faked: the socket is closed under
the real adapter, which finds out by itself; a call broken `AFTER` was carried out whole, its answer came and is lost.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import event

from dispatch.assembly import Dispatch
from dispatch.link import Command, Link
from dispatch.records import Database
from dispatch.scripts import scripts
from dispatch.store import LogReader, Store

_TRIPS = {"query", "bind_execute", "bind_execute_many"}
"""What goes to PostgreSQL and back and may change something there; preparing a statement may not."""
_NOWHERE = "/nowhere"


class Moment(StrEnum):
    BEFORE = "before it was sent"
    AFTER = "after it took effect"


class NthCall:
    """Counts while it is armed. `struck` is the call that died, '' while none has."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.struck = ""
        self._number = 0
        self._moment = Moment.BEFORE
        self._armed = False

    def arm(self, number: int, moment: Moment) -> None:
        """Call `number` from here on, counted from 1, is to die."""
        self.calls, self.struck, self._number, self._moment, self._armed = [], "", number, moment, True

    def disarm(self) -> None:
        self._armed = False

    def due(self, what: str) -> Moment | None:
        """A call begins: whether, and when, it dies."""
        if not self._armed:
            return None
        self.calls.append(what)
        if len(self.calls) != self._number:
            return None
        self.struck = what
        return self._moment


def wrap(dispatch: Dispatch) -> NthCall:
    """Every call of these use cases, before they have made any."""
    nth = NthCall()
    _wrap_store(dispatch.store, nth)
    _wrap_database(dispatch.records.database, nth)
    return nth


# --- Redis --------------------------------------------------------------------------------------------


class _FragileLink(Link):
    def __init__(self, url: str, nth: NthCall, opened: Callable[[Link], Awaitable[None]] | None = None) -> None:
        super().__init__(url, opened)
        self._nth = nth
        self._to_lose = 0

    async def exchange(self, commands: Sequence[Command]) -> list[Any]:
        match self._nth.due(_names(commands)):
            case Moment.BEFORE:
                self._cut()
            case Moment.AFTER:
                self._to_lose = len(commands)
        return await super().exchange(commands)

    async def _reply(self) -> Any:
        if self._to_lose:
            for _ in range(self._to_lose):
                await super()._reply()
            self._to_lose = 0
            self._cut()
        return await super()._reply()

    def _cut(self) -> None:
        connection: Any = self._connection
        connection._writer.transport.abort()


def _wrap_store(store: Store, nth: NthCall) -> None:
    url = store._url
    store._link = _FragileLink(url, nth, store._load_scripts)
    store._admin = _FragileLink(url, nth, store._meet)

    def reader(region: str, after: str) -> LogReader:
        made = LogReader(url, region, after)
        made._link = _FragileLink(url, nth)
        return made

    store.reader = reader  # type: ignore[method-assign]  # of this store alone


_SCRIPTS = {script.sha: name for either in (False, True) for name, script in scripts(shebang=either).items()}


def _names(commands: Sequence[Command]) -> str:
    names = (_SCRIPTS.get(str(command[1]), "") if command[0] == "EVALSHA" else str(command[0]) for command in commands)
    return "+".join(dict.fromkeys(names))


# --- PostgreSQL ---------------------------------------------------------------------------------------


class _FragileProtocol:
    """Stands before asyncpg's own, on one connection."""

    def __init__(self, connection: Any, nth: NthCall) -> None:
        self._real = connection._protocol
        self._transport = connection._transport
        self._nth = nth

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return partial(self._trip, found) if name in _TRIPS else found

    async def _trip(self, call: Callable[..., Awaitable[Any]], *said: Any, **named: Any) -> Any:
        asked = said[0] if said else named["state"]
        moment = self._nth.due(_first_words(asked if isinstance(asked, str) else asked.query))
        if moment is None:
            return await call(*said, **named)
        if moment is Moment.AFTER:
            await call(*said, **named)
        self._transport.abort()
        return await self._real.query("SELECT 1", None)  # never sent: asyncpg says what it says of a dead connection


def _wrap_database(database: Database, nth: NthCall) -> None:
    engine = database._engine.sync_engine

    def connecting(_dialect: Any, record: Any, _args: Any, options: dict[str, Any]) -> None:
        moment = nth.due("CONNECT")
        if moment is Moment.BEFORE:
            options["host"] = _NOWHERE
        record.info["moment"] = moment

    def connected(adapter: Any, record: Any) -> None:
        _wrap_connection(adapter.driver_connection, nth, record.info["moment"])

    event.listen(engine, "do_connect", connecting)
    event.listen(engine, "connect", connected)
    real = database.connect

    async def connect() -> "asyncpg.Connection[asyncpg.Record]":
        moment = nth.due("CONNECT")
        if moment is Moment.BEFORE:
            return await Database(re.sub("host=[^&]*", f"host={_NOWHERE}", database.url)).connect()
        connection = await real()
        _wrap_connection(connection, nth, moment)
        return connection

    database.connect = connect  # type: ignore[method-assign]  # of this database alone


def _wrap_connection(connection: Any, nth: NthCall, moment: Moment | None) -> None:
    connection._protocol = _FragileProtocol(connection, nth)
    if moment is Moment.AFTER:
        connection._transport.abort()


def _first_words(statement: str) -> str:
    """As much of a statement as tells it from others."""
    found = re.search(r"(?:INTO|UPDATE|FROM)\s+(\w+)", statement)
    return f"{statement.split(maxsplit=1)[0].rstrip(';')} {found[1] if found else ''}".strip()
