"""The app on real Redis and PostgreSQL, asked over ASGI.

Every answer that a test sees is held against the OpenAPI document's forms: a good one must have the form that
its operation declares, a bad one must be a problem document with a declared status.
"""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import orjson
import pytest
from starlette.applications import Starlette

from admin_api.app import OPERATIONS, build_app
from admin_api.endpoint import Operation
from admin_api.openapi import document
from admin_api.problems import Problem
from dispatch.assembly import Dispatch
from loadtest.tokens import mint
from tests.conftest import SECRET, City

_PATTERNS = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", each.path)), each) for each in OPERATIONS]
_RESPONSES = {
    (method.upper(), path): item["responses"].keys()
    for path, methods in document(OPERATIONS)["paths"].items()
    for method, item in methods.items()
}


def held_against_the_document(response: httpx.Response) -> None:
    request = response.request
    operation = _operation(request.method, request.url.path)
    if response.status_code >= 400 and request.method != "HEAD":
        assert response.headers["content-type"] == "application/problem+json", response.text
        problem = msgspec.json.decode(response.content, type=Problem)
        assert problem.status == response.status_code
        assert (problem.errors is msgspec.UNSET) == (problem.code != "invalid")
    if operation is None:
        return
    assert str(response.status_code) in _RESPONSES[operation.method, operation.path]
    if response.status_code < 300 and operation.answer and request.method != "HEAD":
        assert any(_has_form(response.json(), form) for form in operation.answer), response.text
        assert response.headers["content-type"] == "application/json"
    if response.status_code < 300 and operation.media:
        assert response.headers["content-type"] in operation.media


def _operation(method: str, path: str) -> Operation | None:
    method = "GET" if method == "HEAD" else method
    return next((op for pattern, op in _PATTERNS if pattern.fullmatch(path) and op.method == method), None)


def _has_form(value: Any, form: Any) -> bool:
    try:
        msgspec.convert(value, form)
    except msgspec.ValidationError:
        return False
    return True


class Asker:
    """One person who asks."""

    def __init__(self, client: httpx.AsyncClient, role: str, sub: str, regions: list[str] | None = None) -> None:
        self.client = client
        self.sub = sub
        self.token = mint(SECRET, role, sub, regions)

    async def ask(self, method: str, path: str, **said: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | said.pop("headers", {})
        response = await self.client.request(method, path, headers=headers, **said)
        held_against_the_document(response)
        return response

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.ask("GET", path, params=params)

    async def post(self, path: str, body: Any = None, *, key: str | None = None, **params: Any) -> httpx.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.ask("POST", path, json=body, headers=headers, params=params)

    async def speak(
        self, path: str, audio: bytes, order: Any = None, *, key: str | None = None, **params: Any
    ) -> httpx.Response:
        """A form with the audio, and the order where there is one."""
        headers = {} if key is None else {"Idempotency-Key": key}
        files: dict[str, Any] = {"audio": ("note", audio)}
        if order is not None:
            files["order"] = (None, orjson.dumps(order))
        return await self.ask("POST", path, files=files, headers=headers, params=params)

    async def put(self, path: str, body: Any, **params: Any) -> httpx.Response:
        return await self.ask("PUT", path, json=body, params=params)

    async def delete(self, path: str) -> httpx.Response:
        return await self.ask("DELETE", path)


class House:
    """A city, and people who ask the app about it. Staff's tokens are for this city alone."""

    def __init__(self, city: City, client: httpx.AsyncClient) -> None:
        self.city = city
        self.client = client
        self.dispatch = city.dispatch
        self.service = self.asker("service", "backend")
        self.dispatcher = self.asker("dispatcher", "d-1", [city.region])
        self.admin = self.asker("admin", "a-1", [city.region])
        self.customer = self.asker("customer", "c-1")

    def asker(self, role: str, sub: str, regions: list[str] | None = None) -> Asker:
        return Asker(self.client, role, sub, regions)

    def order_body(self, **changes: Any) -> dict[str, Any]:
        body: dict[str, Any] = {
            "kind": "maintenance",
            "customer": {"id": "c-1", "name": "Li", "phone": "+8613800000000"},
            "place": {"lat": self.city.centre.lat, "lon": self.city.centre.lon, "address": "1 Example Road"},
            "details": {"plate": "沪A12345", "note": "flat tyre"},
            "price_fen": 18000,
        }
        return {name: value for name, value in (body | changes).items() if value is not ...}

    async def placed(self, **changes: Any) -> dict[str, Any]:
        response = await self.service.post("/v1/orders", self.order_body(**changes))
        assert response.status_code == 201, response.text
        order: dict[str, Any] = response.json()
        return order

    async def seen(self, order_id: str) -> dict[str, Any]:
        """As a dispatcher sees it."""
        order: dict[str, Any] = (await self.dispatcher.get(f"/v1/orders/{order_id}")).json()
        return order

    async def valet(self, name: str, north_m: float = 0.0, **changes: object) -> Asker:
        """A valet who is there, asking."""
        agent = await self.city.valet(name, north_m, **changes)
        return self.asker("valet", agent.id)

    async def held(self, name: str = "v") -> tuple[Asker, dict[str, Any]]:
        """An order in the hands of a valet."""
        valet = await self.valet(name)
        order = await self.placed()
        verdict = (await valet.post(f"/v1/orders/{order['id']}/grab")).json()
        assert verdict["outcome"] == "won", verdict
        job: dict[str, Any] = verdict["job"]
        return valet, job

    async def escalated(self, name: str = "v") -> dict[str, Any]:
        """An order at the desk: released when the car may have been in the valet's hands."""
        valet, job = await self.held(name)
        path = f"/v1/orders/{job['id']}"
        await valet.post(f"{path}/progress", {"fence": 1, "step": "arrived"})
        order: dict[str, Any] = (await valet.post(f"{path}/release", {"fence": 1, "reason": "ill"})).json()
        assert order["status"] == "escalated", order
        return order


@pytest.fixture(scope="session")
def states() -> dict[str, str]:
    """What `/readyz` is told; a test may change it, and changes it back."""
    return {"redis": "ok", "postgres": "ok"}


@pytest.fixture(scope="session")
def app(dispatch: Dispatch, states: dict[str, str]) -> Starlette:
    async def readiness() -> dict[str, str]:
        return states

    return build_app(dispatch, console=None, readiness=readiness)


@pytest.fixture(scope="session")
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://dispatch.test") as found:
        yield found


@pytest.fixture
def house(city: City, client: httpx.AsyncClient) -> House:
    return House(city, client)


def problem(response: httpx.Response, status: int, code: str, *paths: str) -> Problem:
    """The problem document of a refusal, checked."""
    assert response.status_code == status, response.text
    found = msgspec.json.decode(response.content, type=Problem)
    assert found.code == code
    if paths:
        assert found.errors is not msgspec.UNSET
        assert tuple(each.path for each in found.errors) == paths
        assert all(path in found.detail for path in paths)
    return found
