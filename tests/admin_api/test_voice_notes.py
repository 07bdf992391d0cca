"""Voice notes over HTTP: spoken with an order or to one, listened to by whoever may, with real sound."""

import asyncio
import hashlib
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from ulid import ULID

from dispatch.clock import now_ms
from dispatch.voice.transcoding import Transcoder
from tests.admin_api.conftest import Asker, House, problem
from tests.dispatch.looking import rows
from tests.sounds import ENCODINGS, speech

OGG = speech("ogg", 1.0)


def voice_body(house: House, **changes: Any) -> dict[str, Any]:
    return house.order_body(kind=..., price_fen=..., **changes)


async def spoken(house: House, audio: bytes = OGG, **changes: Any) -> dict[str, Any]:
    """An order of the customer's, as he sees it."""
    answer = await house.customer.speak("/v1/voice-notes", audio, voice_body(house, customer=..., **changes))
    assert answer.status_code == 201, answer.text
    order: dict[str, Any] = answer.json()
    return order


async def answered(house: House, who: Asker, order_id: str, audio: bytes = OGG) -> dict[str, Any]:
    answer = await who.speak(f"/v1/orders/{order_id}/voice-notes", audio)
    assert answer.status_code == 201, answer.text
    order: dict[str, Any] = answer.json()
    return order


async def kept(house: House) -> int:
    """How many notes there are in the database."""
    return len(await rows(house.dispatch, "SELECT id FROM voice_notes"))


