"""§3, §4, §6: voice notes: how they come in, who is told of them, who may listen, what `heard` leaves behind.

Uses kinds of its own where the policy's `listen` counts, and `voice` where the order came as a note. What bad bodies
come to is `voice_bodies`' matter, the playing `voice_playback`'s.
"""

from typing import Any

import httpx
import orjson
from ulid import ULID

from loadtest.checks.clauses import clause
from loadtest.checks.corner import CUSTOMER_PHONE, Corner
from loadtest.checks.expect import Broken, fields, has, refused, same, that, within
from loadtest.checks.forms import FULL, fault_of_note, fault_of_say
from loadtest.checks.line import Line
from loadtest.checks.offers import offered
from loadtest.checks.privacy import SECRETS, leaks
from loadtest.rest import Http
from loadtest.voice import UPLOADS, Part, add, audio_part, form, noise, order_part, place, sha256
from loadtest.wire import Note, Offer, Order

KIND = "voice"
SECONDS = 1.0
SOUND = noise(SECONDS)
OTHER_SOUND = noise(SECONDS, seed=1)
MOST_NOTES = 20


async def sent(
    corner: Corner, parts: list[Part], token: str, path: str = UPLOADS, headers: dict[str, str] | None = None
) -> httpx.Response:
    """The whole answer to a body of parts."""
    content, media = form(parts)
    return await corner.raw("POST", path, token, content=content, headers={"Content-Type": media, **(headers or {})})


def notes_path(order_id: str) -> str:
    return f"/v1/orders/{order_id}/voice-notes"


def only_note(order: Order | Offer) -> Note:
    notes = order["voice_notes"]
    same(len(notes), 1, "the number of notes")
    fault = fault_of_note(notes[0])
    if fault is not None:
        raise Broken("a note", fault)
    return notes[0]


def customer_of(corner: Corner) -> Http:
    """Whose the corner's orders are."""
    return corner.http("customer", corner.name("c"))


async def noted(corner: Corner, kind: str, *agents: Line) -> Order:
    """An open order with a note that its customer added, of which these agents were told."""
    order = await offered(corner, kind, *agents)
    with_note = await add(customer_of(corner), order["id"], SOUND)
    for agent in agents:
        await note_offered(agent, order["id"])
    return with_note


async def note_offered(agent: Line, order_id: str) -> Note:
    message = await agent.hear("offer", order_id, where=lambda each: each["order"]["voice_notes"])
    return only_note(message["order"])


# --- orders that are spoken ---------------------------------------------------------------------------


@clause("§5", "`POST /v1/voice-notes` places an order of kind `voice`: by a service", role="service", by="service")
@clause("§5", "`POST /v1/voice-notes` places an order of kind `voice`: by a customer", role="customer", by="customer")
@clause("§5", "`POST /v1/voice-notes` places an order of kind `voice`: by the desk", role="dispatcher", by="desk")
async def uploaded(corner: Corner, role: str, by: str) -> None:
    token = corner.token(role, corner.name("c"))
    answer = await sent(corner, [order_part(corner.order(KIND)), audio_part(SOUND)], token)
    same(answer.status_code, 201, "status")
    order: Order = corner.keep(orjson.loads(answer.content))
    fields(order, FULL, "the full view")
    has(order, {"kind": KIND, "status": "open", "region": corner.region}, "the order")
    has(order["customer"], {"id": corner.name("c"), "phone": CUSTOMER_PHONE}, "the customer")
    note = only_note(order)
    told = {"mime": "audio/wav", "bytes": len(SOUND), "sha256": sha256(SOUND), "by": by, "expired": False}
    has(note, told, "the note")
    within(note["seconds"], SECONDS - 0.05, SECONDS + 0.05, "seconds")
    within(note["at"], order["created_at"] - 60_000, order["created_at"] + 60_000, "at")
    that(isinstance(note["url"], str), "a url", note["url"])
    ULID.from_str(note["id"])


@clause("§5", "in an upload's order `kind` may be left out, and the parts may come in any order")
async def kind_left_out(corner: Corner) -> None:
    body = corner.order(KIND)
    del body["kind"]
    answer = await sent(corner, [audio_part(SOUND), order_part(body)], corner.token("service", corner.name("s")))
    same(answer.status_code, 201, "status")
    same(corner.keep(orjson.loads(answer.content))["kind"], KIND, "kind")


