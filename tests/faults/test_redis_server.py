"""The Redis that can be harmed: each fault does what it says, and nothing of it is left behind."""

import asyncio
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from server import leftovers
from tests.faults.conftest import needs_compiler
from tests.faults.redis_server import PROGRAMS, RedisServer, answers
from tests.faults.shim import Shim
from tests.server.holding import ROOT, first_line, until

pytestmark = needs_compiler

# Starts one, says its pid, and waits to be killed.
HOLDER = """
import asyncio, sys
from pathlib import Path
from tests.faults.redis_server import RedisServer

async def hold():
    server = RedisServer(Path(sys.argv[1]))
    await server.start()
    server.pause()
    print(server.pid, flush=True)
    await asyncio.to_thread(sys.stdin.read)

asyncio.run(hold())
"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    shim = Shim(tmp_path)
    server = RedisServer(tmp_path, shim=shim)
    await server.start()
    yield server
    await server.stop()
    shim.close()
    assert not leftovers.find(leftovers.mark_of(tmp_path), PROGRAMS)


@asynccontextmanager
async def client_of(server: RedisServer) -> AsyncIterator[Redis]:
    client = Redis.from_url(server.url, decode_responses=True)
    try:
        yield client
    finally:
        await client.aclose()


async def value(server: RedisServer, key: str) -> str | None:
    async with client_of(server) as client:
        found = await client.get(key)
        return None if found is None else str(found)


async def put(server: RedisServer, key: str, text: str) -> None:
    async with client_of(server) as client:
        await client.set(key, text)


async def test_a_restart_keeps_data_and_address_and_is_another_run(server: RedisServer) -> None:
    url, first = server.url, await server.run_id()
    await put(server, "k", "1")
    await server.restart()
    assert (server.url, await value(server, "k")) == (url, "1")
    assert await server.run_id() != first


async def test_a_kill_leaves_it_dead(server: RedisServer) -> None:
    await server.kill()
    assert not server.runs
    assert not await answers(server.port)
    await server.start()
    assert server.runs


async def test_paused_it_is_silent_and_then_goes_on(server: RedisServer) -> None:
    async with client_of(server) as client:
        await client.ping()
        server.pause()
        asked = asyncio.create_task(put(server, "k", "1"))
        done, _ = await asyncio.wait({asked}, timeout=0.5)
        assert not done
        server.resume()
        await asked
        assert await client.get("k") == "1"


async def test_one_that_is_paused_can_be_killed(server: RedisServer) -> None:
    server.pause()
    await server.restart()
    assert await answers(server.port)


async def test_wiped_it_is_empty(server: RedisServer) -> None:
    await put(server, "k", "1")
    first = await server.run_id()
    await server.wipe()
    assert await value(server, "k") is None
    assert await server.run_id() != first


async def test_set_back_it_knows_what_it_knew_then_as_often_as_asked(server: RedisServer) -> None:
    await put(server, "k", "old")
    copy = await server.copy()
    for _ in range(2):
        await put(server, "k", "new")
        await server.set_back(copy)
        assert await value(server, "k") == "old"


async def test_a_copy_from_under_a_busy_server_is_a_past_of_it(server: RedisServer) -> None:
    """A command that was half written at that moment is not in it."""
    written, enough = 0, False

    async def write() -> None:
        nonlocal written
        async with client_of(server) as client:
            while not enough:
                await client.set("k", written + 1)
                written += 1

    writing = asyncio.create_task(write())
    await until(lambda: written > 50)
    before = written
    copy = await server.copy()
    after, enough = written + 1, True
    await writing
    await server.set_back(copy)
    assert before <= int(await value(server, "k") or 0) <= after


@pytest.mark.parametrize("shift_ms", [120_000, -120_000])
async def test_its_clock_moves_while_it_runs_and_timeouts_do_not(server: RedisServer, shift_ms: int) -> None:
    server.shift_clock(shift_ms)
    async with client_of(server) as client:
        seconds, _ = await client.time()
        assert abs(seconds * 1000 - time.time_ns() // 10**6 - shift_ms) < 60_000
        assert await client.blpop("nothing", timeout=0.05) is None


async def test_with_a_full_disk_it_ends_itself_before_it_answers(server: RedisServer) -> None:
    await put(server, "k", "old")
    server.fill_disk(True)
    with pytest.raises((RedisError, OSError)):
        await put(server, "k", "new")
    assert await server.ended() == 1
    await server.start()
    assert await value(server, "k") == "old"
    server.fill_disk(False)
    await put(server, "k", "new")
    await server.restart()
    assert await value(server, "k") == "new"


async def test_without_memory_it_refuses_writes_and_reads_on(server: RedisServer) -> None:
    await put(server, "k", "old")
    await server.starve_memory(True)
    with pytest.raises(ResponseError, match="maxmemory"):
        await put(server, "k", "new")
    assert await value(server, "k") == "old"
    await server.starve_memory(False)
    await put(server, "k", "new")


async def test_without_a_shim_it_can_not_lose_power(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    try:
        await server.start()
        with pytest.raises(AssertionError, match="needs a shim"):
            await server.power_cut()
    finally:
        await server.stop()


async def test_one_that_can_not_start_says_where_to_look(server: RedisServer, tmp_path: Path) -> None:
    await server.kill()
    (tmp_path / "redis" / "appendonly.aof").write_bytes(b"this is no log")
    with pytest.raises(AssertionError, match=r"redis\.log"):
        await server.start()


async def test_it_ends_with_a_harness_that_is_killed(tmp_path: Path) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(tmp_path), stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=ROOT
    )
    pids = await first_line(holder)
    assert [one.pid for one in leftovers.find(leftovers.mark_of(tmp_path), PROGRAMS)] == pids
    holder.kill()
    await holder.communicate()
    await until(lambda: not leftovers.find(leftovers.mark_of(tmp_path), PROGRAMS))
