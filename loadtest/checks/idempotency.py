"""§5: idempotency keys: what is repeated takes effect once and is answered as the first time.

The servers are asked in turn, so a key that only one process remembers is found out. Left out: the 24 h, and the
5xx that are not remembered.
"""

import asyncio
from typing import Any

import orjson

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import has, ids, refused, same, that
from loadtest.rest import Http
from loadtest.wire import Order, Refused


@clause("§5", "the same key and body get the first answer again, and take effect once")
async def same_key(corner: Corner) -> None:
    body, key = corner.order(await corner.kind()), corner.name("key")
    first = corner.keep(await corner.service.post("/v1/orders", body, key=key))
    await corner.act(first["id"], "cancel", {"reason": "it started again"})
    again = await corner.service.post("/v1/orders", body, key=key)
    same(again, first, "the second answer")
    same(await _orders_of(corner, "c"), [first["id"]], "the customer's orders")


async def _orders_of(corner: Corner, name: str) -> list[str]:
    return ids(await corner.service.get("/v1/orders", customer_id=corner.name(name)))


@clause("§5", "the same key with another body is 409 `conflict`")
async def other_body(corner: Corner) -> None:
    kind, key = await corner.kind(), corner.name("key")
    corner.keep(await corner.service.post("/v1/orders", corner.order(kind), key=key))
    refusal = await refused(corner.service.post("/v1/orders", corner.order(kind, 100), key=key), "conflict", 409)
    same(refusal.retryable, False, "retryable")
    same(len(await _orders_of(corner, "c")), 1, "the number of orders")


@clause("§5", "a key belongs to one `sub` and one route")
async def one_sub_and_route(corner: Corner) -> None:
    body, key = corner.order(await corner.kind()), corner.name("key")
    first = corner.keep(await corner.service.post("/v1/orders", body, key=key))
    other = corner.http("service", corner.name("another"))
    second = corner.keep(await other.post("/v1/orders", body, key=key))
    that(first["id"] != second["id"], "an order of his own for another sub", second["id"])
    for order in (first, second):
        answer = await corner.service.post(f"/v1/orders/{order['id']}/cancel", {"reason": "x"}, key=key)
        has(answer, {"id": order["id"], "status": "cancelled"}, "the answer for another route")


@clause("§5", "equal requests at the same moment take effect once; whoever is not answered hears a retryable 409")
async def at_the_same_moment(corner: Corner) -> None:
    body, key = corner.order(await corner.kind()), corner.name("key")
    answers = await asyncio.gather(*(_outcome(corner.service, body, key) for _ in range(8)))
    answered = {each["id"] for each in answers if not isinstance(each, Refused)}
    for each in answers:
        if isinstance(each, Refused):
            same((each.code, each.status, each.retryable), ("conflict", 409, True), "the refusal")
    same(len(answered), 1, "the number of different answers")
    corner.keep(await corner.service.post("/v1/orders", body, key=key))
    same(await _orders_of(corner, "c"), list(answered), "the customer's orders")


async def _outcome(http: Http, body: dict[str, Any], key: str) -> Order | Refused:
    try:
        order: Order = await http.post("/v1/orders", body, key=key)
        return order
    except Refused as refusal:
        return refusal


@clause("§5", "a refusal is a first answer, too: the same key hears it again when it would succeed by now")
async def refusal_again(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    job, order = await corner.held(agent, kind), await corner.place(kind)
    path, body, key = f"/v1/orders/{order['id']}/assign", {"agent_id": agent.sub}, corner.name("key")
    await refused(corner.dispatcher.post(path, body, key=key), "conflict", 409)
    await agent.progress(job, "completed")
    await refused(corner.dispatcher.post(path, body, key=key), "conflict", 409)
    has(await corner.dispatcher.post(path, body), {"status": "assigned"}, "the answer to another key")


@clause("§5", "an assign that is repeated after a release does not tear the order from its new holder")
async def overtaken(corner: Corner) -> None:
    kind = await corner.kind()
    first, second = await corner.valet("v1", kind), await corner.valet("v2", kind)
    order = await corner.place(kind)
    path, body, key = f"/v1/orders/{order['id']}/assign", {"agent_id": first.sub}, corner.name("key")
    answer = await corner.dispatcher.post(path, body, key=key)
    await first.release(answer)
    await second.win(order["id"])
    same(await corner.dispatcher.post(path, body, key=key), answer, "the answer to the repetition")
    has((await corner.read(order["id"]))["agent"] or {}, {"id": second.sub}, "the holder")


@clause("§5", "a key has 1 to 128 characters")
async def keys_length(corner: Corner) -> None:
    body, token = corner.order(await corner.kind()), corner.token("service", corner.name("s"))
    for key, expected in (("", False), ("k" * 129, False), ("k" * 128, True)):
        answer = await corner.raw("POST", "/v1/orders", token, json=body, headers={"Idempotency-Key": key})
        if expected:
            same(answer.status_code, 201, "status with a key of 128 characters")
            corner.keep(orjson.loads(answer.content))
        else:
            that(answer.status_code in (400, 422), f"400 or 422 with a key of {len(key)} characters", answer.text)
