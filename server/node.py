"""One server process: the roles it was given, on one event loop, from start to drained end.

Owns the order in which parts start and stop. Knows no rule of dispatch. Invariants: `/readyz` answers 200 only
when everything works; after SIGTERM no new session is taken, what is in flight is answered, and the exit code is 0.
"""

import asyncio
import gc
import random
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import structlog
import uvicorn
from starlette.applications import Starlette

from admin_api.app import build_app
from admin_api.console import Console
from admin_api.health import Document, build_health_app
from dispatch import metrics
from dispatch.assembly import Dispatch
from dispatch.catalog import PEOPLE
from dispatch.errors import DispatchError, Unavailable
from dispatch.records.database import NotLetIn
from dispatch.tasks import end
from realtime import asyncapi
from realtime.hub import Hub
from realtime.listener import Listener
from realtime.wire import CloseCode
from server import embedded
from server.config import SHORT_SECRET, ConfigError, Settings
from server.engines import Engines
from server.keys import KeySource, followed
from server.pulse import Pulse
from server.stopping import stopped

log = structlog.get_logger()
HEARTBEAT_SECONDS = 20.0
GARBAGE = 50_000
"""New objects, before those that hold each other in circles are looked for: some 5 MiB, if all of them were."""
START_SECONDS = 60.0
"""How long a process waits for PostgreSQL before it gives up."""
HTTP_SECONDS = 17
"""How long requests in flight may take at the end: longer than an upload may be silent, so that each is answered."""
STORAGE_SECONDS = 3.0
"""How long `/readyz` waits for the storage of voice notes: probes give up after a few seconds."""
CONSOLE = Path(__file__).resolve().parent.parent / "console"
_STREAM = Document("asyncapi", "The stream, as AsyncAPI 3.0", asyncapi.document)


