"""§4 and §5: sessions at a time, reachability, who is connected, and who is sent away.

Sessions of one person are opened on the servers in turn, so each of these holds across processes. What takes the
45 s of reachability is slow.
"""

import asyncio
import itertools
from typing import TypeGuard

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import Event
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import Broken, fields, has, ids, refused, same, within
from loadtest.checks.line import Line, fence
from loadtest.wire import SUBPROTOCOL, decode, encode

MOST_SESSIONS = 5
REACHABLE_SECONDS = 45.0
# How late a silent agent may be noticed.
NOTICED_SECONDS = 20.0


# --- at a time ----------------------------------------------------------------------------------------


@clause("§4", "a valet has one session: a newer one replaces it, 4504")
async def one_valet(corner: Corner) -> None:
    old = await corner.valet("v", await corner.kind())
    new = await corner.join("valet", old.sub)
    await old.closed(4504)
    await new.ping()


@clause("§4", "a valet's new session has his offers and jobs, and wins what it is offered")
async def replaced_with_everything(corner: Corner) -> None:
    kind = await corner.kind()
    old = await corner.valet("v", kind, capacity=3)
    job, order = await corner.held(old, kind), await corner.place(kind)
    await old.offer(order["id"])
    new = await corner.join("valet", old.sub, north_m=0)
    same((ids(new.heard[0]["jobs"]), ids(new.heard[0]["offers"])), ([job["id"]], [order["id"]]), "jobs and offers")
    same((await new.grab(order["id"]))["outcome"], "won", "the outcome")
    await new.progress(job, "en_route")


@clause("§4", "a shop has five sessions; a sixth ends the oldest, 4504", role="shop")
@clause("§4", "a customer has five sessions; a sixth ends the oldest, 4504", role="customer")
@clause("§4", "a dispatcher has five sessions; a sixth ends the oldest, 4504", role="dispatcher")
async def five(corner: Corner, role: str) -> None:
    lines = await _sessions(corner, role, MOST_SESSIONS + 1)
    await lines[0].closed(4504)
    for line in lines[1:]:
        await line.ping()


async def _sessions(corner: Corner, role: str, count: int) -> list[Line]:
    sub = corner.name("s")
    if role == "shop":
        await corner.put_agent("s", await corner.kind(), role="shop", home=corner.at())
    return [await corner.join(role, sub) for _ in range(count)]


@clause("§4", "every session of a shop is told everything: offers, jobs, their ends")
async def told_everything(corner: Corner) -> None:
    kind = await corner.kind()
    first = await corner.shop("s", kind)
    others = [await corner.join("shop", first.sub) for _ in range(2)]
    order = await corner.place(kind)
    for line in (first, *others):
        await line.offer(order["id"])
    job = await first.win(order["id"])
    await others[0].progress(job, "en_route")
    for line in (first, *others):
        await line.hear("job", job["id"], where=lambda each: each["order"]["status"] == "en_route")
    await others[1].ok({"type": "release", "order_id": job["id"], "fence": fence(job), "reason": "no tools"})
    for line in (first, *others):
        await line.hear("unjob", job["id"])


@clause("§4", "the status of a session is the agent's: a shop that pauses on one can not grab on another")
async def shared_status(corner: Corner) -> None:
    kind = await corner.kind()
    first = await corner.shop("s", kind)
    second = await corner.join("shop", first.sub)
    order = await corner.place(kind)
    await second.offer(order["id"])
    await first.set_status("paused")
    same((await second.grab(order["id"])).get("reason"), "paused", "the reason of the refusal")


# --- reachable ----------------------------------------------------------------------------------------


