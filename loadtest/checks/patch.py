"""§5: changing an order: who may, and who is told what.

Each change is looked at where it shows: the offers of candidates, the holder's job, the customer's order, the desk.
PROTOCOL leaves open whether a customer whose order is held hears 409 or 403.
"""

import time
from typing import Any

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import has, invalid, refused, same
from loadtest.checks.line import Line, order_id_of
from loadtest.checks.offers import offered
from loadtest.checks.regions import nowhere
from loadtest.rest import Http
from loadtest.wire import Order

DAY_MS = 24 * 3600 * 1000


async def patch(corner: Corner, order: Order, by: Http | None = None, **changes: Any) -> Order:
    changed: Order = await (by or corner.dispatcher).patch(f"/v1/orders/{order['id']}", changes)
    return changed


async def told(line: Line, kind: str, changed: Order) -> Any:
    """The message of that type at that version."""
    message = await line.hear(kind, changed["id"], where=lambda each: each["order"]["version"] == changed["version"])
    return message["order"]


@clause("§5", "an order's fields can be changed, by dispatcher and service: one event, a version higher")
async def changed(corner: Corner) -> None:
    order = await corner.place(await corner.kind())
    changes = {
        "details": {"plate": "沪B99999", "note": "both tyres"},
        "destination": {**corner.at(900), "address": "the workshop"},
        "customer": {"id": corner.name("c"), "name": "Li Jun", "phone": "+8613812340000"},
        "price_fen": 25000,
        "bonus_fen": 1200,
    }
    for number, (name, value) in enumerate(changes.items(), 1):
        answer = await patch(corner, order, (corner.dispatcher, corner.service)[number % 2], **{name: value})
        has(answer, {name: value, "version": order["version"] + number}, f"the answer to {name}")
    has(await corner.read(order["id"]), changes, "the order")


@clause("§5", "a changed order is offered anew to those who hold its offer, without what is private")
async def offers_refreshed(corner: Corner) -> None:
    kind = await corner.kind()
    agents = [await corner.valet(f"v{i}", kind) for i in range(2)]
    order = await offered(corner, kind, *agents)
    answer = await patch(corner, order, details={"plate": "沪B99999", "note": "both tyres"}, bonus_fen=900)
    for agent in agents:
        offer = await told(agent, "offer", answer)
        has(offer, {"details": {"note": "both tyres"}, "bonus_fen": 900}, "the new offer")
        same(agent.about(order["id"], "retract"), [], "retracts")


@clause("§5", "who is out of reach of a changed place hears retract `changed`; who is within reach is offered it")
async def place_changed(corner: Corner) -> None:
    kind = await corner.kind()
    near, far = await corner.valet("v1", kind), await corner.valet("v2", kind, north_m=9000)
    order = await offered(corner, kind, near)
    await patch(corner, order, place={**corner.at(9000), "address": "elsewhere"})
    same((await near.hear("retract", order["id"]))["reason"], "changed", "reason")
    await far.offer(order["id"])
    verdict = await near.grab(order["id"])
    same((verdict["outcome"], verdict.get("reason")), ("refused", "not_offered"), "the outcome for who lost it")
    same((await far.win(order["id"]))["place"], {**corner.at(9000), "address": "elsewhere"}, "the place")