async def play(house: House, url: str, method: str = "GET", **headers: str) -> httpx.Response:
    """As a player does it: without a token."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return await house.client.request(method, url, headers=named)


# --- speaking -----------------------------------------------------------------------------------------


async def test_an_order_by_voice(house: House) -> None:
    order = await spoken(house)
    assert (order["kind"], order["status"], order["customer"]["id"]) == ("voice", "open", "c-1")
    (note,) = order["voice_notes"]
    assert (note["mime"], note["bytes"], note["by"], note["expired"]) == ("audio/ogg", len(OGG), "customer", False)
    assert note["sha256"] == hashlib.sha256(OGG).hexdigest()
    assert note["seconds"] == pytest.approx(1.0, abs=0.1)
    assert len(note["waveform"]) == 64
    seen = (await house.service.get(f"/v1/orders/{order['id']}")).json()
    assert [each["id"] for each in seen["voice_notes"]] == [note["id"]]


@pytest.mark.parametrize("form", ["webm", "mp4", "mp3", "wav", "amr"])
async def test_the_type_is_what_the_bytes_are(house: House, form: str) -> None:
    audio = speech(form, 1.0)
    (note,) = (await spoken(house, audio))["voice_notes"]
    assert note["mime"] == ENCODINGS[form].mime
    answer = await play(house, note["url"])
    assert (answer.content, answer.headers["content-type"]) == (audio, ENCODINGS[form].mime)


async def test_the_kind_may_be_said_but_is_voice(house: House) -> None:
    for body, status in ((voice_body(house) | {"kind": "voice"}, 201), (house.order_body(kind="towing"), 422)):
        answer = await house.service.speak("/v1/voice-notes", OGG, body)
        assert answer.status_code == status
    problem(answer, 422, "invalid", "kind")


async def test_positions_are_in_the_system_of_the_request(house: House) -> None:
    there = {"lat": 31.2304, "lon": 121.4737}
    answer = await house.customer.speak("/v1/voice-notes", OGG, {"place": there}, crs="gcj02")
    place = answer.json()["place"]
    assert (place["lat"], place["lon"]) == pytest.approx((there["lat"], there["lon"]), abs=1e-6)
    place = (await house.customer.get(f"/v1/orders/{answer.json()['id']}")).json()["place"]
    assert abs(place["lon"] - there["lon"]) > 0.003


async def test_customer_holder_and_desk_answer_each_other(house: House) -> None:
    valet, job = await house.held()
    for who, by in (
        (house.customer, "customer"),
        (valet, "agent"),
        (house.dispatcher, "desk"),
        (house.service, "service"),
    ):
        notes = (await answered(house, who, job["id"]))["voice_notes"]
        assert notes[-1]["by"] == by
    assert len(notes) == 4


async def test_others_hear_as_if_there_were_no_order(house: House) -> None:
    _, job = await house.held()
    idle = await house.valet("idle")
    before = await kept(house)
    path = f"/v1/orders/{job['id']}/voice-notes"
    for who in (idle, house.asker("customer", "c-2"), house.asker("dispatcher", "d-2", ["elsewhere"])):
        problem(await who.speak(path, OGG), 404, "not_found")
    problem(await house.admin.speak(path, OGG), 403, "forbidden")
    problem(await house.service.speak(f"/v1/orders/{ULID()}/voice-notes", OGG), 404, "not_found")
    problem(await (await house.valet("other")).speak("/v1/voice-notes", OGG, voice_body(house)), 403, "forbidden")
    assert await kept(house) == before


async def test_to_an_order_that_is_over_nothing_is_added(house: House) -> None:
    order = await house.placed()
    await house.service.post(f"/v1/orders/{order['id']}/cancel", {"reason": "it started again"})
    problem(await house.customer.speak(f"/v1/orders/{order['id']}/voice-notes", OGG), 409, "conflict")


@pytest.mark.parametrize(
    ("audio", "said"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(1000), ""),
        (OGG[: len(OGG) // 2], ""),
        (b"not a sound at all" * 100, ""),
    ],
    ids=["empty", "image", "truncated", "text"],
)
async def test_what_is_no_sound_is_refused_and_not_kept(house: House, audio: bytes, said: str) -> None:
    before = await kept(house)
    answer = await house.service.speak("/v1/voice-notes", audio, voice_body(house))
    assert said in problem(answer, 422, "invalid", "audio").detail
    order = await house.placed()
    problem(await house.service.speak(f"/v1/orders/{order['id']}/voice-notes", audio), 422, "invalid", "audio")
    assert await kept(house) == before


async def test_a_fault_of_the_order_is_named_as_ever(house: House) -> None:
    before = await kept(house)
    far = voice_body(house, place={"lat": 1000, "lon": 0})
    problem(await house.service.speak("/v1/voice-notes", OGG, far), 422, "invalid", "place.lat")
    nobody = voice_body(house, customer=...)
    problem(await house.service.speak("/v1/voice-notes", OGG, nobody), 422, "invalid", "customer")
    other = voice_body(house, customer={"id": "c-2"})
    problem(await house.customer.speak("/v1/voice-notes", OGG, other), 403, "forbidden")
    files: dict[str, Any] = {"audio": OGG, "order": b"{"}
    problem(await house.service.ask("POST", "/v1/voice-notes", files=files), 400, "invalid")
    assert await kept(house) == before


async def test_another_body_is_no_form(house: House) -> None:
    problem(await house.service.post("/v1/voice-notes", voice_body(house)), 400, "invalid")
    problem(await house.service.speak(f"/v1/orders/{ULID()}/voice-notes", OGG, {}), 422, "invalid", "order")


async def test_too_large_is_413(house: House) -> None:
    audio = bytes(house.dispatch.notes.terms.most_bytes + 1)
    answer = await house.service.speak("/v1/voice-notes", audio, voice_body(house))
    assert str(house.dispatch.notes.terms.most_bytes) in problem(answer, 413, "too_large").detail
    answer = await house.service.speak("/v1/voice-notes", OGG, voice_body(house, details={"note": "x" * 70_000}))
    problem(answer, 413, "too_large")


# --- once ---------------------------------------------------------------------------------------------


async def test_the_same_key_and_sound_take_effect_once(house: House) -> None:
    key, body, before = f"key {ULID()}", voice_body(house), await kept(house)
    first = await house.service.speak("/v1/voice-notes", OGG, body, key=key)
    again = await house.service.speak("/v1/voice-notes", OGG, dict(reversed(body.items())), key=key)
    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
    assert await kept(house) == before + 1
    for audio, said in ((speech("ogg", 1.5), body), (OGG, body | {"details": {}})):
        answer = await house.service.speak("/v1/voice-notes", audio, said, key=key)
        assert not problem(answer, 409, "conflict").retryable
    assert await kept(house) == before + 1


async def test_so_it_is_with_an_added_one(house: House) -> None:
    order, key = await house.placed(), f"key {ULID()}"
    path = f"/v1/orders/{order['id']}/voice-notes"
    first = await house.customer.speak(path, OGG, key=key)
    again = await house.customer.speak(path, OGG, key=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert len((await house.customer.get(f"/v1/orders/{order['id']}")).json()["voice_notes"]) == 1


async def test_equal_uploads_at_once_take_effect_once(house: House) -> None:
    key, body = f"key {ULID()}", voice_body(house)
    answers = await asyncio.gather(*(house.service.speak("/v1/voice-notes", OGG, body, key=key) for _ in range(4)))
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    for answer in answers:
        if answer.status_code != 201:
            assert problem(answer, 409, "conflict").retryable


# --- listening ----------------------------------------------------------------------------------------


async def test_a_player_needs_the_address_alone(house: House) -> None:
    (note,) = (await spoken(house))["voice_notes"]
    answer = await play(house, note["url"])
    assert (answer.status_code, answer.content) == (200, OGG)
    told = answer.headers
    assert (told["content-type"], told["content-length"]) == ("audio/ogg", str(len(OGG)))
    assert (told["accept-ranges"], told["etag"]) == ("bytes", f'"{note["sha256"]}"')
    assert (told["x-content-type-options"], told["content-security-policy"]) == ("nosniff", "sandbox")
    assert told["cache-control"] == "private, no-store"
    assert told["content-disposition"] == f'inline; filename="voice-note-{note["id"]}.ogg"'


async def test_head_tells_the_same_without_the_sound(house: House) -> None:
    (note,) = (await spoken(house))["voice_notes"]
    got, head = await play(house, note["url"]), await play(house, note["url"], "HEAD", range="bytes=0-9")
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "x-request-id": ""} == {**got.headers, "x-request-id": ""}


async def test_a_part(house: House) -> None:
    (note,) = (await spoken(house))["voice_notes"]
    size, url = len(OGG), note["url"]
    for asked, start, end in (
        ("bytes=0-99", 0, 100),
        (f"bytes={size - 5}-", size - 5, size),
        ("bytes=-7", size - 7, size),
    ):
        answer = await play(house, url, range=asked)
        assert (answer.status_code, answer.content) == (206, OGG[start:end])
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
        assert answer.headers["content-length"] == str(end - start)
    for headers in ({"range": "bytes=0-1,4-5"}, {"range": "bytes=x"}, {"range": "bytes=0-1", "if_range": '"another"'}):
        assert (await play(house, url, **headers)).status_code == 200
    answer = await play(house, url, range="bytes=0-1", if_range=f'"{note["sha256"]}"')
    assert (answer.status_code, answer.content) == (206, OGG[:2])
    answer = await play(house, url, range=f"bytes={size}-")
    problem(answer, 416, "invalid")
    assert answer.headers["content-range"] == f"bytes */{size}"


async def test_who_has_it_already_is_told_so(house: House) -> None:
    (note,) = (await spoken(house))["voice_notes"]
    answer = await play(house, note["url"], if_none_match=f'"{note["sha256"]}"')
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == f'"{note["sha256"]}"'


async def test_by_token_alone_the_same_may_listen(house: House) -> None:
    (note,) = (await spoken(house))["voice_notes"]
    path = f"/v1/voice-notes/{note['id']}"
    for who in (house.customer, house.service, house.dispatcher, house.admin):
        assert (await who.get(path)).content == OGG
    elsewhere = house.asker("dispatcher", "d-2", ["elsewhere"])
    for other in (house.asker("customer", "c-2"), elsewhere, await house.valet("idle")):
        problem(await other.get(path), 403, "forbidden")
    problem(await house.client.get(path), 401, "unauthenticated")
    problem(await house.client.get(path, headers={"Authorization": "Bearer nonsense"}), 401, "unauthenticated")


async def test_an_address_is_for_one_reader_one_note_and_a_while(house: House) -> None:
    (note,) = (await spoken(house))["voice_notes"]
    (other,) = (await spoken(house))["voice_notes"]
    url = httpx.URL(note["url"])
    assert (await house.customer.ask("GET", note["url"])).content == OGG
    for who in (house.service, house.asker("customer", "c-2")):
        problem(await who.ask("GET", note["url"]), 403, "forbidden")
    problem(await house.client.get(note["url"], headers={"Authorization": "Bearer x"}), 401, "unauthenticated")
    for changed in (
        url.copy_set_param("reader", "service:backend"),
        url.copy_set_param("until", str(now_ms() + 10**9)),
        url.copy_set_param("signature", "A" * 43),
        url.copy_with(path=f"/v1/voice-notes/{other['id']}"),
    ):
        problem(await play(house, str(changed)), 403, "forbidden")
    past = house.dispatch.links.url(note["id"], "customer:c-1", now_ms() - 6 * 60_000)
    problem(await play(house, past), 403, "forbidden")


@pytest.mark.parametrize("missing", ["reader", "until", "signature"])
async def test_half_an_address_is_none(house: House, missing: str) -> None:
    (note,) = (await spoken(house))["voice_notes"]
    problem(await play(house, str(httpx.URL(note["url"]).copy_remove_param(missing))), 403, "forbidden")


async def test_the_right_is_that_of_now(house: House) -> None:
    valet, job = await house.held()
    notes = (await answered(house, house.customer, job["id"]))["voice_notes"]
    (url,) = [note["url"] for note in (await valet.get(f"/v1/orders/{job['id']}")).json()["voice_notes"]]
    assert (await play(house, url)).content == OGG
    await valet.post(f"/v1/orders/{job['id']}/release", {"fence": 1, "reason": "ill"})
    problem(await play(house, url), 403, "forbidden")
    problem(await valet.get(f"/v1/voice-notes/{notes[0]['id']}"), 403, "forbidden")


async def test_a_note_that_is_not_there(house: House) -> None:
    problem(await house.service.get(f"/v1/voice-notes/{ULID()}"), 404, "not_found")
    problem(await house.service.get("/v1/voice-notes/a%20b"), 404, "not_found")


async def test_as_mp3(house: House) -> None:
    (note,) = (await spoken(house))["voice_notes"]
    answer = await play(house, note["url"] + "&format=mp3")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")
    assert answer.headers["content-disposition"].endswith('.mp3"')
    assert answer.headers["etag"] != f'"{note["sha256"]}"'
    again = await play(house, note["url"] + "&format=mp3", range="bytes=0-99")
    assert (again.status_code, again.content) == (206, answer.content[:100])
    problem(await play(house, note["url"] + "&format=wav"), 422, "invalid", "format")


async def test_without_ffmpeg_it_is_406_but_for_what_is_mp3(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    (note,) = (await spoken(house))["voice_notes"]
    (mp3,) = (await spoken(house, speech("mp3", 1.0)))["voice_notes"]
    monkeypatch.setattr(Transcoder, "available", False)
    found = problem(await play(house, note["url"] + "&format=mp3"), 406, "not_acceptable")
    assert "ffmpeg" in found.detail
    assert (await play(house, mp3["url"] + "&format=mp3")).content == speech("mp3", 1.0)


async def test_the_log_has_neither_address_nor_token(house: House) -> None:
    with capture_logs() as lines:
        (note,) = (await spoken(house))["voice_notes"]
        await play(house, note["url"])
        await play(house, note["url"] + "x")
    told = [(line["route"], line["status"], line["role"]) for line in lines if line["event"] == "request"]
    assert told == [
        ("/v1/voice-notes", 201, "customer"),
        *(("/v1/voice-notes/{id}", each, None) for each in (200, 403)),
    ]
    signature = httpx.URL(note["url"]).params["signature"]
    for private in (signature, "c-1", note["id"], "+86138", house.customer.token):
        assert private not in str(lines)
