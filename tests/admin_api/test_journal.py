"""The log of requests, and the last answer."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import Message
from structlog.testing import capture_logs

from dispatch import metrics
from dispatch.errors import InvariantBroken
from tests.admin_api.conftest import House, problem


async def test_one_line_a_request_and_nothing_private(house: House) -> None:
    with capture_logs() as lines:
        order = await house.placed()
        answer = await house.service.get(f"/v1/orders/{order['id']}/timeline", limit=7)
    placed, read = [line for line in lines if line["event"] == "request"]
    assert {**placed, "ms": 0, "request": ""} == {
        "event": "request",
        "log_level": "info",
        "method": "POST",
        "route": "/v1/orders",
        "status": 201,
        "role": "service",
        "ms": 0,
        "request": "",
    }
    assert (read["route"], read["status"]) == ("/v1/orders/{id}/timeline", 200)
    assert read["request"] == answer.headers["x-request-id"]
    for private in (order["id"], "Li", "+86138", "Example", house.service.token, str(house.city.centre.lat)):
        assert private not in str(lines)


async def test_who_was_refused_is_logged_too(house: House) -> None:
    with capture_logs() as lines:
        await house.client.get("/v1/jobs")
        await house.client.get("/nothing?phone=123456789")
    first, second = lines
    assert (first["status"], first["role"], first["route"]) == (401, None, "/v1/jobs")
    assert (second["status"], second["route"]) == (404, "unknown")
    assert "123456789" not in str(lines)


async def test_health_is_not_worth_a_line(client: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        await client.get("/healthz")
    assert [line["log_level"] for line in lines] == ["debug"]


async def test_a_bug_is_a_problem_document_and_an_alert(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(order_id: str) -> None:
        raise RuntimeError("phone +8613800000000")

    monkeypatch.setattr(house.dispatch.transitions, "find", fail)
    broken = metrics.BROKEN._value.get()
    with capture_logs() as lines:
        answer = await house.service.get("/v1/orders/x")
    problem(answer, 500, "internal")
    assert metrics.BROKEN._value.get() == broken + 1
    alert, line = lines
    assert (alert["log_level"], alert["error"], line["status"]) == ("error", "RuntimeError", 500)
    assert any(where.startswith("orders.py:") for where in alert["where"])
    assert alert["request"] == line["request"] == answer.headers["x-request-id"]
    assert "+8613800000000" not in answer.text + str(lines)


async def test_a_broken_invariant_is_told_to_us_not_to_the_client(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(order_id: str) -> None:
        raise InvariantBroken("the inside of the house")

    monkeypatch.setattr(house.dispatch.transitions, "find", fail)
    broken = metrics.BROKEN._value.get()
    with capture_logs() as lines:
        answer = await house.service.get("/v1/orders/x")
    assert "inside" not in problem(answer, 500, "internal").detail
    assert metrics.BROKEN._value.get() == broken + 1
    assert lines[0]["error"] == "the inside of the house"


async def test_a_client_that_went_away_is_answered_nothing(house: House, app: Starlette) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/orders",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {house.service.token}".encode())],
    }
    with capture_logs() as lines:
        await app(scope, receive, send)
    assert sent == []
    assert lines[0]["status"] == 499
