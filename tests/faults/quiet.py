"""The end of a run: what was provoked is over, the present is made worth comparing, and waited for until it stands.

Owns the last orders, of which some stay open and some at the desk, and the wait for quiet. Judges nothing. Invariant:
an order that still moves when the patience is over is left to the judge, who finds it nowhere or late.
"""

import asyncio
import random
import time
from collections.abc import Mapping

from loadtest.audit import Staff
from loadtest.rest import Http
from loadtest.wire import HELD, TERMINAL, Order
from tests.faults.crew import CITIES, policy, spot

OPEN_KIND, DESK_KIND = "towing", "parts"
OF_EACH = 4
LONG_SECONDS = 900
LOOK_SECONDS = 1.0
SAME_LOOKS = 4


async def place_the_last(admin: Http, backend: Http, seed: int) -> None:
    """In each city some that stay open and reach everybody, and some that wait at the desk."""
    lasting = policy(OPEN_KIND) | {"rounds": [{"radius_m": 40_000, "limit": 200, "seconds": LONG_SECONDS}]}
    waiting = policy(DESK_KIND, desk_seconds=LONG_SECONDS) | {"rounds": [{"radius_m": 100, "limit": 1, "seconds": 0.5}]}
    await admin.put(f"/v1/policies/{OPEN_KIND}", lasting)
    await admin.put(f"/v1/policies/{DESK_KIND}", waiting)
    draw = random.Random(f"{seed}:last")
    for number in range(OF_EACH):
        for city in CITIES:
            for kind in (OPEN_KIND, DESK_KIND):
                lat, lon = spot(draw, city)
                marker = f"last-{kind}-{city}-{number}."
                await backend.post("/v1/orders", _order(kind, lat, lon, marker), key=f"{seed}:{marker}")


def _order(kind: str, lat: float, lon: float, marker: str) -> dict[str, object]:
    return {
        "kind": kind,
        "place": {"lat": lat, "lon": lon, "address": "the last street"},
        "customer": {"id": "c-last", "name": "Last", "phone": "+12125550000"},
        "details": {"marker": marker},
    }


async def until_quiet(staff: Staff, patience_seconds: float) -> bool:
    """Whether all orders stood still, none with a deadline near, for some looks in a row. Held ones may stall later."""
    deadline = asyncio.get_running_loop().time() + patience_seconds
    known: Mapping[str, int] = {}
    same = 0
    while asyncio.get_running_loop().time() < deadline:
        orders = {order["id"]: order async for order in staff.admin.pages("/v1/orders")}
        versions = {order_id: order["version"] for order_id, order in orders.items()}
        same = same + 1 if versions == known and not any(map(_moves_soon, orders.values())) else 0
        if same >= SAME_LOOKS:
            return True
        known = versions
        await asyncio.sleep(LOOK_SECONDS)
    return False


def _moves_soon(order: Order) -> bool:
    """By itself: whoever holds it and is not told off yet stalls in some seconds; what waits, unless it waits long."""
    if order["status"] in TERMINAL:
        return False
    if order["status"] in HELD:
        return not order["stalled"]
    return (order.get("expires_at") or 0) < (time.time() + LONG_SECONDS / 2) * 1000
