"""One process' connections to PostgreSQL: transactions, advisory locks, migrations.

Owns the translation of the driver's errors. Knows no tables. Invariant: every statement has a time limit, so
a hung database is `Unavailable` and never a hung server.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.resources import files

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from dispatch.errors import InvariantBroken, Unavailable

CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 10.0
RECYCLE_SECONDS = 300
"""A connection this old is made anew when it is taken: what lies between may drop idle ones. A ping before each use
would cost every statement a round trip."""
MIGRATION_LOCK = 0x76616C65  # any number that only we use: "vale"


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
            connect_args={"timeout": CONNECT_SECONDS, "command_timeout": STATEMENT_SECONDS},
        )
        self._single = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Commits at the end of the block. Raises Unavailable, InvariantBroken."""
        async with _translated(), self._engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[AsyncConnection]:
        """For one statement, which is a transaction by itself: no BEGIN and no COMMIT travel beside it.

        Raises Unavailable, InvariantBroken.
        """
        async with _translated(), self._single.connect() as connection:
            yield connection

    async def migrate(self) -> None:
        """Bring the tables up to date; several processes may start at once."""
        async with self.transaction() as connection:
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
            return await asyncpg.connect(url, timeout=CONNECT_SECONDS, command_timeout=STATEMENT_SECONDS)

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

        The lock is a connection's, so it ends with the process. Raises Unavailable.
        """
        connection = await self.connect()
        try:
            async with _translated():
                held = await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", name)
            yield connection if held else None
        finally:
            connection.terminate()

    async def close(self) -> None:
        await self._engine.dispose()


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError, TimeoutError, OSError) as exc:
        raise Unavailable(f"PostgreSQL can not be reached: {type(exc).__name__}") from exc
    except DBAPIError as exc:
        if exc.connection_invalidated or _passing(exc):
            raise Unavailable(f"PostgreSQL did not finish: {_name(exc)}") from exc
        raise InvariantBroken(f"PostgreSQL refused a statement: {_name(exc)}") from exc
    except SQLAlchemyError as exc:
        raise InvariantBroken(f"SQLAlchemy: {type(exc).__name__}") from exc
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
        raise Unavailable(f"PostgreSQL can not be reached: {type(exc).__name__}") from exc


def _passing(exc: DBAPIError) -> bool:
    """Classes 08 (connection), 40 (rollback), 53 (resources), 55, 57 (operator intervention), 58 (system)."""
    return str(getattr(exc.orig, "sqlstate", "") or "")[:2] in {"08", "40", "53", "55", "57", "58"}


def _name(exc: DBAPIError) -> str:
    """The error's name without its parameters: they hold what customers wrote."""
    return f"{type(exc.orig).__name__} {getattr(exc.orig, 'sqlstate', '')}"


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("dispatch") / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
