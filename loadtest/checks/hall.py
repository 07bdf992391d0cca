"""§5: the hall: what an agent finds who looks for work beyond what he is offered.

The rounds of these policies reach 500 m, the hall 8 km, and the orders lie between: whatever an agent learns of them
he has from the hall.
"""

from loadtest.checks.clauses import clause
from loadtest.checks.corner import CUSTOMER_PHONE, PLATE, Corner
from loadtest.checks.expect import ids, same, that, within
from loadtest.checks.forms import PUBLIC
from loadtest.checks.line import Line
from loadtest.checks.offers import offered
from loadtest.checks.policies import rounds
from loadtest.wire import Order

NEAR = {"rounds": rounds((500, 20, 120, 0))}


async def hall(corner: Corner, agent: Line, *orders: Order, **wanted: int) -> list[str]:
    """Which of these orders he finds."""
    return ids(await corner.of(agent).get("/v1/hall", **wanted), {each["id"] for each in orders})


@clause("§5", "the hall has open orders of his kinds up to `hall_radius_m` away, in the public view with `distance_m`")
async def found(corner: Corner) -> None:
    kind = await corner.kind(**NEAR, hall_radius_m=8000)
    agent = await corner.valet("v", kind)
    near, far = await corner.place(kind, 4000), await corner.place(kind, 9500)
    answer = await corner.of(agent).get("/v1/hall")
    same(ids(answer, {near["id"], far["id"]}), [near["id"]], "the orders found")
    item = next(each for each in answer["items"] if each["id"] == near["id"])
    same(set(item), PUBLIC | {"distance_m", "say"}, "the fields")
    within(item["distance_m"], 3900, 4100, "distance_m")
    that(PLATE not in str(item) and CUSTOMER_PHONE not in str(item), "nothing private", item)


@clause("§5", "`radius_m` narrows the hall, and never widens it")
async def narrowed(corner: Corner) -> None:
    kind = await corner.kind(**NEAR, hall_radius_m=8000)
    agent = await corner.valet("v", kind)
    near, middle, far = await corner.place(kind, 1000), await corner.place(kind, 5000), await corner.place(kind, 9500)
    same(await hall(corner, agent, near, middle, far, radius_m=2000), [near["id"]], "within 2 km")
    wide = await hall(corner, agent, near, middle, far, radius_m=20_000)
    same(set(wide), {near["id"], middle["id"]}, "within 20 km")


@clause("§5", "what is listed in the hall counts as offered: it can be won")
async def counts_as_offered(corner: Corner) -> None:
    kind = await corner.kind(**NEAR, hall_radius_m=8000)
    agent = await corner.valet("v", kind)
    order = await corner.place(kind, 4000)
    verdict = await agent.grab(order["id"])
    same((verdict["outcome"], verdict.get("reason")), ("refused", "not_offered"), "the outcome before he looks")
    same(await hall(corner, agent, order), [order["id"]], "the hall")
    same((await agent.grab(order["id"]))["outcome"], "won", "the outcome after he looked")


@clause("§5", "what was found in the hall is retracted like any offer")
async def retracted(corner: Corner) -> None:
    kind = await corner.kind(**NEAR, hall_radius_m=8000)
    agent, near = await corner.valet("v1", kind), await corner.valet("v2", kind, north_m=4000)
    order = await corner.place(kind, 4000)
    same(await hall(corner, agent, order), [order["id"]], "the hall")
    await near.win(order["id"])
    same((await agent.hear("retract", order["id"]))["reason"], "taken", "reason")


@clause("§5", "the hall is empty where `hall_radius_m` is 0")
async def closed(corner: Corner) -> None:
    kind = await corner.kind(**NEAR)
    agent = await corner.valet("v", kind)
    order = await corner.place(kind, 4000)
    same(await hall(corner, agent, order), [], "the hall")
    same((await agent.grab(order["id"]))["outcome"], "refused", "the outcome")


@clause("§5", "the hall has no order that is held, declined, or not for him: by skill, by audience")
async def not_for_him(corner: Corner) -> None:
    kind = await corner.kind(**NEAR, hall_radius_m=8000)
    other = await corner.kind(**NEAR, hall_radius_m=8001)
    shops = await corner.kind(**NEAR, hall_radius_m=8000, audience=["shop"])
    agent, holder = await corner.valet("v1", kind, shops), await corner.valet("v2", kind)
    declined = await offered(corner, kind, agent)
    await agent.ok({"type": "decline", "order_id": declined["id"]})
    await holder.ok({"type": "decline", "order_id": declined["id"]})
    held = await offered(corner, kind, holder)
    await holder.win(held["id"])
    orders = [declined, held, await corner.place(other, 3000), await corner.place(shops, 3000)]
    wanted = await corner.place(kind, 3000)
    same(await hall(corner, agent, wanted, *orders), [wanted["id"]], "the hall")
