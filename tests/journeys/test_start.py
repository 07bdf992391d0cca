"""A server that starts before its PostgreSQL does, and one that PostgreSQL does not let in."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from loadtest.child import free_ports
from server import embedded
from tests.journeys.cluster import READY_S, SECRET


@asynccontextmanager
async def started(
    services: embedded.Embedded, database_url: str, http_port: int, ws_port: int
) -> AsyncIterator[asyncio.subprocess.Process]:
    """An api: it takes no work from the engines of other tests."""
    environment = {
        "DISPATCH_REDIS_URL": services.redis_url,
        "DISPATCH_DATABASE_URL": database_url,
        "DISPATCH_SECRET": SECRET,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server.cli", "serve", "--role", "api",
        "--http-port", str(http_port), "--ws-port", str(ws_port),
        env=os.environ | environment, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until_logged(process: asyncio.subprocess.Process, event: str) -> None:
    assert process.stderr is not None
    async with asyncio.timeout(READY_S):
        while line := await process.stderr.readline():
            if f'"{event}"'.encode() in line:
                return
    pytest.fail(f"it ended without {event}")


def elsewhere(services: embedded.Embedded, folder: Path) -> str:
    """The same PostgreSQL, sought in a folder where its socket does not lie."""
    url, _, real = services.database_url.partition("?host=")
    assert real
    return f"{url}?host={folder}"


async def test_it_waits_for_a_database_that_comes_later(services: embedded.Embedded, tmp_path: Path) -> None:
    sought = tmp_path / "pg"
    http_port, ws_port = free_ports(2)
    async with started(services, elsewhere(services, sought), http_port, ws_port) as process:
        await until_logged(process, "start_waits")
        sought.symlink_to(services.database_url.partition("?host=")[2])
        await until_logged(process, "serving")
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(f"http://127.0.0.1:{http_port}/healthz")).status_code == httpx.codes.OK
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(READY_S):
            assert await process.wait() == 0


async def test_it_can_be_stopped_while_it_waits(services: embedded.Embedded, tmp_path: Path) -> None:
    async with started(services, elsewhere(services, tmp_path / "pg"), *free_ports(2)) as process:
        await until_logged(process, "start_waits")
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(READY_S):
            assert await process.wait() == 0


async def test_it_does_not_wait_where_it_is_not_let_in(services: embedded.Embedded) -> None:
    nowhere = services.database_url.replace("/dispatch?", "/nosuch?")
    assert nowhere != services.database_url
    async with started(services, nowhere, *free_ports(2)) as process:
        assert process.stderr is not None
        async with asyncio.timeout(READY_S):
            said = (await process.stderr.read()).decode()
        assert await process.wait() == 1
    assert "valet-dispatch: PostgreSQL does not let us in: InvalidCatalogNameError 3D000" in said
    assert "start_waits" not in said
