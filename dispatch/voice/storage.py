"""The storage of audio: a local folder, or whatever else obstore knows by its URL.

Owns the translation of obstore's errors, and how a folder is made and kept durable. Knows no note and no order.
Invariants: an object is there whole or not at all; no error and no log line tells a path, a bucket or a credential.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit
from urllib.request import url2pathname

import structlog
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from dispatch import metrics
from dispatch.errors import Unavailable

log = structlog.get_logger()
PATIENCE_S = 30.0
"""For one step; a hung disk or bucket is `Unavailable`, never a hung server."""
MOST_PUTS = 4
"""At a time: each has one file in memory."""
PIECE_BYTES = 64 * 1024
SCHEMES = frozenset({"file", "s3", "s3a", "gs", "az"})
_RETRIES = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}


class Missing(KeyError):
    """There is no such object."""


class NotBegun(Unavailable):
    """The storage is not there: nothing of what was asked was done."""


class Undecided(Unavailable):
    """The storage did not answer in time: it may still do what it was asked."""


def checked(url: str) -> str:
    """Raises ValueError, with one line that says what is wrong and does not repeat the URL."""
    scheme = urlsplit(url).scheme
    if scheme not in SCHEMES:
        raise ValueError(f"must be the URL of a storage, with one of the schemes {', '.join(sorted(SCHEMES))}")
    if scheme == "file":
        _folder(url)
    else:
        _remote(url)
    return url


class Storage:
    """One place for objects. A local folder is made when it is first needed, and never again: who takes it away
    (a disk that is not mounted) shall not have it made anew somewhere else."""

    def __init__(self, url: str) -> None:
        """Raises ValueError."""
        self._url = checked(url)
        self.scheme = urlsplit(url).scheme
        self._local = _folder(url) if self.scheme == "file" else None
        self._store: ObjectStore | None = None
        self._puts = asyncio.Semaphore(MOST_PUTS)

    async def put(self, path: str, file: BinaryIO) -> None:
        """The rest of the file, as one object. Raises Unavailable: NotBegun, Undecided when it may yet come to be."""
        async with self._puts:
            try:
                async with self._translated():
                    store = await self._ready()
            except Unavailable as exc:
                raise NotBegun(exc.message) from exc
            try:
                async with self._translated():
                    await self._put(store, path, file)
            except Missing as exc:  # of a folder that is taken away just now
                raise Unavailable(self._told(exc)) from exc

    async def _put(self, store: ObjectStore, path: str, file: BinaryIO) -> None:
        content = await asyncio.to_thread(file.read)
        await store.put_async(path, content, use_multipart=False)
        if self._local:
            await asyncio.to_thread(_settle, self._local, path)

    async def size(self, path: str) -> int:
        """Raises Missing, Unavailable."""
        async with self._translated():
            return (await (await self._ready()).head_async(path))["size"]

    async def read(self, path: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end`, in pieces. Raises Missing, Unavailable."""
        if start >= end:
            return
        async with self._translated():
            found = await (await self._ready()).get_async(path, options={"range": (start, end)})
            stream = aiter(found.stream(min_chunk_size=PIECE_BYTES))
        while True:
            async with self._translated():  # whoever reads slowly does not use up the storage's time
                chunk = await anext(stream, None)
            if chunk is None:
                return
            whole = memoryview(chunk)
            for at in range(0, len(whole), PIECE_BYTES):
                yield bytes(whole[at : at + PIECE_BYTES])

    async def delete(self, path: str) -> None:
        """It is no error when it is not there. Raises Unavailable."""
        with suppress(Missing):
            async with self._translated():
                await (await self._ready()).delete_async(path)
        if self._local:
            async with self._translated():
                await asyncio.to_thread(_sweep_unfinished, self._local / path)

    async def check(self) -> None:
        """Whether it can be reached. Raises Unavailable."""
        with suppress(Missing):
            await self.size("check")

    async def _ready(self) -> ObjectStore:
        if self._local is None:
            self._store = self._store or _remote(self._url)
        elif self._store is None:
            await asyncio.to_thread(_make, self._local)
            self._store = LocalStore(self._local, automatic_cleanup=True)
        elif not await asyncio.to_thread(os.path.isdir, self._local):  # obstore would make it again
            raise NotADirectoryError
        return self._store

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(PATIENCE_S):
                yield
        except FileNotFoundError as exc:
            raise Missing from exc
        except TimeoutError as exc:
            raise Undecided(self._told(exc)) from exc
        except (BaseError, OSError, ValueError) as exc:
            raise Unavailable(self._told(exc)) from exc

    def _told(self, exc: Exception) -> str:
        metrics.UNAVAILABLE.labels("storage").inc()
        log.warning("storage_unavailable", scheme=self.scheme, error=type(exc).__name__)
        return f"the storage of voice notes can not be used now: {type(exc).__name__}"


def _folder(url: str) -> Path:
    parts = urlsplit(url)
    path = Path(url2pathname(parts.path))
    if parts.netloc or not path.is_absolute():
        raise ValueError("must be of the form file:///absolute/path")
    return path


def _remote(url: str) -> ObjectStore:
    """Its settings are obstore's environment; its time limits (5 s to connect, 30 s a request) stand unless set there:
    options given here would put out those of the environment, `AWS_ALLOW_HTTP` too."""
    try:
        return from_url(url, retry_config=_RETRIES)  # type: ignore[call-overload,no-any-return]
    except (BaseError, ValueError) as exc:
        raise ValueError("is not the URL of a bucket, or its settings are wrong") from exc


def _make(folder: Path) -> None:
    """For our eyes only; a folder that stands keeps its rights."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _settle(folder: Path, path: str) -> None:
    """On the disk before anybody is told that it is kept: the object, and the names that lead to it."""
    for each in (folder / path, (folder / path).parent, folder):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _sweep_unfinished(path: Path) -> None:
    """What a put left that was killed in the middle: obstore writes `name#1` and renames it."""
    for left in path.parent.glob(f"{path.name}#*"):
        left.unlink(missing_ok=True)
