"""Several processes behind one pair of ports: `serve --workers N`.

Owns the embedded servers (if any) and the workers, which share them; the kernel spreads connections over the
workers' sockets. Invariant: a worker that dies is started again; none outlives this process' orderly end.
"""

import asyncio
import os
import random
import signal
import sys

import structlog

from server.config import Settings
from server.node import services
from server.stopping import stopped

log = structlog.get_logger()
PATIENCE_S = 15.0
"""Beyond the drain time, before a worker is killed."""


async def supervise(settings: Settings) -> None:
    """Until SIGTERM or Ctrl-C; then every worker drains. Raises EmbeddedError."""
    stop = stopped()
    async with services(settings) as running:
        workers = [asyncio.create_task(_keep(running, i, stop)) for i in range(running.workers)]
        await stop.wait()
        await asyncio.gather(*workers)


async def _keep(settings: Settings, number: int, stop: asyncio.Event) -> None:
    while not stop.is_set():
        child = await _start(settings, number)
        log.info("worker_started", worker=number, pid=child.pid)
        ended, told = asyncio.create_task(child.wait()), asyncio.create_task(stop.wait())
        await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if stop.is_set():
            await _end(child, ended, settings.drain_seconds + PATIENCE_S)
            return
        log.error("worker_died", worker=number, pid=child.pid, code=child.returncode)
        await asyncio.sleep(random.uniform(0.5, 2.0))  # one that dies at once must not spin


async def _start(settings: Settings, number: int) -> asyncio.subprocess.Process:
    options = {
        "--host": settings.host,
        "--http-port": settings.http_port,
        "--ws-port": settings.ws_port,
        "--data-dir": settings.data_dir,
        "--role": settings.role.value,
    }
    given = {
        "DISPATCH_REDIS_URL": settings.redis_url,
        "DISPATCH_DATABASE_URL": settings.database_url,
        "DISPATCH_SHARED_PORTS": "1",
        "DISPATCH_METRICS_PORT": str(settings.metrics_port + number if settings.metrics_port else 0),
    }
    if settings.trust.secrets:  # it may be the one of the data directory
        given["DISPATCH_SECRET"] = settings.trust.secrets[0]
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server.cli", "serve", *(str(part) for pair in options.items() for part in pair),
        env=os.environ | given,
        start_new_session=True,  # Ctrl-C reaches the supervisor, which drains them
    )  # fmt: skip


async def _end(child: asyncio.subprocess.Process, ended: "asyncio.Task[int]", patience: float) -> None:
    if child.returncode is None:
        child.send_signal(signal.SIGTERM)
    done, _ = await asyncio.wait({ended}, timeout=patience)
    if not done:
        log.error("worker_killed", pid=child.pid)
        child.kill()
        await ended
