"""Who takes part and where: a region of our own in the open sea, groups of agents far apart in it, our own kind.

Owns names, places, profiles and terms. Pure but for `set_up`, which tells the server over HTTP. Invariant: what is
set up touches no region, kind or agent of anybody else; an order posted to a group's place is offered to that group.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest.rig.posting import Posting
from loadtest.rig.venue import Venue

REGION = "open-sea"
KIND = "storm"
LASTING = "storm-lasting"
"""The kind of orders that nobody is to take."""
GROUP = 50
SOUTH, WEST = 30.0, 150.0
SIZE_DEGREES = 4.0
GROUPS_A_ROW = 50
APART_DEGREES = 0.09
"""Some 9 km: no round of ours reaches the next group."""
MOST_GROUPS = 1_000
"""So many have room south of the lasting orders."""
ROUND_M = 2_000
LEAD_MS = 1_000
CAPACITY = 1_000
"""As much as a profile may have."""
ADMIN = "storm-admin"
BACKEND = "storm-backend"


@dataclass(frozen=True, slots=True)
class Agent:
    id: str
    group: int
    lat: float
    lon: float
    role: str = "valet"

    def profile(self, kinds: Sequence[str] = (KIND, LASTING)) -> dict[str, Any]:
        """Room for every job that he wins: nobody has to complete any."""
        return {
            "role": self.role, "region": REGION, "name": f"Agent {self.id}", "phone": "+8613900000001",
            "skills": list(kinds), "capacity": CAPACITY,
        }  # fmt: skip

    def hello(self, token: str) -> dict[str, Any]:
        return {"type": "hello", "token": token, "position": {"lat": self.lat, "lon": self.lon}}


def place(group: int) -> tuple[float, float]:
    """The middle of a group."""
    row, column = divmod(group, GROUPS_A_ROW)
    return SOUTH + APART_DEGREES * (row + 1), WEST + APART_DEGREES * (column + 1)


def agents(count: int, group_size: int = GROUP, first: int = 0) -> list[Agent]:
    """So many from number `first` on; each group stands within some hundred metres."""
    found = []
    for number in range(first, first + count):
        group, seat = divmod(number, group_size)
        lat, lon = place(group)
        found.append(Agent(f"storm-{number:05d}", group, round(lat + 0.00005 * seat, 6), lon))
    return found


def region() -> dict[str, Any]:
    north, east = SOUTH + SIZE_DEGREES + 1, WEST + SIZE_DEGREES + 1
    ring = [[WEST, SOUTH], [east, SOUTH], [east, north], [WEST, north], [WEST, SOUTH]]
    return {
        "type": "Feature",
        "properties": {"name": "Open sea"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def policy(limit: int = GROUP, seconds: float = 3_600.0, radius_m: int = ROUND_M, **changes: Any) -> dict[str, Any]:
    rounds = [{"radius_m": radius_m, "limit": limit, "seconds": seconds}]
    return {"audience": ["valet", "shop"], "rounds": rounds, "desk_seconds": 3_600, **changes}


def order(lat: float, lon: float, kind: str = KIND, **changes: Any) -> dict[str, Any]:
    """As a shop's backend posts it, of an ordinary size."""
    return {
        "kind": kind, "place": {"lat": lat, "lon": lon, "address": "350 Fifth Avenue"},
        "customer": {"id": "storm-customer", "name": "Li Xiaolong", "phone": "+8613812345678"},
        "details": {"plate": "沪A12345", "note": "flat tyre"}, "price_fen": 18_000, **changes,
    }  # fmt: skip


async def set_up(venue: Venue, people: Iterable[Agent], **terms: Any) -> None:
    """Region, terms of our kind, profiles. What the venue has already is not told again."""
    token = venue.token("admin", ADMIN)
    new = [each for each in people if each.id not in venue.agents]
    async with Posting(venue.http_url) as posting:
        await posting.ask("PUT", f"/v1/regions/{REGION}", token, region())
        await posting.ask("PUT", f"/v1/policies/{KIND}", token, policy(**terms))
        await posting.ask("PUT", f"/v1/policies/{LASTING}", token, policy(lead_seconds=LEAD_MS // 1_000))
        await asyncio.gather(
            *(posting.ask("PUT", f"/v1/agents/{each.id}", token, each.profile()) for each in new)
        )  # fmt: skip
    venue.agents |= {each.id for each in new}
