"""§4: hello and welcome, what a client may say, and how it is answered.

What it says of orders is the other modules' matter. Left out: `snapshot`, which only a server's own doubt brings
about, and the codes of a server that goes down.
"""

import asyncio
from typing import Any

from ulid import ULID

from loadtest.checks.clauses import clause
from loadtest.checks.corner import SHORT, Corner
from loadtest.checks.expect import eventually, fields, has, ids, same, that, within
from loadtest.checks.line import fence
from loadtest.wire import Message, Order

MANY = 101
AT_ONCE = 8


# --- welcome ------------------------------------------------------------------------------------------


@clause("§4", "welcome comes first, with session_id, server_at, heartbeat_seconds, features and more")
async def welcome(corner: Corner) -> None:
    line = await corner.customer()
    first = line.heard[0]
    same(first["type"], "welcome", "the first message")
    fields(first, ("session_id", "server_at", "heartbeat_seconds", "features", "more"), "welcome")
    drawn_at = ULID.from_str(first["session_id"]).milliseconds
    within(first["server_at"] - drawn_at, -60_000, 60_000, "server_at less the time of the session's ULID, ms")
    that(isinstance(first["server_at"], int), "server_at as an integer", first["server_at"])
    within(first["heartbeat_seconds"], 1, 600, "heartbeat_seconds")
    that(isinstance(first["more"], list), "more as a list", first["more"])


@clause("§4", "an agent's welcome has his own profile, offers and jobs, and no other lists")
async def agents_welcome(corner: Corner) -> None:
    agent = await corner.valet("v", await corner.kind())
    _lists(agent.heard[0], {"offers", "jobs"})
    has(agent.heard[0]["agent"], {"id": agent.sub, "role": "valet", "region": corner.region}, "agent")


@clause("§4", "a dispatcher's welcome has the desk, and no other lists")
async def desks_welcome(corner: Corner) -> None:
    order = await corner.abandoned()
    line = await corner.desk()
    _lists(line.heard[0], {"desk"})
    that(order["id"] in ids(line.heard[0]["desk"]), "the escalated order in it", ids(line.heard[0]["desk"]))


@clause("§4", "a customer's welcome has his unfinished orders, and no other lists")
async def customers_welcome(corner: Corner) -> None:
    kind = await corner.kind()
    unfinished, finished = await corner.place(kind), await corner.place(kind)
    await corner.act(finished["id"], "cancel", {"reason": "it started again"})
    line = await corner.customer()
    _lists(line.heard[0], {"orders"})
    same(ids(line.heard[0]["orders"]), [unfinished["id"]], "orders")


def _lists(welcome: Message, expected: set[str]) -> None:
    found = {name for name in ("offers", "jobs", "desk", "orders") if welcome.get(name) is not None}
    same(found, expected, "the lists of welcome")


@clause("§4", "who comes back finds in welcome the offers that stand and the jobs he holds")
async def comes_back(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind, capacity=3)
    job, order = await corner.held(agent, kind), await corner.place(kind)
    await agent.offer(order["id"])
    await agent.drop()
    again = await corner.join("valet", agent.sub, north_m=0)
    same(ids(again.heard[0]["offers"]), [order["id"]], "offers")
    same(ids(again.heard[0]["jobs"]), [job["id"]], "jobs")


