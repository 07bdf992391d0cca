"""The server that the browser tests press on, and the towns in which each of them has its people to itself.

Owns one server on real Redis and PostgreSQL, its policies, and regions of 20 km, one a test. Knows nothing of pages.
Invariant: nobody of one town sees an order of another: tokens and agents are of one region.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.client import Session
from loadtest.rest import Http
from loadtest.tokens import mint
from tests.journeys.cluster import SECRET, Cluster, ServerProcess, cluster, feature

CALM, HASTY, HALL = "towing", "maintenance", "chauffeur"
"""Kinds whose offers last as long as a test; whose only round is over at once; which also hang in the hall."""
LONG_S = 900
HASTY_S = 1
_WIDE = {"radius_m": 30_000, "limit": 100}
POLICIES: Mapping[str, Mapping[str, Any]] = {
    CALM: {"rounds": [_WIDE | {"seconds": LONG_S}]},
    HASTY: {"rounds": [_WIDE | {"seconds": HASTY_S}]},
    HALL: {"rounds": [{"radius_m": 1, "limit": 1, "seconds": LONG_S}], "hall_radius_m": 30_000},
}
_COMMON = {"audience": ["valet", "shop"], "desk_seconds": LONG_S, "private_details": ["plate"], "listen": "before"}
SKILLS = [*POLICIES, "beauty", "insurance", "parts", "rental", "used_car", "voice"]
_SOUTH, _WEST, _APART = 20.0, 100.0, 0.5
NAMES = {
    "wang": "王建国", "chen": "陈志强", "liu": "刘洋", "zhao": "赵磊",
    "yongda": "永达汽修", "tuhu": "途虎养车（静安店）", "zhou": "周敏", "lin": "林静",
}  # fmt: skip
"""Who everybody is; ids are of ASCII."""
_towns = itertools.count()


@dataclass(frozen=True)
class Home:
    """Where a page comes from, and where its stream is."""

    http: str
    stream: str

    @property
    def origins(self) -> tuple[str, str]:
        return self.http, self.stream


@dataclass(frozen=True)
class Town:
    """A region of its own around `lat`, `lon`."""

    region: str
    lat: float
    lon: float
    cluster: Cluster
    anybody: Http
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def admin(self) -> Http:
        return self.anybody.bearing(mint(SECRET, "admin", "root"))

    @property
    def desk(self) -> Http:
        return self.anybody.bearing(self.token("dispatcher", f"{self.region}.test"))

    def token(self, role: str, sub: str, ttl_seconds: int = 3600) -> str:
        return mint(SECRET, role, sub, [self.region], ttl_seconds)

    def sub(self, name: str) -> str:
        return f"{self.region}.{name}"

    def at(self, north_m: float = 0.0, east_m: float = 0.0) -> dict[str, float]:
        return {"lat": self.lat + north_m / 111_195, "lon": self.lon + east_m / 95_000}

    async def hire(self, role: str, name: str, *, north_m: float = 800.0, **changes: Any) -> str:
        """Put an agent; his id."""
        profile = {
            "role": role, "region": self.region, "name": NAMES[name], "phone": "+8613900000001",
            "skills": SKILLS, "capacity": 3, **changes,
        }  # fmt: skip
        if role == "shop":
            profile |= {"home": self.at(north_m)}
        await self.admin.put(f"/v1/agents/{self.sub(name)}", profile)
        return self.sub(name)

    async def connect(self, role: str, sub: str, at: tuple[float, float] | None = None) -> Session:
        """Somebody of this town without a page, until the test ends."""
        url = self.cluster.servers[0].ws_url
        session = Session(url, self.token(role, sub), position=at if role == "valet" else None)
        return await self.stack.enter_async_context(session)

    async def order(self, kind: str = CALM, **changes: Any) -> dict[str, Any]:
        """What is changed to None is left out."""
        said = {
            "kind": kind,
            "place": self.at() | {"address": "上海市静安区南京西路 1266 号恒隆广场"},
            "customer": {"id": "c-9", "name": "李小龙", "phone": "+8613812345678"},
            "details": {"plate": "沪A12345", "model": "大众帕萨特", "note": "右后轮爆胎, 停在地库 B2"},
            "price_fen": 18_000,
            **changes,
        }
        order = {name: value for name, value in said.items() if value is not None}
        placed: dict[str, Any] = await self.desk.post("/v1/orders", order)
        return placed

    async def now(self, order_id: str) -> dict[str, Any]:
        """What the server says about it."""
        found: dict[str, Any] = await self.desk.get(f"/v1/orders/{order_id}")
        return found

    async def timeline(self, order_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.desk.get(f"/v1/orders/{order_id}/timeline"))["items"]
        return found

    async def told(self, order_id: str, event: str) -> dict[str, Any]:
        """The event of its timeline, as soon as it stands there."""
        async with asyncio.timeout(20):
            while not (found := [each for each in await self.timeline(order_id) if each["type"] == event]):
                pass
        return found[-1]


@dataclass(frozen=True)
class House:
    cluster: Cluster
    anybody: Http

    @property
    def server(self) -> ServerProcess:
        return self.cluster.servers[0]

    @property
    def home(self) -> Home:
        return Home(self.server.http_url, self.server.ws_url)

    async def set_policies(self) -> None:
        admin = self.anybody.bearing(mint(SECRET, "admin", "root"))
        for kind, terms in POLICIES.items():
            await admin.put(f"/v1/policies/{kind}", {**_COMMON, **terms})

    @asynccontextmanager
    async def town(self) -> AsyncIterator[Town]:
        """A new one, at a place of its own."""
        number = next(_towns)
        south, west = _SOUTH + _APART * (number // 20), _WEST + _APART * (number % 20)
        ring = [[west, south], [west + 0.2, south], [west + 0.2, south + 0.2], [west, south + 0.2], [west, south]]
        async with self.city(f"town-{number}", south + 0.1, west + 0.1, ring) as found:
            yield found

    @asynccontextmanager
    async def city(self, region: str, lat: float, lon: float, outline: list[list[float]]) -> AsyncIterator[Town]:
        found = Town(region, lat, lon, self.cluster, self.anybody)
        await found.admin.put(f"/v1/regions/{region}", feature(outline))
        async with found.stack:
            yield found


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    async with cluster(folder) as running, Http(running.servers[0].http_url) as anybody:
        found = House(running, anybody)
        await found.set_policies()
        yield found
