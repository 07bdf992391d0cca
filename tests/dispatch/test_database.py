"""Connections to PostgreSQL that die, and locks of those who hang."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from ulid import ULID

from dispatch.errors import InvariantBroken, Unavailable
from dispatch.records import database
from dispatch.records.database import Database, _translated
from dispatch.records.marks import Marks
from server.embedded import Embedded
from tests.dispatch.looking import looks

POOL = 10


@pytest.fixture
async def pool(services: Embedded) -> AsyncIterator[Database]:
    made = Database(services.database_url, pool_size=POOL)
    yield made
    await made.close()


async def _pid(pool: Database, *, transaction: bool) -> int:
    async with pool.transaction() if transaction else pool.statement() as connection:
        found = (await connection.exec_driver_sql("SELECT pg_backend_pid(), pg_sleep(0.1)")).one()
    return int(found[0])


def _living(pids: set[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.mark.parametrize("transaction", [False, True])
async def test_nobody_hears_of_connections_that_died_in_the_pool(pool: Database, transaction: bool) -> None:
    """As all do when PostgreSQL is started again."""
    pids = {await each for each in [asyncio.create_task(_pid(pool, transaction=transaction)) for _ in range(POOL)]}
    assert len(pids) > 1
    killer = await pool.connect()
    await killer.execute("SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid", list(pids))
    async for _ in looks():
        if not _living(pids):
            break
    for _ in range(10):  # each is a turn of the loop at least: our end has read that theirs is closed
        await killer.execute("SELECT 1")
    again = {await each for each in [asyncio.create_task(_pid(pool, transaction=transaction)) for _ in range(POOL)]}
    assert not again & pids
    await killer.close()


async def _line_pid(pool: Database) -> int:
    async with pool.line() as connection:
        return int(await connection.fetchval("SELECT pg_backend_pid()"))


async def test_a_line_that_died_while_it_was_idle_is_replaced(pool: Database) -> None:
    pid = await _line_pid(pool)
    assert await _line_pid(pool) == pid
    killer = await pool.connect()
    await killer.execute("SELECT pg_terminate_backend($1)", pid)
    async for _ in looks():
        if not _living({pid}):
            break
    for _ in range(10):
        await killer.execute("SELECT 1")
    assert await _line_pid(pool) != pid
    await killer.close()


async def test_a_line_is_used_no_more_after_an_error(pool: Database) -> None:
    pid = await _line_pid(pool)
    with pytest.raises(InvariantBroken):
        async with pool.line() as connection:
            await connection.fetchval("SELECT 1 / 0")
    assert await _line_pid(pool) != pid


async def test_who_gets_no_line_in_time_is_told(pool: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "MOST_LINES", 1)
    short = Database(pool.url)
    async with short.line():
        monkeypatch.setattr(database, "CONNECT_SECONDS", 0.05)
        with pytest.raises(Unavailable):
            await _line_pid(short)
        monkeypatch.undo()
    assert await _line_pid(short)
    await short.close()


async def test_the_lock_of_one_who_hangs_ends(pool: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL hears nothing of him; he learns that he was overtaken."""
    monkeypatch.setattr(database, "IDLE_SECONDS", 1)
    monkeypatch.setattr(database, "BEAT_SECONDS", 3600.0)
    async with pool.try_lock("the hung") as hung:
        assert hung is not None
        async with pool.try_lock("the hung") as other:
            assert other is None
        async for _ in looks():
            async with pool.try_lock("the hung") as other:
                if other is not None:
                    break
        async for _ in looks():
            if hung.is_closed():
                break


async def test_the_lock_of_one_who_lives_does_not(pool: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "IDLE_SECONDS", 3)
    monkeypatch.setattr(database, "BEAT_SECONDS", 0.1)
    async with pool.try_lock("the living") as living:
        assert living is not None
        idle = await pool.connect()
        await idle.execute("SET idle_session_timeout = '3s'")
        async for _ in looks():
            if idle.is_closed():
                break
        assert not living.is_closed()
        async with pool.try_lock("the living") as other:
            assert other is None


@pytest.mark.parametrize("error", [asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.AdminShutdownError])
async def test_whatever_asyncpg_says_of_a_lost_connection_is_unavailable(error: type[Exception]) -> None:
    with pytest.raises(Unavailable):
        async with _translated():
            raise error("cannot switch to state 11; another operation (2) is in progress")


async def test_nobody_waits_for_the_rows_of_one_who_hangs(pool: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reconciliation raises the epoch that every `apply` shares: one that hangs in the middle must not keep it."""
    await pool.migrate()
    monkeypatch.setattr(database, "SILENT_SECONDS", 1)
    hanging, others = Database(pool.url), Marks(pool)
    region = f"hung-{ULID()}"
    await others.raise_epoch(region)
    with pytest.raises(Unavailable):
        async with hanging.transaction() as connection:
            share = text("SELECT epoch FROM epochs WHERE region = :region FOR SHARE")
            assert await connection.scalar(share, {"region": region}) == 1
            assert await others.raise_epoch(region) == 2
            await connection.scalar(share, {"region": region})
    await hanging.close()


async def test_to_have_been_silent_too_long_is_no_refusal() -> None:
    """Nothing is wrong with the event: it may be written again."""
    silent = asyncpg.IdleInTransactionSessionTimeoutError("terminating connection")
    with pytest.raises(Unavailable):
        async with _translated():
            raise DBAPIError("UPDATE", {}, silent)