@clause("§3", "a note's waveform is loud where the sound is")
async def waveform(corner: Corner) -> None:
    order = corner.keep(await place(corner.service, corner.order(KIND), noise(1.0, silent_seconds=1.0)))
    peaks = only_note(order)["waveform"]
    same(max(peaks[:30]), 0, "the highest peak of the silent half")
    within(min(peaks[34:]), 100, 255, "the lowest peak of the loud half")


@clause("§4", "the offer of a voice order bears the note, and a sentence in two languages without anything private")
async def alert(corner: Corner) -> None:
    policies = {each["kind"]: each async for each in corner.admin.pages("/v1/policies")}
    if KIND not in policies:
        raise Broken(f"a policy for {KIND}", sorted(policies))
    joins = corner.shop if "shop" in policies[KIND]["audience"] else corner.valet
    agent = await joins("a", KIND)
    order = corner.keep(await place(corner.service, corner.order(KIND, price_fen=18000), SOUND))
    note = only_note(await agent.offer(order["id"]))
    same(note["sha256"], sha256(SOUND), "sha256")
    same(note["url"] is not None, policies[KIND]["listen"] == "before", f"a url, for listen {policies[KIND]['listen']}")
    say = (await agent.hear("offer", order["id"]))["say"]
    same(leaks([orjson.dumps(say)], [*SECRETS, str(corner.spot.lat), str(corner.spot.lon)]), [], "private parts in it")


# --- who may listen -----------------------------------------------------------------------------------


@clause("§6", "`listen: before`: candidates are given the address of a note, and may play it")
async def listen_before(corner: Corner) -> None:
    kind = await corner.kind(listen="before")
    agent = await corner.valet("v", kind)
    order = await noted(corner, kind, agent)
    note = await note_offered(agent, order["id"])
    that(isinstance(note["url"], str), "a url", note["url"])
    answer = await corner.of(agent).fetch(str(note["url"]), with_token=False)
    same((answer.status_code, answer.content == SOUND), (200, True), "status, and whether it is the sound")


@clause("§6", "`listen: after`: candidates see how long a note is and its waveform, and may not play it")
async def listen_after(corner: Corner) -> None:
    kind = await corner.kind(listen="after")
    agent = await corner.valet("v", kind)
    order = await noted(corner, kind, agent)
    note = await note_offered(agent, order["id"])
    same(note["url"], None, "url")
    within(note["seconds"], SECONDS - 0.05, SECONDS + 0.05, "seconds")
    same((await corner.of(agent).fetch(f"/v1/voice-notes/{note['id']}")).status_code, 403, "status with his token")
    await agent.refused({"type": "heard", "order_id": order["id"], "note_id": note["id"]}, "not_found")
    job = await agent.win(order["id"])
    answer = await corner.of(agent).fetch(str(only_note(job)["url"]), with_token=False)
    same((answer.status_code, answer.content == SOUND), (200, True), "status, and whether it is the sound, as holder")


