"""§3: the ways of an order, from its placing to its end; versions, fences, the timeline.

Looks at states and at what is written down; who is told of it is the matter of the modules on §4. A state that the
clock brought about is learned from the customer's stream, for it may be told before it is written.
"""

from ulid import ULID

from loadtest.checks.clauses import clause
from loadtest.checks.corner import ADDRESS, CUSTOMER_NAME, CUSTOMER_PHONE, PLATE, SHORT, Corner
from loadtest.checks.expect import Broken, fields, has, refused, same, that, within
from loadtest.checks.forms import ASSIGNMENT, CARD, FULL
from loadtest.checks.line import assignment as of
from loadtest.checks.line import fence
from loadtest.rest import Http
from loadtest.wire import HELD, STEPS, Order

DAY_MS = 24 * 3600 * 1000


# --- how it begins ------------------------------------------------------------------------------------


@clause("§3", "a placed order is open, in its first round, held by nobody; the full view has every field")
async def placed(corner: Corner) -> None:
    kind = await corner.kind()
    order = await corner.place(kind, price_fen=18000, bonus_fen=700, destination=corner.at(500))
    fields(order, FULL, "the full view")
    nobody = {"assignment": None, "agent": None, "stalled": False, "taken_up": None, "reason": None}
    has(order, {"status": "open", "round": 1, "kind": kind, "region": corner.region, **nobody}, "the order")
    has(order, {"price_fen": 18000, "bonus_fen": 700, "voice_notes": [], "scheduled_at": None}, "the order")
    has(order["customer"], {"id": corner.name("c"), "name": CUSTOMER_NAME, "phone": CUSTOMER_PHONE}, "the customer")
    has(order["place"], {"lat": corner.spot.lat, "lon": corner.spot.lon, "address": ADDRESS}, "the place")
    has(order["details"], {"plate": PLATE, "note": "flat tyre"}, "the details")


@clause("§1", "an order's id is a ULID, its times are milliseconds since the epoch")
async def ids_and_times(corner: Corner) -> None:
    order = await corner.place(await corner.kind())
    drawn_at = ULID.from_str(order["id"]).milliseconds
    that(isinstance(order["created_at"], int), "created_at as an integer", order["created_at"])
    within(drawn_at - order["created_at"], -60_000, 60_000, "the id's time less created_at, ms")
    within(
        order["expires_at"], order["created_at"] + 100_000, order["created_at"] + 130_000, "the end of a 120 s round"
    )


# --- the way of a job ---------------------------------------------------------------------------------


