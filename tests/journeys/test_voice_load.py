"""Two hundred uploads of a mebibyte at once: the server's memory hardly grows, and every one of them is kept whole."""

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import orjson
import psutil  # type: ignore[import-untyped]  # ships no types

from loadtest import voice
from loadtest.rig.usage import private_kib
from loadtest.tokens import mint
from loadtest.wire import Note, full_jitter
from tests.journeys.cluster import CENTRE, SECRET, cluster

UPLOADS = 200
WARMING = 8
MOST_GROWTH_KIB = 64 * 1024
SAMPLE_S = 0.02
PIECE_BYTES = 64 * 1024
PATIENCE_S = 120.0
SECONDS = 65.5
NOISE = memoryview(voice.noise(SECONDS))
HEAD_BYTES, NUMBER_BYTES = 44, 8
"""A WAV's head; after it each upload's own number, as a sound."""


class Upload:
    """A body that shares all of its noise but the first samples with the others."""

    def __init__(self, number: int) -> None:
        self.key = f"upload-{number}"
        own = bytes(NOISE[:HEAD_BYTES]) + number.to_bytes(NUMBER_BYTES, "little")
        self._pieces = (own, NOISE[len(own) :])
        order = {
            "place": {"lat": CENTRE[0], "lon": CENTRE[1]},
            "customer": {"id": f"c-{number}", "name": "Li", "phone": "+8613800000000"},
        }
        whole, self.media = voice.form([voice.order_part(order), voice.audio_part(b"?")])
        self._before, self._after = whole.rsplit(b"?", 1)

    @property
    def sha256(self) -> str:
        digest = hashlib.sha256()
        for piece in self._pieces:
            digest.update(piece)
        return digest.hexdigest()

    @property
    def length(self) -> int:
        return len(self._before) + len(NOISE) + len(self._after)

    async def body(self) -> AsyncIterator[bytes]:
        yield self._before
        for piece in self._pieces:
            for start in range(0, len(piece), PIECE_BYTES):
                yield bytes(piece[start : start + PIECE_BYTES])
        yield self._after


class Peak:
    """The most memory that the processes had, looked at again and again by a thread."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self.kib = 0
        self.looks = 0

    def watch(self) -> None:
        while not self._over.wait(SAMPLE_S):
            try:
                self.kib = max(self.kib, private_kib([self._pid]))
                self.looks += 1
            except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
                continue  # a worker ended while it was looked at

    def end(self) -> None:
        self._over.set()


async def _posted(client: httpx.AsyncClient, token: str, upload: Upload) -> Note:
    """As a client does it: one who hears 503 comes again, with the same key."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": upload.media, "Idempotency-Key": upload.key}
    for attempt in range(50):
        answer = await client.post(
            voice.UPLOADS, content=upload.body(), headers=headers | {"Content-Length": str(upload.length)}
        )
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            break
        await asyncio.sleep(full_jitter(attempt, 0.5))
    assert answer.status_code == httpx.codes.CREATED, answer.text
    note: Note = orjson.loads(answer.content)["voice_notes"][0]
    assert (note["sha256"], note["bytes"]) == (upload.sha256, len(NOISE))
    return note


async def test_two_hundred_uploads_at_once_are_kept_in_little_memory(tmp_path: Path) -> None:
    async with cluster(tmp_path) as city, AsyncExitStack() as stack:
        (server,) = city.servers
        assert server.process is not None
        limits = httpx.Limits(max_connections=UPLOADS, max_keepalive_connections=UPLOADS)
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=server.http_url, timeout=PATIENCE_S, limits=limits, trust_env=False)
        )
        token = mint(SECRET, "service", "backend")
        await asyncio.gather(*(_posted(client, token, Upload(UPLOADS + number)) for number in range(WARMING)))
        before = private_kib([server.process.pid])
        peak = Peak(server.process.pid)
        watching = asyncio.create_task(asyncio.to_thread(peak.watch))
        try:
            notes = await asyncio.gather(*(_posted(client, token, Upload(number)) for number in range(UPLOADS)))
        finally:
            peak.end()
            await watching
        assert peak.looks > 10
        print(f"\n{UPLOADS} uploads at once: {before} KiB before, {peak.kib} KiB at most")
        assert peak.kib - before < MOST_GROWTH_KIB

        files = [path for path in (city.data_dir / "voice").rglob("*") if path.is_file()]
        assert len(files) == UPLOADS + WARMING
        assert len({note["sha256"] for note in notes}) == UPLOADS
        for note in notes:
            assert await _played(client, note) == note["sha256"]


async def _played(client: httpx.AsyncClient, note: Note) -> str:
    digest = hashlib.sha256()
    async with client.stream("GET", str(note["url"])) as answer:
        async for piece in answer.aiter_bytes():
            digest.update(piece)
    return digest.hexdigest()
