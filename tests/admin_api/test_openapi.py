"""The OpenAPI document says what the routes do."""

import re
from typing import Any

import httpx
import msgspec
import orjson
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from admin_api.app import OPERATIONS
from admin_api.openapi import document

METHODS = {"get", "put", "post", "delete"}


@pytest.fixture
async def served(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/openapi.json")
    found: dict[str, Any] = answer.json()
    assert found == orjson.loads(orjson.dumps(document(OPERATIONS)))
    return found


async def test_every_route_is_documented_and_no_other(served: dict[str, Any], app: Starlette) -> None:
    assert served["openapi"] == "3.1.0"
    assert served["paths"].keys() == {route.path for route in app.routes if isinstance(route, Route)}
    assert all(item.keys() <= METHODS for item in served["paths"].values())


async def test_every_reference_leads_somewhere(served: dict[str, Any]) -> None:
    named = set(re.findall(r'"\$ref":"#/components/schemas/([^"]+)"', orjson.dumps(served).decode()))
    assert named == served["components"]["schemas"].keys()


async def test_operations_have_names_of_their_own(served: dict[str, Any]) -> None:
    names = [each["operationId"] for item in served["paths"].values() for each in item.values()]
    assert len(names) == len(set(names))


async def test_path_parameters_are_declared(served: dict[str, Any]) -> None:
    for path, item in served["paths"].items():
        for each in item.values():
            declared = [p["name"] for p in each.get("parameters", ()) if p["in"] == "path"]
            assert declared == re.findall(r"{(\w+)}", path)


async def test_commands_take_a_key_and_conflict(served: dict[str, Any]) -> None:
    for item in served["paths"].values():
        for method, each in item.items():
            names = [parameter["name"] for parameter in each.get("parameters", ())]
            assert ("Idempotency-Key" in names) == (method == "post")
            if method == "post":
                assert "409" in each["responses"]


async def test_requests_are_strict_and_answers_may_grow(served: dict[str, Any]) -> None:
    schemas = served["components"]["schemas"]
    for name in ("OrderBody", "Place", "PolicyBody", "Round", "AgentBody"):
        assert schemas[name]["additionalProperties"] is False
    for name in ("OrderView", "AgentView", "Candidate"):
        assert "additionalProperties" not in schemas[name]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
def test_examples_have_the_form_they_are_examples_of(operation: Any) -> None:
    if operation.example is not None:
        msgspec.convert(operation.example, operation.body)
    elif operation.body is not None:
        assert not any(field.required for field in msgspec.structs.fields(operation.body))
