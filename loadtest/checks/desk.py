"""§4 and §5: the desk: what it shows and is told, taking up, assigning, reopening, closing, cancelling.

An order gets there the quickest way: somebody who is not even connected is given it, arrives and leaves
(`Corner.abandoned`); that rounds end there, too, is `orders`' and `offers`' matter.
"""

import asyncio
import time
from typing import Any

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import Broken, fields, has, ids, refused, same, that, within
from loadtest.checks.line import Line, assignment, fence
from loadtest.wire import Order, Refused

HOLD_MS = 60_000
CANDIDATE = (
    "agent_id", "role", "name", "distance_m", "status", "load", "capacity", "offered_at", "delivered_at", "seen_at",
    "declined", "eligible", "why_not",
)  # fmt: skip


async def take_up(corner: Corner, order: Order, dispatcher: str = "d1") -> Order:
    taken: Order = await _of(corner, dispatcher).post(f"/v1/desk/{order['id']}/take_up")
    return taken


def _of(corner: Corner, dispatcher: str) -> Any:
    return corner.http("dispatcher", corner.name(dispatcher))


# --- what it shows ------------------------------------------------------------------------------------


@clause("§5", "`GET /v1/desk` has escalated and stalled orders, longest waiting first, and no others", apart=True)
async def shown(corner: Corner) -> None:
    region = await corner.own_region()
    stalling, calm = await corner.kind(stall_seconds={"assigned": 1}), await corner.kind()
    desk, agent = await corner.desk(), await corner.valet("v", stalling, calm, capacity=5)
    first = await corner.abandoned()
    await corner.held(agent, calm)
    second = await corner.held(agent, stalling)
    await desk.desk("stalled", second["id"])
    third = await corner.abandoned()
    await corner.place(calm)
    expected = [each["id"] for each in (first, second, third)]
    same(ids(await corner.dispatcher.get("/v1/desk", region=region)), expected, "the desk by HTTP")
    again = await corner.desk("again")
    same(ids(again.heard[0]["desk"]), expected, "the desk of welcome")


# --- what it is told ----------------------------------------------------------------------------------


@clause("§4", "`desk` tells of an order that was escalated", event="escalated")
@clause("§4", "`desk` tells of an order that stalled", event="stalled")
@clause("§4", "`desk` tells of an order that was taken up", event="taken_up")
@clause("§4", "`desk` tells of an order of the desk that was assigned", event="assigned")
@clause("§4", "`desk` tells of an order that was reopened", event="reopened")
@clause("§4", "`desk` tells of an order that was closed", event="closed")
@clause("§4", "`desk` tells of an order of the desk that was cancelled", event="cancelled")
@clause("§4", "`desk` tells of an order that expired at the desk", event="expired")
async def told(corner: Corner, event: str) -> None:
    """Two dispatchers, of different servers where there are two."""
    lines = [await corner.desk("desk1"), await corner.desk("desk2")]
    order, status = await _happens(corner, event)
    for line in lines:
        view = await line.desk(event, order["id"])
        has(view, {"status": status, "region": corner.region}, f"the order of {event}")


async def _happens(corner: Corner, event: str) -> tuple[Order, str]:
    """The order, and its status after the event."""
    if event == "stalled":
        kind = await corner.kind(stall_seconds={"assigned": 1})
        return await corner.held(await corner.valet("v", kind), kind), "assigned"
    order = await corner.abandoned(await corner.kind(desk_seconds=1) if event == "expired" else None)
    if event == "taken_up":
        await take_up(corner, order)
    elif event == "assigned":
        agent_id = await corner.put_agent("v", await corner.kind())
        await corner.act(order["id"], "assign", {"agent_id": agent_id, "force": True})
    elif event == "cancelled":
        await corner.act(order["id"], "cancel", {"reason": "enough"})
    elif event == "reopened":
        await corner.act(order["id"], "reopen")
    elif event == "closed":
        await corner.act(order["id"], "close", {"outcome": "by phone"})
    after = {"assigned": "assigned", "cancelled": "cancelled", "reopened": "open", "closed": "completed"}
    return order, after.get(event, "expired" if event == "expired" else "escalated")


@clause("§4", "`desk` does not tell of orders that were not at the desk before and are not after")
async def not_told(corner: Corner) -> None:
    kind = await corner.kind()
    desk, agent = await corner.desk(), await corner.valet("v", kind, capacity=3)
    done, dropped = await corner.held(agent, kind), await corner.held(agent, kind)
    await agent.progress(done, "completed")
    await corner.act(dropped["id"], "cancel", {"reason": "enough"})
    await corner.in_order_at(desk)
    same(desk.about(done["id"]) + desk.about(dropped["id"]), [], "what the desk heard of them")


# --- taking up ----------------------------------------------------------------------------------------