class _Http(uvicorn.Server):
    """Signals are the node's: uvicorn would end with 143 on SIGTERM."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Node:
    def __init__(self, settings: Settings, dispatch: Dispatch, keys: KeySource | None) -> None:
        self._settings = settings
        self._dispatch = dispatch
        self._keys = keys if settings.role.streams or settings.role.answers else None  # an engine checks no token
        self._draining = False

    async def readiness(self) -> dict[str, str]:
        """Each dependency's state: `ok`, or what is wrong."""
        found = {"redis": "ok", "postgres": "ok", "regions": "ok"}
        for name, ask in (("redis", self._dispatch.store.ping), ("postgres", self._dispatch.records.database.ping)):
            try:
                await ask()
            except DispatchError as exc:
                found[name] = exc.message
        if found["redis"] == found["postgres"] == "ok":
            found["regions"] = await self._regions()
        if self._keys is not None:
            found["keys"] = self._keys.state
        if self._settings.role.answers:
            found |= {"voice_storage": await self._voice_storage(), "mp3": self._mp3()}
        if self._draining:
            found["server"] = "draining"
        return found

    async def _voice_storage(self) -> str:
        try:
            async with asyncio.timeout(STORAGE_SECONDS):
                await self._dispatch.notes.storage.check()
        except TimeoutError:
            return "the storage of voice notes does not answer"
        except DispatchError as exc:
            return exc.message
        return "ok"

    def _mp3(self) -> str:
        return "ok" if self._dispatch.notes.transcoder.available else "ffmpeg is not installed"

    async def _regions(self) -> str:
        try:
            unsettled = [s for s in self._dispatch.catalog.slots if not await self._dispatch.reconciler.settled(s)]
        except DispatchError as exc:
            return exc.message
        names = ["sessions" if slot == PEOPLE else slot for slot in unsettled]
        return f"being reconciled: {', '.join(names)}" if names else "ok"

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`, then drain. Raises ConfigError when a port can not be had."""
        settings = self._settings
        async with AsyncExitStack() as stack:
            pulse = Pulse(metrics.LOOP_LAG.observe)
            pulse.start()
            stack.callback(pulse.close)
            await stack.enter_async_context(self._working(stop))
            if stop.is_set():
                return
            await stack.enter_async_context(followed(self._keys))
            http = _bind(settings.host, settings.http_port, shared=settings.shared_ports)
            ws = _bind(settings.host, settings.ws_port, shared=settings.shared_ports) if settings.role.streams else None
            if settings.metrics_port:
                own = _bind(settings.host, settings.metrics_port, shared=False)
                await stack.enter_async_context(self._answering(own, build_health_app(self.readiness)))
            await stack.enter_async_context(self._answering(http, self._app(ws)))
            if ws is not None:
                await stack.enter_async_context(self._streaming(ws))
            _spare_the_collector()
            log.info(
                "serving",
                role=settings.role.value,
                http=f"http://{settings.host}:{http.getsockname()[1]}",
                ws=f"ws://{settings.host}:{ws.getsockname()[1]}/v1/stream" if ws else None,
            )
            await stop.wait()
            self._draining = True
            log.info("draining")

    @asynccontextmanager
    async def _working(self, stop: asyncio.Event) -> AsyncIterator[None]:
        engines = Engines(self._dispatch)
        try:
            await self._start(stop)
            if self._settings.role.works and not stop.is_set():
                engines.start()
            yield
        finally:
            await engines.close()
            await self._dispatch.close()

    async def _start(self, stop: asyncio.Event) -> None:
        """PostgreSQL may be away just now, or come up after us. Until `stop`; raises Unavailable after a minute."""
        loop = asyncio.get_running_loop()
        until, wait = loop.time() + START_SECONDS, 0.1
        while not stop.is_set():
            try:
                await self._dispatch.start()
                return
            except NotLetIn:
                raise
            except Unavailable as exc:
                if loop.time() >= until:
                    raise
                log.warning("start_waits", error=exc.message)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), random.uniform(0, wait))
            wait = min(2 * wait, 2.0)

    @asynccontextmanager
    async def _answering(self, sock: socket.socket, app: Starlette) -> AsyncIterator[None]:
        config = uvicorn.Config(
            app, loop="none", lifespan="off", log_config=None, access_log=False, server_header=False,
            timeout_graceful_shutdown=HTTP_SECONDS, timeout_keep_alive=30,
        )  # fmt: skip
        server = _Http(config)
        task = asyncio.create_task(server.serve(sockets=[sock]), name="http")
        try:
            yield
        finally:
            server.should_exit = True
            await task

    def _app(self, ws: socket.socket | None) -> Starlette:
        """`ws` is where this process has the stream; without one, it is sought where `--ws-port` says."""
        if not self._settings.role.answers:
            return build_health_app(self.readiness)
        stream_port: int = self._settings.ws_port if ws is None else ws.getsockname()[1]
        console = Console(CONSOLE, self._settings.console, stream_port)
        return build_app(self._dispatch, console=console, readiness=self.readiness, documents=[_STREAM])

    @asynccontextmanager
    async def _streaming(self, sock: socket.socket) -> AsyncIterator[None]:
        settings = self._settings
        hub = Hub(self._dispatch, heartbeat_seconds=HEARTBEAT_SECONDS, rates=settings.rates)
        listener = Listener(hub, heartbeat_seconds=HEARTBEAT_SECONDS, origins=settings.origins, room=settings.room)
        hub.start()
        await listener.start(sock)
        try:
            yield
        finally:
            spread_ms = int(settings.drain_seconds * 1000)
            await listener.close_all(CloseCode.DRAINING, "the server is going down", spread_ms=spread_ms)
            await hub.close()


async def serve(settings: Settings) -> None:
    """One process' whole life, on external servers or on its own. Raises ConfigError, EmbeddedError, Unavailable."""
    stop = stopped()
    for secret in settings.trust.secrets[:1]:
        if len(secret.encode()) < SHORT_SECRET:
            log.warning("short_secret", bytes=len(secret.encode()), advised=SHORT_SECRET)
    if (settings.trust.key_set_url or "").startswith("http:"):
        log.warning("keys_over_plain_http", advised="https, or a network that nobody else is in")
    keys = settings.trust.source()
    async with services(settings) as running:
        verifier = running.trust.verifier(keys)
        dispatch = Dispatch(
            redis_url=running.redis_url,
            database_url=running.database_url,
            verifier=verifier,
            voice=running.voice,
            say=running.say,
        )
        await Node(running, dispatch, keys).run(stop)


@asynccontextmanager
async def services(settings: Settings) -> AsyncIterator[Settings]:
    """The settings with the URLs of the embedded servers, which live for the block; external ones as they are."""
    if not settings.embedded:
        yield settings
        return
    running = await embedded.start(settings.data_dir)
    watching = asyncio.create_task(running.watch(), name="embedded")
    try:
        yield settings.on(running.redis_url, running.database_url)
    finally:
        await end([watching])
        await running.stop()


def _spare_the_collector() -> None:
    """What was made until now stays, and need not be looked at again; what is dropped later leaves few cycles.

    With Python's defaults the search for cycles among thousands of sessions is a third of what a grab costs.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)


def _bind(host: str, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        sock.bind((host, port))
    except OSError as exc:
        sock.close()
        raise ConfigError(f"{host}:{port} can not be bound: {exc.strerror}") from exc
    sock.setblocking(False)
    return sock
