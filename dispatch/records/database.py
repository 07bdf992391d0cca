"""One process' connections to PostgreSQL: transactions, advisory locks, migrations.

Owns the translation of the driver's errors. Knows no tables. Invariants: every statement has a time limit, so
a hung database is `Unavailable` and never a hung server; a lock ends soon after the process that has it died or hung,
or can not be reached.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.resources import files

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from dispatch import metrics
from dispatch.errors import InvariantBroken, Unavailable
from dispatch.tasks import end

CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 10.0
MIGRATION_SECONDS = 900.0
"""An index of all that ever happened takes its time, and so does waiting for another process that makes it."""
RECYCLE_SECONDS = 300
"""A connection this old is made anew when it is taken: what lies between may drop idle ones. A ping before each use
would cost every statement a round trip."""
BEAT_SECONDS = 1.0
IDLE_SECONDS = 4
"""A lock's connection that PostgreSQL has not heard of for this long is ended by it, and so is the lock."""
_OF_A_LOST_CONNECTION = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What asyncpg raises by itself, without SQLAlchemy around it; the last one when it was told FATAL, but not the end."""
MOST_LINES = 8
SILENT_SECONDS = 3
"""A transaction whose process says nothing for so long is ended: it hangs, and nobody may wait for its rows."""
_AT_THE_DOOR = frozenset({"28", "3D"})
"""SQLSTATE classes: no such user or a wrong password; no such database."""
MIGRATION_LOCK = 0x76616C65  # any number that only we use: "vale"


class NotLetIn(Unavailable):
    """By a PostgreSQL that is there: to wait is in vain until somebody changes something."""


class Database:
    """A pool on one URL of the form `postgresql+asyncpg://…`."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = url
        self._engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=CONNECT_SECONDS,
            pool_recycle=RECYCLE_SECONDS,
            connect_args={
                "timeout": CONNECT_SECONDS,
                "command_timeout": STATEMENT_SECONDS,
                "server_settings": _server_settings(),
            },
        )
        event.listen(self._engine.sync_engine, "checkout", _refuse_dead)
        self._single = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._lines: list[tuple[float, asyncpg.Connection[asyncpg.Record]]] = []
        """Idle ones, each with the time until which it is used."""
        self._free_lines = asyncio.Semaphore(MOST_LINES)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Commits at the end of the block. Raises Unavailable, InvariantBroken."""
        async with _translated(), _timed("pool"), self._engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[AsyncConnection]:
        """For one statement, which is a transaction by itself: no BEGIN and no COMMIT travel beside it.

        Raises Unavailable, InvariantBroken.
        """
        async with _translated(), _timed("pool"), self._single.connect() as connection:
            yield connection

    @asynccontextmanager
    async def line(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        """A connection without SQLAlchemy, for the few statements on every order's path: there it costs several times
        what asyncpg does. After an error it is used no more. Raises Unavailable, InvariantBroken.
        """
        async with _translated(), _timed("line"):
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._free_lines.acquire()
            try:
                until, connection = await self._idle_line()
                try:
                    yield connection
                except BaseException:
                    connection.terminate()
                    raise
                self._lines.append((until, connection))
            finally:
                self._free_lines.release()

    async def _idle_line(self) -> tuple[float, "asyncpg.Connection[asyncpg.Record]"]:
        now = asyncio.get_running_loop().time()
        while self._lines:
            until, connection = self._lines.pop()
            if now < until and not connection.is_closed():
                return until, connection
            connection.terminate()
        return now + RECYCLE_SECONDS, await self.connect()

    async def migrate(self) -> None:
        """Bring the tables up to date; several processes may start at once. Raises Unavailable."""
        engine = create_async_engine(
            self.url,
            poolclass=NullPool,
            connect_args={"timeout": CONNECT_SECONDS, "command_timeout": MIGRATION_SECONDS},
        )
        async with _translated(), engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
            await connection.run_sync(_upgrade)

    async def ping(self) -> None:
        """Raises Unavailable."""
        async with self.statement() as connection:
            await connection.execute(text("SELECT 1"))

    async def connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        """A connection of its own, for what must outlive a statement: locks and LISTEN. Raises Unavailable."""
        url = self.url.replace("postgresql+asyncpg://", "postgresql://")
        async with _translated():
            return await asyncpg.connect(
                url,
                timeout=CONNECT_SECONDS,
                command_timeout=STATEMENT_SECONDS,
                server_settings=_server_settings(),
            )

    async def listen(
        self, channel: str, heard: Callable[[], None], ended: Callable[[], None]
    ) -> "asyncpg.Connection[asyncpg.Record]":
        """Calls `heard` at each NOTIFY, `ended` when the connection is gone. Raises Unavailable."""
        connection = await self.connect()
        try:
            async with _translated():
                await connection.add_listener(channel, lambda *_: heard())
        except BaseException:  # also when the caller gives up just now
            connection.terminate()
            raise
        connection.add_termination_listener(lambda _: ended())
        return connection

    @asynccontextmanager
    async def try_lock(self, name: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record] | None"]:
        """Holds the advisory lock `name` for the block; None: another process has it.

        The lock is a connection's, so it ends with the process; of one that hangs PostgreSQL ends it. Who was overtaken
        so finds the connection closed. Raises Unavailable.
        """
        connection = await self.connect()
        beating: asyncio.Task[None] | None = None
        try:
            async with _translated():
                await connection.execute(f"SET idle_session_timeout = '{IDLE_SECONDS}s'")
                held = await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", name)
            if held:
                beating = asyncio.create_task(_beat(connection))
            yield connection if held else None
        finally:
            connection.terminate()
            if beating:
                await end([beating])

    async def close(self) -> None:
        for _, connection in self._lines:
            connection.terminate()
        self._lines.clear()
        await self._engine.dispose()


async def _beat(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Until it fails: then the lock is lost, or will be before we hear of it."""
    try:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            await connection.execute("SELECT 1", timeout=BEAT_SECONDS)
    except (*_OF_A_LOST_CONNECTION, TimeoutError, OSError):
        connection.terminate()