@clause("§5", "a dispatcher takes an order of the desk in hand for 60 s; another hears 409")
async def in_hand(corner: Corner) -> None:
    order = await corner.abandoned()
    before = time.time() * 1000
    taken = await take_up(corner, order)
    has(taken["taken_up"] or {}, {"dispatcher_id": corner.name("d1")}, "taken_up")
    within((taken["taken_up"] or {})["until_at"] - before, HOLD_MS - 5000, HOLD_MS + 10_000, "ms until it ends")
    await refused(take_up(corner, order, "d2"), "conflict", 409)
    has((await corner.read(order["id"]))["taken_up"] or {}, {"dispatcher_id": corner.name("d1")}, "taken_up")


@clause("§5", "of two dispatchers who take up an order at the same moment one has it, the other hears 409")
async def at_the_same_moment(corner: Corner) -> None:
    order = await corner.abandoned()
    asked = [take_up(corner, order, f"d{i}") for i in range(4)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    same([each.code for each in answers if isinstance(each, Refused)], ["conflict"] * 3, "the refusals")


@clause("§5", "after 60 s another dispatcher can take it up", slow=True)
async def out_of_hand(corner: Corner) -> None:
    order = await corner.abandoned()
    taken = await take_up(corner, order)
    until_at = (taken["taken_up"] or {})["until_at"]
    while True:
        try:
            mine = await take_up(corner, order, "d2")
            break
        except Refused as refusal:
            same(refusal.code, "conflict", "the refusal")
            if time.time() * 1000 > until_at + 5000:
                raise Broken("an order that is free after 60 s", f"{refusal}") from refusal
        await asyncio.sleep(1)
    within(time.time() * 1000, until_at - 1000, until_at + 5000, "when it became free, ms")
    has(mine["taken_up"] or {}, {"dispatcher_id": corner.name("d2")}, "taken_up")


@clause("§5", "another's take-up refuses assign, reopen and close; `force` overrides it for assign")
async def anothers_take_up(corner: Corner) -> None:
    agent = await corner.valet("v", await corner.kind())
    order = await corner.abandoned()
    await take_up(corner, order, "d1")
    path, other = f"/v1/orders/{order['id']}", _of(corner, "d2")
    await refused(other.post(f"{path}/assign", {"agent_id": agent.sub}), "conflict", 409)
    forced = await other.post(f"{path}/assign", {"agent_id": agent.sub, "force": True})
    has(forced, {"status": "assigned", "taken_up": None}, "the answer with force")


@clause("§5", "a stalled order can be taken up; one that is not at the desk can not: 409")
async def stalled_taken_up(corner: Corner) -> None:
    stalling, calm = await corner.kind(stall_seconds={"assigned": 1}), await corner.kind()
    desk, agent = await corner.desk(), await corner.valet("v", stalling, calm, capacity=3)
    order, other = await corner.held(agent, stalling), await corner.held(agent, calm)
    await desk.desk("stalled", order["id"])
    has(await take_up(corner, order), {"status": "assigned", "stalled": True}, "the answer")
    await refused(take_up(corner, other), "conflict", 409)


# --- assigning ----------------------------------------------------------------------------------------


@clause("§5", "assign works from `open`", status="open")
@clause("§5", "assign works from `assigned`: it reassigns", status="assigned")
@clause("§5", "assign works from `en_route`: it reassigns", status="en_route")
@clause("§5", "assign works from `arrived`: it reassigns", status="arrived")
@clause("§5", "assign works from `working`: it reassigns", status="working")
async def assigned_from(corner: Corner, status: str) -> None:
    kind = await corner.kind()
    first, second = await corner.valet("v1", kind), await corner.valet("v2", kind, north_m=100)
    order = await corner.place(kind)
    if status != "open":
        job = await first.win(order["id"])
        await corner.advance(first, job, status)
    answer = await corner.act(order["id"], "assign", {"agent_id": second.sub})
    has(answer, {"status": "assigned"}, "the answer")
    has(assignment(answer), {"agent_id": second.sub, "by": "desk", "fence": 1 if status == "open" else 2}, "it")
    await second.hear("job", order["id"])


@clause("§5", "assign without force is 409 for an agent at capacity; `force` overrides it", why="capacity")
@clause("§5", "assign without force is 409 for an agent who is not there; `force` overrides it", why="presence")
@clause("§5", "assign without force is 409 for an agent who is paused; `force` overrides it", why="paused")
async def force(corner: Corner, why: str) -> None:
    kind = await corner.kind()
    agent_id = await corner.put_agent("v", kind)
    if why != "presence":
        agent = await corner.join("valet", agent_id, north_m=0)
        await (agent.set_status("paused") if why == "paused" else corner.held(agent, kind))
    order = await corner.place(kind)
    await refused(corner.act(order["id"], "assign", {"agent_id": agent_id}), "conflict", 409)
    answer = await corner.act(order["id"], "assign", {"agent_id": agent_id, "force": True})
    has(assignment(answer), {"agent_id": agent_id}, "the assignment")


@clause("§5", "`force` never overrides suspension: 409")
async def never_suspended(corner: Corner) -> None:
    kind = await corner.kind()
    agent_id = await corner.put_agent("v", kind, suspended=True)
    order = await corner.place(kind)
    for more in ({}, {"force": True}):
        await refused(corner.act(order["id"], "assign", {"agent_id": agent_id, **more}), "conflict", 409)
    has(await corner.read(order["id"]), {"status": "open", "assignment": None}, "the order")


@clause("§5", "a scheduled order can not be assigned: 409")
async def not_scheduled(corner: Corner) -> None:
    kind = await corner.kind()
    agent_id = await corner.put_agent("v", kind)
    order = await corner.place(kind, scheduled_at=int(time.time() * 1000) + 24 * 3600 * 1000)
    await refused(corner.act(order["id"], "assign", {"agent_id": agent_id, "force": True}), "conflict", 409)


@clause("§5", "of many assigns of one order at the same moment each that is answered 200 has a fence of its own")
async def assigned_at_once(corner: Corner) -> None:
    kind = await corner.kind()
    agents = [await corner.put_agent(f"v{i}", kind) for i in range(4)]
    order = await corner.place(kind)
    body = [{"agent_id": agent_id, "force": True} for agent_id in agents]
    answers = await asyncio.gather(*(corner.act(order["id"], "assign", each) for each in body))
    same(sorted(fence(each) for each in answers), [1, 2, 3, 4], "the fences")
    last = max(answers, key=fence)
    same(assignment(await corner.read(order["id"])), assignment(last), "the assignment that stands")


@clause("§5", "an agent that does not exist can not be assigned anything")
async def nobody(corner: Corner) -> None:
    order = await corner.place(await corner.kind())
    body = {"agent_id": corner.name("nobody"), "force": True}
    await refused(corner.act(order["id"], "assign", body), ("not_found", "invalid"), (404, 422))


# --- reopening, closing, cancelling -------------------------------------------------------------------


@clause("§5", "reopen may give rounds and a bonus of its own")
async def reopen_with_terms(corner: Corner) -> None:
    agent = await corner.valet("v", await corner.kind(), north_m=7000)
    order = await corner.abandoned()
    wide = [{"radius_m": 9000, "limit": 5, "seconds": 60, "bonus_fen": 0}]
    answer = await corner.act(order["id"], "reopen", {"rounds": wide, "bonus_fen": 2500})
    has(answer, {"status": "open", "round": 1, "bonus_fen": 2500}, "the answer")
    same((await agent.offer(order["id"]))["bonus_fen"], 2500, "the bonus of the offer")


@clause("§5", "reopen and close are 409 for an order that is not escalated", status="open")
@clause("§5", "reopen and close are 409 for an order that is held", status="assigned")
async def only_escalated(corner: Corner, status: str) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    order = await corner.place(kind) if status == "open" else await corner.held(agent, kind)
    await refused(corner.act(order["id"], "reopen"), "conflict", 409)
    await refused(corner.act(order["id"], "close", {"outcome": "by phone"}), "conflict", 409)
    same((await corner.read(order["id"]))["status"], status, "status")


@clause("§5", "its customer can cancel an order before `working`", status="arrived")
@clause("§5", "its customer can not cancel an order at `working`: 409; a dispatcher can", status="working")
async def customer_cancels(corner: Corner, status: str) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    await agent.progress(job, status)
    asking = corner.http("customer", corner.name("c")).post(f"/v1/orders/{job['id']}/cancel", {"reason": "enough"})
    if status == "working":
        await refused(asking, "conflict", 409)
        asking = corner.dispatcher.post(f"/v1/orders/{job['id']}/cancel", {"reason": "enough"})
    has(await asking, {"status": "cancelled", "reason": "enough"}, "the answer")


@clause("§5", "candidates are the agents of the order's region, nearest first, each with how he stands")
async def candidates(corner: Corner) -> None:
    kind = await corner.kind()
    lines: list[Line] = [await corner.valet(f"v{m}", kind, north_m=m, capacity=2) for m in (1500, 300, 900)]
    order = await corner.place(kind)
    for line in lines:
        await line.offer(order["id"])
    await lines[2].ok({"type": "decline", "order_id": order["id"]})
    found = await corner.candidates(order["id"])
    ours = [agent_id for agent_id in found if agent_id in {line.sub for line in lines}]
    same(ours, [lines[i].sub for i in (1, 2, 0)], "the candidates, nearest first")
    for entry in found.values():
        fields(entry, CANDIDATE, "a candidate")
    near, decliner = found[lines[1].sub], found[lines[2].sub]
    has(near, {"role": "valet", "name": "Name of v300", "load": 0, "capacity": 2, "declined": False}, "the nearest")
    has(near, {"eligible": True, "status": "available"}, "the nearest")
    within(near["distance_m"], 290, 310, "distance_m")
    within(near["offered_at"], order["created_at"] - 1000, order["created_at"] + 10_000, "offered_at")
    has(decliner, {"declined": True, "eligible": False}, "the decliner")
    that(decliner["why_not"], "a reason in `why_not`", decliner["why_not"])
