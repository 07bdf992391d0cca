"""Roles in processes of their own, workers behind one pair of ports, and an engine that dies."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import orjson
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from loadtest.child import free_ports
from loadtest.client import Session
from loadtest.rest import Http
from loadtest.tokens import mint
from tests.journeys.cluster import CENTRE, SECRET, cluster, furnish, order, policy, valet
from tests.promql import told

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
    metrics_port = neighbours()
    environment = {
        "DISPATCH_SECRET": SECRET,
        "DISPATCH_DRAIN_SECONDS": "0",
        "DISPATCH_METRICS_PORT": str(metrics_port),
    }
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
            before = [await _begun(metrics_port), await _begun(metrics_port + 1)]
            os.kill(pids[0], signal.SIGKILL)
            pids.append(await started.get())
            await _until_ready(url)
            after = [await _begun(metrics_port), await _begun(metrics_port + 1)]
            assert sum(old != new for old, new in zip(before, after, strict=True)) == 1, "a port for each worker"
        async with Http(url, mint(SECRET, "admin", "root")) as admin:
            assert (await admin.get("/v1/policies"))["items"]
        parent.send_signal(signal.SIGTERM)
        async with asyncio.timeout(READY_S):
            assert await parent.wait() == 0
            await reading
    finally:
        if parent.returncode is None:
            parent.terminate()  # killed, it would leave its workers behind, and with them its open log
            async with asyncio.timeout(READY_S):
                await parent.wait()
    assert not _alive(pids)


def neighbours() -> int:
    """The first of two ports in a row that are free."""
    while True:
        port = free_ports(1)[0]
        with contextlib.suppress(OSError, OverflowError), socket.create_server(("127.0.0.1", port + 1)):
            return port


async def _begun(port: int) -> float:
    """When the process began whose metrics these are; it tells all that the dashboard may name."""
    url = f"http://127.0.0.1:{port}"
    await _until_ready(url)
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(f"{url}/v1/orders")).status_code == httpx.codes.NOT_FOUND, "metrics and health alone"
        exposition = (await http.get(f"{url}/metrics")).text
    ours = {
        name for name in told(generate_latest().decode()) if not name.endswith("_created")
    }  # told once there is a value
    assert told(exposition).keys() >= ours
    samples = {s.name: s.value for family in text_string_to_metric_families(exposition) for s in family.samples}
    assert samples["process_open_fds"] > 0
    assert samples["process_resident_memory_bytes"] > 0
    return samples["process_start_time_seconds"]


def _alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


async def _read_log(log: asyncio.StreamReader, started: asyncio.Queue[int]) -> None:
    while line := await log.readline():
        told = orjson.loads(line) if line.startswith(b"{") else {}  # a library's warning is plain text
        if told.get("event") == "worker_started":
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
