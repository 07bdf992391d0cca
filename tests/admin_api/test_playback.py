"""Sound on a real connection: in pieces, in parts, and what is heard when the storage goes away."""

from collections.abc import AsyncIterator, Callable

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from structlog.testing import capture_logs

from admin_api.journal import Journal
from admin_api.playback import Playback
from admin_api.problems import on_dispatch_error
from dispatch.errors import DispatchError, Unavailable
from dispatch.voice.playback import Audio
from tests.admin_api.conftest import House
from tests.admin_api.serving import connected, serving
from tests.sounds import speech

SOUND = bytes(range(256)) * 400
PIECE = 1000


def audio(read: Callable[[int, int], AsyncIterator[bytes]]) -> Audio:
    return Audio(mime="audio/ogg", size=len(SOUND), sha256="f00d", filename="note.ogg", read=read)


async def whole(start: int, end: int) -> AsyncIterator[bytes]:
    for at in range(start, end, PIECE):
        yield SOUND[at : min(at + PIECE, end)]


async def away(start: int, end: int) -> AsyncIterator[bytes]:
    if start >= 0:
        raise Unavailable("the storage is away")
    yield b""


async def breaking(start: int, end: int) -> AsyncIterator[bytes]:
    yield SOUND[start : start + PIECE]
    raise Unavailable("the storage is away")


def app(read: Callable[[int, int], AsyncIterator[bytes]]) -> Journal:
    return Journal(
        Starlette(
            routes=[Route("/note", Playback(audio(read)), methods=["GET", "HEAD"])],
            exception_handlers={DispatchError: on_dispatch_error},
        )
    )


@pytest.mark.parametrize(
    ("method", "headers", "status", "body"),
    [
        ("GET", {}, 200, SOUND),
        ("GET", {"Range": "bytes=0-"}, 206, SOUND),
        ("GET", {"Range": "bytes=999-2000"}, 206, SOUND[999:2001]),
        ("GET", {"Range": "bytes=-3"}, 206, SOUND[-3:]),
        ("GET", {"If-None-Match": '"f00d"', "Range": "bytes=0-1"}, 304, b""),
        ("HEAD", {}, 200, b""),
        ("HEAD", {"If-None-Match": '"f00d"'}, 304, b""),
    ],
)
async def test_one_answer_after_the_other_on_one_connection(
    method: str, headers: dict[str, str], status: int, body: bytes
) -> None:
    async with serving(app(whole)) as address, connected(address) as wire:
        for _ in range(2):
            await wire.say(f"{method} /note", headers)
            answer = await wire.answer(method)
            assert (answer.status, answer.body) == (status, body)
            assert answer.headers["etag"] == '"f00d"'


async def test_a_storage_that_is_away_is_said() -> None:
    async with serving(app(away)) as address, connected(address) as wire:
        await wire.say("GET /note", {})
        answer = await wire.answer()
        assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")


async def test_a_storage_that_goes_away_is_not_taken_for_the_end() -> None:
    with capture_logs() as lines:
        async with serving(app(breaking)) as address, connected(address) as wire:
            await wire.say("GET /note", {})
            status, headers = await wire.head()
            assert (status, headers["content-length"]) == (200, str(len(SOUND)))
            assert await wire.reader.read() == SOUND[:PIECE]  # to the end: the server closes
    assert [line["event"] for line in lines] == ["playback_cut_off", "request"]


async def test_who_reads_slowly_holds_back_the_storage() -> None:
    pieces, piece, size = 0, bytes(1 << 16), 1 << 28

    async def long(start: int, end: int) -> AsyncIterator[bytes]:
        nonlocal pieces
        for _ in range(start, end, len(piece)):
            pieces += 1
            yield piece

    sound = Audio(mime="audio/wav", size=size, sha256="f00d", filename="note.wav", read=long)
    app = Starlette(routes=[Route("/note", Playback(sound), methods=["GET", "HEAD"])])
    async with serving(app) as address, connected(address) as slow, connected(address) as other:
        await slow.say("GET /note", {})
        await slow.head()
        await other.say("HEAD /note", {})
        assert (await other.answer("HEAD")).status == 200
        assert 0 < pieces < size // len(piece) // 4


async def test_over_a_socket_a_note_is_played(app: Starlette, house: House) -> None:
    sound = speech("wav", 1.0)
    spoken = await house.customer.speak("/v1/voice-notes", sound, house.order_body(kind=..., customer=...))
    (note,) = spoken.json()["voice_notes"]
    async with serving(app) as address, connected(address) as wire:
        for method, body in (("HEAD", b""), ("GET", sound)):
            await wire.say(f"{method} {note['url']}", {})
            answer = await wire.answer(method)
            assert (answer.status, answer.body) == (200, body)
            assert answer.headers["content-length"] == str(len(sound))
        await wire.say(f"GET {note['url']}", {"Range": "bytes=10-19"})
        assert (await wire.answer()).body == sound[10:20]
        await wire.say(f"GET {note['url']}", {"Range": f"bytes={len(sound)}-"})
        answer = await wire.answer()
        assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{len(sound)}")
