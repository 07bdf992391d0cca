"""Uploads on a real connection: in bits, cut off, too large, and announced before they are sent."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import msgspec
import orjson
import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs

from admin_api.problems import Problem
from dispatch import metrics
from tests.admin_api.conftest import House
from tests.admin_api.serving import Answer, Wire, connected, serving
from tests.dispatch.looking import rows
from tests.sounds import speech

OGG = speech("ogg", 1.0)


@pytest.fixture
async def wire(app: Starlette) -> AsyncIterator[Wire]:
    async with serving(app) as address, connected(address) as found:
        yield found


def form(house: House, audio: bytes = OGG) -> tuple[dict[str, str], bytes]:
    """The headers of a request, and its body."""
    order = orjson.dumps(house.order_body(kind=...))
    files = {"order": (None, order), "audio": ("note.ogg", audio)}
    request = httpx.Request("POST", "http://dispatch.test", files=files)
    body = request.read()
    headers = {"Authorization": f"Bearer {house.service.token}", "Content-Type": request.headers["content-type"]}
    return headers | {"Content-Length": str(len(body))}, body


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, msgspec.json.decode(answer.body, type=Problem).code


async def kept(house: House) -> int:
    return len(await rows(house.dispatch, "SELECT id FROM voice_notes"))


async def test_byte_by_byte_and_in_chunks(wire: Wire, house: House) -> None:
    headers, body = form(house)
    await wire.say("POST /v1/voice-notes", headers)
    for each in body:
        wire.writer.write(bytes([each]))
        await wire.writer.drain()
    assert (await wire.answer()).status == 201
    del headers["Content-Length"]
    await wire.say("POST /v1/voice-notes", headers | {"Transfer-Encoding": "chunked"})
    for start in range(0, len(body), 1000):
        piece = body[start : start + 1000]
        wire.writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
    wire.writer.write(b"0\r\n\r\n")
    answer = await wire.answer()
    assert answer.status == 201
    assert orjson.loads(answer.body)["voice_notes"][0]["bytes"] == len(OGG)


@pytest.mark.parametrize("part", [0.0, 0.5, 0.99])
async def test_who_is_cut_off_in_the_middle_leaves_nothing(app: Starlette, house: House, part: float) -> None:
    before, broken = await kept(house), metrics.BROKEN._value.get()
    headers, body = form(house)
    with capture_logs() as lines:
        async with serving(app) as address:
            async with connected(address) as wire:
                await wire.say("POST /v1/voice-notes", headers, body[: int(part * len(body))])
            async with asyncio.timeout(20):
                while not lines:  # noqa: ASYNC110  # nothing but its log tells that the server is done with it
                    await asyncio.sleep(0.01)
    assert [(line["event"], line["log_level"], line["status"]) for line in lines] == [("request", "info", 499)]
    assert await kept(house) == before
    assert metrics.BROKEN._value.get() == broken
    spool_dir = house.dispatch.notes.terms.spool_dir
    assert list(spool_dir.iterdir()) == [] if spool_dir.exists() else True


async def test_what_is_announced_is_sent_when_the_token_is_good(wire: Wire, house: House) -> None:
    headers, _ = form(house)
    headers |= {"Expect": "100-continue", "Authorization": "Bearer nonsense"}
    await wire.say("POST /v1/voice-notes", headers)
    assert code(await wire.answer()) == (401, "unauthenticated")


async def test_and_then_it_is_asked_for(wire: Wire, house: House) -> None:
    headers, body = form(house)
    await wire.say("POST /v1/voice-notes", headers | {"Expect": "100-continue"})
    assert (await wire.head())[0] == 100
    wire.writer.write(body)
    assert (await wire.answer()).status == 201


async def test_one_that_says_that_it_is_too_large_is_refused_before_it_is_sent(wire: Wire, house: House) -> None:
    headers, _ = form(house)
    await wire.say("POST /v1/voice-notes", headers | {"Content-Length": "1000000000", "Expect": "100-continue"})
    assert code(await wire.answer()) == (413, "too_large")


@pytest.mark.parametrize("more", [1, 6_000_000])
async def test_one_that_is_too_large_is_answered_while_it_is_sent(wire: Wire, house: House, more: int) -> None:
    headers, body = form(house, bytes(house.dispatch.notes.terms.most_bytes + more))
    del headers["Content-Length"]
    await wire.say("POST /v1/voice-notes", headers | {"Transfer-Encoding": "chunked"})
    sending = asyncio.create_task(_send(wire, body))
    assert code(await wire.answer()) == (413, "too_large")
    await sending


async def _send(wire: Wire, body: bytes) -> None:
    for start in range(0, len(body), 1 << 16):
        piece = body[start : start + (1 << 16)]
        wire.writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        await wire.writer.drain()
    wire.writer.write(b"0\r\n\r\n")


async def test_after_a_refusal_the_connection_goes_on(wire: Wire, house: House) -> None:
    headers, body = form(house, b"no sound")
    for _ in range(2):
        await wire.say("POST /v1/voice-notes", headers, body)
        assert code(await wire.answer()) == (422, "invalid")
