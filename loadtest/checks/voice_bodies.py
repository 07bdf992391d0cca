"""§5: bodies that are no voice note, or no body of parts, and the same upload twice.

Each is refused with a code and a path, and leaves nothing behind: the customer whose it would have been has no order.
"""

import struct
import zlib
from collections.abc import Sequence

import httpx
import orjson

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import Broken, fields, invalid, refused, same, that
from loadtest.checks.voice import KIND, OTHER_SOUND, SOUND, customer_of, notes_path, only_note, sent
from loadtest.rest import JSON
from loadtest.voice import UPLOADS, Part, add, audio_part, form, noise, order_part, place, sha256
from loadtest.wire import Order

HUGE = 8 * 1024 * 1024


def png() -> bytes:
    """An image of one pixel."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


async def nothing_left(corner: Corner) -> None:
    found = await corner.service.get("/v1/orders", customer_id=corner.name("c"))
    same([each["id"] for each in found["items"]], [], "the customer's orders")


def says_invalid(answer: httpx.Response, paths: Sequence[str], statuses: Sequence[int] = (422,)) -> None:
    if answer.status_code not in statuses:
        raise Broken(f"status {' or '.join(map(str, statuses))}", f"{answer.status_code} {answer.text}")
    told = orjson.loads(answer.content)
    fields(told, ("type", "title", "status", "detail", "code", "retryable", "errors"), "a problem document")
    same(told["code"], "invalid", "code")
    if paths:
        that(told["errors"][0]["path"] in paths, f"errors with path {' or '.join(paths)}", told["errors"])


# --- what is no sound ---------------------------------------------------------------------------------


@clause("§5", "no sound is 422, path `audio`, and nothing is kept: text", content=b"Help, my tyre is flat. " * 100)
@clause("§5", "no sound is 422, path `audio`, and nothing is kept: an image with an audio name", content=png())
@clause("§5", "no sound is 422, path `audio`, and nothing is kept: nothing at all", content=b"")
@clause(
    "§5", "no sound is 422, path `audio`, and nothing is kept: one that is cut off", content=SOUND[: len(SOUND) // 2]
)
@clause("§5", "no sound is 422, path `audio`, and nothing is kept: one of no length", content=noise(0.0))
@clause("§5", "no sound is 422, path `audio`, and nothing is kept: a head alone", content=SOUND[:12])
@clause("§5", "no sound is 422, path `audio`, and nothing is kept: zeros", content=bytes(5000))
async def no_sound(corner: Corner, content: bytes) -> None:
    part = Part("audio", content, "audio/ogg", "help.ogg")
    token = corner.token("service", corner.name("s"))
    says_invalid(await sent(corner, [order_part(corner.order(KIND)), part], token), ["audio"])
    await nothing_left(corner)
    order = await corner.place(await corner.kind())
    says_invalid(await sent(corner, [part], token, notes_path(order["id"])), ["audio"])
    same(await corner.read(order["id"]), order, "the order")


@clause("§5", "a sound counts by what it is, whatever name and type it bears")
async def misnamed(corner: Corner) -> None:
    part = Part("audio", SOUND, "image/png", "../../photo.png")
    token = corner.token("service", corner.name("s"))
    answer = await sent(corner, [order_part(corner.order(KIND)), part], token)
    same(answer.status_code, 201, "status")
    note = only_note(corner.keep(orjson.loads(answer.content)))
    same((note["mime"], note["sha256"]), ("audio/wav", sha256(SOUND)), "type and hash")
    played = await corner.service.fetch(str(note["url"]), with_token=False)
    that("photo" not in str(played.headers), "a name that the server made", played.headers)


@clause("§5", "a sound that is too large is 413 `too_large`")
async def too_large(corner: Corner) -> None:
    http = corner.service
    await refused(place(http, corner.order(KIND), noise(HUGE / 16_000)), "too_large", 413)
    await nothing_left(corner)


@clause("§5", "a sound of more seconds than the server takes is 422, path `audio`")
async def too_long(corner: Corner) -> None:
    silence = bytes(8000 * 125)
    head = (
        b"RIFF"
        + struct.pack("<I", 36 + len(silence))
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    )
    long = head + b"data" + struct.pack("<I", len(silence)) + silence
    await invalid(place(corner.service, corner.order(KIND), long), "audio")
    await nothing_left(corner)


# --- what is no body of parts -------------------------------------------------------------------------


async def says(corner: Corner, parts: list[Part], path: str) -> None:
    token = corner.token("service", corner.name("s"))
    says_invalid(await sent(corner, parts, token), [path])
    await nothing_left(corner)


@clause("§5", "an upload without its sound is 422, path `audio`; without its order, path `order`")
async def missing(corner: Corner) -> None:
    await says(corner, [order_part(corner.order(KIND))], "audio")
    await says(corner, [audio_part(SOUND)], "order")


@clause("§5", "a part that is given twice is 422 and named: `audio`", path="audio")
@clause("§5", "a part that is given twice is 422 and named: `order`", path="order")
async def twice(corner: Corner, path: str) -> None:
    parts = [order_part(corner.order(KIND)), audio_part(SOUND)]
    await says(corner, [*parts, *(each for each in parts if each.name == path)], path)


@clause("§5", "a part that the server does not know is 422 and named")
async def unknown(corner: Corner) -> None:
    await says(corner, [order_part(corner.order(KIND)), Part("video", b"x"), audio_part(SOUND)], "video")
    order = await corner.place(await corner.kind())
    parts = [order_part(corner.order(KIND)), audio_part(SOUND)]
    answer = await sent(corner, parts, corner.token("service", corner.name("s")), notes_path(order["id"]))
    says_invalid(answer, ["order"])


@clause(
    "§5",
    "an upload's order is held to the same as any: a field that is not known",
    change={"mood": "good"},
    path="mood",
)
@clause(
    "§5",
    "an upload's order is held to the same as any: a bad place",
    change={"place": {"lat": 91, "lon": 0}},
    path="place.lat",
)
@clause("§5", "an upload's order is held to the same as any: another kind", change={"kind": "towing"}, path="kind")
@clause("§5", "an upload's order is held to the same as any: no customer", change={"customer": None}, path="customer")
async def bad_order(corner: Corner, change: dict[str, object], path: str) -> None:
    await says(corner, [order_part(corner.order(KIND) | change), audio_part(SOUND)], path)


@clause("§5", "an upload's order that is no JSON is `invalid`")
async def no_json(corner: Corner) -> None:
    token = corner.token("service", corner.name("s"))
    answer = await sent(corner, [Part("order", b"{no", JSON), audio_part(SOUND)], token)
    says_invalid(answer, [], (400, 422))
    await nothing_left(corner)


@clause("§5", "a body that is cut off, or no `multipart/form-data`, is 400 `invalid`")
async def no_parts(corner: Corner) -> None:
    token = corner.token("service", corner.name("s"))
    whole, media = form([order_part(corner.order(KIND)), audio_part(SOUND)])
    for content, kind in ((whole[:-1000], media), (b"", media), (orjson.dumps(corner.order(KIND)), JSON),
                          (whole, "multipart/form-data")):  # fmt: skip
        answer = await corner.raw("POST", UPLOADS, token, content=content, headers={"Content-Type": kind})
        says_invalid(answer, [], (400,))
    await nothing_left(corner)


@clause("§5", "without a token an upload is 401, and nothing is kept")
async def nobody(corner: Corner) -> None:
    content, media = form([order_part(corner.order(KIND)), audio_part(SOUND)])
    answer = await corner.raw("POST", UPLOADS, content=content, headers={"Content-Type": media})
    same(answer.status_code, 401, "status")
    await nothing_left(corner)


# --- the same again -----------------------------------------------------------------------------------


@clause("§5", "an upload that is repeated with its key takes effect once; with another sound or order it is 409")
async def repeated(corner: Corner) -> None:
    http, key, body = customer_of(corner), corner.name("key"), corner.order(KIND)
    first: Order = corner.keep(await place(http, body, SOUND, key=key))
    same(await place(http, body, SOUND, key=key), first, "the answer to the repetition")
    await refused(place(http, body, OTHER_SOUND, key=key), "conflict", 409)
    await refused(place(http, body | {"price_fen": 1}, SOUND, key=key), "conflict", 409)
    found = await http.get("/v1/orders")
    same([each["id"] for each in found["items"]], [first["id"]], "the customer's orders")


@clause("§5", "a note that is added again with its key takes effect once")
async def added_again(corner: Corner) -> None:
    order, http, key = await corner.place(await corner.kind()), customer_of(corner), corner.name("key")
    first = await add(http, order["id"], SOUND, key=key)
    same(await add(http, order["id"], SOUND, key=key), first, "the answer to the repetition")
    await refused(add(http, order["id"], OTHER_SOUND, key=key), "conflict", 409)
    same((await corner.read(order["id"]))["version"], first["version"], "the version")
