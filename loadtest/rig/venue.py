"""Where a measurement takes place: the server under test, started here or named, and what can be seen of it outside.

Owns its processes, their CPU and memory, and the sums of their metrics. Knows the server by its command line and its
interfaces only. Invariant: whoever leaves the block leaves no process behind.
"""

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from loadtest.child import ELSEWHERE, StartFailed, command, free_ports
from loadtest.rig.metrics import Samples, parse
from loadtest.rig.usage import Beside, Usage, measured, private_kib
from loadtest.tokens import mint

READY_SECONDS = 120.0
END_SECONDS = 40.0
SERVICES_LOG = "services.log"
FREE_ROW_TRIES = 50
BEYOND_REACH = "100000/100000"
SETTINGS: Mapping[str, str] = {
    "DISPATCH_DRAIN_SECONDS": "1",
    "DISPATCH_LIMIT_MESSAGES": BEYOND_REACH,
    "DISPATCH_LIMIT_GRABS": BEYOND_REACH,
}
"""Of the server under test. Its limits are kept count of, and never met: no hand grabs as often as ours."""


@dataclass(frozen=True, slots=True)
class Part:
    """One server process with its workers. `ws_url` is '' where its role has no stream."""

    role: str
    http_url: str
    ws_url: str
    pid: int
    metrics_urls: Sequence[str]


@dataclass(slots=True)
class Venue:
    """`roots` are the processes whose trees are counted."""

    secret: str
    parts: Sequence[Part]
    roots: Sequence[int]
    data_dir: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    agents: set[str] = field(default_factory=set)
    """Put already."""
    open_orders: int = 0
    """Posted to stay open, see `stock`."""
    beside_few: tuple[int, Beside] | None = None
    """How many were open, and what an order cost beside them, when they were few; see `flat`."""

    @property
    def http_url(self) -> str:
        return next(part.http_url for part in self.parts if part.role in ("all", "api"))

    @property
    def hubs(self) -> list[Part]:
        return [part for part in self.parts if part.ws_url]

    @property
    def nodes(self) -> int:
        """Processes that hold sessions."""
        return sum(len(part.metrics_urls) for part in self.hubs)

    def usage(self) -> Usage:
        return measured(self.roots)

    def hub_usage(self) -> Usage:
        """Of the processes that hold sessions, whatever else they do."""
        return measured(part.pid for part in self.hubs)

    def hub_private_kib(self) -> int:
        """Of all processes that hold sessions."""
        return private_kib(part.pid for part in self.hubs)

    async def metrics(self) -> Samples:
        """Summed over all server processes."""
        async with httpx.AsyncClient(trust_env=False, timeout=30.0) as http:
            pages = [await http.get(url) for part in self.parts for url in part.metrics_urls]
        return Samples.sum(parse(page.text) for page in pages)

    def token(self, role: str, sub: str) -> str:
        return mint(self.secret, role, sub)


def named(http_url: str, ws_url: str, secret: str, roots: Sequence[int]) -> Venue:
    """A server that runs already; the first of `roots` holds its sessions."""
    return Venue(secret, [Part("all", http_url, ws_url, roots[0], (f"{http_url}/metrics",))], roots)


@asynccontextmanager
async def started(
    data_dir: Path, roles: Sequence[str] = ("all",), workers: int = 1, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Venue]:
    """Redis and PostgreSQL in `data_dir`, which is there, and a server process (with its workers) for each role."""
    kept = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    secret = secrets.token_hex(32)
    ours = {**kept, "DISPATCH_SECRET": secret, **SETTINGS, **(settings or {})}
    begun: list[asyncio.subprocess.Process] = []
    try:
        urls = await _services(data_dir, ours, begun)
        environment = ours | urls
        starting = [await _serve(data_dir, role, workers, environment, begun) for role in roles]
        for each in starting:  # none is ready before an engine runs
            await _ready(*each)
        parts = [part for part, _, _ in starting]
        yield Venue(secret, parts, [each.pid for each in begun], data_dir, environment)
    finally:
        for child in reversed(begun):
            await _end(child)


async def _services(
    data_dir: Path, environment: Mapping[str, str], begun: list[asyncio.subprocess.Process]
) -> dict[str, str]:
    """The URLs that it prints."""
    with (data_dir / SERVICES_LOG).open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            command(), "services", "--data-dir", str(data_dir), env=environment, start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log,
        )  # fmt: skip
    begun.append(child)
    assert child.stdout is not None
    urls: dict[str, str] = {}
    async with asyncio.timeout(READY_SECONDS):
        while len(urls) < 2:
            line = (await child.stdout.readline()).decode().strip()
            if not line:
                raise StartFailed(f"the databases did not start:\n{_last_lines(data_dir / SERVICES_LOG)}")
            name, _, value = line.partition("=")
            urls[name] = value
    return urls


async def _serve(
    data_dir: Path, role: str, workers: int, environment: Mapping[str, str], begun: list[asyncio.subprocess.Process]
) -> "tuple[Part, asyncio.subprocess.Process, Path]":
    http_port, ws_port = free_ports(2)
    options = ["--http-port", str(http_port), "--ws-port", str(ws_port), "--role", role, "--workers", str(workers)]
    of_each = _free_row(workers) if workers > 1 else [http_port]
    if workers > 1:  # they share the other ports: whoever asks there is answered by any of them
        environment = {**environment, "DISPATCH_METRICS_PORT": str(of_each[0])}
    log_path = data_dir / f"serve-{len(begun)}.log"
    with log_path.open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            command(), "serve", *options, "--data-dir", str(data_dir), env=environment, start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    begun.append(child)
    streams = role in ("all", "hub")
    ws_url = f"ws://127.0.0.1:{ws_port}" if streams else ""
    metrics_urls = [f"http://127.0.0.1:{port}/metrics" for port in of_each]
    return Part(role, f"http://127.0.0.1:{http_port}", ws_url, child.pid, metrics_urls), child, log_path


def _free_row(count: int) -> list[int]:
    """Ports that follow each other."""
    for _ in range(FREE_ROW_TRIES):
        (first,) = free_ports(1)
        row = list(range(first, first + count))
        with ExitStack() as stack:
            try:
                for port in row:
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
            return row
    raise StartFailed(f"no {count} free ports in a row")


async def _ready(part: Part, child: asyncio.subprocess.Process, log: Path) -> None:
    try:
        async with asyncio.timeout(READY_SECONDS), httpx.AsyncClient(trust_env=False, timeout=5.0) as http:
            while not await _answers(http, part):
                if child.returncode is not None:
                    raise StartFailed(
                        f"a server of role {part.role} ended with {child.returncode}:\n{_last_lines(log)}"
                    )
                await asyncio.sleep(0.05)
    except TimeoutError as exc:
        raise StartFailed(f"a server of role {part.role} is not ready:\n{_last_lines(log)}") from exc


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])


async def _answers(http: httpx.AsyncClient, part: Part) -> bool:
    try:
        return (await http.get(f"{part.http_url}/readyz")).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        child.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_SECONDS):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()


def address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    return parts.hostname, parts.port or 80
