"""Uploads that end in the middle, a storage that is away, a disk that takes no more: a clear answer, nothing half kept.

What is looked at is what is there: files, the server's open files, rows in PostgreSQL, orders.
"""

import asyncio
import resource
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import asyncpg
import httpx
import pytest

from loadtest import voice
from loadtest.rest import Http
from loadtest.tokens import mint
from loadtest.wire import Note, Unavailable
from tests import sounds
from tests.journeys.cluster import CENTRE, SECRET, Cluster, ServerProcess, cluster

WAIT_S = 20.0
FULL_BYTES = 512 * 1024
LONG_S = 30.0
ORDER = {
    "place": {"lat": CENTRE[0], "lon": CENTRE[1], "address": "350 Fifth Avenue"},
    "customer": {"id": "c-9", "name": "Li Xiaolong", "phone": "+8613812345678"},
}
_COUNTS = """SELECT (SELECT count(*) FROM orders) AS orders, count(*) AS rows,
    count(*) FILTER (WHERE attached) AS attached FROM voice_notes"""


class Kept(NamedTuple):
    """What there is of uploads. Each good one makes an order, a row that is attached, and a file."""

    orders: int
    rows: int
    attached: int
    files: int

    def and_one_more(self) -> "Kept":
        return Kept(*(count + 1 for count in self))


@dataclass(frozen=True)
class Server:
    city: Cluster
    http: Http
    database: asyncpg.Connection

    @property
    def process(self) -> ServerProcess:
        return self.city.servers[0]

    @property
    def pid(self) -> int:
        assert self.process.process is not None
        return self.process.process.pid

    @property
    def storage(self) -> Path:
        return self.city.data_dir / "voice"

    def spools(self) -> int:
        """Uploads on the disk have no names, but the server has them open."""
        count = 0
        for link in Path(f"/proc/{self.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                count += "voice-spool" in str(link.readlink())
        return count

    async def kept(self) -> Kept:
        """Once no upload is under way."""
        await self.until(lambda: self.spools() == 0)
        row = await self.database.fetchrow(_COUNTS)
        assert row is not None
        files = sum(path.is_file() for path in self.storage.rglob("*"))
        return Kept(row["orders"], row["rows"], row["attached"], files)

    async def uploads(self) -> Note:
        """A good one, as a check that all is well."""
        before = await self.kept()
        order = await voice.place(self.http, ORDER, sounds.speech("ogg"))
        assert await self.kept() == before.and_one_more()
        return order["voice_notes"][0]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Nobody tells of another process' open files."""
        deadline = time.monotonic() + WAIT_S
        while not holds():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    folder = tmp_path_factory.mktemp("faults")
    async with cluster(folder, servers=0) as city:
        await city.add(log=folder / "log")
        token = mint(SECRET, "service", "backend")
        async with Http(city.servers[0].http_url, token, patience_seconds=0.0) as http:
            database = await asyncpg.connect(city.environment["DISPATCH_DATABASE_URL"])
            try:
                found = Server(city, http, database)
                await voice.place(http, ORDER, sounds.speech("ogg"))  # the storage's folder is made
                yield found
            finally:
                await database.close()


async def _half_an_upload(server: Server) -> asyncio.StreamWriter:
    """So much of one that the server has begun to write it down."""
    body, media = voice.form([voice.order_part(ORDER), voice.audio_part(sounds.speech("wav", LONG_S))])
    head = (
        f"POST {voice.UPLOADS} HTTP/1.1\r\nHost: dispatch\r\nAuthorization: Bearer {mint(SECRET, 'service', 'b')}\r\n"
        f"Content-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", server.process.http_port)
    writer.write(head.encode() + body[: len(body) // 2])
    await writer.drain()
    await server.until(lambda: server.spools() == 1)
    return writer


@pytest.mark.parametrize("how", ["reset", "closed"])
async def test_an_upload_that_is_cut_off_leaves_nothing(server: Server, how: str) -> None:
    before = await server.kept()
    writer = await _half_an_upload(server)
    if how == "reset":
        writer.transport.abort()
    else:
        writer.close()
    assert await server.kept() == before
    await server.uploads()


async def test_a_server_that_is_killed_in_the_middle_leaves_nothing(server: Server) -> None:
    before = await server.kept()
    writer = await _half_an_upload(server)
    await server.process.end(signal.SIGKILL)
    writer.transport.abort()
    assert list((server.city.data_dir / "voice-spool").iterdir()) == []
    await server.process.start()
    assert await server.kept() == before
    await server.uploads()


async def test_the_same_upload_from_impatient_clients_is_kept_once(server: Server) -> None:
    before = await server.kept()
    async with Http(server.http.url, mint(SECRET, "service", "backend")) as patient:  # 409 while the first is in flight
        asking = (voice.place(patient, ORDER, sounds.speech("ogg"), key="once") for _ in range(5))
        answers = await asyncio.gather(*asking)
    assert len({each["id"] for each in answers}) == 1
    assert await server.kept() == before.and_one_more()


@contextmanager
def _away(storage: Path, instead: str) -> Iterator[None]:
    """The folder is not where it was: there is nothing, or a file."""
    aside = storage.with_name("aside")
    storage.rename(aside)
    if instead == "a file":
        storage.write_bytes(b"")
    try:
        yield
    finally:
        storage.unlink(missing_ok=True)
        aside.rename(storage)


@pytest.mark.parametrize("instead", ["nothing", "a file"])
async def test_a_storage_that_is_away_is_said_and_nothing_is_half_kept(server: Server, instead: str) -> None:
    note = await server.uploads()
    before = await server.kept()
    with _away(server.storage, instead):
        with pytest.raises(Unavailable) as told:
            await voice.place(server.http, ORDER, sounds.speech("ogg"))
        assert told.value.status == httpx.codes.SERVICE_UNAVAILABLE
        played = await server.http.fetch(str(note["url"]), with_token=False)
        assert played.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert played.json()["code"] == "unavailable"
        ready = await server.http.fetch("/readyz")
        assert (ready.status_code, ready.json()["voice_storage"] == "ok") == (httpx.codes.OK, False)
    assert await server.kept() == before
    assert await voice.download(server.http, note) == sounds.speech("ogg")
    assert (await server.http.fetch("/readyz")).json()["voice_storage"] == "ok"
    await server.uploads()


@contextmanager
def _no_longer_files_than(pid: int, most_bytes: int) -> Iterator[None]:
    """The kernel refuses the server every byte beyond, as a full disk would."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


async def test_a_disk_that_takes_no_more_is_said_and_nothing_is_half_kept(server: Server) -> None:
    before = await server.kept()
    sound = sounds.speech("wav", LONG_S)
    assert len(sound) > FULL_BYTES
    with _no_longer_files_than(server.pid, FULL_BYTES):
        with pytest.raises(Unavailable) as told:
            await voice.place(server.http, ORDER, sound)
        assert told.value.status == httpx.codes.SERVICE_UNAVAILABLE
        assert await server.kept() == before
    await server.uploads()
