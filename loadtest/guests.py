"""Places for people at real pages, beside the simulated ones: a desk, a valet, a shop, and links that lead in.

Owns who they are and what opens their pages. Starts nothing and plays nobody. Invariant: the simulated people leave
alone what a guest holds, and the replay does not wait for it: whether he finishes is his.
"""

import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from loadtest.behaviour import Person
from loadtest.demand import Pickup, distance_m
from loadtest.tokens import mint

TTL_SECONDS = 30 * 60
CAPACITY = 3
DISPATCHER = "d-you"
VALET = "v-you"
SHOP = "s-you"
AGENTS = frozenset({VALET, SHOP})


@dataclass(frozen=True, slots=True)
class Link:
    """`page` is what it is called on the screen, too."""

    page: str
    url: str


def middle(places: Sequence[Pickup]) -> tuple[float, float]:
    """The pick-up nearest to the median of all: not in a river."""
    lat, lon = (statistics.median(values) for values in ([p.lat for p in places], [p.lon for p in places]))
    nearest = min(places, key=lambda place: distance_m(lat, lon, place.lat, place.lon))
    return nearest.lat, nearest.lon


def agents(places: Sequence[Pickup], audience: Mapping[str, Collection[str]]) -> list[Person]:
    """With every skill of their role, in the middle of the demand."""
    return [
        _agent(VALET, "valet", "+19174440999", places, audience),
        _agent(SHOP, "shop", "+19175550999", places, audience),
    ]


def _agent(
    agent_id: str,
    role: Literal["valet", "shop"],
    phone: str,
    places: Sequence[Pickup],
    audience: Mapping[str, Collection[str]],
) -> Person:
    return Person(
        id=agent_id,
        role=role,
        name=f"You, the {role}",
        phone=phone,
        skills=tuple(sorted(kind for kind, roles in audience.items() if role in roles)),
        capacity=CAPACITY,
        home=middle(places),
        codec="json",
        loses_connection=False,
    )


def links(http_url: str, secret: str, at: tuple[float, float]) -> list[Link]:
    """Good for half an hour. The valet's page is told where to be: a browser elsewhere would be offered nothing."""

    def link(page: str, role: str, sub: str, more: str = "") -> Link:
        return Link(page, f"{http_url}/console/{page}#token={mint(secret, role, sub, ttl_seconds=TTL_SECONDS)}{more}")

    return [
        link("desk", "dispatcher", DISPATCHER),
        link("valet", "valet", VALET, f"&at={at[0]},{at[1]}"),
        link("shop", "shop", SHOP),
    ]
