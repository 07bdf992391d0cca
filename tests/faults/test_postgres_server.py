"""The PostgreSQL that can be harmed: what was committed stays, nothing of it is left behind."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from server import leftovers
from tests.faults.postgres_server import PROGRAMS, PostgresServer, answers
from tests.server.holding import ROOT, first_line, until

# Starts one, stops it if told so, says its pid, and waits to be killed.
HOLDER = """
import asyncio, sys
from pathlib import Path
from tests.faults.postgres_server import PostgresServer

async def hold():
    server = PostgresServer(Path(sys.argv[1]))
    await server.start()
    server.pause()
    print(server.pid, flush=True)
    await asyncio.to_thread(sys.stdin.read)

asyncio.run(hold())
"""


@pytest.fixture
async def postgres(tmp_path: Path) -> AsyncIterator[PostgresServer]:
    server = PostgresServer(tmp_path)
    await server.start()
    yield server
    await server.stop()
    assert not leftovers.find(leftovers.mark_of(tmp_path), PROGRAMS)


async def test_what_was_committed_survives_a_kill_and_the_port_stays(postgres: PostgresServer, tmp_path: Path) -> None:
    url, first = postgres.url, postgres.pid
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept (value int)")
    await connection.execute("INSERT INTO kept VALUES (7)")
    await postgres.kill()
    assert not leftovers.find(leftovers.mark_of(tmp_path), PROGRAMS)
    assert not await answers(postgres.port)
    await until(connection.is_closed)
    await postgres.restart()
    assert (postgres.url, postgres.pid == first) == (url, False)
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT value FROM kept") == 7
    await connection.close()


async def test_a_paused_one_hangs_and_goes_on(postgres: PostgresServer) -> None:
    connection = await asyncpg.connect(postgres.url)
    postgres.pause()
    asked = asyncio.create_task(connection.fetchval("SELECT 7"))
    newcomer = asyncio.create_task(asyncpg.connect(postgres.url))
    done, _ = await asyncio.wait({asked, newcomer}, timeout=0.5)
    assert not done
    postgres.resume()
    assert await asked == 7
    await (await newcomer).close()
    await connection.close()


async def test_a_paused_one_can_be_killed(postgres: PostgresServer, tmp_path: Path) -> None:
    postgres.pause()
    await postgres.kill()
    assert not leftovers.find(leftovers.mark_of(tmp_path), PROGRAMS)


async def test_nothing_outlives_a_harness_that_is_killed(tmp_path: Path) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(tmp_path), stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=ROOT
    )
    [pid] = await first_line(holder)
    os.kill(pid, 0)
    holder.send_signal(signal.SIGKILL)
    await holder.wait()
    mark = leftovers.mark_of(tmp_path)
    await until(lambda: not leftovers.find(mark, PROGRAMS))
