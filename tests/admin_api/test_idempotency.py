"""Idempotency keys: one effect, one answer."""

import asyncio
from typing import Any

import orjson
import pytest
from sqlalchemy import text
from ulid import ULID

from admin_api import idempotency
from admin_api.reading import parse
from dispatch.clock import now_ms
from dispatch.records.requests import IN_FLIGHT_MS, REMEMBERED_MS
from tests.admin_api.conftest import House, problem


def fresh() -> str:
    return f"key {ULID()}"


async def count(house: House) -> int:
    answer = await house.service.get("/v1/orders", region=house.city.region, limit=200)
    return len(answer.json()["items"])


def digest_of(body: dict[str, Any]) -> bytes:
    return idempotency.digest({"crs": "wgs84"}, parse(orjson.dumps(body)))


async def test_the_same_key_and_body_get_the_first_answer(house: House) -> None:
    key = fresh()
    first = await house.service.post("/v1/orders", house.order_body(), key=key)
    await house.service.post(f"/v1/orders/{first.json()['id']}/cancel", {"reason": "overtaken"})
    again = await house.service.post("/v1/orders", house.order_body(), key=key)
    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
    assert await count(house) == 1


async def test_how_a_body_is_written_does_not_count(house: House) -> None:
    key = fresh()
    first = await house.service.post("/v1/orders", house.order_body(), key=key)
    turned = orjson.dumps(dict(reversed(house.order_body().items())), option=orjson.OPT_INDENT_2)
    turned = turned.replace(b"18000", b"18000.0")
    headers = {"Idempotency-Key": key}
    again = await house.service.ask("POST", "/v1/orders", content=turned, headers=headers)
    assert again.content == first.content


async def test_another_body_is_a_conflict(house: House) -> None:
    key = fresh()
    await house.service.post("/v1/orders", house.order_body(), key=key)
    for answer in (
        await house.service.post("/v1/orders", house.order_body(price_fen=1), key=key),
        await house.service.post("/v1/orders", house.order_body(), key=key, crs="gcj02"),
    ):
        assert not problem(answer, 409, "conflict").retryable
    assert await count(house) == 1


async def test_keys_are_of_one_asker_and_one_route(house: House) -> None:
    key, body = fresh(), house.order_body(customer={"id": "backend"})
    same_id = house.asker("customer", "backend")
    ids = [
        (await asker.post("/v1/orders", body, key=key)).json()["id"]
        for asker in (house.service, house.dispatcher, same_id)
    ]
    assert len(set(ids)) == 3
    cancelled = [await house.service.post(f"/v1/orders/{each}/cancel", {"reason": "x"}, key=key) for each in ids]
    assert [answer.json()["id"] for answer in cancelled] == ids


async def test_equal_requests_at_once_take_effect_once(house: House) -> None:
    key, body = fresh(), house.order_body()
    answers = await asyncio.gather(*(house.service.post("/v1/orders", body, key=key) for _ in range(8)))
    first = [answer for answer in answers if answer.status_code == 201]
    assert first
    assert len({answer.content for answer in first}) == 1
    for answer in answers:
        if answer.status_code != 201:
            assert problem(answer, 409, "conflict").retryable
    assert await count(house) == 1
    assert (await house.service.post("/v1/orders", body, key=key)).content == first[0].content


async def test_the_first_is_waited_for_until_it_is_taken_for_dead(house: House) -> None:
    key, body, order_id = fresh(), house.order_body(), str(ULID())
    take = house.dispatch.records.requests.take
    asked = ("service:backend", "POST /v1/orders", key, digest_of(body), order_id)
    assert (await take(*asked, now_ms())).mine
    answer = await house.service.post("/v1/orders", body, key=key)
    assert problem(answer, 409, "conflict").retryable
    await house.dispatch.records.requests.drop(*asked[:3])
    assert (await house.service.post("/v1/orders", body, key=key)).json()["id"] == order_id


async def test_a_first_that_died_after_its_effect_is_the_same_request(house: House) -> None:
    key, body = fresh(), house.order_body()
    first = (await house.service.post("/v1/orders", body, key=key)).json()
    await _die(house, key)
    again = (await house.service.post("/v1/orders", body, key=key)).json()
    assert again == first
    events = (await house.service.get(f"/v1/orders/{first['id']}/timeline")).json()["items"]
    assert [event["type"] for event in events] == ["placed", "opened"]