@clause("§5", "who stays in reach of a changed place keeps the offer, with the new area")
async def place_moved_a_little(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    order = await offered(corner, kind, agent)
    answer = await patch(corner, order, place=corner.at(1000))
    offer = await told(agent, "offer", answer)
    same(offer["area"]["lat"], round(corner.at(1000)["lat"], 3), "the area's latitude")
    same((await agent.grab(order["id"]))["outcome"], "won", "the outcome")


@clause("§5", "the holder hears `job` of a changed order, the customer `order`")
async def holder_told(corner: Corner) -> None:
    kind = await corner.kind()
    watch, agent = await corner.customer(), await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    answer = await patch(corner, job, price_fen=30000, place={**corner.at(200), "address": "the back door"})
    has(answer, {"status": "assigned", "version": job["version"] + 1}, "the answer")
    for line, kind_of_message in ((agent, "job"), (watch, "order")):
        view = await told(line, kind_of_message, answer)
        has(view, {"price_fen": 30000, "place": {**corner.at(200), "address": "the back door"}}, "what was told")


@clause("§4", "`desk` tells of an order at the desk that was changed")
async def desk_told(corner: Corner) -> None:
    desk = await corner.desk()
    order = await corner.abandoned()
    await patch(corner, order, price_fen=30000)
    same((await desk.desk("changed", order["id"]))["price_fen"], 30000, "the price that the desk was told")


@clause("§5", "its customer may change an order while nobody holds it; then 409 or 403")
async def by_customer(corner: Corner) -> None:
    kind, me = await corner.kind(), corner.http("customer", corner.name("c"))
    agent = await corner.valet("v", kind)
    order = await offered(corner, kind, agent)
    has(await patch(corner, order, me, details={"note": "both tyres"}), {"details": {"note": "both tyres"}}, "it")
    job = await agent.win(order["id"])
    await refused(patch(corner, job, me, details={"note": "three"}), ("conflict", "forbidden"), (409, 403))
    has(await corner.read(order["id"]), {"details": {"note": "both tyres"}}, "the order")


@clause("§5", "another customer can not change an order: 404; agents and admin may not: 403")
async def by_others(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    await refused(patch(corner, job, corner.http("customer", corner.name("c2")), price_fen=1), "not_found", 404)
    for who in (corner.of(agent), corner.admin):
        await refused(patch(corner, job, who, price_fen=1), "forbidden", 403)
    same((await corner.read(job["id"]))["version"], job["version"], "the version")


@clause("§5", "a changed bonus raises what is offered")
async def bonus(corner: Corner) -> None:
    kind = await corner.kind(rounds=[{"radius_m": 3000, "limit": 20, "seconds": 120, "bonus_fen": 500}])
    agent = await corner.valet("v", kind)
    order = await offered(corner, kind, agent)
    for own, expected in ((900, 900), (100, 500)):
        answer = await patch(corner, order, bonus_fen=own)
        same((await told(agent, "offer", answer))["bonus_fen"], expected, f"the bonus offered, with {own} of its own")


@clause("§5", "a finished order can not be changed: 409")
async def finished(corner: Corner) -> None:
    order = await corner.place(await corner.kind())
    await corner.act(order["id"], "cancel", {"reason": "enough"})
    await refused(patch(corner, order, price_fen=1), "conflict", 409)


@clause("§5", "what can not be changed, and faulty values, are 422: the kind", field="kind", value="towing")
@clause("§5", "what can not be changed, and faulty values, are 422: an unknown field", field="mood", value="good")
@clause("§5", "what can not be changed, and faulty values, are 422: a negative bonus", field="bonus_fen", value=-1)
async def faulty(corner: Corner, field: str, value: Any) -> None:
    order = await corner.place(await corner.kind())
    await invalid(patch(corner, order, **{field: value}), field)


@clause("§5", "a place that lies in no region is 422, path `place`")
async def to_nowhere(corner: Corner) -> None:
    order = await corner.place(await corner.kind())
    await invalid(patch(corner, order, place=await nowhere(corner)), "place")


@clause("§5", "a scheduled order's time can be brought forward: it opens, and is offered")
async def rescheduled(corner: Corner) -> None:
    kind = await corner.kind()
    agent, now = await corner.valet("v", kind), int(time.time() * 1000)
    order = await corner.place(kind, scheduled_at=now + DAY_MS)
    await patch(corner, order, scheduled_at=now + 600_000)
    await agent.offer(order["id"])


@clause("§5", "a change of one's own is told to nobody whom it does not concern")
async def nobody_else(corner: Corner) -> None:
    kind = await corner.kind()
    agent, desk = await corner.valet("v", kind, north_m=9000), await corner.desk()
    order = await corner.place(kind)
    await patch(corner, order, price_fen=1)
    await corner.in_order(agent)
    await corner.in_order_at(desk)
    for line in (agent, desk):
        same([each for each in line.heard if order_id_of(each) == order["id"]], [], f"what {line.sub} heard of it")
