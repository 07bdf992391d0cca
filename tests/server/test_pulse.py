"""The lateness of the event loop, on the server's loop and on asyncio's."""

import asyncio
import time

from server.pulse import Pulse
from tests.realtime.stream import PATIENCE, on_both_loops

BEAT_S = 0.01
BLOCKED_S = 0.3


def forget(beats: asyncio.Queue[float]) -> None:
    while not beats.empty():
        beats.get_nowait()


async def told(beats: asyncio.Queue[float]) -> float:
    async with asyncio.timeout(PATIENCE):
        return await beats.get()


@on_both_loops
async def test_a_loop_that_stood_still_is_told_once_with_its_whole_length() -> None:
    beats: asyncio.Queue[float] = asyncio.Queue()
    pulse = Pulse(beats.put_nowait, beat_s=BEAT_S)
    pulse.start()
    assert await told(beats) >= 0
    forget(beats)
    time.sleep(BLOCKED_S)  # noqa: ASYNC251 - what must never happen
    assert await told(beats) >= BLOCKED_S - BEAT_S
    pulse.close()


@on_both_loops
async def test_after_the_close_it_beats_no_more() -> None:
    beats: asyncio.Queue[float] = asyncio.Queue()
    pulse = Pulse(beats.put_nowait, beat_s=BEAT_S)
    pulse.close()
    pulse.start()
    await told(beats)
    pulse.close()
    forget(beats)
    later = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(5 * BEAT_S, later.set_result, None)
    await later
    assert beats.empty()
