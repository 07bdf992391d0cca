"""Playback: the audio of a note for somebody who may listen to it, as things stand.

Owns the check of rights at each request, and the copies in MP3. Knows no addresses and no HTTP. Invariant: nothing is
opened for who neither sees the order in full nor has a live offer that lets him listen.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from io import BytesIO
from typing import Final

import structlog
from msgspec import Struct

from dispatch.access import sees_full
from dispatch.catalog import Catalog
from dispatch.clock import now_ms
from dispatch.errors import Code, Refused
from dispatch.identity import Identity, Role
from dispatch.order import Order
from dispatch.people import People
from dispatch.records import Records
from dispatch.records.voice_notes import Stored
from dispatch.voice.hearing import has_expired, listens_with_offer
from dispatch.voice.lookup import Lookup
from dispatch.voice.note import Note
from dispatch.voice.storage import Missing, Storage
from dispatch.voice.transcoding import Transcoder

log = structlog.get_logger()
MP3: Final = "audio/mpeg"
_ENDINGS = {
    "audio/ogg": "ogg",
    "audio/webm": "webm",
    "audio/mp4": "m4a",
    MP3: "mp3",
    "audio/wav": "wav",
    "audio/amr": "amr",
    "audio/aac": "aac",
}


class Audio(Struct, frozen=True, kw_only=True):
    """`sha256` stands for these bytes and no others; `read(start, end)` gives them in pieces."""

    mime: str
    size: int
    sha256: str
    filename: str
    read: Callable[[int, int], AsyncIterator[bytes]]


class Playback:
    def __init__(
        self,
        records: Records,
        storage: Storage,
        lookup: Lookup,
        catalog: Catalog,
        people: People,
        transcoder: Transcoder,
    ) -> None:
        self._records = records
        self._storage = storage
        self._lookup = lookup
        self._catalog = catalog
        self._people = people
        self._transcoder = transcoder
        self._making: dict[str, asyncio.Task[int]] = {}

    async def open(self, who: Identity | None, reader: str, note_id: str, *, mp3: bool) -> Audio:
        """Raises Refused (not_found, forbidden, not_acceptable), Unavailable."""
        stored = await self._records.voice_notes.find(note_id)
        found = stored and await self._lookup.bearer(stored)
        if not stored or not found:
            raise Refused(Code.NOT_FOUND, "there is no such voice note")
        order, note = found
        if not await self._may_listen(who or _identity(reader), order, note):
            raise Refused(Code.FORBIDDEN, "this voice note is not for you, or not yet")
        if stored.expired_at is not None or has_expired(order, note, now_ms()):
            raise _expired()
        if mp3 and stored.mime != MP3:
            return await self._as_mp3(stored)
        return await self._as_it_is(stored)

    async def close(self) -> None:
        if self._making:
            await asyncio.wait(self._making.values())

    async def _may_listen(self, who: Identity, order: Order, note: Note) -> bool:
        if sees_full(who, order):
            return True
        if not listens_with_offer(who, order, note, self._catalog.known_policy(order.kind)):
            return False
        agent = await self._records.agents.find(who.sub)
        if agent is None or agent.suspended or (agent.role, agent.region) != (who.role, order.region):
            return False
        return await self._people.offered(order, agent.id)

    async def _as_it_is(self, stored: Stored) -> Audio:
        try:
            size = await self._storage.size(stored.path)
        except Missing as exc:
            log.error("audio_lost", note=stored.id)
            raise Refused(Code.NOT_FOUND, "the audio of the note is lost") from exc
        read = partial(self._pieces, stored.path)
        return Audio(mime=stored.mime, size=size, sha256=stored.sha256, filename=_name(stored, stored.mime), read=read)

    async def _as_mp3(self, stored: Stored) -> Audio:
        """Made when it is first asked for: once at a time in this process, however many ask."""
        try:
            size = await self._storage.size(stored.mp3_path)
        except Missing:
            size = await asyncio.shield(self._made(stored))
        digest = hashlib.sha256(f"{stored.sha256} as MP3".encode()).hexdigest()
        read = partial(self._pieces, stored.mp3_path)
        return Audio(mime=MP3, size=size, sha256=digest, filename=_name(stored, MP3), read=read)

    async def _pieces(self, path: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Raises Refused (not_found) when a sweep was faster, Unavailable."""
        try:
            async for piece in self._storage.read(path, start, end):
                yield piece
        except Missing as exc:
            raise _expired() from exc

    def _made(self, stored: Stored) -> asyncio.Task[int]:
        making = self._making.get(stored.id)
        if making is None:
            making = self._making[stored.id] = asyncio.create_task(self._make(stored))
            making.add_done_callback(lambda _: self._making.pop(stored.id))
        return making

    async def _make(self, stored: Stored) -> int:
        """Its size. The audio may expire meanwhile: then nothing of it stays."""
        if not self._transcoder.available:
            raise Refused(Code.NOT_ACCEPTABLE, "format: this server makes no MP3, for ffmpeg is not installed there")
        audio = await self._as_it_is(stored)
        made = await self._transcoder.mp3(b"".join([piece async for piece in audio.read(0, audio.size)]))
        await self._storage.put(stored.mp3_path, BytesIO(made))
        found = await self._records.voice_notes.find(stored.id)
        if found is None or found.expired_at is not None:
            await self._storage.delete(stored.mp3_path)
            raise _expired()
        return len(made)


def _identity(reader: str) -> Identity:
    """Of one who shows a signed address alone: it does not say for which regions he is."""
    role, _, sub = reader.partition(":")
    if role not in set(Role):
        raise Refused(Code.FORBIDDEN, "reader: is nobody")
    return Identity(sub=sub, role=Role(role), regions=None, expires_at=0)


def _expired() -> Refused:
    return Refused(Code.NOT_FOUND, "the note has expired")


def _name(stored: Stored, mime: str) -> str:
    return f"voice-note-{stored.id}.{_ENDINGS.get(mime, 'bin')}"
