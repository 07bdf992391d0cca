"""Everything that is under test, each part a real one: Redis, PostgreSQL, six server processes, the links between.

Owns their start, the way in which they are connected, and their end. Knows no fault and no client. Every server
process has links of its own to Redis and to PostgreSQL, and clients reach each hub and api through one more, so that
any single link can go bad. Invariant: whoever leaves the block leaves nothing behind.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults import nodes, postgres_server
from tests.faults.nodes import Node
from tests.faults.postgres_server import PostgresServer
from tests.faults.proxy import Proxy
from tests.faults.redis_server import RedisServer
from tests.faults.shim import Shim

SECRET = "a secret for the stand, long enough for HS256"
ROLES = ("hub", "hub", "api", "api", "engine", "engine")
DRAIN_SECONDS = "1"


@dataclass(frozen=True, slots=True)
class Link:
    """`name` says between whom: `hub-1:redis`."""

    name: str
    proxy: Proxy


@dataclass(frozen=True, slots=True)
class Member:
    """One server process with its links. `clients` is what its clients come through; an engine has none."""

    node: Node
    shim: Shim
    redis: Link
    postgres: Link
    clients: Link | None


@dataclass(frozen=True, slots=True)
class Stand:
    """`other_version` is where a server lies that differs from ours in the text of its scripts alone."""

    folder: Path
    seed: int
    redis: RedisServer
    postgres: PostgresServer
    members: Sequence[Member]
    other_version: Path
    secret: str = SECRET

    @property
    def http_urls(self) -> list[str]:
        return [f"http://127.0.0.1:{link.proxy.port}" for link in self.client_links("api")]

    @property
    def ws_urls(self) -> list[str]:
        return [f"ws://127.0.0.1:{link.proxy.port}" for link in self.client_links("hub")]

    @property
    def direct_http_url(self) -> str:
        """Of an api, past all links: for who judges, once everything runs again."""
        return next(member.node.http_url for member in self.members if member.node.role == "api")

    @property
    def links(self) -> list[Link]:
        return [link for m in self.members for link in (m.redis, m.postgres, m.clients) if link is not None]

    def client_links(self, *roles: str) -> list[Link]:
        return [m.clients for m in self.members if m.clients is not None and m.node.role in roles]

    @property
    def everything(self) -> frozenset[str]:
        """The names of all that a fault can touch."""
        nodes_and_links = [m.node.name for m in self.members] + [link.name for link in self.links]
        return frozenset({"redis", "postgres", *nodes_and_links})

    async def recovered(self, seconds: float) -> bool:
        """Waits until every node says that it is ready, but not longer."""
        ready = True
        try:
            await self.until_ready(seconds)
        except* AssertionError:
            ready = False
        return ready

    async def until_ready(self, seconds: float = nodes.READY_SECONDS) -> None:
        """Raises a group of what each of the others said last."""
        async with asyncio.TaskGroup() as waiting:
            for member in self.members:
                waiting.create_task(member.node.until_ready(seconds))


@asynccontextmanager
async def stand(folder: Path, seed: int) -> AsyncIterator[Stand]:
    """All of it, ready. `folder` keeps the data and the logs."""
    async with AsyncExitStack() as stack:
        redis = RedisServer(_made(folder / "redis-server"), shim=_shim("redis", folder, stack))
        stack.push_async_callback(redis.stop)
        postgres = PostgresServer(_made(folder / "postgres-server"))
        stack.push_async_callback(postgres.stop)
        await asyncio.gather(redis.start(), postgres.start())
        members = [await _member(number, role, folder, redis, postgres, stack) for number, role in enumerate(ROLES)]
        version = await asyncio.to_thread(nodes.other_version, folder / "other-version")
        found = Stand(folder, seed, redis, postgres, members, version)
        for member in members:
            await member.node.start()
        await found.until_ready()
        yield found


async def _member(
    number: int, role: str, folder: Path, redis: RedisServer, postgres: PostgresServer, stack: AsyncExitStack
) -> Member:
    name = f"{role}-{number % 2 + 1}"
    shim = _shim(name, folder, stack)
    to_redis = await _link(f"{name}:redis", redis.port, stack)
    to_postgres = await _link(f"{name}:postgres", postgres.port, stack)
    environment = {
        "DISPATCH_REDIS_URL": f"redis://127.0.0.1:{to_redis.proxy.port}/0",
        "DISPATCH_DATABASE_URL": postgres_server.address(to_postgres.proxy.port),
        "DISPATCH_SECRET": SECRET,
        "DISPATCH_DRAIN_SECONDS": DRAIN_SECONDS,
    }
    node = Node(name, role, folder, environment | dict(shim.environment))
    stack.push_async_callback(node.close)
    ports = {"hub": node.ws_port, "api": node.http_port}
    clients = await _link(f"{name}:clients", ports[role], stack) if role in ports else None
    return Member(node, shim, to_redis, to_postgres, clients)


def _shim(name: str, folder: Path, stack: AsyncExitStack) -> Shim:
    shim = Shim(_made(folder / "shims"), name)
    stack.callback(shim.close)
    return shim


async def _link(name: str, port: int, stack: AsyncExitStack) -> Link:
    proxy = Proxy(("127.0.0.1", port))
    await proxy.start()
    stack.push_async_callback(proxy.close)
    return Link(name, proxy)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