@clause("§6", "`listen` is `after` where a policy does not say otherwise")
async def listen_by_default(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    order = await noted(corner, kind, agent)
    same((await note_offered(agent, order["id"]))["url"], None, "url")
    await _is_faulty(corner, "never")


async def _is_faulty(corner: Corner, listen: str) -> None:
    terms = {"audience": ["valet"], "rounds": [{"radius_m": 1, "limit": 1, "seconds": 1}], "listen": listen}
    refusal = await refused(corner.admin.put(f"/v1/policies/{corner.name('k')}", terms), "invalid", 422)
    same(refusal.paths, ("listen",), "the paths")


# --- adding -------------------------------------------------------------------------------------------


@clause("§5", "a note may be added to an open order: by its customer", role="customer", by="customer")
@clause("§5", "a note may be added to an open order: by the service", role="service", by="service")
@clause("§5", "a note may be added to an open order: by the desk", role="dispatcher", by="desk")
async def added(corner: Corner, role: str, by: str) -> None:
    kind = await corner.kind()
    agent, watch = await corner.valet("v", kind), await corner.customer()
    order = await offered(corner, kind, agent)
    token = corner.token(role, corner.name("c"))
    answer = await sent(corner, [audio_part(SOUND)], token, notes_path(order["id"]))
    same(answer.status_code, 201, "status")
    with_note: Order = orjson.loads(answer.content)
    has(only_note(with_note), {"by": by, "sha256": sha256(SOUND)}, "the note")
    same(with_note["version"], order["version"] + 1, "the version")
    has(await note_offered(agent, order["id"]), {"by": by, "sha256": sha256(SOUND)}, "the note that a candidate sees")
    only_note(await watch.told(order["id"], version=with_note["version"]))
    event = await corner.event(with_note)
    has(event, {"type": "noted"}, "the event")
    has(event["data"], {"note_id": only_note(with_note)["id"]}, "its data")
    has(event["actor"], {"role": role, "id": corner.name("c")}, "its actor")


@clause("§5", "holder and customer answer each other by voice; nobody else is told, also when it opens again")
async def between_the_two(corner: Corner) -> None:
    kind = await corner.kind(listen="before")
    holder, other = await corner.valet("v1", kind), await corner.valet("v2", kind)
    watch, order = await corner.customer(), await offered(corner, kind, holder, other)
    job = await holder.win(order["id"])
    after = other.heard.index(await other.hear("retract", order["id"])) + 1
    answered = await add(corner.of(holder), order["id"], SOUND)
    has(only_note(await watch.told(order["id"], version=answered["version"])), {"by": "agent"}, "the holder's note")
    replied = await add(customer_of(corner), order["id"], OTHER_SOUND)
    mine = await holder.hear("job", order["id"], where=lambda each: each["order"]["version"] == replied["version"])
    same([each["by"] for each in mine["order"]["voice_notes"]], ["agent", "customer"], "whose notes the holder sees")
    await holder.release(job)
    again = await other.offer(order["id"], after=after)
    same(again["voice_notes"], [], "the notes that a candidate sees afterwards")
    same(len(other.about(order["id"], after=after)), 1, "messages that he heard meanwhile")
    same((await corner.of(other).fetch(f"/v1/voice-notes/{mine['order']['voice_notes'][0]['id']}")).status_code, 403,
         "status when he asks for one all the same")  # fmt: skip


@clause("§5", "a note that is added to an order at the desk is told there, with event `changed`")
async def told_at_the_desk(corner: Corner) -> None:
    desk = await corner.desk()
    order = await corner.abandoned()
    await desk.desk("escalated", order["id"])
    with_note = await add(customer_of(corner), order["id"], SOUND)
    shown = await desk.hear("desk", order["id"], where=lambda each: each["order"]["voice_notes"])
    has(shown, {"event": "changed"}, "the message")
    same(shown["order"]["version"], with_note["version"], "the version")
    url = str(only_note(shown["order"])["url"])
    same((await corner.dispatcher.fetch(url, with_token=False)).status_code, 200, "status of its address")
    await desk.ok({"type": "heard", "order_id": order["id"], "note_id": only_note(with_note)["id"]})
    await _heard_once(corner, order["id"], {"role": "dispatcher", "id": desk.sub})


@clause("§5", "no note of a stranger's: another customer's, an agent's without the order, a candidate's, an admin's")
async def strangers(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    order = await offered(corner, kind, agent)
    stranger = await corner.put_agent("stranger", kind)
    for role, sub in (("customer", corner.name("other")), ("valet", stranger), ("valet", agent.sub), ("admin", "a")):
        await refused(
            add(corner.http(role, sub), order["id"], SOUND), ("forbidden", "not_found", "conflict"), (403, 404, 409)
        )
    for role, sub in (("valet", agent.sub), ("admin", "a")):
        await refused(place(corner.http(role, sub), corner.order(KIND), SOUND), "forbidden", 403)
    same((await corner.read(order["id"]))["voice_notes"], [], "the order's notes")


@clause("§5", "an order that is over takes no note: 409")
async def too_late(corner: Corner) -> None:
    order = await corner.place(await corner.kind())
    await corner.act(order["id"], "cancel", {"reason": "it started again"})
    await refused(add(customer_of(corner), order["id"], SOUND), "conflict", 409)


@clause("§3", "an order takes 20 notes, and no more: 409")
async def at_most_twenty(corner: Corner) -> None:
    order, customer = await corner.place(await corner.kind()), customer_of(corner)
    for _ in range(MOST_NOTES):
        order = await add(customer, order["id"], SOUND)
    await refused(add(customer, order["id"], SOUND), "conflict", 409)
    notes = order["voice_notes"]
    same(len({each["id"] for each in notes}), MOST_NOTES, "different notes")
    same([each["at"] for each in notes], sorted(each["at"] for each in notes), "their times, oldest first")


# --- heard --------------------------------------------------------------------------------------------


@clause("§4", "`heard` of a candidate is an event, once, and `candidates` shows it")
async def heard_by_a_candidate(corner: Corner) -> None:
    kind = await corner.kind(listen="before")
    agent, other = await corner.valet("v1", kind), await corner.valet("v2", kind)
    order = await noted(corner, kind, agent, other)
    said = {"type": "heard", "order_id": order["id"], "note_id": only_note(order)["id"]}
    found = await corner.candidates(order["id"])
    same([found[each.sub]["heard_at"] for each in (agent, other)], [None, None], "heard_at before")
    await agent.ok(said)
    await agent.ok(said)
    await _heard_once(corner, order["id"], {"role": "valet", "id": agent.sub})
    found = await corner.candidates(order["id"])
    within(found[agent.sub]["heard_at"], order["created_at"], order["created_at"] + 120_000, "heard_at")
    same(found[other.sub]["heard_at"], None, "heard_at of the other one")
    same((await corner.read(order["id"]))["version"], order["version"] + 1, "the version")


async def _heard_once(corner: Corner, order_id: str, actor: dict[str, Any]) -> None:
    events = [each for each in await corner.timeline(order_id) if each["type"] == "heard"]
    same(len(events), 1, "events `heard`")
    has(events[0]["actor"], actor, "its actor")
    same(set(events[0]["data"]), {"note_id"}, "its data")


@clause("§4", "`heard` of the holder is told to the customer, without a `ref` nothing is answered")
async def heard_by_the_holder(corner: Corner) -> None:
    kind = await corner.kind()
    agent, watch = await corner.valet("v", kind), await corner.customer()
    order = await noted(corner, kind, agent)
    job = await agent.win(order["id"])
    await agent.send({"type": "heard", "order_id": order["id"], "note_id": only_note(order)["id"]})
    await watch.told(order["id"], version=job["version"] + 1)
    mark = agent.mark()
    await agent.ping()
    same([each for each in agent.heard[mark:] if each["type"] in ("ok", "error")], [], "answers")
    await _heard_once(corner, order["id"], {"role": "valet", "id": agent.sub})


@clause("§4", "`heard` by one who has nothing to do with order or note is `not_found`, by a customer `forbidden`")
async def heard_by_strangers(corner: Corner) -> None:
    kind = await corner.kind(listen="before")
    agent, stranger = await corner.valet("v", kind), await corner.valet("stranger", await corner.kind())
    watch = await corner.customer()
    order = await noted(corner, kind, agent)
    said = {"type": "heard", "order_id": order["id"], "note_id": only_note(order)["id"]}
    await stranger.refused(said, "not_found")
    await agent.refused(said | {"note_id": str(ULID())}, "not_found")
    await agent.refused(said | {"order_id": str(ULID())}, "not_found")
    await watch.refused(said, "forbidden")
    await agent.refused({"type": "heard", "order_id": order["id"]}, "invalid")
    same((await corner.read(order["id"]))["version"], order["version"], "the version")


@clause("§4", "what is to be said of an offer stands in `welcome`, too, and names nothing private")
async def said_in_welcome(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    order = await offered(corner, kind, agent, price_fen=25000)
    await agent.drop()
    again = await corner.join("valet", agent.sub, north_m=0)
    listed = await again.offer(order["id"])
    same(leaks([orjson.dumps(listed["say"])]), [], "private parts in it")
    same(fault_of_say(listed["say"]), None, "a fault of it")
