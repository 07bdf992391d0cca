"""A voice note as an order bears it: everything but the audio, which the storage keeps under the note's id.

Pure. Knows neither storage nor players. Invariants: a note's form in an order's state is one JSON object that the
scripts append as text and never encode anew; what is said while somebody holds the order is never `shared`.
"""

import base64
from collections.abc import Iterable

import msgspec

MOST_NOTES = 20
"""Of one order: they stand in its state, which every event bears."""
PEAKS = 64


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Times in ms. `by` is an actor as events name one, `customer:c-9`; `waveform` is base64 of `PEAKS` bytes."""

    id: str
    mime: str
    seconds: float
    bytes: int
    sha256: str
    waveform: str
    by: str
    at: int
    kept_until_at: int
    shared: bool
    """Whether candidates may know of it."""

    @property
    def peaks(self) -> list[int]:
        return list(base64.b64decode(self.waveform))

    @property
    def by_role(self) -> str:
        return self.by.partition(":")[0]

    def told_to_all(self) -> "Note":
        return msgspec.structs.replace(self, shared=True)


_NOTES = msgspec.json.Decoder(tuple[Note, ...])


def encode(note: Note) -> str:
    """As it stands in an order's state."""
    return msgspec.json.encode(note).decode()


def encode_all(notes: Iterable[Note]) -> str:
    return msgspec.json.encode(tuple(notes)).decode()


def decode_all(text: str) -> tuple[Note, ...]:
    """Raises ValueError (msgspec's ValidationError is one) on what is no list of notes."""
    return _NOTES.decode(text)


def waveform_text(peaks: bytes) -> str:
    return base64.b64encode(peaks).decode()


def kept_until(at: int, scheduled_at: int | None, retention_ms: int) -> int:
    """A note for a time to come is kept as long after that time as others after they came."""
    return max(at, scheduled_at or 0) + retention_ms
