"""Real server processes over one Redis and one PostgreSQL, for journeys through the public interfaces.

Owns the processes. Invariant: whoever leaves the block leaves no process behind.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from loadtest.child import free_ports
from loadtest.client import Observer, Session
from loadtest.rest import Http
from loadtest.tokens import mint
from server import embedded

SECRET = "a secret for journeys, long enough for HS256"
READY_S = 60.0
SQUARE = [[-74.1, 40.6], [-73.8, 40.6], [-73.8, 40.9], [-74.1, 40.9], [-74.1, 40.6]]
CENTRE = (40.75, -73.95)


@dataclass
class ServerProcess:
    """One `valet-dispatch serve` on external servers."""

    environment: Mapping[str, str]
    role: str = "all"
    data_dir: Path | None = None
    log: Path | None = None
    """Where it writes what else would be seen in the tests' own output."""
    process: asyncio.subprocess.Process | None = None
    http_port: int = 0
    ws_port: int = 0

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.ws_port}"

    async def start(self) -> None:
        if not self.http_port:
            self.http_port, self.ws_port = free_ports(2)
        options = ["--http-port", str(self.http_port), "--ws-port", str(self.ws_port), "--role", self.role]
        options += [] if self.data_dir is None else ["--data-dir", str(self.data_dir)]
        with contextlib.ExitStack() as stack:
            log = None if self.log is None else stack.enter_context(self.log.open("ab"))
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "server.cli", "serve", *options,
                env=os.environ | self.environment, stdout=log, stderr=log,
            )  # fmt: skip
        async with asyncio.timeout(READY_S), httpx.AsyncClient(trust_env=False) as http:
            while not await self._ready(http):
                assert self.process.returncode is None, "the server ended before it was ready"
                await asyncio.sleep(0.05)

    async def _ready(self, http: httpx.AsyncClient) -> bool:
        try:
            return (await http.get(f"{self.http_url}/readyz")).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(how)
        async with asyncio.timeout(60):
            return await self.process.wait()


@dataclass
class Cluster:
    services: embedded.Embedded
    environment: Mapping[str, str]
    data_dir: Path
    """Of all servers: on one machine they share the storage."""
    servers: list[ServerProcess] = field(default_factory=list)

    async def add(self, role: str = "all", *, log: Path | None = None) -> ServerProcess:
        server = ServerProcess(self.environment, role, self.data_dir, log)
        self.servers.append(server)
        await server.start()
        return server

    def http(self, role: str, sub: str, server: int = 0) -> Http:
        return Http(self.servers[server].http_url, mint(SECRET, role, sub))

    def session(
        self, role: str, sub: str, server: int = 0, *, observe: Observer | None = None, **options: Any
    ) -> Session:
        return Session(self.servers[server].ws_url, mint(SECRET, role, sub), observe=observe, **options)


@asynccontextmanager
async def cluster(folder: Path, servers: int = 1) -> AsyncIterator[Cluster]:
    services = await embedded.start(folder)
    watching = asyncio.create_task(services.watch())
    environment = {
        "DISPATCH_REDIS_URL": services.redis_url,
        "DISPATCH_DATABASE_URL": services.database_url.replace("+asyncpg", ""),
        "DISPATCH_SECRET": SECRET,
        "DISPATCH_DRAIN_SECONDS": "1",
    }
    found = Cluster(services, environment, folder / "servers")
    try:
        for _ in range(servers):
            await found.add()
        yield found
    finally:
        for server in found.servers:
            if server.process is not None:
                await server.end()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await services.stop()


async def furnish(admin: Http, policy: Mapping[str, Any]) -> None:
    """One city, and one policy for towing."""
    await admin.put("/v1/regions/nyc", feature(SQUARE))
    await admin.delete("/v1/regions/default")
    await admin.put("/v1/policies/towing", policy)


def feature(ring: list[list[float]]) -> dict[str, Any]:
    return {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def policy(*rounds: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "kind": "towing",
        "audience": ["valet", "shop"],
        "rounds": list(rounds),
        "desk_seconds": 600,
        "private_details": ["plate"],
        **changes,
    }


def valet(**changes: Any) -> dict[str, Any]:
    return {
        "role": "valet", "region": "nyc", "name": "Wang", "phone": "+8613900000001", "skills": ["towing"],
        "capacity": 1, **changes,
    }  # fmt: skip


def order(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "towing",
        "place": {"lat": CENTRE[0], "lon": CENTRE[1], "address": "350 Fifth Avenue"},
        "customer": {"id": "c-9", "name": "Li Xiaolong", "phone": "+8613812345678"},
        "details": {"plate": "沪A12345", "note": "flat tyre"},
        **changes,
    }
