"""§5: what the desk's page asks for beside the desk: the map, the figures, a caller's orders, who declined.

A map may be a moment old, and figures that were asked for alike before: the figures are asked for by a kind of the
clause's own, up to a moment that nobody else names.
"""

import time
from typing import Any

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import eventually, fields, has, ids, invalid, refused, same, that, within
from loadtest.checks.line import assignment
from loadtest.wire import Order

FIGURES = (
    "at", "since", "until", "bucket_ms", "orders", "grabbed", "assigned_by_desk", "escalated", "expired", "cancelled",
    "completed", "time_to_grab_ms", "buckets",
)  # fmt: skip
HOUR_MS = 3_600_000


async def points(corner: Corner, order: Order, **asked: Any) -> dict[str, Any]:
    """A map with the order on it."""

    async def read() -> dict[str, Any]:
        found: dict[str, Any] = await corner.dispatcher.get("/v1/map", region=corner.region, **asked)
        return found

    return await eventually(read, lambda found: ids(found["orders"], {order["id"]}), "a map with the order")


async def figures(corner: Corner, **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = await corner.dispatcher.get("/v1/figures", region=corner.region, **asked)
    return found


def now_ms() -> int:
    return int(time.time() * 1000)


# --- the map ------------------------------------------------------------------------------------------


@clause("§5", "the map has unfinished orders and agents as points, orders of the desk first", apart=True)
async def on_the_map(corner: Corner) -> None:
    await corner.own_region()
    kind = await corner.kind()
    agent = await corner.valet("v", kind, north_m=300)
    order, waiting = await corner.place(kind, 100), await corner.abandoned()
    found = await points(corner, order)
    fields(found, ("at", "orders", "agents", "more"), "the map")
    same(ids(found["orders"]), [waiting["id"], order["id"]], "the orders")
    has(found["orders"][1], {"kind": kind, "region": corner.region, "status": "open", "stalled": False}, "the order")
    within(found["orders"][1]["lat"], corner.at(99)["lat"], corner.at(101)["lat"], "its latitude")
    (valet,) = [each for each in found["agents"] if each["id"] == agent.sub]
    has(valet, {"role": "valet", "status": "available", "load": 0, "capacity": 1, "name": "Name of v"}, "the agent")
    within(valet["lat"], corner.at(299)["lat"], corner.at(301)["lat"], "his latitude")


@clause("§5", "the map holds nothing of customers, and no phone numbers")
async def nothing_private(corner: Corner) -> None:
    order = await corner.place(await corner.kind())
    text = repr(await points(corner, order))
    for private in (order["customer"]["name"], order["customer"]["phone"], order["customer"]["id"], "+86"):
        that(private not in text, f"no {private!r} in the map", text)


@clause("§5", "only staff sees the map, of the token's regions", path="/v1/map")
@clause("§5", "only staff sees the figures, of the token's regions", path="/v1/figures")
async def staff_only(corner: Corner, path: str) -> None:
    agent = await corner.valet("v", await corner.kind())
    for asker in (corner.of(agent), corner.service, corner.http("customer")):
        await refused(asker.get(path), "forbidden", 403)
    stranger = corner.world.http(corner.token("dispatcher", corner.name("d"), regions=["conf-nowhere"]))
    await refused(stranger.get(path, region=corner.region), "forbidden", 403)
    await invalid(corner.dispatcher.get(path, region="conf-nowhere"), "region")


# --- the figures --------------------------------------------------------------------------------------


@clause("§5", "figures count the orders of a span by what became of them, in buckets without a gap")
async def counted(corner: Corner) -> None:
    kind = await corner.kind(desk_seconds=641)
    agent = await corner.valet("v", kind, capacity=3)
    done = await corner.held(agent, kind)
    since = done["created_at"]
    await agent.progress(done, "completed")
    dropped = await corner.place(kind)
    await corner.act(dropped["id"], "cancel", {"reason": "enough"})
    await corner.abandoned(kind)
    until = now_ms() + 60_000
    found = await eventually(
        lambda: figures(corner, kind=kind, since=since, until=until), lambda each: each["orders"] == 3, "three orders"
    )
    fields(found, FIGURES, "the figures")
    has(found, {"since": since, "until": until, "grabbed": 1, "assigned_by_desk": 1, "cancelled": 1}, "the figures")
    has(found, {"completed": 1, "escalated": 1, "expired": 0}, "the figures")
    taken_ms = assignment(done)["at"] - done["created_at"]
    same(found["time_to_grab_ms"], {"p50": taken_ms, "p95": taken_ms}, "the time to grab")
    wide = found["bucket_ms"]
    begins = [bucket["at"] for bucket in found["buckets"]]
    same(begins, list(range(since, until, wide)), "where the buckets begin")
    same(sum(bucket["orders"] for bucket in found["buckets"]), 3, "the orders of all buckets")


@clause("§5", "without a span the figures are of the last day; nobody grabbed: no time to grab")
async def of_the_day(corner: Corner) -> None:
    found = await figures(corner, kind=await corner.kind(desk_seconds=642))
    same(found["until"] - found["since"], 24 * HOUR_MS, "the span")
    has(found, {"time_to_grab_ms": None}, "the figures")


@clause("§5", "a span that ends before it begins, or is longer than 31 days, is `invalid`")
async def no_span(corner: Corner) -> None:
    await invalid(figures(corner, since=2, until=2), "since")
    await invalid(figures(corner, since=0, until=31 * 24 * HOUR_MS + 1), "since")


# --- who calls ----------------------------------------------------------------------------------------


@clause("§5", "a phone number's unfinished orders are found, however it is written, newest first and in full")
async def by_phone(corner: Corner) -> None:
    kind, last = await corner.kind(), f"{now_ms() % 10**8:08}"
    customer = {"id": corner.name("c"), "name": "Li", "phone": f"+86138{last}"}
    orders = [await corner.place(kind, customer=customer) for _ in range(2)]
    await corner.place(kind, customer=customer | {"phone": f"+86139{last}"})
    for phone in (f"138{last}", f"0086 138-{last[:4]}-{last[4:]}", f"+86138{last}"):
        found = await corner.dispatcher.post("/v1/orders/lookup", {"phone": phone})
        same(ids(found), [orders[1]["id"], orders[0]["id"]], f"the orders of {phone!r}")
    has(found["items"][0], {"customer": customer}, "the newest")
    await corner.act(orders[1]["id"], "cancel", {"reason": "enough"})
    same(ids(await corner.service.post("/v1/orders/lookup", {"phone": f"138{last}"})), [orders[0]["id"]], "those left")


@clause("§5", "only dispatchers and services look numbers up; what holds no digits is `invalid`")
async def who_looks_up(corner: Corner) -> None:
    body = {"phone": "+8613800000000"}
    for asker in (corner.admin, corner.http("customer"), corner.of(await corner.valet("v", await corner.kind()))):
        await refused(asker.post("/v1/orders/lookup", body), "forbidden", 403)
    await invalid(corner.dispatcher.post("/v1/orders/lookup", {"phone": "-"}), "phone")


# --- who declined, and what ended ---------------------------------------------------------------------


@clause("§5", "dispatchers are told how many declined, candidates' entries say why; customers are not told")
async def declined(corner: Corner) -> None:
    kind = await corner.kind()
    near, far = await corner.valet("v1", kind, north_m=100), await corner.valet("v2", kind, north_m=200)
    order = await corner.place(kind)
    await near.offer(order["id"])
    await near.ok({"type": "decline", "order_id": order["id"], "reason": "too far"})
    path = f"/v1/orders/{order['id']}"
    has(await corner.dispatcher.get(path), {"declined": 1, "desk_at": None}, "the dispatcher's view")
    for asker in (corner.service, corner.http("customer", order["customer"]["id"])):
        view = await asker.get(path)
        that(not {"declined", "desk_at"} & view.keys(), "neither `declined` nor `desk_at`", sorted(view))
    found = await corner.candidates(order["id"])
    has(found[near.sub], {"declined": True, "decline_reason": "too far", "phone": "+8613900000001"}, "the decliner")
    has(found[far.sub], {"declined": False, "decline_reason": None}, "the other")


@clause("§5", "orders are filtered by when they ended; an agent finds what he completed, not what he holds")
async def ended(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind, capacity=2)
    before = now_ms() - 60_000
    done, _ = await corner.held(agent, kind), await corner.held(agent, kind)
    await agent.progress(done, "completed")
    mine = corner.of(agent)
    same(ids(await mine.get("/v1/orders", ended_after=before)), [done["id"]], "what he completed")
    same(ids(await mine.get("/v1/orders", ended_before=before)), [], "what he completed a minute ago")
