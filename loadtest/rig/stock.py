"""Open orders that lie around: a country of them, beside which a measurement takes place.

Owns their country, its kind and the posting. Invariant: they stay open for longer than any measurement, their
rounds have room, and a venue that has so many already is given none.
"""

import asyncio
import random

from loadtest.modes.options import Progress
from loadtest.rig import cast
from loadtest.rig.posting import Posting
from loadtest.rig.venue import Venue

KIND = cast.LASTING
SOUTH, WEST = 33.4, 151.0
HEIGHT_DEGREES, WIDTH_DEGREES = 1.4, 3.5
"""Some 50,000 km²: of 50,000 orders a dozen lie within an agent's reach."""
AT_ONCE = 64


def spot(number: int) -> tuple[float, float]:
    """Spread evenly at random, the same in each run."""
    drawn = random.Random(number)
    lat = SOUTH + HEIGHT_DEGREES * drawn.random()
    return round(lat, 6), round(WEST + WIDTH_DEGREES * drawn.random(), 6)


async def grown(venue: Venue, count: int, progress: Progress) -> None:
    """Until there are `count` of them, at a venue whose cast is set up."""
    token = venue.token("service", cast.BACKEND)
    numbers = iter(range(venue.open_orders, count))
    missing = max(1, count - venue.open_orders)

    async def post(posting: Posting) -> None:
        for number in numbers:
            lat, lon = spot(number)
            await posting.ask("POST", "/v1/orders", token, cast.order(lat, lon, KIND))
            venue.open_orders += 1
            progress(f"{venue.open_orders} open orders", 1 - (count - venue.open_orders) / missing)

    async with Posting(venue.http_url, AT_ONCE) as posting, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(post(posting))
