"""Voice notes for tests that are not about sound: made-up recordings, and their bytes in a spool.

Owns no rule. What is said here would not pass `Notes.inspect`; a test that sends it says so by not inspecting it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ulid import ULID

from dispatch.assembly import Dispatch
from dispatch.clock import now_ms
from dispatch.identity import Identity
from dispatch.order import Customer, Order, Spot
from dispatch.records.voice_notes import Stored
from dispatch.state import Draft
from dispatch.voice.note import PEAKS, Note, waveform_text
from dispatch.voice.notes import Notes
from dispatch.voice.recording import Recording
from dispatch.voice.terms import VoiceTerms
from tests.conftest import SERVICE, City

SPEECH = bytes(range(256)) * 40
RECORDING = Recording(mime="audio/ogg", seconds=2.344, waveform=bytes(range(0, 4 * PEAKS, 4)))


def note(**changes: object) -> Note:
    fields: dict[str, object] = {
        **{"id": str(ULID()), "mime": "audio/ogg", "seconds": 2.34, "bytes": 9000, "sha256": "0" * 64},
        **{"waveform": waveform_text(bytes(PEAKS)), "by": "customer:c-1", "at": 1000, "kept_until_at": 2000},
        "shared": True,
    }
    return Note(**(fields | changes))  # type: ignore[arg-type]  # test fields


def stored(said: Note, order_id: str) -> Stored:
    """Its row, as it is before its order has it."""
    return Stored(
        id=said.id,
        order_id=order_id,
        path=f"{said.id[:5]}/{said.id}",
        mime=said.mime,
        seconds_ms=round(said.seconds * 1000),
        bytes=said.bytes,
        sha256=said.sha256,
        created_at=said.at,
        kept_until_at=said.kept_until_at,
    )


def listener(dispatch: Dispatch, said: dict[str, Any]) -> str | None:
    """Whose the address in a note's view is, having found it good now."""
    if said["url"] is None:
        return None
    split = urlsplit(said["url"])
    assert split.path == f"/v1/voice-notes/{said['id']}"
    query: dict[str, str] = {name: value for name, [value] in parse_qs(split.query).items()}
    dispatch.links.check(said["id"], query["reader"], int(query["until"]), query["signature"], now_ms())
    return query["reader"]


def notes_of(dispatch: Dispatch, terms: VoiceTerms) -> Notes:
    """The same over another storage; the caller closes it."""
    d = dispatch
    return Notes(terms, d.store, d.records, d.catalog, d.intake, d.people)


def audio_in(folder: Path) -> set[str]:
    """Every file in a local storage, by its path."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@dataclass
class Speaker:
    """Says things in a city."""

    city: City
    notes: Notes

    @property
    def folder(self) -> Path:
        return self.notes.terms.spool_dir.parent / "voice"

    def draft(self, **changes: object) -> Draft:
        fields: dict[str, object] = {
            "customer": Customer("c-1", "Li", "+8613800000000"),
            "place": Spot(self.city.at(), "1 Example Road"),
            **{"destination": None, "details": {}, "price_fen": None, "bonus_fen": 0, "scheduled_at": None},
        }
        return Draft(**(fields | changes))  # type: ignore[arg-type]  # test fields

    async def place(
        self,
        who: Identity = SERVICE,
        *,
        kind: str = "voice",
        speech: bytes = SPEECH,
        order_id: str | None = None,
        request: str = "",
        **changes: object,
    ) -> Order:
        async with self.notes.spool() as spool:
            spool.write(speech)
            return await self.notes.place(
                who,
                kind,
                self.draft(**changes),
                spool,
                RECORDING,
                region=None,
                order_id=order_id or str(ULID()),
                request=request,
            )

    async def add(self, who: Identity, order: Order, *, speech: bytes = SPEECH, request: str = "") -> Order:
        async with self.notes.spool() as spool:
            spool.write(speech)
            return await self.notes.add(who, order, spool, RECORDING, request)

    async def hear(self, who: Identity | None, reader: str, note_id: str, *, mp3: bool = False) -> bytes:
        audio = await self.notes.open(who, reader, note_id, mp3=mp3)
        return b"".join([piece async for piece in audio.read(0, audio.size)])