async def test_a_dead_first_with_another_body_stays_a_conflict(house: House) -> None:
    key = fresh()
    await house.service.post("/v1/orders", house.order_body(), key=key)
    await _die(house, key)
    answer = await house.service.post("/v1/orders", house.order_body(price_fen=1), key=key)
    assert not problem(answer, 409, "conflict").retryable


async def test_a_first_that_was_only_slow_does_not_replace_the_answer(house: House) -> None:
    key, body = fresh(), house.order_body()
    first = await house.service.post("/v1/orders", body, key=key)
    await house.dispatch.records.requests.answer("service:backend", "POST /v1/orders", key, 409, b"{}")
    assert (await house.service.post("/v1/orders", body, key=key)).content == first.content


async def _die(house: House, key: str) -> None:
    """As if the server had died before it answered, long enough ago."""
    async with house.dispatch.records.database.transaction() as connection:
        died = "UPDATE requests SET status = NULL, answer = NULL, taken_until = :then WHERE key = :key"
        await connection.execute(text(died), {"key": key, "then": now_ms() - IN_FLIGHT_MS})


@pytest.mark.parametrize("answered", [True, False])
async def test_an_assign_repeated_after_a_release_does_not_tear_the_order_away(house: House, answered: bool) -> None:
    key, order = fresh(), await house.placed()
    path = f"/v1/orders/{order['id']}"
    await house.valet("first")
    assigned = {"agent_id": f"{house.city.region}.first"}
    first = await house.dispatcher.post(f"{path}/assign", assigned, key=key)
    assert first.json()["agent"]["id"] == assigned["agent_id"]
    await house.dispatcher.post(f"{path}/release", {"fence": 1, "reason": "ill"})
    second = await house.valet("second")
    assert (await second.post(f"{path}/grab")).json()["fence"] == 2
    if not answered:
        await _die(house, key)
    again = await house.dispatcher.post(f"{path}/assign", assigned, key=key)
    assert again.content == first.content
    now = (await house.dispatcher.get(path)).json()
    assert (now["agent"]["id"], now["assignment"]["fence"]) == (second.sub, 2)


async def test_a_refusal_is_remembered(house: House) -> None:
    key, order, agent = fresh(), await house.placed(), await house.city.agent("v")
    path = f"/v1/orders/{order['id']}/assign"
    first = await house.dispatcher.post(path, {"agent_id": agent.id}, key=key)
    problem(first, 409, "conflict")
    await house.city.enter(agent)
    again = await house.dispatcher.post(path, {"agent_id": agent.id}, key=key)
    assert (again.content, again.headers["content-type"]) == (first.content, first.headers["content-type"])
    assert (await house.dispatcher.post(path, {"agent_id": agent.id}, key=fresh())).status_code == 200


async def test_a_failure_of_ours_is_not_remembered(house: House) -> None:
    key, (valet, job) = fresh(), await house.held()
    path, body = f"/v1/orders/{job['id']}/progress", {"fence": 1, "step": "en_route"}
    await house.dispatch.store.direct([("DEL", f"epoch:{{{house.city.region}}}")])
    away = await valet.post(path, body, key=key)
    assert problem(away, 503, "unavailable").retryable
    assert away.headers["retry-after"] == "1"
    await house.dispatch.reconciler.region(house.city.region)
    assert (await valet.post(path, body, key=key)).json()["status"] == "en_route"


async def test_a_key_is_forgotten_after_a_day(house: House) -> None:
    key, body = fresh(), house.order_body()
    first = (await house.service.post("/v1/orders", body, key=key)).json()
    async with house.dispatch.records.database.transaction() as connection:
        aged = "UPDATE requests SET created_at = :then WHERE key = :key"
        await connection.execute(text(aged), {"key": key, "then": now_ms() - REMEMBERED_MS - 1000})
    second = (await house.service.post("/v1/orders", body, key=key)).json()
    assert second["id"] != first["id"]
    assert (await house.service.get(f"/v1/orders/{second['id']}")).json() == second


@pytest.mark.parametrize("key", ["", "x" * 129, "tab\tinside", "沪".encode()])
async def test_a_faulty_key_is_named(house: House, key: str | bytes) -> None:
    answer = await house.service.ask("POST", "/v1/orders", json=house.order_body(), headers={"Idempotency-Key": key})
    problem(answer, 422, "invalid", "Idempotency-Key")
    assert await count(house) == 0


async def test_a_key_of_any_printable_characters_is_taken(house: House) -> None:
    key = "".join(map(chr, range(0x21, 0x7F)))
    body = house.order_body()
    first, again = [await house.service.post("/v1/orders", body, key=key + house.city.region) for _ in range(2)]
    assert first.content == again.content