@clause("§4", "what is offered to an agent while his connection is lost, he finds in welcome")
async def offered_meanwhile(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    await agent.drop()
    order = await corner.place(kind)
    again = await corner.join("valet", agent.sub)
    same(ids(again.heard[0]["offers"]), [order["id"]], "offers")
    same((await corner.read(order["id"]))["offered"], 1, "offered")


@clause("§4", "a list of welcome holds at most 100 entries; `more` names it; the rest comes by HTTP: offers, orders")
async def at_most_a_hundred(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    placed = await _place_many(corner, kind)
    for order_id in placed:
        await agent.offer(order_id)
    await agent.close()
    again, customer = await corner.join("valet", agent.sub), await corner.customer()
    for line, name in ((again, "offers"), (customer, "orders")):
        same(len(line.heard[0][name]), 100, f"entries of {name}")
        same(line.heard[0]["more"], [name], "more")
    listed = [each["id"] async for each in corner.http("customer", customer.sub).pages("/v1/orders", status="open")]
    same(sorted(listed), placed, "the customer's open orders by HTTP")
    unlisted = set(placed) - set(ids(again.heard[0]["offers"]))
    same((await again.grab(unlisted.pop()))["outcome"], "won", "the outcome of grabbing an offer that was cut off")


@clause(
    "§4",
    "a dispatcher's welcome has the 100 that wait longest, longest first; `more` says so",
    apart=True,
)
async def longest_waiting(corner: Corner) -> None:
    sub, region = corner.name("d"), await corner.own_region()
    watch = await corner.customer()
    placed = await _place_many(corner, await corner.kind(**SHORT))
    for order_id in placed:
        await watch.told(order_id, status="escalated")
    token = corner.token("dispatcher", sub, regions=[region])
    line = await corner.join("dispatcher", sub, token=token)
    same(line.heard[0]["more"], ["desk"], "more")
    http = corner.world.http(token)

    async def desk() -> list[str]:
        return [each["id"] async for each in http.pages("/v1/desk", region=region)]

    listed = await eventually(desk, lambda each: sorted(each) == placed, "all 101 at the desk by HTTP")
    same(ids(line.heard[0]["desk"]), listed[:100], "the desk of welcome")


async def _place_many(corner: Corner, kind: str) -> list[str]:
    free = asyncio.Semaphore(AT_ONCE)

    async def place() -> Order:
        async with free:
            return await corner.place(kind)

    return sorted(ids(await asyncio.gather(*(place() for _ in range(MANY)))))


@clause("§4", "nothing that welcome contains comes after it, and nothing newer is missing after it")
async def nothing_twice_nothing_missing(corner: Corner) -> None:
    kind = await corner.kind()
    agent_id = await corner.put_agent("v", kind)
    placing = asyncio.gather(*(corner.place(kind) for _ in range(12)))
    agent = await corner.join("valet", agent_id, north_m=0)
    for order in await placing:
        await corner.act(order["id"], "cancel", {"reason": "enough"})
    await corner.in_order(agent)
    known = {each["id"]: each["version"] for each in agent.heard[0]["offers"]}
    for message in agent.heard[1:]:
        if message["type"] == "offer":
            order = message["order"]
            that(order["version"] > known.get(order["id"], 0), "an offer newer than welcome", order)
    that(len(agent.view.offers) == 0, "every offer retracted", agent.view.offers)
    kept = {each["order_id"] for each in agent.heard if each["type"] == "retract"}
    same(kept, {order["id"] for order in placing.result()}, "the orders offered and retracted")


# --- asking -------------------------------------------------------------------------------------------


@clause("§4", "a ping is answered by a pong with its ref, if it has one, and the server's time")
async def ping(corner: Corner) -> None:
    line = await corner.customer()
    welcome = line.heard[0]
    answer = await line.ask({"type": "ping"})
    same(answer["type"], "pong", "the answer")
    that(answer["server_at"] >= welcome["server_at"], "a clock that goes on", answer)
    await line.send({"type": "ping"})
    await line.hear("pong", where=lambda each: "ref" not in each)


@clause("§4", "a ref is any string of the client's, and may be used again")
async def refs(corner: Corner) -> None:
    line = await corner.customer()
    for ref in ("1", "", "参照 ✓", "1"):
        mark = line.mark()
        await line.send({"type": "ping", "ref": ref})
        same((await line.hear("pong", after=mark))["ref"], ref, "ref")


@clause("§4", "a position is not answered, takes effect, and may tell accuracy, heading, speed and time")
async def position(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind, north_m=9000)
    order = await corner.place(kind)
    more = {"accuracy_m": 5.5, "heading": 270.0, "speed_mps": 8.3, "at": order["created_at"]}
    mark = agent.mark()
    await agent.move(corner.at(100), **more)
    await agent.offer(order["id"])
    same([each["type"] for each in agent.heard[mark:]], ["offer"], "what was heard after it")


@clause("§4", "`status` paused and available is answered `ok`, with and without a ref")
async def status(corner: Corner) -> None:
    agent = await corner.valet("v", await corner.kind())
    await agent.set_status("paused")
    mark = agent.mark()
    await agent.send({"type": "status", "status": "available"})
    await agent.hear("ok", after=mark, where=lambda each: "ref" not in each)


@clause("§4", "hello may say `paused`: then nothing is offered, until the status is `available`")
async def hello_paused(corner: Corner) -> None:
    kind = await corner.kind()
    agent_id = await corner.put_agent("v", kind)
    agent = await corner.join("valet", agent_id, north_m=0, status="paused")
    order = await corner.place(kind)
    await corner.in_order(agent)
    same(agent.about(order["id"]), [], "what a paused agent heard of the order")
    await agent.set_status("available")
    await agent.offer(order["id"])


@clause("§4", "hello without a status means `available`")
async def hello_available(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    await agent.set_status("paused")
    await agent.drop()
    again = await corner.join("valet", agent.sub, north_m=0)
    await again.offer((await corner.place(kind))["id"])


@clause("§4", "the token may stand in hello instead of the header")
async def token_in_hello(corner: Corner) -> None:
    agent_id = await corner.put_agent("v", await corner.kind())
    line = await corner.join("valet", agent_id, token_in_hello=True)
    same(line.heard[0]["agent"]["id"], agent_id, "who is welcomed")


@clause("§4", "`seen` is not answered; the candidates' list tells when it was offered, delivered and seen")
async def seen(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    order = await corner.place(kind)
    await agent.offer(order["id"])
    mark = agent.mark()
    await agent.send({"type": "seen", "order_ids": [order["id"]]})

    async def marks_of_agent() -> dict[str, Any]:
        return (await corner.candidates(order["id"]))[agent.sub]

    marks = await eventually(marks_of_agent, lambda each: each["seen_at"] and each["delivered_at"], "both marks")
    within(marks["offered_at"], order["created_at"] - 1000, order["created_at"] + 10_000, "offered_at")
    within(marks["delivered_at"], marks["offered_at"], marks["offered_at"] + 10_000, "delivered_at")
    within(marks["seen_at"], marks["offered_at"], marks["offered_at"] + 20_000, "seen_at")
    same(agent.heard[mark:], [], "what was heard after it")


@clause("§4", "a progress on the stream is answered `ok`, and may tell when it was")
async def progress(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    step = {"type": "progress", "order_id": job["id"], "fence": fence(job), "step": "en_route"}
    await agent.ok({**step, "at": job["created_at"]})


@clause("§4", "who does not hold an order is refused its progress and its release")
async def not_his(corner: Corner) -> None:
    kind = await corner.kind()
    agent, other = await corner.valet("v1", kind), await corner.valet("v2", kind)
    job = await corner.held(agent, kind)
    about = {"order_id": job["id"], "fence": fence(job)}
    for message in ({"type": "progress", **about, "step": "working"}, {"type": "release", **about, "reason": "x"}):
        same((await other.ask(message))["type"], "error", f"the answer to {message['type']}")
    has(await corner.read(job["id"]), {"status": "assigned", "version": job["version"]}, "the order")
