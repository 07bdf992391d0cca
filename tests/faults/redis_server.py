"""A real Redis on a loopback port that can be killed, hung, emptied, set back in time, and lose power, memory and disk.

Owns its files below a folder, its process, its port. Runs it as `server.embedded_redis` does (binary, settings), but
listening on TCP, so that a proxy can stand before it. Knows no keys. Invariants: it never comes back by itself; the
port stays its own while it is down; nothing of it outlives this process, even one that is killed (`bound`).
"""

import asyncio
import itertools
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

from redis.asyncio import Redis
from redis.exceptions import RedisError

from server import embedded_redis, leftovers
from server.children import environment
from tests.faults import bound
from tests.faults.ports import HeldPort
from tests.faults.shim import Shim

PROGRAMS = (embedded_redis.PROGRAM,)
BINDING = str(Path(bound.__file__).absolute())
READY_SECONDS = 60.0
POLL_SECONDS = 0.01
PROBE_SECONDS = 2.0

Fsync = Literal["always", "everysec", "no"]


class RedisServer:
    """`folder` must exist; data, copies and log lie in it. Without a shim neither its clock nor its disk nor its power
    can fail; the shim is its own, not another program's."""

    def __init__(self, folder: Path, *, appendfsync: Fsync = "always", shim: Shim | None = None) -> None:
        self._folder = folder.resolve()
        self._mark = leftovers.mark_of(self._folder)
        self._home = self._folder / "redis"
        self._appendfsync = appendfsync
        self._shim = shim
        self._held = HeldPort()
        self._process: Process | None = None
        self._durable: dict[int, int] | None = None
        self._copies: Iterator[int] = itertools.count(1)

    @property
    def port(self) -> int:
        return self._held.number

    @property
    def url(self) -> str:
        return address(self.port)

    @property
    def log(self) -> Path:
        return self._folder / "redis.log"

    @property
    def pid(self) -> int:
        assert self._process is not None, "Redis was not started"
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def run_id(self) -> str:
        async with Redis.from_url(self.url, decode_responses=True) as client:
            return str((await client.info("server"))["run_id"])

    async def start(self) -> None:
        """Returns when it has read its data and answers."""
        if self.runs:
            raise AssertionError("Redis runs already")
        command = await self._command()
        if self._durable is None:
            self._durable = self._all_durable()
        self._process = await self._spawn(command)
        await self._until_ready(self._process)

    async def stop(self) -> None:
        """Whatever state it is in. It can not be started again."""
        await self.kill()
        self._held.release()

    # --- process ----------------------------------------------------------------------------------------

    async def kill(self) -> None:
        """kill -9; also one that is paused, or is dead."""
        self._signal(signal.SIGKILL)
        await self.ended()

    async def ended(self) -> int | None:
        """Its exit code, once it has ended; a full disk ends it."""
        return await self._process.wait() if self._process is not None else None

    async def restart(self) -> None:
        """What the operating system had taken survives this."""
        await self.kill()
        await self.start()

    def pause(self) -> None:
        """Hangs: connections are still taken by the kernel, nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    # --- data -------------------------------------------------------------------------------------------

    async def wipe(self) -> None:
        """Restarts empty."""
        await self.kill()
        shutil.rmtree(self._home)
        self._durable = None
        await self.start()

    async def copy(self) -> Path:
        """Its data as of now, taken from under it while it runs: what a snapshot of its disk would hold."""
        copy = self._folder / f"copy-{next(self._copies)}"
        await asyncio.to_thread(shutil.copytree, self._home, copy)
        return copy

    async def set_back(self, copy: Path) -> None:
        """Restarts with the data of a copy; that can be done again. What was answered since is lost."""
        await self.kill()
        shutil.rmtree(self._home)
        await asyncio.to_thread(shutil.copytree, copy, self._home)
        self._durable = None
        await self.start()

    async def power_cut(self) -> None:
        """Restarts with what was on disk for certain: each append-only file up to its last sync."""
        await self.kill()
        synced = (self._durable or {}) | self._needs_shim().synced()
        for file in self._append_only_files():
            status = file.stat()
            os.truncate(file, min(status.st_size, synced.get(status.st_ino, 0)))
        self._durable = None
        await self.start()

    # --- surroundings -----------------------------------------------------------------------------------

    def shift_clock(self, ms: int) -> None:
        """Its clock is wrong by so much from now on, also after a restart."""
        self._needs_shim().shift_clock(ms)

    def fill_disk(self, full: bool) -> None:
        """While it is full, nothing is appended. Under `appendfsync always` Redis ends itself at the next write (see
        `ended`), before it answers it; it may be started with a full disk and reads, until it is written to."""
        self._needs_shim().fill_disk(full)

    async def starve_memory(self, starved: bool) -> None:
        """While it is starved, every command that may need memory is refused (OOM), by `noeviction`. A restart ends
        it."""
        async with Redis.from_url(self.url) as client:
            await client.config_set("maxmemory", 1 if starved else 0)

    # --- inside -----------------------------------------------------------------------------------------

    def _needs_shim(self) -> Shim:
        assert self._shim is not None, "this fault needs a shim"
        return self._shim

    def _append_only_files(self) -> Iterator[Path]:
        """Redis 7 keeps several, in a folder."""
        return self._home.rglob("*.aof")

    def _all_durable(self) -> dict[int, int]:
        """What lies there before it starts has been there long enough."""
        if self._shim is not None:
            self._shim.forget()
        return {file.stat().st_ino: file.stat().st_size for file in self._append_only_files()}

    async def _command(self) -> list[str]:
        plan = await embedded_redis.plan(self._home, self._mark)
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "unixsocket": "",
            "appendfsync": self._appendfsync,
            "auto-aof-rewrite-percentage": "0",  # a copy shall find one file, whole
            "jemalloc-bg-thread": "no",  # it waits by the clock that is shifted
        }
        return [*plan.command, *(word for name, value in settings.items() for word in (f"--{name}", value))]

    async def _spawn(self, command: list[str]) -> Process:
        binding = [sys.executable, "-I", "-S", BINDING, str(os.getpid())]
        output = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                *binding,
                *command,
                stdin=DEVNULL,
                stdout=output,
                stderr=STDOUT,
                cwd=self._home,
                env=environment() | dict(self._shim.environment if self._shim else {}),
                start_new_session=True,
            )
        finally:
            os.close(output)

    async def _until_ready(self, process: Process) -> None:
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not await answers(self.port):
                    if process.returncode is not None:
                        raise AssertionError(f"Redis ended with {process.returncode}; see {self.log}")
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as exc:
            raise AssertionError(f"Redis does not answer after {READY_SECONDS:.0f} s; see {self.log}") from exc

    def _signal(self, number: signal.Signals) -> None:
        if self.runs and self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)


def address(port: int) -> str:
    """The same Redis, through whatever listens on `port`."""
    return f"redis://127.0.0.1:{port}/0"


async def answers(port: int) -> bool:
    """Whether it has read its data; one that refuses writes answers, too."""
    client = Redis.from_url(address(port), socket_timeout=PROBE_SECONDS, socket_connect_timeout=PROBE_SECONDS)
    try:
        await client.ping()
    except (RedisError, OSError):
        return False
    finally:
        await client.aclose()
    return True
