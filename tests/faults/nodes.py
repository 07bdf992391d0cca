"""The server processes under test: one role each, on links of its own to Redis and PostgreSQL.

Owns their start, their signals, their logs, and that one which dies is started again, as any operator's supervisor
would. Knows the server by its command line and `/readyz` only. Invariants: a node keeps its ports through all its
lives; none outlives this process, even one that is killed (`bound`).
"""

import asyncio
import os
import shutil
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

import server
from tests.faults import bound
from tests.faults.ports import HeldPort

ROOT = Path(server.__file__).parents[1]
FOLDERS = ("admin_api", "console", "dispatch", "geo", "realtime", "server")
BINDING = str(Path(bound.__file__).absolute())
READY_SECONDS = 60.0
DRAIN_SECONDS = 40.0
PROBE_SECONDS = 3.0
POLL_SECONDS = 0.1
AGAIN_SECONDS = 0.5
KEPT = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "HOME")


@dataclass(frozen=True, slots=True)
class Death:
    """An end that nobody here had asked for."""

    at_ns: int
    code: int


class Node:
    """`environment` names the secret and the addresses of Redis and PostgreSQL. The log is `folder`/`name`.log."""

    def __init__(self, name: str, role: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.role = role
        self.deaths: list[Death] = []
        self.log = folder / f"{name}.log"
        self.source = ROOT
        self._folder = folder
        self._environment = environment
        self._http, self._ws = HeldPort(), HeldPort()
        self._probe = httpx.AsyncClient(trust_env=False, timeout=PROBE_SECONDS)
        self._process: Process | None = None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def http_port(self) -> int:
        return self._http.number

    @property
    def ws_port(self) -> int:
        return self._ws.number

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.ws_port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Begins to run; `until_ready` tells when it serves. From now on it is kept up, until it is ended."""
        if self._keeping is not None:
            raise AssertionError(f"{self.name} runs already")
        self._process = await self._spawn()
        self._keeping = asyncio.create_task(self._keep_up())

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def drain(self) -> int:
        """SIGTERM; the exit code. Any but 0, or one that had to be killed, counts as a death."""
        code = await self._end(signal.SIGTERM)
        if code != 0:
            self.deaths.append(Death(time.monotonic_ns(), code))
        return code

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    async def close(self) -> None:
        """Whatever state it is in; its ports are free then."""
        if self._keeping is not None:
            await self.kill()
        await self._probe.aclose()
        self._http.release()
        self._ws.release()

    async def readiness(self) -> str:
        """`ok`, or what `/readyz` or the connection says instead."""
        try:
            answer = await self._probe.get(f"{self.http_url}/readyz")
        except httpx.TransportError as exc:
            return type(exc).__name__
        return "ok" if answer.status_code == httpx.codes.OK else answer.text

    async def until_ready(self, seconds: float = READY_SECONDS) -> None:
        """Raises what it said last when it takes too long."""
        last = "never asked"
        try:
            async with asyncio.timeout(seconds):
                while (last := await self.readiness()) != "ok":  # noqa: ASYNC110 - another process tells nothing
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as exc:
            raise AssertionError(f"{self.name} is not ready after {seconds:.0f} s: {last}; see {self.log}") from exc

    async def _keep_up(self) -> None:
        while True:
            assert self._process is not None
            code = await self._process.wait()
            self.deaths.append(Death(time.monotonic_ns(), code))
            await asyncio.sleep(AGAIN_SECONDS)
            self._process = await self._spawn()

    async def _end(self, how: signal.Signals) -> int:
        if self._keeping is None or self._process is None:
            raise AssertionError(f"{self.name} does not run")
        self._keeping.cancel()
        with suppress(asyncio.CancelledError):
            await self._keeping
        self._keeping = None
        self._signal(how)
        try:
            return await asyncio.wait_for(self._process.wait(), DRAIN_SECONDS)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            return await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        """Of one that has just died by itself nothing is asked any more."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def _spawn(self) -> Process:
        """With a session of its own: Ctrl-C reaches the harness alone."""
        options = ["--role", self.role, "--http-port", str(self.http_port), "--ws-port", str(self.ws_port)]
        command = [sys.executable, "-m", "server.cli", "serve", *options, "--data-dir", str(self._folder / self.name)]
        binding = [sys.executable, "-I", "-S", BINDING, str(os.getpid())]
        output = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                *binding,
                *command,
                stdin=DEVNULL,
                stdout=output,
                stderr=STDOUT,
                cwd=self.source,  # from where `-m` takes the packages
                env={name: os.environ[name] for name in KEPT if name in os.environ} | dict(self._environment),
                start_new_session=True,
            )
        finally:
            os.close(output)


def other_version(folder: Path) -> Path:
    """The same server with other scripts: each bears a comment more, so that each has another SHA."""
    for each in FOLDERS:
        shutil.copytree(ROOT / each, folder / each, ignore=shutil.ignore_patterns("__pycache__"))
    for script in (folder / "dispatch" / "lua").glob("*.lua"):
        script.write_text(f"{script.read_text()}\n-- of another version\n")
    return folder
