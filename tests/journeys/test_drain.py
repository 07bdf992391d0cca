"""A process is told to stop, twice, while a grab and a request wait for PostgreSQL: both are answered first."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import httpx

from loadtest.tokens import mint
from loadtest.wire import Message
from tests.journeys.cluster import CENTRE, SECRET, Cluster, cluster, furnish, order, policy, valet

PATIENCE_S = 30.0


@asynccontextmanager
async def orders_locked(city: Cluster) -> AsyncIterator[asyncpg.Connection]:
    """Nobody writes an order until the block ends."""
    connection = await asyncpg.connect(city.services.database_url.replace("+asyncpg", ""))
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE orders IN SHARE MODE")
            yield connection
    finally:
        await connection.close()


async def _until_waiting(connection: asyncpg.Connection, number: int) -> None:
    """So many statements wait for the lock."""
    async with asyncio.timeout(PATIENCE_S):
        query = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"
        while True:
            if await connection.fetchval(query) >= number:
                return
            await asyncio.sleep(0.02)


async def _until_draining(url: str) -> None:
    async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(trust_env=False) as http:
        while True:
            if (await http.get(f"{url}/readyz")).json().get("server") == "draining":
                return
            await asyncio.sleep(0.02)


async def test_what_is_in_flight_is_answered_before_the_end(tmp_path: Path) -> None:
    heard: list[Message] = []
    async with cluster(tmp_path) as city, AsyncExitStack() as stack:
        server = city.servers[0]
        admin = await stack.enter_async_context(city.http("admin", "root"))
        backend = await stack.enter_async_context(city.http("service", "backend"))
        await furnish(admin, policy({"radius_m": 5000, "limit": 5, "seconds": 300}))
        await admin.put("/v1/agents/v", valet())
        agent = await stack.enter_async_context(
            city.session("valet", "v", position=CENTRE, observe=lambda message, _: heard.append(message))
        )
        placed = await backend.post("/v1/orders", order())
        await agent.until(lambda view: placed["id"] in view.offers, PATIENCE_S)
        async with orders_locked(city) as connection:
            grabbing = asyncio.create_task(agent.grab(placed["id"]))
            posting = asyncio.create_task(_posted(server.http_url))
            await _until_waiting(connection, 2)
            assert server.process is not None
            server.process.send_signal(signal.SIGTERM)
            server.process.send_signal(signal.SIGINT)
            await _until_draining(server.http_url)
        assert (await grabbing)["outcome"] == "won"
        assert await posting == httpx.codes.CREATED
        assert await server.end() == 0
        await agent.until(lambda _: bool(agent.goodbyes), PATIENCE_S)
        assert agent.goodbyes[0].code == 4000
        told = [message["type"] for message in heard]
        assert told.index("verdict") < told.index("bye")
        assert heard[told.index("bye")]["reconnect_after_ms"] == 0


async def _posted(url: str) -> int:
    """The status of the one answer: not asked again."""
    headers = {"Authorization": f"Bearer {mint(SECRET, 'service', 'backend')}"}
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        answer = await http.post(f"{url}/v1/orders", json=order(), headers=headers)
        return answer.status_code
