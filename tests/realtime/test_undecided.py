"""One timer for all who wait, and nobody is told too early, too late or twice."""

import asyncio
from functools import partial

from realtime.undecided import Undecided

PATIENCE_S = 0.02


async def test_who_waits_too_long_is_told_once_in_the_order_of_asking() -> None:
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[int] = asyncio.Queue()
    undecided = Undecided(PATIENCE_S)
    verdicts = [loop.create_future() for _ in range(5)]
    begun = loop.time()
    for number, verdict in enumerate(verdicts):
        undecided.add(verdict, partial(told.put_nowait, number))
    verdicts[1].set_result(None)
    verdicts[4].set_result(None)
    async with asyncio.timeout(10):
        assert [await told.get() for _ in range(3)] == [0, 2, 3]
    assert loop.time() - begun >= PATIENCE_S
    assert told.empty()


async def test_it_goes_on_after_all_were_served() -> None:
    loop = asyncio.get_running_loop()
    undecided = Undecided(PATIENCE_S)
    for _ in range(2):
        first, told = loop.create_future(), asyncio.Event()
        undecided.add(first, told.set)
        async with asyncio.timeout(10):
            await told.wait()


async def test_a_verdict_in_time_says_nothing_of_patience() -> None:
    loop, told, later = asyncio.get_running_loop(), list[str](), asyncio.Event()
    undecided = Undecided(PATIENCE_S)
    in_time, too_late = loop.create_future(), loop.create_future()
    undecided.add(in_time, partial(told.append, "in time"))
    in_time.set_result(None)
    undecided.add(too_late, later.set)
    async with asyncio.timeout(10):
        await later.wait()
    assert told == []
