"""A real PostgreSQL on a loopback port that can be killed, hung and brought back.

Owns its cluster below a folder, its processes, its port. Runs it as `server.embedded_postgres` does (binaries, user,
settings), but listening on TCP, so that a proxy can stand before it. Knows no tables. Invariants: what was committed
survives each `kill`; nothing of it outlives this process, even one that is killed (`guard`).
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import replace
from pathlib import Path

import asyncpg

from server import embedded_postgres, leftovers
from server.children import Child, Plan
from tests.faults.guard import signal_all
from tests.faults.ports import HeldPort

PROGRAMS = (embedded_postgres.PROGRAM,)
ROLE, DATABASE = embedded_postgres.ROLE, embedded_postgres.DATABASE
PROBE_SECONDS = 2.0
HBA = "pg_hba_loopback.conf"
OPEN_TO_US = f"host {DATABASE} {ROLE} 127.0.0.1/32 trust\n"


class PostgresServer:
    """`folder` must exist; its data lies in `folder`/postgres."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._mark = leftovers.mark_of(self._folder)
        self._held = HeldPort()
        self._child: Child | None = None
        self._guard: Process | None = None

    @property
    def port(self) -> int:
        return self._held.number

    @property
    def url(self) -> str:
        return address(self.port)

    @property
    def pid(self) -> int:
        """Of the postmaster."""
        assert self._child is not None
        return self._child.pid

    async def start(self) -> None:
        """Returns when it answers; after a kill, when it has recovered."""
        if self._guard is None:
            self._guard = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.faults.guard", self._mark, stdin=PIPE, start_new_session=True
            )
        if self._child is None:
            self._child = Child(await self._plan())
        await self._child.start()

    async def kill(self) -> None:
        """kill -9 of the postmaster; its parts, which end when they see that, are gone when this returns."""
        parts = leftovers.find(self._mark, PROGRAMS)
        signal_all((one for one in parts if one.leads), signal.SIGKILL)
        signal_all(parts, signal.SIGCONT)  # one that is stopped sees nothing
        if resisting := await leftovers.end(self._mark, {embedded_postgres.PROGRAM: signal.SIGKILL}):
            raise AssertionError(f"{resisting} can not be killed")

    async def restart(self) -> None:
        await self.kill()
        await self.start()

    def pause(self) -> None:
        """Hangs: connections are still taken by the kernel, nobody answers. Again until no new part appears."""
        stopped: set[int] = set()
        while left := [one for one in leftovers.find(self._mark, PROGRAMS) if one.pid not in stopped]:
            signal_all(sorted(left, key=lambda one: not one.leads), signal.SIGSTOP)
            stopped.update(one.pid for one in left)

    def resume(self) -> None:
        signal_all(leftovers.find(self._mark, PROGRAMS), signal.SIGCONT)

    async def stop(self) -> None:
        """In good order, whatever state it is in. It can not be started again."""
        self.resume()
        if self._child is not None:
            await self._child.stop()
        if self._guard is not None:
            await self._guard.communicate(b"")
        self._held.release()

    async def _plan(self) -> Plan:
        home = self._folder / "postgres"
        plan = await embedded_postgres.plan(home, self._mark)
        self._open_to_us(home)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "hba_file": str(home / HBA),
        }
        more = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return replace(plan, url=self.url, command=[*plan.command, *more], answers=lambda: answers(self.port))

    def _open_to_us(self, home: Path) -> None:
        owner = home.stat()
        (home / HBA).write_text(OPEN_TO_US)
        os.chown(home / HBA, owner.st_uid, owner.st_gid)


def address(port: int) -> str:
    """The same database, through whatever listens on `port`."""
    return f"postgresql://{ROLE}@127.0.0.1:{port}/{DATABASE}"


async def answers(port: int) -> bool:
    try:
        connection = await asyncpg.connect(address(port), timeout=PROBE_SECONDS)
    except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
        return False
    await connection.close()
    return True
