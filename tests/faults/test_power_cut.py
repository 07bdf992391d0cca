"""Durability under a power cut: what `appendfsync always` answered is on disk, and the test sees it when it is not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.faults.conftest import needs_compiler
from tests.faults.redis_server import Fsync, RedisServer
from tests.faults.shim import Shim
from tests.server.holding import until

pytestmark = needs_compiler

CLIENTS = 8
ANSWERS = 400


async def write(server: RedisServer, name: str, answered: list[str]) -> None:
    """Until the server is gone."""
    async with Redis.from_url(server.url) as client:
        for number in range(1_000_000):
            try:
                await client.set(f"{name}:{number}", "x")
            except (RedisError, OSError):
                return
            answered.append(f"{name}:{number}")


@asynccontextmanager
async def running(folder: Path, appendfsync: Fsync) -> AsyncIterator[RedisServer]:
    shim = Shim(folder)
    server = RedisServer(folder, appendfsync=appendfsync, shim=shim)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
        shim.close()


async def lost_by_a_power_cut(folder: Path, appendfsync: Fsync) -> tuple[int, int]:
    """Cut in the middle of the writing: how many writes were answered, and how many of them are gone."""
    answered: list[str] = []
    async with running(folder, appendfsync) as server:
        writing = [asyncio.create_task(write(server, f"w{i}", answered)) for i in range(CLIENTS)]
        await until(lambda: len(answered) >= ANSWERS)
        await server.kill()
        await asyncio.gather(*writing)
        await server.power_cut()
        return len(answered), await missing(server, answered)


async def missing(server: RedisServer, keys: list[str]) -> int:
    async with Redis.from_url(server.url) as client:
        return len(keys) - int(await client.exists(*keys))


async def put(server: RedisServer, key: str) -> None:
    async with Redis.from_url(server.url) as client:
        await client.set(key, "x")


async def test_what_always_answered_survives(tmp_path: Path) -> None:
    answered, lost = await lost_by_a_power_cut(tmp_path, "always")
    assert answered >= ANSWERS
    assert lost == 0


async def test_what_no_answered_is_lost_so_the_cut_is_one(tmp_path: Path) -> None:
    answered, lost = await lost_by_a_power_cut(tmp_path, "no")
    assert lost == answered


async def test_a_kill_alone_shows_nothing(tmp_path: Path) -> None:
    """What the operating system was told outlives the process, synced or not."""
    async with running(tmp_path, "no") as server:
        await put(server, "k")
        await server.restart()
        assert await missing(server, ["k"]) == 0
        await server.power_cut()
        assert await missing(server, ["k"]) == 1


async def test_what_survived_one_cut_survives_the_next(tmp_path: Path) -> None:
    """Also when nothing was synced in between."""
    async with running(tmp_path, "always") as server:
        for cut in range(3):
            await put(server, f"k{cut}")
            await server.power_cut()
            await server.power_cut()
            assert await missing(server, [f"k{i}" for i in range(cut + 1)]) == 0


async def test_a_copy_that_was_put_back_is_on_disk(tmp_path: Path) -> None:
    async with running(tmp_path, "always") as server:
        await put(server, "k1")
        copy = await server.copy()
        await put(server, "k2")
        await server.set_back(copy)
        await put(server, "k3")
        await server.power_cut()
        assert await missing(server, ["k1", "k3"]) == 0
        assert await missing(server, ["k2"]) == 1
