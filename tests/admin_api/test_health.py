"""Liveness, readiness, metrics: no token is needed."""

import httpx
import pytest

from admin_api.health import build_health_app
from tests.admin_api.conftest import problem


async def test_a_living_process_answers(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_readiness_tells_each_dependency(client: httpx.AsyncClient, states: dict[str, str]) -> None:
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"redis": "ok", "postgres": "ok"})
    states["redis"] = "can not be reached"
    try:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["redis"]) == (503, "can not be reached")
    finally:
        states["redis"] = "ok"


@pytest.mark.parametrize("name", ["mp3", "voice_storage"])
async def test_orders_do_not_stop_for_want_of_sound(
    client: httpx.AsyncClient, states: dict[str, str], name: str
) -> None:
    states[name] = "is away"
    try:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()[name]) == (200, "is away")
    finally:
        del states[name]


async def test_metrics_are_prometheus(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "dispatch_verdicts_total" in answer.text


async def test_a_process_without_api_serves_health_alone() -> None:
    async def readiness() -> dict[str, str]:
        return {}

    transport = httpx.ASGITransport(app=build_health_app(readiness))
    async with httpx.AsyncClient(transport=transport, base_url="http://dispatch.test") as client:
        assert (await client.get("/readyz")).status_code == 200
        problem(await client.get("/v1/orders"), 404, "not_found")
