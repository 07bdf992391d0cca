"""What the tests of the embedded servers share: to start them, here or in another process, and look at them."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from server import embedded, leftovers
from server.embedded import Embedded

ROOT = Path(embedded.__file__).parents[1]
PROGRAMS = ("redis-server", "postgres", "initdb")
WITHIN_SECONDS = 30.0

# Starts the servers, says which, and waits to be killed or told to stop.
HOLDER = """
import asyncio, sys
from pathlib import Path
from server import embedded

async def hold():
    try:
        running = await embedded.start(Path(sys.argv[1]))
    except embedded.EmbeddedError as exc:
        sys.exit(str(exc))
    print(*running.pids.values(), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await running.stop()

asyncio.run(hold())
"""


@asynccontextmanager
async def running(data_dir: Path) -> AsyncIterator[Embedded]:
    started = await embedded.start(data_dir)
    try:
        yield started
    finally:
        await started.stop()


@asynccontextmanager
async def executed(*command: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=ROOT)
    try:
        yield process
    finally:
        try:
            await asyncio.wait_for(process.communicate(b""), WITHIN_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise


def holder(data_dir: Path) -> tuple[str, ...]:
    return (sys.executable, "-c", HOLDER, str(data_dir))


async def first_line(process: Process) -> list[int]:
    """The pids that a holder tells."""
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(WITHIN_SECONDS):
        line = await process.stdout.readline()
        assert line, (await process.stderr.read()).decode()
    return [int(word) for word in line.split()]


async def until(true: Callable[[], object]) -> None:
    """For what another process does: it gives us no event."""
    async with asyncio.timeout(WITHIN_SECONDS):
        while not true():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.005)


async def write(servers: Embedded, value: str) -> None:
    async with Redis.from_url(servers.redis_url) as redis:
        await redis.set("kept", value)
    engine = create_async_engine(servers.database_url)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE kept (value text)"))
        await connection.execute(text("INSERT INTO kept VALUES (:value)"), {"value": value})
    await engine.dispose()


async def read(servers: Embedded) -> tuple[object, object]:
    async with Redis.from_url(servers.redis_url, decode_responses=True) as redis:
        in_redis = await redis.get("kept")
    connection = await asyncpg.connect(servers.database_url.replace("+asyncpg", ""))
    in_postgres = await connection.fetchval("SELECT value FROM kept")
    await connection.close()
    return in_redis, in_postgres


def remaining(data_dir: Path) -> list[leftovers.LeftOver]:
    return leftovers.find(leftovers.mark_of(data_dir), PROGRAMS)


def half_made(data_dir: Path) -> list[Path]:
    """Clusters that `initdb` has begun to fill."""
    return [found.parent for found in data_dir.glob("postgres.new-*/global")]


def lives(pid: int) -> bool:
    return leftovers.command_line(pid) != b""
