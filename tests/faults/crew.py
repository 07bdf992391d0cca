"""Who plays: agents, dispatchers, customers, the two cities they live in, and on what terms orders go out there.

Owns names, places, profiles and policies, all drawn from a seed, and the furnishing of a server with them. Knows no
behaviour. Invariant: the same seed gives the same people; every place that is drawn lies in its city's region.
"""

import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from loadtest.behaviour import Person
from loadtest.rest import Http
from loadtest.wire import Refused, Unavailable

CITIES: Mapping[str, tuple[float, float]] = {"north": (40.85, -73.95), "south": (40.65, -73.95)}
"""Region → its centre. The two squares touch."""
REACH_DEGREES = 0.1
STREETS_DEGREES = 0.05
AUDIENCES: Mapping[str, Sequence[Literal["valet", "shop"]]] = {
    "towing": ("valet", "shop"),
    "maintenance": ("valet",),
    "parts": ("shop", "valet"),
}
PRIVATE_DETAILS = ("plate",)
LEAD_SECONDS = 2


def hire(seed: int, valets: int, shops: int) -> list[Person]:
    return [_person(seed, "valet", number) for number in range(valets)] + [
        _person(seed, "shop", number) for number in range(shops)
    ]


def _person(seed: int, role: Literal["valet", "shop"], number: int) -> Person:
    draw = random.Random(f"{seed}:{role}:{number}")
    kinds = [kind for kind, audience in AUDIENCES.items() if role in audience]
    return Person(
        id=f"{role[0]}-{number:03d}",
        role=role,
        name=f"{role.capitalize()} {number}",
        phone=f"+1917{444 if role == 'valet' else 555}{number:04d}",
        skills=tuple(kind for kind in kinds if draw.random() < 0.85) or tuple(kinds),
        capacity=draw.choice((1, 1, 2)) if role == "valet" else draw.choice((2, 3)),
        home=spot(draw, city_of(number)),
        codec="msgpack" if number % 2 else "json",
        loses_connection=draw.random() < 0.3,
    )


def city_of(number: int) -> str:
    """By the number in somebody's name: everybody belongs to one city."""
    cities = list(CITIES)
    return cities[number // 2 % len(cities)]


def city_of_agent(agent_id: str) -> str:
    return city_of(int(agent_id.partition("-")[2]))


def spot(draw: random.Random, city: str) -> tuple[float, float]:
    lat, lon = CITIES[city]
    return (
        round(lat + draw.uniform(-STREETS_DEGREES, STREETS_DEGREES), 6),
        round(lon + draw.uniform(-STREETS_DEGREES, STREETS_DEGREES), 6),
    )


def policy(kind: str, *, desk_seconds: float = 20.0, stall_seconds: float = 8.0) -> dict[str, Any]:
    return {
        "kind": kind,
        "audience": list(AUDIENCES[kind]),
        "rounds": [
            {"radius_m": 4000, "limit": 6, "seconds": 1, "bonus_fen": 0},
            {"radius_m": 9000, "limit": 8, "seconds": 1.5, "bonus_fen": 500},
            {"radius_m": 30000, "limit": 40, "seconds": 2, "bonus_fen": 1500},
        ],
        "desk_seconds": desk_seconds,
        "lead_seconds": LEAD_SECONDS,
        "stall_seconds": dict.fromkeys(("assigned", "en_route", "arrived", "working"), stall_seconds),
        "private_details": list(PRIVATE_DETAILS),
    }


async def furnish(
    admin: Http, crew: Iterable[Person], *, desk_seconds: float = 20.0, stall_seconds: float = 8.0
) -> None:
    """Both cities, the policies, every agent; asked again for as long as the server is not available."""
    for city, (lat, lon) in CITIES.items():
        await _until_answered(partial(admin.put, f"/v1/regions/{city}", _square(lat, lon)))
    await _until_answered(partial(_without, admin, "default"))
    for kind in AUDIENCES:
        terms = policy(kind, desk_seconds=desk_seconds, stall_seconds=stall_seconds)
        await _until_answered(partial(admin.put, f"/v1/policies/{kind}", terms))
    for person in crew:
        profile = person.profile(city_of_agent(person.id))
        await _until_answered(partial(admin.put, f"/v1/agents/{person.id}", profile))


async def _until_answered(ask: Callable[[], Awaitable[object]]) -> None:
    """Patience is the asker's own; here it has no end."""
    while True:
        try:
            await ask()
            return
        except Unavailable:
            continue


async def _without(admin: Http, region: str) -> None:
    try:
        await admin.delete(f"/v1/regions/{region}")
    except Refused as refusal:
        if refusal.code != "not_found":
            raise


def _square(lat: float, lon: float) -> dict[str, Any]:
    west, east, south, north = lon - REACH_DEGREES, lon + REACH_DEGREES, lat - REACH_DEGREES, lat + REACH_DEGREES
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
