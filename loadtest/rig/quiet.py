"""When a server is at rest: what it was given to do is done, the projector's writing included.

Owns the waiting, bounded. Knows nothing of the work.
"""

import asyncio

from loadtest.rig.usage import has_offspring
from loadtest.rig.venue import Venue

LOOK_SECONDS = 0.5
QUIET_CORES = 0.08
LONGEST_SECONDS = 30.0


async def at_rest(venue: Venue, longest_seconds: float = LONGEST_SECONDS) -> bool:
    """Whether it came to rest: two looks in a row at which next to no CPU was used, and Redis wrote no file anew."""
    loop = asyncio.get_running_loop()
    until, quiet, last = loop.time() + longest_seconds, 0, venue.usage().total
    while loop.time() < until:
        await asyncio.sleep(LOOK_SECONDS)
        now = venue.usage().total
        still = now - last < QUIET_CORES * LOOK_SECONDS and not has_offspring(venue.roots)
        quiet = quiet + 1 if still else 0
        last = now
        if quiet == 2:
            return True
    return False
