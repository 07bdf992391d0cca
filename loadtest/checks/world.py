"""The part of the world that a run of the clauses plays on: regions in the southern Pacific, policies, spots.

Owns what clauses share: connections to the servers, the regions, and one policy for each set of terms. Invariant:
spots lie so far apart that no offer reaches from one to another, so that clauses can run side by side; regions and
kinds bear the same names in each run, so that runs leave no more behind than the first one did.
"""

import asyncio
import hashlib
import random
import secrets
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx
import orjson

from loadtest.rest import Http
from loadtest.tokens import mint
from loadtest.wire import Codec

REGIONS = ("conf-1", "conf-2", "conf-3", "conf-4")
# For clauses that put regions of their own: what they may leave behind when they fail is in nobody else's way.
APART = ("conf-5",)
SOUTH, WEST = -57.0, -148.0
REGION_DEGREES = 12.0
# 0.5° are 55 km from south to north, 30 km and more from west to east.
SPOT_DEGREES = 0.5
SPOTS_A_SIDE = int(REGION_DEGREES / SPOT_DEGREES) - 1
# A square in the Taklamakan desert, for coordinate systems differ in China only.
CHINA = "conf-china"
CHINA_SQUARE = (38.0, 82.5, 39.0, 83.5)
READY_SECONDS = 30.0
# A pool looks at all its connections for each request.
CONNECTIONS = 16

POLICY: Mapping[str, Any] = {
    "audience": ["valet", "shop"],
    "rounds": [{"radius_m": 3000, "limit": 20, "seconds": 120, "bonus_fen": 0}],
    "desk_seconds": 600,
    "lead_seconds": 1800,
    "stall_seconds": {},
    "hall_radius_m": 0,
    "private_details": ["plate"],
}


class Server(NamedTuple):
    http_url: str
    ws_url: str


class Spot(NamedTuple):
    region: str
    lat: float
    lon: float


def west_of(region: str) -> float:
    return WEST + (*REGIONS, *APART).index(region) * REGION_DEGREES


def square(south: float, west: float, north: float, east: float) -> dict[str, Any]:
    """A GeoJSON Feature."""
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def kind_of(policy: Mapping[str, Any]) -> str:
    """The same terms have the same name, in each run."""
    return "conf-" + hashlib.sha256(orjson.dumps(policy, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]


class World:
    def __init__(self, servers: Sequence[Server], secret: str, codec: Codec) -> None:
        self.servers = servers
        self.secret = secret
        self.codec: Codec = codec
        self.run = secrets.token_hex(4)
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        self._pools = [httpx.AsyncClient(timeout=30.0, trust_env=False, limits=limits) for _ in servers]
        self._turn = 0
        self._spot = random.randrange(SPOTS_A_SIDE**2 * len(REGIONS))
        self._kinds: dict[str, asyncio.Task[Any]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*self._kinds.values(), return_exceptions=True)
        for pool in self._pools:
            await pool.aclose()

    def next_server(self) -> int:
        """Each in turn, so that what one server does is told on another."""
        self._turn += 1
        return self._turn % len(self.servers)

    def next_spot(self, apart: bool = False) -> Spot:
        self._spot += 1
        regions = APART if apart else REGIONS
        number, which = divmod(self._spot, len(regions))
        row, column = divmod(number % SPOTS_A_SIDE**2, SPOTS_A_SIDE)
        region = regions[which]
        return Spot(region, SOUTH + (row + 1) * SPOT_DEGREES, west_of(region) + (column + 1) * SPOT_DEGREES)

    def http(self, token: str | None, server: int | None = None, patience_seconds: float = 0.0) -> Http:
        """Without patience nothing is asked twice: each refusal is heard."""
        chosen = self.next_server() if server is None else server
        pool, url = self._pools[chosen], self.servers[chosen].http_url
        return Http(url, token, patience_seconds=patience_seconds, client=pool)

    async def request(self, method: str, path: str, **request: Any) -> httpx.Response:
        chosen = self.next_server()
        return await self._pools[chosen].request(method, self.servers[chosen].http_url.rstrip("/") + path, **request)

    def admin(self) -> Http:
        return self.http(mint(self.secret, "admin", "conf-admin"), patience_seconds=READY_SECONDS)

    async def furnish(self) -> None:
        """The regions, ready for orders on every server."""
        admin = self.admin()
        for region in (*REGIONS, *APART):
            west = west_of(region)
            await admin.put(f"/v1/regions/{region}", square(SOUTH, west, SOUTH + REGION_DEGREES, west + REGION_DEGREES))
        await admin.put(f"/v1/regions/{CHINA}", square(*CHINA_SQUARE))

    async def kind(self, **terms: Any) -> str:
        """The kind whose policy is `POLICY` with these changes; put once a run."""
        policy = {**POLICY, **terms}
        kind = kind_of(policy)
        if kind not in self._kinds:
            self._kinds[kind] = asyncio.create_task(self.admin().put(f"/v1/policies/{kind}", policy))
        await asyncio.shield(self._kinds[kind])
        return kind
