"""What happens to Redis and PostgreSQL: killed, hung, emptied, set back, cut off from power, out of room or of time.

Owns these kinds of fault. Knows no links and no schedule.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

from tests.faults.fault import Chance, Drawing, Fault
from tests.faults.postgres_server import PostgresServer
from tests.faults.redis_server import RedisServer

COPY_AGE_S = 5.0
CLOCK_MS = 120_000


@asynccontextmanager
async def killed(server: RedisServer | PostgresServer) -> AsyncIterator[None]:
    await server.kill()
    try:
        yield
    finally:
        await server.start()


@asynccontextmanager
async def hung(server: RedisServer | PostgresServer) -> AsyncIterator[None]:
    server.pause()
    try:
        yield
    finally:
        server.resume()


@asynccontextmanager
async def emptied(redis: RedisServer) -> AsyncIterator[None]:
    await redis.wipe()
    yield


@asynccontextmanager
async def set_back(redis: RedisServer) -> AsyncIterator[None]:
    """What was acknowledged since the copy is lost: as much as a failover can cost."""
    copy = await redis.copy()
    await asyncio.sleep(COPY_AGE_S)
    await redis.set_back(copy)
    yield


@asynccontextmanager
async def without_power(redis: RedisServer) -> AsyncIterator[None]:
    await redis.power_cut()
    yield


@asynccontextmanager
async def clock_moved(redis: RedisServer, ms: int) -> AsyncIterator[None]:
    redis.shift_clock(ms)
    try:
        yield
    finally:
        redis.shift_clock(0)


@asynccontextmanager
async def without_memory(redis: RedisServer) -> AsyncIterator[None]:
    await redis.starve_memory(True)
    try:
        yield
    finally:
        await redis.starve_memory(False)


@asynccontextmanager
async def without_disk(redis: RedisServer) -> AsyncIterator[None]:
    """A Redis that promised to have on disk what it acknowledges ends itself at the first write that fails."""
    redis.fill_disk(True)
    try:
        yield
    finally:
        redis.fill_disk(False)
        await redis.restart()


def _redis(
    kind: str,
    trouble: Callable[[RedisServer], AbstractAsyncContextManager[None]],
    longest_s: float,
    *,
    loses_data: bool = False,
) -> Drawing:
    def draw(chance: Chance) -> Fault:
        hold_s = chance.seconds(0.5, longest_s, 4)
        return Fault(kind, "redis", hold_s, frozenset({"redis"}), partial(trouble, chance.stand.redis), loses_data)

    return draw


def _postgres(
    kind: str, trouble: Callable[[PostgresServer], AbstractAsyncContextManager[None]], longest_s: float
) -> Drawing:
    def draw(chance: Chance) -> Fault:
        hold_s = chance.seconds(0.5, longest_s, 4)
        return Fault(kind, "postgres", hold_s, frozenset({"postgres"}), partial(trouble, chance.stand.postgres))

    return draw


def _clock(chance: Chance) -> Fault:
    ms = chance.rng.choice((-CLOCK_MS, CLOCK_MS))
    trouble = partial(clock_moved, chance.stand.redis, ms)
    return Fault("redis_clock", "redis", chance.seconds(3, 12, 5), frozenset({"redis"}), trouble, clock_ms=ms)


KINDS: Mapping[str, Drawing] = {
    "redis_killed": _redis("redis_killed", killed, 8.0),
    "redis_hung": _redis("redis_hung", hung, 15.0),
    "redis_emptied": _redis("redis_emptied", emptied, 3.0, loses_data=True),
    "redis_set_back": _redis("redis_set_back", set_back, 3.0, loses_data=True),
    "redis_power_cut": _redis("redis_power_cut", without_power, 3.0),
    "redis_without_memory": _redis("redis_without_memory", without_memory, 10.0),
    "redis_without_disk": _redis("redis_without_disk", without_disk, 8.0),
    "redis_clock": _clock,
    "postgres_killed": _postgres("postgres_killed", killed, 10.0),
    "postgres_hung": _postgres("postgres_hung", hung, 20.0),
}