@clause("§4", "an agent is reachable after his session was lost, and no longer 45 s later", slow=True)
async def reachable(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    loop = asyncio.get_running_loop()
    lost_at = loop.time()
    await agent.drop()
    early = await corner.place(kind)
    same((await corner.read(early["id"]))["offered"], 1, "offered, just after the loss")
    await corner.act(early["id"], "cancel", {"reason": "enough"})
    # Nobody is told that somebody became unreachable, so it is asked for.
    while loop.time() < lost_at + REACHABLE_SECONDS + NOTICED_SECONDS:
        order = await corner.place(kind)
        if (await corner.read(order["id"]))["offered"] == 0:
            within(loop.time() - lost_at, REACHABLE_SECONDS - 2, 1000, "seconds of being reachable")
            return
        await corner.act(order["id"], "cancel", {"reason": "enough"})
        await asyncio.sleep(1)
    raise Broken(f"an agent who is no longer reachable {REACHABLE_SECONDS:.0f} s after he was lost", "he still is")


@clause("§4", "an agent is reachable while his session lives, however silent", slow=True)
async def silent(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    await asyncio.sleep(REACHABLE_SECONDS + NOTICED_SECONDS)
    await agent.offer((await corner.place(kind))["id"])


@clause("§4", "who does not answer the server's pings is closed with 4002", slow=True)
async def no_pong(corner: Corner) -> None:
    line = corner.line("customer", corner.name("c"))
    uri = parse_uri(line.url)
    reader, writer = await asyncio.open_connection(uri.host, uri.port)
    mute = ClientProtocol(uri, subprotocols=[Subprotocol(SUBPROTOCOL["json"])])
    request = mute.connect()
    request.headers.update(line.hello.headers())
    mute.send_request(request)
    try:
        writer.write(b"".join(mute.data_to_send()))
        mute.receive_data(await reader.readuntil(b"\r\n\r\n"))
        mute.send_text(str(encode(line.hello.message(), "json")).encode())
        writer.write(b"".join(mute.data_to_send()))
        while data := await reader.read(65536):
            mute.receive_data(data)  # what it would answer is never sent
    finally:
        writer.close()
    told = [decode(bytes(each.data).decode()) for each in mute.events_received() if _is_text(each)]
    same([each["type"] for each in told], ["welcome", "bye"], "what was said")
    same(told[-1]["code"], 4002, "the code of bye")
    same(mute.close_rcvd and mute.close_rcvd.code, 4002, "close code")


def _is_text(event: Event) -> TypeGuard[Frame]:
    return isinstance(event, Frame) and event.opcode is Opcode.TEXT


# --- who is connected ---------------------------------------------------------------------------------


@clause("§5", "`GET /v1/sessions?agent_id=` tells who is connected, on whatever process", role="shop")
@clause("§5", "`GET /v1/sessions` tells a valet's one session", role="valet")
async def listed(corner: Corner, role: str) -> None:
    kind = await corner.kind()
    line = await (corner.shop("a", kind) if role == "shop" else corner.valet("a", kind))
    more = [await corner.join("shop", line.sub)] if role == "shop" else []
    for who in (corner.admin, corner.dispatcher):
        items = (await who.get("/v1/sessions", agent_id=line.sub))["items"]
        same({each["session_id"] for each in items}, {_id(each) for each in (line, *more)}, "the sessions")
    for item in items:
        fields(item, ("session_id", "sub", "role", "region", "since_at", "address", "codec", "unsent_bytes"), "it")
        has(item, {"sub": line.sub, "role": role, "region": corner.region}, "the session")
        within(item["since_at"], line.heard[0]["server_at"] - 60_000, line.heard[0]["server_at"] + 60_000, "since_at")
        same(item["unsent_bytes"], 0, "unsent_bytes")


def _id(line: Line) -> str:
    found: str = line.heard[0]["session_id"]
    return found


@clause("§5", "a session that ended is listed no more")
async def not_listed(corner: Corner) -> None:
    old = await corner.valet("v", await corner.kind())
    new = await corner.join("valet", old.sub)
    await old.goodbye()
    items = (await corner.admin.get("/v1/sessions", agent_id=old.sub))["items"]
    same([each["session_id"] for each in items], [_id(new)], "the sessions")


@clause("§5", "`DELETE /v1/sessions/{id}` kicks, 4505, whichever process it asks", role="valet")
@clause("§5", "`DELETE /v1/sessions/{id}` kicks a customer's session, too", role="customer")
@clause("§5", "`DELETE /v1/sessions/{id}` kicks a dispatcher's session, too", role="dispatcher")
async def kicked(corner: Corner, role: str) -> None:
    for server in range(len(corner.world.servers)):
        sub = corner.name(f"k{server}")
        if role == "valet":
            await corner.put_agent(f"k{server}", await corner.kind())
        line = await corner.join(role, sub, server=server)
        other = (server + 1) % len(corner.world.servers)
        await corner.http("admin", server=other).delete(f"/v1/sessions/{_id(line)}")
        await line.closed(4505)


@clause("§5", "kicking one session of a shop leaves the others")
async def one_kicked(corner: Corner) -> None:
    first = await corner.shop("s", await corner.kind())
    second = await corner.join("shop", first.sub)
    await corner.dispatcher.delete(f"/v1/sessions/{_id(first)}")
    await first.closed(4505)
    await second.ping()


@clause("§5", "kicking a session that does not exist is 404")
async def nobody_kicked(corner: Corner) -> None:
    await refused(corner.admin.delete("/v1/sessions/01M8112R2M0000000000000000"), "not_found", 404)


# --- who is sent away ---------------------------------------------------------------------------------


@clause("§4", "an agent that was never put hears 4502")
async def never_put(corner: Corner) -> None:
    line = corner.line("valet", corner.name("nobody"))
    await line.open()
    await line.send(line.hello.message())
    await line.closed(4502)


@clause("§4", "an agent whose token is of the other agents' role hears 4502")
async def wrong_role(corner: Corner) -> None:
    agent_id = await corner.put_agent("v", await corner.kind())
    line = corner.line("shop", agent_id)
    await line.open()
    await line.send(line.hello.message())
    await line.closed(4502)


@clause("§4", "a suspended agent hears 4503 at hello")
async def suspended_before(corner: Corner) -> None:
    agent_id = await corner.put_agent("v", await corner.kind(), suspended=True)
    line = corner.line("valet", agent_id)
    await line.open()
    await line.send(line.hello.message())
    await line.closed(4503)


@clause("§4", "an agent who is suspended hears 4503 at once, on every session; his jobs stay his")
async def suspended_meanwhile(corner: Corner) -> None:
    kind = await corner.kind()
    first = await corner.shop("s", kind)
    second = await corner.join("shop", first.sub)
    job = await corner.held(first, kind)
    await corner.put_agent("s", kind, role="shop", home=corner.at(), suspended=True)
    await first.closed(4503)
    await second.closed(4503)
    has(await corner.read(job["id"]), {"status": "assigned"}, "the order")


@clause("§4", "two connections of one valet at the same moment leave one session", many=4)
async def race(corner: Corner, many: int) -> None:
    agent_id = await corner.put_agent("v", await corner.kind())
    lines = await asyncio.gather(*(_arrive(corner, agent_id) for _ in range(many)))
    ends = [asyncio.create_task(line.goodbye()) for line in lines]
    try:
        for end in itertools.islice(asyncio.as_completed(ends), many - 1):
            same((await end).code, 4504, "close code")
        await next(line for line in lines if line.is_open).ping()
    finally:
        for task in ends:
            task.cancel()
        await asyncio.gather(*ends, return_exceptions=True)


async def _arrive(corner: Corner, agent_id: str) -> Line:
    line = corner.line("valet", agent_id)
    await line.open()
    await line.send(line.hello.message())
    return line
