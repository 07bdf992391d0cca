"""§5: how a voice note is played: by its address, by ranges, by those who may and by nobody else.

Each request goes to the servers in turn, so an address that only its maker knows is found out. Left out: that an
address ends after five minutes (an earlier end that somebody writes into it is refused as any other change is), and
that audio is deleted in the end.
"""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx
import orjson
from ulid import ULID

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import eventually, refused, same, that
from loadtest.checks.http_manners import problem
from loadtest.checks.offers import offered
from loadtest.checks.privacy import SECRETS, leaks
from loadtest.checks.voice import KIND, SOUND, customer_of, note_offered, noted, only_note
from loadtest.checks.world import REGIONS
from loadtest.rest import Http
from loadtest.voice import add, place, sha256
from loadtest.wire import Note

SIZE = len(SOUND)


async def placed(corner: Corner) -> Note:
    """As the service sees it, whose address it bears."""
    return only_note(corner.keep(await place(corner.service, corner.order(KIND), SOUND)))


def by_token(note: Note) -> str:
    return f"/v1/voice-notes/{note['id']}"


def changed(url: str, **parameters: str) -> str:
    """The same address with other words in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=urlencode(dict(parse_qsl(parts.query)) | parameters)))


async def play(corner: Corner, url: str | None, by: Http | None = None, **headers: str) -> httpx.Response:
    """Without anybody's token, as a player does, or with his."""
    return await (by or corner.service).fetch(str(url), with_token=by is not None, headers=headers)


async def sounds(corner: Corner, url: str | None, by: Http | None = None) -> None:
    answer = await play(corner, url, by)
    same((answer.status_code, sha256(answer.content)), (200, sha256(SOUND)), "status and hash")


async def forbidden(corner: Corner, url: str | None, by: Http | None = None) -> None:
    problem(await play(corner, url, by), 403, "forbidden")


# --- the answer ---------------------------------------------------------------------------------------


@clause("§5", "a note's address plays it without a token, with its type, size and manners")
async def by_address(corner: Corner) -> None:
    note = await placed(corner)
    answer = await play(corner, note["url"])
    same((answer.status_code, sha256(answer.content)), (200, note["sha256"]), "status and hash")
    for name, expected in (
        ("content-type", note["mime"]), ("content-length", str(SIZE)), ("x-content-type-options", "nosniff"),
        ("accept-ranges", "bytes"),
    ):  # fmt: skip
        same(answer.headers.get(name), expected, name)
    that(answer.headers.get("etag"), "an ETag", dict(answer.headers))
    disposition = answer.headers.get("content-disposition", "")
    that("filename" in disposition, "a Content-Disposition with a name", disposition)
    told = [orjson.dumps(dict(answer.headers)), str(note["url"]).encode()]
    same(leaks(told, [*SECRETS, corner.name("c")]), [], "what is private in address and headers")


@clause("§5", "HEAD of a note has the headers of GET and nothing else")
async def head(corner: Corner) -> None:
    note = await placed(corner)
    whole = await play(corner, note["url"])
    answer = await corner.service.fetch(str(note["url"]), method="HEAD", with_token=False)
    same((answer.status_code, answer.content), (200, b""), "status and body")
    for name in ("content-type", "content-length", "etag", "x-content-type-options", "content-disposition"):
        same(answer.headers.get(name), whole.headers[name], name)


