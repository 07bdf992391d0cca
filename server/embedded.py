"""Real Redis and PostgreSQL below the data directory, for a machine that has none running.

Owns the data directory: one server at a time (a lock), what a killed one left is ended first, everything
that was started is ended. How each of the two is run stands in `embedded_redis` and `embedded_postgres`.
Invariant: outside the data directory nothing is changed, but for a folder of our own for the sockets when
the directory's path does not fit into a socket's address.
"""

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Self

from server import embedded_postgres, embedded_redis, leftovers, sockets
from server.children import Child, EmbeddedError

__all__ = ["Embedded", "EmbeddedError", "attach", "start"]

REDIS = "redis"
POSTGRES = "postgres"
ENDINGS = {
    embedded_redis.PROGRAM: signal.SIGTERM,
    embedded_postgres.PROGRAM: signal.SIGINT,
    embedded_postgres.MAKER: signal.SIGKILL,
}


@dataclass(frozen=True, slots=True)
class Claim:
    """The data directory, ours alone until `release` or the end of this process."""

    folder: Path
    descriptor: int

    @classmethod
    def take(cls, folder: Path) -> Self:
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        except BlockingIOError as exc:
            holder = os.read(descriptor, 32).decode().strip() or "that is just starting"
            os.close(descriptor)
            raise EmbeddedError(f"{folder} is in use by process {holder}") from exc
        except OSError:
            os.close(descriptor)
            raise
        return cls(folder, descriptor)

    def release(self) -> None:
        os.close(self.descriptor)


class Embedded:
    """Both servers. `start`, `watch` and `stop` belong to one event loop."""

    def __init__(self, claim: Claim, redis: Child, postgres: Child) -> None:
        self.redis_url = redis.plan.url
        self.database_url = postgres.plan.url
        self._claim = claim
        self._children = {"redis": redis, "postgres": postgres}
        self._stopping = asyncio.Lock()
        self._stopped = False

    @property
    def pids(self) -> Mapping[str, int]:
        return {name: child.pid for name, child in self._children.items()}

    async def start(self) -> None:
        for child in self._children.values():
            await child.start()

    async def watch(self) -> NoReturn:
        """Brings back what dies, until it is cancelled. After `stop` it only waits for that."""
        async with asyncio.TaskGroup() as watches:
            for child in self._children.values():
                watches.create_task(child.watch())
        raise AssertionError("a watch has ended")

    async def stop(self) -> None:
        """Ends both in good order, bounded in time, then by force. A second call does nothing."""
        async with self._stopping:
            if self._stopped:
                return
            self._stopped = True
            try:
                await asyncio.gather(*(child.stop() for child in self._children.values()))
            finally:
                self._claim.release()


def attach(data_dir: Path) -> tuple[str, str] | None:
    """The URLs of Redis and PostgreSQL, when another process runs them on `data_dir`; None when nobody has it."""
    folder = data_dir.resolve()
    if not (folder / "lock").exists():
        return None
    try:
        Claim.take(folder).release()
    except EmbeddedError:
        mark, user = leftovers.mark_of(folder), os.geteuid()
        redis = sockets.choose(folder / REDIS, embedded_redis.SOCKET, f"{mark}-redis", user)
        postgres = sockets.choose(folder / POSTGRES, embedded_postgres.SOCKET, f"{mark}-postgres", user)
        return embedded_redis.url(redis.path), embedded_postgres.url(postgres.path)
    return None


async def start(data_dir: Path) -> Embedded:
    """Both servers, answering, on the data of `data_dir`; made if need be. Raises `EmbeddedError`."""
    if sys.platform != "linux":
        raise EmbeddedError("embedded servers need Linux: set DISPATCH_REDIS_URL and DISPATCH_DATABASE_URL")
    embedded = await _prepare(data_dir)
    try:
        await embedded.start()
    except BaseException:
        await embedded.stop()
        raise
    return embedded


async def _prepare(data_dir: Path) -> Embedded:
    try:
        claim = Claim.take(_make(data_dir))
        try:
            return await _plan(claim)
        except BaseException:
            claim.release()
            raise
    except OSError as exc:
        raise EmbeddedError(f"{exc.filename or data_dir}: {exc.strerror or exc}") from exc


def _make(data_dir: Path) -> Path:
    """When root makes it, PostgreSQL's group may enter it: a container may lack the capability for that."""
    folder = data_dir.resolve()
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        return folder
    if account := embedded_postgres.account(folder / POSTGRES):
        os.chown(folder, -1, account.gid)
        folder.chmod(0o710)
    return folder


async def _plan(claim: Claim) -> Embedded:
    mark = leftovers.mark_of(claim.folder)
    if resisting := await leftovers.end(mark, ENDINGS):
        raise EmbeddedError(f"process {resisting[0].pid}, of an earlier start, can not be ended")
    redis = await embedded_redis.plan(claim.folder / REDIS, mark)
    postgres = await embedded_postgres.plan(claim.folder / POSTGRES, mark)
    return Embedded(claim, Child(redis), Child(postgres))
