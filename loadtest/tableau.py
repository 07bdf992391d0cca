"""The last picture of a replay: orders left open, held and at the desk on purpose.

When a day has been worked off, every list is empty, and empty views agree easily. So some more orders are
posted while nobody acts: some stay open under a long round, some are assigned by hand and kept, some reach
the desk. Owns the making of that picture and the wait until sessions show it; judges nothing. Invariant: it
ends, with whatever is there, within `SECONDS`; what is missing then is the audit's to find.
"""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from loadtest.backend import Backend
from loadtest.demand import Pickup
from loadtest.desk import Desk
from loadtest.rest import Http
from loadtest.wire import Order

OPEN_KIND = "beauty"
HELD_KIND = "chauffeur"
DESK_KIND = "towing"
EACH = 4
SECONDS = 25.0
LONG_ROUND = [{"radius_m": 12000, "limit": 60, "seconds": 300, "bonus_fen": 0}]


async def compose(
    backend: Backend,
    desk: Desk,
    admin: Http,
    policies: Mapping[str, Mapping[str, Any]],
    places: Sequence[Pickup],
) -> None:
    """Actors must be at rest. `places` are inside, and at least three times `EACH`."""
    await admin.put(f"/v1/policies/{OPEN_KIND}", {**policies[OPEN_KIND], "rounds": LONG_ROUND})
    waiting = [await backend.post(place, DESK_KIND) for place in places[:EACH]]
    held = [await backend.post(place, HELD_KIND) for place in places[EACH : 2 * EACH]]
    for place in places[2 * EACH : 3 * EACH]:
        await backend.post(place, OPEN_KIND)
    for order in held:
        await desk.assign_nearest(order)
    await _reach_desk(desk, waiting)


async def _reach_desk(desk: Desk, waiting: Sequence[Order]) -> None:
    expected = {order["id"] for order in waiting}
    # What is missing then has missed its deadline, and the audit will say so.
    with contextlib.suppress(TimeoutError):
        await desk.session.until(lambda view: expected <= view.desk.keys(), SECONDS)
