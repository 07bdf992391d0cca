"""Idle: the private memory of a session that is authenticated and says nothing.

Owns the measuring of the processes that hold sessions, before and after. Invariant: what is made once (imports,
buffers, arenas) is made by some hundred sessions that came before the first look and stay: what they were given
is not given again.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

from loadtest.modes.options import Options, Progress
from loadtest.results import Figure, Result
from loadtest.rig import cast
from loadtest.rig.herds import Herds, herds
from loadtest.rig.venue import Venue
from loadtest.wire import Codec

DEFAULTS = Options(agents=5_000)
ROLES = ("hub", "api", "engine")
LIMIT_KIB = 8.0
WARM_UP = 300
MSGPACK_PART = 5
"""Of the sessions that JSON has: what a session of the other codec costs shows with fewer."""
LOOKS = 20
LOOK_SECONDS = 0.5
STEADY_KIB = 256
AT_REST_SECONDS = 3.0


async def run(venue: Venue, options: Options, progress: Progress) -> Result:
    began = time.monotonic()
    counts: dict[Codec, int] = {"json": options.agents, "msgpack": max(1, options.agents // MSGPACK_PART)}
    people = cast.agents(sum(counts.values()) + WARM_UP * len(counts))
    progress("agents", 0.05)
    await cast.set_up(venue, people)
    figures: list[Figure] = []
    async with AsyncExitStack() as stack:
        for codec, count in counts.items():
            progress(f"sessions, {codec}", 0.5 + 0.4 * len(figures))
            crowd = await stack.enter_async_context(herds(options.processes, codec))
            first, share, people = people[:WARM_UP], people[WARM_UP : WARM_UP + count], people[WARM_UP + count :]
            figures.append(await measure(venue, crowd, first, share))
    return Result(
        "idle",
        figures=tuple(figures),
        notes=("Private memory of the hub alone (smaps: private clean and dirty), without what the kernel keeps.",),
        seconds=time.monotonic() - began,
    )


async def measure(venue: Venue, crowd: Herds, first: Sequence[cast.Agent], people: Sequence[cast.Agent]) -> Figure:
    await crowd.connect(venue, first)
    before = await _at_rest(venue)
    await crowd.connect(venue, people)
    after = await _at_rest(venue)
    sessions = (await venue.metrics()).value("dispatch_sessions")
    return Figure(
        key=f"idle_{crowd.codec}",
        title=f"Private memory of an idle session, {len(people)} of them, {crowd.codec}",
        unit="KiB",
        value=(after - before) / len(people),
        floor=None,
        limit=LIMIT_KIB,
        limit_kind="absolute",
        detail={"before_kib": before, "after_kib": after, "sessions_at_the_end": int(sessions)},
    )


async def _at_rest(venue: Venue) -> int:
    """Once it changes no more: sessions that left are gone, those that came have been told everything."""
    await asyncio.sleep(AT_REST_SECONDS)
    last = venue.hub_private_kib()
    for _ in range(LOOKS):
        await asyncio.sleep(LOOK_SECONDS)
        now = venue.hub_private_kib()
        if abs(now - last) < STEADY_KIB:
            return now
        last = now
    return last