@clause("§5", "a range of a note: its first bytes", asked="0-99", first=0, last=99)
@clause("§5", "a range of a note: from the middle to the end", asked=f"{SIZE // 2}-", first=SIZE // 2, last=SIZE - 1)
@clause("§5", "a range of a note: its last bytes", asked="-500", first=SIZE - 500, last=SIZE - 1)
@clause("§5", "a range of a note: beyond its end", asked=f"10-{SIZE * 2}", first=10, last=SIZE - 1)
async def ranges(corner: Corner, asked: str, first: int, last: int) -> None:
    note = await placed(corner)
    answer = await play(corner, note["url"], Range=f"bytes={asked}")
    same(answer.status_code, 206, "status")
    same(answer.headers.get("content-range"), f"bytes {first}-{last}/{SIZE}", "Content-Range")
    same(answer.content == SOUND[first : last + 1], True, "whether it is that part of the sound")
    same(answer.headers.get("content-type"), note["mime"], "Content-Type")


@clause("§5", "a range that begins behind a note's end is 416, and tells its size")
async def no_such_range(corner: Corner) -> None:
    note = await placed(corner)
    answer = await play(corner, note["url"], Range=f"bytes={SIZE}-")
    same(answer.status_code, 416, "status")
    same(answer.headers.get("content-range"), f"bytes */{SIZE}", "Content-Range")


@clause("§5", "`format=mp3` is MP3 where `/readyz` says that it is to be had, else 406 `not_acceptable`")
async def as_mp3(corner: Corner) -> None:
    note = await placed(corner)
    able = orjson.loads((await corner.raw("GET", "/readyz")).content).get("mp3")
    answer = await play(corner, f"{note['url']}&format=mp3")
    if able == "ok":
        same((answer.status_code, answer.headers.get("content-type")), (200, "audio/mpeg"), "status and type")
        that(answer.content[:3] == b"ID3" or answer.content[:1] == b"\xff", "an MP3 file", answer.content[:16])
        part = await play(corner, f"{note['url']}&format=mp3", Range="bytes=0-9")
        same((part.status_code, part.content), (206, answer.content[:10]), "status and bytes of its beginning")
    else:
        problem(answer, 406, "not_acceptable")
    await refused(corner.service.get(by_token(note), format="flac"), "invalid", 422)


# --- who may ------------------------------------------------------------------------------------------


@clause("§5", "a note's address goes with its reader's token, and with no other's")
async def whose_address(corner: Corner) -> None:
    note = await placed(corner)
    await sounds(corner, note["url"], corner.service)
    await forbidden(corner, note["url"], corner.dispatcher)
    await forbidden(corner, note["url"], customer_of(corner))
    await forbidden(corner, note["url"], corner.http("service", corner.name("another")))


@clause("§5", "an address that was altered is 403: its signature", name="signature", value="A" * 43)
@clause("§5", "an address that was altered is 403: its reader", name="reader", value="admin:root")
@clause("§5", "an address that was altered is 403: a later end", name="until", value="9000000000000")
@clause("§5", "an address that was altered is 403: an end that is past", name="until", value="1600000000000")
async def altered(corner: Corner, name: str, value: str) -> None:
    note = await placed(corner)
    await forbidden(corner, changed(str(note["url"]), **{name: value}))


@clause("§5", "an address that was altered is 403: without its end")
async def incomplete(corner: Corner) -> None:
    note = await placed(corner)
    parts = urlsplit(str(note["url"]))
    left = [each for each in parse_qsl(parts.query) if each[0] != "until"]
    await forbidden(corner, urlunsplit(parts._replace(query=urlencode(left))))


@clause("§5", "an address that was altered is 403: another note's id in its path")
async def of_another_note(corner: Corner) -> None:
    one, other = await placed(corner), await placed(corner)
    await forbidden(corner, str(one["url"]).replace(one["id"], other["id"]))


@clause("§5", "a token suffices where its bearer may listen; without token and address it is 401")
async def token_alone(corner: Corner) -> None:
    note = await placed(corner)
    for http in (corner.service, corner.dispatcher, corner.admin, customer_of(corner)):
        await sounds(corner, by_token(note), http)
    problem(await play(corner, by_token(note)), 401, "unauthenticated")


@clause("§5", "strangers get 403: another customer, an agent without the order, a dispatcher of another region")
async def strangers(corner: Corner) -> None:
    note = await placed(corner)
    agent_id = await corner.put_agent("v", KIND)
    elsewhere = next(region for region in REGIONS if region != corner.region)
    far = corner.world.http(corner.token("dispatcher", corner.name("far"), regions=[elsewhere]))
    for http in (corner.http("customer", corner.name("other")), corner.http("valet", agent_id), far):
        await forbidden(corner, by_token(note), http)


@clause("§5", "a note that does not exist is 404")
async def unknown(corner: Corner) -> None:
    for note_id in (str(ULID()), "no-ulid"):
        await refused(corner.dispatcher.get(f"/v1/voice-notes/{note_id}"), "not_found", 404)


@clause("§5", "who lost the order does not listen any more, not even by the address that he was given")
async def losers(corner: Corner) -> None:
    kind = await corner.kind(listen="before")
    winner, loser = await corner.valet("v1", kind), await corner.valet("v2", kind)
    order = await noted(corner, kind, winner, loser)
    theirs = {each.sub: (await note_offered(each, order["id"]))["url"] for each in (winner, loser)}
    await sounds(corner, theirs[loser.sub])
    await forbidden(corner, theirs[loser.sub], corner.of(winner))
    await winner.win(order["id"])
    await sounds(corner, theirs[winner.sub])
    await forbidden(corner, theirs[loser.sub])
    await forbidden(corner, theirs[loser.sub], corner.of(loser))


@clause("§5", "who declined an offer does not listen any more")
async def decliners(corner: Corner) -> None:
    kind = await corner.kind(listen="before")
    agent = await corner.valet("v", kind)
    order = await noted(corner, kind, agent)
    url = (await note_offered(agent, order["id"]))["url"]
    await agent.ok({"type": "decline", "order_id": order["id"]})
    await forbidden(corner, url)


@clause("§5", "who released an order does not listen any more", ending="released")
@clause("§5", "who completed an order may go on listening", ending="completed")
async def former_holders(corner: Corner, ending: str) -> None:
    kind = await corner.kind()
    agent, watch = await corner.valet("v", kind), await corner.customer()
    order = await offered(corner, kind, agent)
    job = await agent.win(order["id"])
    url = only_note(await add(corner.of(agent), order["id"], SOUND))["url"]
    await sounds(corner, url)
    if ending == "released":
        await agent.release(job)
        await forbidden(corner, url)
    else:
        await agent.progress(job, "completed")
        await sounds(corner, url)
        await sounds(corner, by_token(only_note(await watch.told(order["id"], status="completed"))), corner.of(agent))


@clause("§5", "each message bears an address anew, made for its reader")
async def anew(corner: Corner) -> None:
    kind = await corner.kind(listen="before")
    agent, watch = await corner.valet("v", kind), await corner.customer()
    order = await noted(corner, kind, agent)
    urls = [only_note(order)["url"], (await note_offered(agent, order["id"]))["url"]]
    urls += [only_note(await watch.told(order["id"], version=order["version"]))["url"]]
    readers = [dict(parse_qsl(urlsplit(str(url)).query))["reader"] for url in urls]
    same(readers, [f"customer:{watch.sub}", f"valet:{agent.sub}", f"customer:{watch.sub}"], "readers")
    first = str(urls[0])

    async def again() -> str:
        return str(only_note(await customer_of(corner).get(f"/v1/orders/{order['id']}"))["url"])

    await eventually(again, lambda url: url != first, "another address")
