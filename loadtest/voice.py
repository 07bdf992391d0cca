"""Voice notes over HTTP: bodies of parts, sounds made on the spot, playback by a note's own address.

Owns how a sound is sent and fetched. Knows nothing of who may. Invariants: a body is the same bytes in each
repetition, so that its key stays true; sounds of different seeds are different, and every one is whole and valid.
"""

import hashlib
import io
import random
import uuid
import wave
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import httpx
import orjson

from loadtest.rest import JSON, Http
from loadtest.wire import Note, Order

KIND = "voice"
UPLOADS = "/v1/voice-notes"
RATE_HZ = 8000
SAMPLE_BYTES = 2


class Part(NamedTuple):
    """Of a `multipart/form-data` body."""

    name: str
    content: bytes
    media: str | None = None
    filename: str | None = None

    def encoded(self) -> bytes:
        file = "" if self.filename is None else f'; filename="{self.filename}"'
        head = f'Content-Disposition: form-data; name="{self.name}"{file}\r\n'
        if self.media is not None:
            head += f"Content-Type: {self.media}\r\n"
        return head.encode() + b"\r\n" + self.content + b"\r\n"


def form(parts: Sequence[Part]) -> tuple[bytes, str]:
    """The body and its media type."""
    boundary = uuid.uuid4().hex
    line = f"--{boundary}".encode()
    body = b"".join(line + b"\r\n" + part.encoded() for part in parts) + line + b"--\r\n"
    return body, f"multipart/form-data; boundary={boundary}"


def audio_part(sound: bytes) -> Part:
    return Part("audio", sound, "audio/wav", "note.wav")


def order_part(order: Mapping[str, Any]) -> Part:
    return Part("order", orjson.dumps(order), JSON)


async def place(http: Http, order: Mapping[str, Any], sound: bytes, *, key: str | None = None) -> Order:
    """An order whose body is the sound."""
    content, media = form([order_part(order), audio_part(sound)])
    placed: Order = await http.post_content(UPLOADS, content, media, key=key)
    return placed


async def add(http: Http, order_id: str, sound: bytes, *, key: str | None = None) -> Order:
    content, media = form([audio_part(sound)])
    noted: Order = await http.post_content(f"/v1/orders/{order_id}/voice-notes", content, media, key=key)
    return noted


async def download(http: Http, note: Note) -> bytes:
    """The sound behind a note's address, without a token, as a player asks for it. Raises `httpx.HTTPStatusError`,
    and ValueError when it is not the note's."""
    url = note["url"]
    if url is None:
        raise ValueError(f"note {note['id']} has no address")
    answer: httpx.Response = await http.fetch(url, with_token=False)
    answer.raise_for_status()
    if sha256(answer.content) != note["sha256"] or len(answer.content) != note["bytes"]:
        raise ValueError(f"note {note['id']} is not what was fetched: {len(answer.content)} bytes")
    return answer.content


def sha256(sound: bytes) -> str:
    return hashlib.sha256(sound).hexdigest()


def noise(seconds: float, seed: int = 0, *, silent_seconds: float = 0.0) -> bytes:
    """A WAV of so much noise, after so much silence."""
    samples = random.Random(seed).randbytes(round(seconds * RATE_HZ) * SAMPLE_BYTES)
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(SAMPLE_BYTES)
        sound.setframerate(RATE_HZ)
        sound.writeframes(bytes(round(silent_seconds * RATE_HZ) * SAMPLE_BYTES) + samples)
    return file.getvalue()