def _server_settings() -> dict[str, str]:
    return {"idle_in_transaction_session_timeout": f"{SILENT_SECONDS}s"}


def _refuse_dead(_: object, record: ConnectionPoolEntry, __: object) -> None:
    """PostgreSQL was started again, so all connections of the pool are dead: others are made, and no caller hears of
    it. That a socket is closed costs no round trip to see."""
    driver = record.driver_connection
    if driver is not None and driver.is_closed():
        raise InvalidatePoolError


@asynccontextmanager
async def _timed(kind: str) -> AsyncIterator[None]:
    with metrics.POSTGRES_BUSY.labels(kind).track_inprogress(), metrics.POSTGRES_TIME.time():
        yield


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError, TimeoutError, OSError) as exc:
        raise _unavailable(f"PostgreSQL can not be reached: {type(exc).__name__}") from exc
    except DBAPIError as exc:
        if exc.connection_invalidated:
            raise _unavailable(f"PostgreSQL did not finish: {_name(exc.orig)}") from exc
        raise _judged(exc.orig) from exc
    except SQLAlchemyError as exc:
        raise InvariantBroken(f"SQLAlchemy: {type(exc).__name__}") from exc
    except asyncpg.PostgresError as exc:
        raise _judged(exc) from exc
    except _OF_A_LOST_CONNECTION as exc:
        raise _unavailable(f"PostgreSQL can not be reached: {type(exc).__name__}") from exc


def _unavailable(reason: str) -> Unavailable:
    metrics.UNAVAILABLE.labels("postgres").inc()
    return Unavailable(reason)


def _judged(exc: BaseException | None) -> Unavailable | InvariantBroken:
    if _state(exc)[:2] in _AT_THE_DOOR:
        metrics.UNAVAILABLE.labels("postgres").inc()
        return NotLetIn(f"PostgreSQL does not let us in: {_name(exc)}")
    if _passing(exc):
        return _unavailable(f"PostgreSQL did not finish: {_name(exc)}")
    return InvariantBroken(f"PostgreSQL refused a statement: {_name(exc)}")


def _passing(exc: BaseException | None) -> bool:
    """Classes 08 (connection), 40 (rollback), 53 (resources), 55, 57 (operator intervention), 58 (system); and 25P03,
    of a transaction that was silent too long."""
    state = _state(exc)
    return state[:2] in {"08", "40", "53", "55", "57", "58"} or state == "25P03"


def _state(exc: BaseException | None) -> str:
    return str(getattr(exc, "sqlstate", "") or "")


def _name(exc: BaseException | None) -> str:
    """The error's name without its parameters: they hold what customers wrote."""
    # SQLAlchemy's adapter puts errors of its own, all of one name, around the driver's.
    told = exc if exc is None or exc.__cause__ is None else exc.__cause__
    return f"{type(told).__name__} {_state(exc)}"


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("dispatch") / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
