"""§5: lists: pages, limits, filters, and whose orders they hold.

Tried on orders, the only list that grows while it is read; the others are looked at where their items are made.
Other clauses' orders stand in the same lists: only one's own count.
"""

import asyncio
from collections import Counter

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import fields, ids, refused, same, that
from loadtest.wire import Refused


@clause("§5", "a list has `items` and `next`; `limit` bounds it, `cursor` goes on, and the last page's next is null")
async def pages(corner: Corner) -> None:
    kind = await corner.kind()
    placed = [(await corner.place(kind))["id"] for _ in range(5)]
    found: list[str] = []
    cursor: dict[str, str] = {}
    for expected in (2, 2, 1):
        answer = await corner.service.get("/v1/orders", customer_id=corner.name("c"), limit=2, **cursor)
        fields(answer, ("items", "next"), "a list")
        same(len(answer["items"]), expected, "items of the page")
        found += ids(answer)
        cursor = {"cursor": answer["next"]}
    same(answer["next"], None, "next of the last page")
    same(Counter(found), Counter(placed), "the orders of all pages")


@clause("§5", "pages neither skip nor repeat an order while others are being placed")
async def pages_while_placing(corner: Corner) -> None:
    kind = await corner.kind()
    placed = [(await corner.place(kind))["id"] for _ in range(6)]
    found: list[str] = []
    cursor: dict[str, str] = {}
    while cursor.get("cursor", "") is not None:
        answer = await corner.service.get("/v1/orders", customer_id=corner.name("c"), limit=2, **cursor)
        found += ids(answer)
        cursor = {"cursor": answer["next"]}
        that(len(found) < 60, "an end of the pages", found)
        if len(found) < 20:
            await corner.place(kind)
    same(len(found), len(set(found)), "the number of different orders")
    that(set(placed) <= set(found), "every order that was there at the beginning", sorted(set(placed) - set(found)))


@clause("§5", "`limit` is at most 200, and not less than 1", limit=201)
@clause("§5", "`limit` is not less than 1", limit=0)
async def limits(corner: Corner, limit: int) -> None:
    await refused(corner.service.get("/v1/orders", limit=limit), "invalid", (400, 422))


@clause("§5", "a `cursor` that no list gave is `invalid`")
async def strange_cursor(corner: Corner) -> None:
    await refused(corner.service.get("/v1/orders", cursor="!!"), "invalid", (400, 422))


@clause("§5", "without `limit` a list has 50 items")
async def default_limit(corner: Corner) -> None:
    kind = await corner.kind()
    await asyncio.gather(*(corner.place(kind) for _ in range(51)))
    answer = await corner.service.get("/v1/orders", customer_id=corner.name("c"))
    same(len(answer["items"]), 50, "items")
    that(answer["next"], "a cursor for the rest", answer["next"])


# --- filters ------------------------------------------------------------------------------------------


@clause("§5", "orders are filtered by status, kind, region, agent, customer and the time they were created at")
async def filters(corner: Corner) -> None:
    kind, other_kind = await corner.kind(), await corner.kind(desk_seconds=601)
    agent = await corner.valet("v", kind)
    first = await corner.held(agent, kind)
    second = await corner.place(other_kind, customer={"id": corner.name("c2")})
    both = {first["id"], second["id"]}
    chosen: list[tuple[dict[str, str | int], set[str]]] = [
        ({"status": "assigned"}, {first["id"]}),
        ({"status": "open"}, {second["id"]}),
        ({"kind": other_kind}, {second["id"]}),
        ({"agent_id": agent.sub}, {first["id"]}),
        ({"customer_id": corner.name("c2")}, {second["id"]}),
        ({"region": corner.region}, both),
        ({"region": "conf-china"}, set()),
        ({"created_before": second["created_at"] + 60_000}, both),
        ({"created_before": first["created_at"] - 60_000}, set()),
        ({"created_after": second["created_at"] + 60_000}, set()),
    ]
    for wanted, expected in chosen:
        narrowed = {"created_after": first["created_at"] - 1000} | wanted
        found = {each["id"] async for each in corner.service.pages("/v1/orders", **narrowed)}
        same(found & both, expected, f"of the two orders those with {wanted}:")


@clause("§5", "customers and agents list their own orders only, whatever they ask for")
async def own_only(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind, capacity=3)
    mine = await corner.held(agent, kind)
    done = await corner.held(agent, kind)
    await agent.progress(done, "completed")
    foreign = await corner.place(kind, customer={"id": corner.name("c2")})
    held = {each["id"] async for each in corner.of(agent).pages("/v1/orders")}
    same((mine["id"] in held, foreign["id"] in held), (True, False), "whether the agent's list has his and another's")
    customer = corner.http("customer", corner.name("c2"))
    same(ids(await customer.get("/v1/orders")), [foreign["id"]], "the other customer's list")
    try:
        same((await customer.get("/v1/orders", customer_id=corner.name("c")))["items"], [], "what he sees of another's")
    except Refused as refusal:
        same(refusal.code, "forbidden", "the refusal")
