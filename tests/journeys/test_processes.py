"""Roles in processes of their own, workers behind one pair of ports, and an engine that dies."""

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import orjson

from loadtest.child import free_ports
from loadtest.client import Session
from loadtest.rest import Http
from loadtest.tokens import mint
from tests.journeys.cluster import CENTRE, SECRET, cluster, furnish, order, policy, valet

READY_S = 60.0


async def test_each_role_alone_and_an_engine_that_is_killed(tmp_path: Path) -> None:
    async with cluster(tmp_path, servers=0) as city, AsyncExitStack() as stack:
        first, second = await city.add("engine"), await city.add("engine")
        api, hub = await city.add("api"), await city.add("hub")
        admin = await stack.enter_async_context(Http(api.http_url, mint(SECRET, "admin", "root")))
        backend = await stack.enter_async_context(Http(api.http_url, mint(SECRET, "service", "backend")))
        await furnish(admin, policy({"radius_m": 5000, "limit": 5, "seconds": 1}))
        await admin.put("/v1/agents/v-001", valet())
        agent = await stack.enter_async_context(Session(hub.ws_url, mint(SECRET, "valet", "v-001"), position=CENTRE))
        desk = await stack.enter_async_context(Session(hub.ws_url, mint(SECRET, "dispatcher", "d-1")))
        placed = await backend.post("/v1/orders", order())
        await agent.until(lambda view: placed["id"] in view.offers, 20)
        verdict = await agent.grab(placed["id"])
        assert verdict["outcome"] == "won"
        await agent.progress(placed["id"], verdict["fence"], "completed")

        await first.end(signal.SIGKILL)  # whichever of the two held the lease
        alone = await backend.post("/v1/orders", order())
        await desk.until(lambda view: alone["id"] in view.desk, 20)
        assert await second.end() == 0


async def test_workers_share_the_ports_and_one_that_dies_is_replaced(tmp_path: Path) -> None:
    http_port, ws_port = free_ports(2)
    url = f"http://127.0.0.1:{http_port}"
    environment = {"DISPATCH_SECRET": SECRET, "DISPATCH_DRAIN_SECONDS": "0"}
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server.cli", "serve", "--workers", "2", "--data-dir", str(tmp_path / "data"),
        "--http-port", str(http_port), "--ws-port", str(ws_port),
        env=os.environ | environment, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert parent.stderr is not None
    started: asyncio.Queue[int] = asyncio.Queue()
    reading = asyncio.create_task(_read_log(parent.stderr, started))
    try:
        async with asyncio.timeout(READY_S):
            pids = [await started.get(), await started.get()]
            await _until_ready(url)
            os.kill(pids[0], signal.SIGKILL)
            pids.append(await started.get())
            await _until_ready(url)
        async with Http(url, mint(SECRET, "admin", "root")) as admin:
            assert (await admin.get("/v1/policies"))["items"]
        parent.send_signal(signal.SIGTERM)
        async with asyncio.timeout(READY_S):
            assert await parent.wait() == 0
            await reading
    finally:
        if parent.returncode is None:
            parent.kill()
            await parent.wait()
    assert not _alive(pids)


def _alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


async def _read_log(log: asyncio.StreamReader, started: asyncio.Queue[int]) -> None:
    while line := await log.readline():
        told = orjson.loads(line)
        if told["event"] == "worker_started":
            started.put_nowait(told["pid"])


async def _until_ready(url: str) -> None:
    async with asyncio.timeout(READY_S), httpx.AsyncClient(trust_env=False) as http:
        while True:
            try:
                if (await http.get(f"{url}/readyz")).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
