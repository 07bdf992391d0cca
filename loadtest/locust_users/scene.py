"""Where a test takes place: the operating area, the kind of its orders, the places where they are asked for.

Owns the setting of the stage by HTTP as role `admin`, and what all users of one locust worker share. Invariant:
only what is absent is put; a region or policy that the server has stays as it is.
"""

import heapq
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from loadtest.demand import Area, day_file, read_day
from loadtest.locust_users.naming import Skew
from loadtest.locust_users.options import Options
from loadtest.rest import problem
from loadtest.tokens import mint
from loadtest.wire import Unavailable

PLACES = 2000
PATIENCE_SECONDS = 30.0
# Longer than a test: a token is made once a user.
TOKEN_SECONDS = 30 * 86_400
DAY = 1

# A line for each request of the stage's is noise among locust's.
logging.getLogger("httpx").setLevel(logging.WARNING)

Place = tuple[float, float]


class NotFitting(Exception):
    """The server is not in a state that a load test can be played on."""


class Numbers:
    """Numbers for the users of one kind; who comes later takes the least that is free."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self._next = 0

    def take(self) -> int:
        if self._free:
            return heapq.heappop(self._free)
        self._next += 1
        return self._next - 1

    def give_back(self, number: int) -> None:
        heapq.heappush(self._free, number)


@dataclass
class Scene:
    """`worker` sets the ids of one locust worker's users apart from those of another."""

    options: Options
    places: Sequence[Place]
    worker: int
    skew: Skew = field(default_factory=Skew)
    numbers: dict[str, Numbers] = field(default_factory=dict)

    def take_number(self, role: str) -> int:
        return self.numbers.setdefault(role, Numbers()).take()

    def give_back(self, role: str, number: int) -> None:
        self.numbers[role].give_back(number)

    def name(self, role: str, number: int) -> str:
        return f"load-{role}-{self.worker}-{number}"

    def token(self, role: str, sub: str) -> str:
        return mint(self.options.secret, role, sub, ttl_seconds=TOKEN_SECONDS)


def set_stage(options: Options) -> None:
    """The region and the policy, where they are absent."""
    with _admin(options) as http:
        regions = {each["id"] for each in _list(http, "/v1/regions")}
        if options.region not in regions:
            _ask(http, "PUT", f"/v1/regions/{quote(options.region)}", Area.read().feature("New York City"))
        policies = {each["kind"] for each in _list(http, "/v1/policies")}
        if options.kind not in policies:
            _ask(http, "PUT", f"/v1/policies/{quote(options.kind)}", quick_policy(options.kind))


def enter(options: Options, worker: int) -> Scene:
    with _admin(options) as http:
        found = [each for each in _list(http, "/v1/regions") if each["id"] == options.region]
    if not found:
        raise NotFitting(f"the server has no region {options.region!r}")
    return Scene(options, places_in(outline_of(found[0])), worker)


def quick_policy(kind: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "audience": ["valet", "shop"],
        "rounds": [
            {"radius_m": 3000, "limit": 20, "seconds": 4},
            {"radius_m": 6000, "limit": 50, "seconds": 4, "bonus_fen": 500},
            {"radius_m": 12000, "limit": 100, "seconds": 6, "bonus_fen": 1500},
        ],
        "desk_seconds": 120,
        "private_details": ["plate"],
    }


def outline_of(region: dict[str, Any]) -> BaseGeometry:
    """A region without an outline is the whole world."""
    geometry = region.get("geometry")
    outline = shapely.box(-180, -85, 180, 85) if geometry is None else shape(geometry)
    shapely.prepare(outline)
    return outline


def places_in(outline: BaseGeometry) -> list[Place]:
    """Where orders were asked for on a real day, if that lies there, else anywhere in the outline."""
    day = random.Random(DAY).sample(read_day(day_file(), DAY), PLACES)
    real = [(each.lat, each.lon) for each in day if outline.contains(shapely.Point(each.lon, each.lat))]
    return real or _anywhere(outline)


def _anywhere(outline: BaseGeometry) -> list[Place]:
    draw = random.Random(DAY)
    west, south, east, north = outline.bounds
    found: list[Place] = []
    while len(found) < PLACES:
        lat, lon = draw.uniform(south, north), draw.uniform(west, east)
        if outline.contains(shapely.Point(lon, lat)):
            found.append((round(lat, 6), round(lon, 6)))
    return found


def _admin(options: Options) -> httpx.Client:
    bearer = {"Authorization": f"Bearer {mint(options.secret, 'admin', 'load-admin')}"}
    return httpx.Client(base_url=options.http_url, headers=bearer, timeout=PATIENCE_SECONDS, trust_env=False)


def _list(http: httpx.Client, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = _ask(http, "GET", path + ("?limit=200" if cursor is None else f"?limit=200&cursor={quote(cursor)}"))
        items += page["items"]
        cursor = page.get("next")
        if cursor is None:
            return items


def _ask(http: httpx.Client, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Raises `Refused` or `Unavailable`."""
    content = None if body is None else orjson.dumps(body)
    try:
        answer = http.request(method, path, content=content, headers={"Content-Type": "application/json"})
    except httpx.TransportError as exc:
        raise Unavailable(f"no answer from {http.base_url}: {exc}") from exc
    if answer.status_code >= 500:
        raise Unavailable(f"{method} {path}: HTTP {answer.status_code}", status=answer.status_code)
    if answer.status_code >= 400:
        raise problem(answer.status_code, answer.content)
    return orjson.loads(answer.content) if answer.content else None
