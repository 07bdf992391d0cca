"""Bodies of parts as multipart/form-data has them, sounds that are sounds, downloads that are held against the note."""

import email.message
import email.parser
import email.policy
import io
import wave
from typing import Any, cast

import httpx
import pytest

from loadtest import voice
from loadtest.rest import Http
from loadtest.wire import Note
from tests.loadtest.network import Scripted

SOUND = voice.noise(0.5)
PLACED = httpx.Response(201, json={"id": "o1"})


def note(sound: bytes = SOUND, **changes: Any) -> Note:
    url = "/v1/voice-notes/n1?reader=valet:v-1&until=1&signature=s"
    return cast(Note, {"id": "n1", "url": url, "sha256": voice.sha256(sound), "bytes": len(sound), **changes})


def parts_of(media: str, body: bytes) -> dict[str, email.message.MIMEPart]:
    """As somebody else's parser reads it."""
    whole = b"Content-Type: " + media.encode() + b"\r\n\r\n" + body
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(whole)
    return {str(each.get_param("name", header="content-disposition")): each for each in message.iter_parts()}


async def test_an_order_is_placed_by_voice_and_a_mishap_is_repeated_with_the_same_bytes() -> None:
    transport = Scripted(httpx.Response(503), PLACED)
    async with Http("http://server", "token", transport=transport, draw=lambda: 0.0) as http:
        assert await voice.place(http, {"place": {"lat": 1, "lon": 2}}, SOUND) == {"id": "o1"}
    first, second = transport.asked
    assert (first.method, first.url.path) == ("POST", "/v1/voice-notes")
    assert first.content == second.content
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    parts = parts_of(first.headers["Content-Type"], first.content)
    assert set(parts) == {"order", "audio"}
    assert parts["order"].get_content_type() == "application/json"
    assert parts["order"].get_payload(decode=True) == b'{"place":{"lat":1,"lon":2}}'
    assert (parts["audio"].get_content_type(), parts["audio"].get_filename()) == ("audio/wav", "note.wav")
    assert parts["audio"].get_payload(decode=True) == SOUND


async def test_a_note_is_added_with_a_key_of_the_callers() -> None:
    transport = Scripted(PLACED)
    async with Http("http://server", "token", transport=transport) as http:
        await voice.add(http, "o1", SOUND, key="mine")
    (asked,) = transport.asked
    assert (asked.url.path, asked.headers["Idempotency-Key"]) == ("/v1/orders/o1/voice-notes", "mine")
    assert set(parts_of(asked.headers["Content-Type"], asked.content)) == {"audio"}


async def test_a_note_is_fetched_by_its_address_alone() -> None:
    transport = Scripted(httpx.Response(200, content=SOUND))
    async with Http("http://server", "token", transport=transport) as http:
        assert await voice.download(http, note()) == SOUND
        assert await voice.download(http, note(url="https://elsewhere/v1/voice-notes/n1")) == SOUND
    assert [str(each.url) for each in transport.asked] == [
        "http://server/v1/voice-notes/n1?reader=valet:v-1&until=1&signature=s",
        "https://elsewhere/v1/voice-notes/n1",
    ]
    assert not any("Authorization" in each.headers for each in transport.asked)


@pytest.mark.parametrize(
    ("answer", "told", "fault"),
    [
        (httpx.Response(403), note(), httpx.HTTPStatusError),
        (httpx.Response(200, content=SOUND[:-1]), note(), ValueError),
        (httpx.Response(200, content=SOUND), note(sha256="0" * 64), ValueError),
        (httpx.Response(200, content=SOUND), note(url=None), ValueError),
    ],
)
async def test_what_is_not_the_notes_is_a_fault(answer: httpx.Response, told: Note, fault: type[Exception]) -> None:
    async with Http("http://server", transport=Scripted(answer)) as http:
        with pytest.raises(fault):
            await voice.download(http, told)


def test_noise_is_a_sound_of_that_length() -> None:
    with wave.open(io.BytesIO(voice.noise(1.5, silent_seconds=0.5))) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, voice.RATE_HZ)
        assert sound.getnframes() == 2 * voice.RATE_HZ
        assert not any(sound.readframes(voice.RATE_HZ // 2))
        assert any(sound.readframes(voice.RATE_HZ // 2))


def test_every_seed_has_its_own_sound() -> None:
    assert voice.noise(0.1, 1) == voice.noise(0.1, 1) != voice.noise(0.1, 2)