@clause("§3", "assigned → en_route → arrived → working → completed, each step an event of its own")
async def steps(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    for step in STEPS:
        await agent.progress(job, step)
        now = await corner.read(job["id"])
        has(now, {"status": step, "version": job["version"] + 1}, f"the order after {step}")
        job = now


@clause("§3", "a holder may skip steps forward")
async def skipping(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    await agent.progress(job, "working")
    same((await corner.read(job["id"]))["status"], "working", "status")


@clause("§3", "a holder never goes a step back")
async def never_back(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    await agent.progress(job, "arrived")
    back = {"order_id": job["id"], "fence": fence(job), "step": "en_route"}
    await agent.refused({"type": "progress", **back}, "conflict")
    await refused(
        corner.of(agent).post(f"/v1/orders/{job['id']}/progress", {"fence": fence(job), "step": "en_route"}),
        "conflict", 409,
    )  # fmt: skip
    same((await corner.read(job["id"]))["status"], "arrived", "status")


@clause("§3", "released from `assigned` an order is open again, in round 1", status="assigned")
@clause("§3", "released from `en_route` an order is open again, in round 1", status="en_route")
async def released_early(corner: Corner, status: str) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    await corner.advance(agent, job, status)
    await agent.release(job, "no tools")
    has(await corner.read(job["id"]), {"status": "open", "round": 1, "reason": "no tools"}, "the order")


@clause("§3", "released from `arrived` an order goes to the desk, with the holder's last position", status="arrived")
@clause("§3", "released from `working` an order goes to the desk, with the holder's last position", status="working")
async def released_late(corner: Corner, status: str) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind, capacity=2)
    job = await corner.held(agent, kind)
    await corner.advance(agent, job, status)
    left_at = corner.at(8000)
    await agent.move(left_at)
    await agent.offer((await corner.place(kind, 8000))["id"])  # so his position is known by now
    await agent.release(job)
    has(await corner.read(job["id"]), {"status": "escalated", "agent": None}, "the order")
    told = [each["data"] for each in await corner.timeline(job["id"])][-1]
    fields(told, ("lat", "lon"), "the timeline's last data")
    within(told["lat"], left_at["lat"] - 1e-5, left_at["lat"] + 1e-5, "the last position's lat")
    within(told["lon"], left_at["lon"] - 1e-5, left_at["lon"] + 1e-5, "the last position's lon")


@clause("§3", "taken from its holder at `working` by a release of the desk, an order goes to the desk")
async def taken_late(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    await agent.progress(job, "working")
    left = await corner.act(job["id"], "release", {"fence": fence(job), "reason": "he does not answer"})
    has(left, {"status": "escalated", "agent": None, "reason": "he does not answer"}, "the order")


# --- how it ends --------------------------------------------------------------------------------------


@clause("§3", "a `scheduled` order can be cancelled", status="scheduled")
@clause("§3", "an `open` order can be cancelled", status="open")
@clause("§3", "an `assigned` order can be cancelled", status="assigned")
@clause("§3", "an `en_route` order can be cancelled", status="en_route")
@clause("§3", "an `arrived` order can be cancelled", status="arrived")
@clause("§3", "a `working` order can be cancelled", status="working")
@clause("§3", "an `escalated` order can be cancelled", status="escalated")
async def cancelled(corner: Corner, status: str) -> None:
    order = await in_status(corner, status)
    answer = await corner.service.post(f"/v1/orders/{order['id']}/cancel", {"reason": "it started again"})
    has(answer, {"status": "cancelled", "reason": "it started again", "agent": None}, "the answer")
    same((await corner.read(order["id"]))["status"], "cancelled", "status")


async def in_status(corner: Corner, status: str) -> Order:
    kind = await corner.kind()
    if status == "scheduled":
        now = (await corner.place(kind))["created_at"]
        order = await corner.place(kind, scheduled_at=now + DAY_MS)
    elif status == "open":
        order = await corner.place(kind)
    elif status in HELD:
        agent = await corner.valet("v", kind)
        order = await corner.held(agent, kind)
        await corner.advance(agent, order, status)
    elif status == "escalated":
        order = await corner.escalated()
    else:
        order = await ended(corner, status)
    return order


async def ended(corner: Corner, status: str) -> Order:
    kind = await corner.kind()
    if status == "expired":
        return await expired(corner)
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    if status == "completed":
        await agent.progress(job, "completed")
    else:
        await corner.act(job["id"], "cancel", {"reason": "it started again"})
    return job


async def expired(corner: Corner) -> Order:
    watch = await corner.customer()
    order = await corner.place(await corner.kind(**SHORT, desk_seconds=1))
    return await watch.told(order["id"], status="expired")


@clause("§3", "nothing moves a `completed` order any more", status="completed")
@clause("§3", "nothing moves a `cancelled` order any more", status="cancelled")
@clause("§3", "nothing moves an `expired` order any more", status="expired")
async def terminal(corner: Corner, status: str) -> None:
    order = await in_status(corner, status)
    other = await corner.put_agent("other", await corner.kind())
    commands: dict[str, dict[str, object]] = {
        "assign": {"agent_id": other, "force": True},
        "reopen": {},
        "close": {"outcome": "by phone"},
        "cancel": {"reason": "late"},
    }
    for command, body in commands.items():
        await refused(corner.act(order["id"], command, body), "conflict", 409)
    await refused(corner.dispatcher.post(f"/v1/desk/{order['id']}/take_up"), "conflict", 409)


@clause("§3", "an order that nobody grabs is escalated when its last round ends")
async def escalated(corner: Corner) -> None:
    order = await corner.escalated()
    has(order, {"status": "escalated", "assignment": None, "agent": None}, "the order")


@clause("§3", "an escalated order is assigned by the desk")
async def assigned_by_desk(corner: Corner) -> None:
    agent = await corner.valet("v", await corner.kind())
    order = await corner.escalated()
    sub = corner.name("dispatcher")
    job = await corner.act(order["id"], "assign", {"agent_id": agent.sub})
    has(job, {"status": "assigned"}, "the answer")
    has(of(job), {"agent_id": agent.sub, "by": "desk", "dispatcher_id": sub, "fence": 1}, "the assignment")


@clause("§3", "an escalated order is closed by phone, completed, with its outcome as the reason")
async def closed(corner: Corner) -> None:
    order = await corner.escalated()
    answer = await corner.act(order["id"], "close", {"outcome": "he found help himself"})
    has(answer, {"status": "completed", "reason": "he found help himself"}, "the answer")


@clause("§3", "an escalated order is reopened")
async def reopened(corner: Corner) -> None:
    order = await corner.escalated()
    answer = await corner.act(order["id"], "reopen")
    has(answer, {"status": "open", "round": 1, "taken_up": None}, "the answer")


@clause("§6", "after desk_seconds at the desk an order expires")
async def expires(corner: Corner) -> None:
    has(await expired(corner), {"status": "expired", "agent": None}, "the order")


# --- what is written down -----------------------------------------------------------------------------


@clause("§3", "`assignment` says who, by a grab, when, with which fence; `agent` is his card while he holds it")
async def assignment(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind, phone="+8613900000077")
    job = await corner.held(agent, kind)
    given, card = of(job), job["agent"] or {}
    fields(given, ASSIGNMENT, "the assignment")
    fields(card, CARD, "the agent's card")
    has(given, {"agent_id": agent.sub, "role": "valet", "by": "grab", "dispatcher_id": None, "fence": 1}, "it")
    within(given["at"], job["created_at"], job["created_at"] + 60_000, "assignment.at")
    has(card, {"id": agent.sub, "role": "valet", "name": "Name of v", "phone": "+8613900000077"}, "the card")
    await agent.release(job)
    after = await corner.read(job["id"])
    same(after["agent"], None, "agent after the release")
    has(of(after), {"agent_id": agent.sub, "fence": 1}, "the last assignment")


@clause("§3", "each assignment has a fence one higher than the order's last")
async def fences(corner: Corner) -> None:
    kind = await corner.kind()
    first, second = await corner.valet("v1", kind), await corner.valet("v2", kind)
    job = await corner.held(first, kind)
    same(fence(job), 1, "the first fence")
    await first.release(job)
    job = await second.win(job["id"])
    same(fence(job), 2, "the fence of the second grab")
    again = await corner.act(job["id"], "assign", {"agent_id": first.sub, "force": True})
    same(fence(again), 3, "the fence of the reassignment")


@clause("§3", "a holder who comes with an old fence hears `stale_fence`, on the stream and by HTTP")
async def stale_fence(corner: Corner) -> None:
    kind = await corner.kind()
    agent, other = await corner.valet("v1", kind), await corner.valet("v2", kind)
    job = await corner.held(agent, kind)
    await corner.act(job["id"], "assign", {"agent_id": other.sub})
    await corner.act(job["id"], "assign", {"agent_id": agent.sub, "force": True})
    for command, more in (("progress", {"step": "arrived"}), ("release", {"reason": "no tools"})):
        old = {"fence": fence(job), **more}
        await agent.refused({"type": command, "order_id": job["id"], **old}, "stale_fence")
        await refused(corner.of(agent).post(f"/v1/orders/{job['id']}/{command}", old), "stale_fence", 409)
    has(await corner.read(job["id"]), {"status": "assigned"}, "the order")


@clause("§3", "every event raises the version by one and stands in the timeline, with its type, time, actor and data")
async def timeline(corner: Corner) -> None:
    kind = await corner.kind()
    agent, other = await corner.valet("v1", kind), await corner.valet("v2", kind)
    order = await corner.place(kind)
    await other.offer(order["id"])
    await other.ok({"type": "decline", "order_id": order["id"], "reason": "too far"})
    job = await agent.win(order["id"])
    await agent.progress(job, "completed")
    events = await corner.timeline(order["id"])
    last = await corner.read(order["id"])
    same([each["version"] for each in events], list(range(1, last["version"] + 1)), "the timeline's versions")
    for event in events:
        fields(event, ("version", "type", "at", "actor", "data"), "an event")
        within(event["at"], order["created_at"] - 1000, order["created_at"] + 60_000, "an event's time")


@clause("§3", "a take-up is an event: it raises the version")
async def take_up_is_an_event(corner: Corner) -> None:
    order = await corner.escalated()
    taken: Order = await corner.dispatcher.post(f"/v1/desk/{order['id']}/take_up")
    same(taken["version"], order["version"] + 1, "the version after the take-up")


@clause("§3", "a decline is an event: it raises the version", message="decline", by=1)
@clause("§3", "`seen` is no event: it leaves version and timeline as they are", message="seen", by=0)
async def event_or_none(corner: Corner, message: str, by: int) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    order = await corner.place(kind)
    await agent.offer(order["id"])
    before = await corner.read(order["id"])
    if message == "decline":
        await agent.ok({"type": "decline", "order_id": order["id"]})
    else:
        await agent.send({"type": "seen", "order_ids": [order["id"]]})
        await agent.ping()
    same((await corner.read(order["id"]))["version"], before["version"] + by, "the version after it")
    same(len(await corner.timeline(order["id"])), before["version"] + by, "the timeline's length")


@clause("§3", "`offered` counts the agents that it was offered to")
async def offered(corner: Corner) -> None:
    kind = await corner.kind()
    agents = [await corner.valet(f"v{i}", kind) for i in range(3)]
    order = await corner.place(kind)
    for agent in agents:
        await agent.offer(order["id"])
    same((await corner.read(order["id"]))["offered"], 3, "offered")


@clause("§3", "the full view is for staff, the service, its customer and its holder; others hear 404")
async def who_sees(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    stranger = await corner.put_agent("stranger", kind)
    path = f"/v1/orders/{job['id']}"
    allowed = [corner.admin, corner.dispatcher, corner.service, corner.http("customer", corner.name("c"))]
    for who in (*allowed, corner.of(agent)):
        fields(await who.get(path), FULL, "the full view")
    strangers: list[Http] = [corner.http("customer", corner.name("c2")), corner.http("valet", stranger)]
    for who in strangers:
        await refused(who.get(path), "not_found", 404)


@clause("§3", "who released an order sees it no more")
async def releaser_sees_nothing(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    await agent.release(job)
    await refused(corner.of(agent).get(f"/v1/orders/{job['id']}"), "not_found", 404)


@clause("§1", "the nine kinds have policies")
async def kinds(corner: Corner) -> None:
    known = {each["kind"] async for each in corner.admin.pages("/v1/policies")}
    nine = {"maintenance", "beauty", "insurance", "parts", "rental", "used_car", "towing", "chauffeur", "voice"}
    if not nine <= known:
        raise Broken("policies for the nine kinds", f"none for {sorted(nine - known)}")
