"""The OpenAPI document says what the routes do."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import msgspec
import orjson
import pytest
import schemathesis
from starlette.applications import Starlette
from starlette.routing import Route

from admin_api import examples
from admin_api.app import OPERATIONS
from admin_api.endpoint import Operation
from admin_api.openapi import document
from admin_api.problems import STATUSES
from admin_api.voice_notes import MEDIA

DOCUMENT = {"type": "object"}
METHODS = {"get", "put", "patch", "post", "delete"}


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


async def test_every_reference_leads_somewhere_and_every_component_is_used(served: dict[str, Any]) -> None:
    named = set(re.findall(r'"\$ref":"#/components/(\w+)/([^"]+)"', orjson.dumps(served).decode()))
    components = {(kind, name) for kind in ("schemas", "responses") for name in served["components"][kind]}
    assert named == components


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


# --- what other tools make of it ----------------------------------------------------------------------


async def test_it_is_an_openapi_document(served: dict[str, Any]) -> None:
    schemathesis.openapi.from_dict(served).validate()
    for form in served["components"]["schemas"].values():
        jsonschema_rs.meta.validate(form)


def contents(served: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every media type of every request and answer, with the words to find it by."""
    for path, item in served["paths"].items():
        for method, each in item.items():
            for media, content in each.get("requestBody", {}).get("content", {}).items():
                yield f"{method} {path} {media}", content
            for status, answer in each["responses"].items():
                for media, content in answer.get("content", {}).items():
                    yield f"{method} {path} {status} {media}", content
    for name, answer in served["components"]["responses"].items():
        for media, content in answer["content"].items():
            yield f"{name} {media}", content


def shown(content: dict[str, Any]) -> list[Any]:
    return [each["value"] for each in content.get("examples", {}).values()] + [
        content[name] for name in ("example",) if name in content
    ]


def fits(served: dict[str, Any], form: dict[str, Any], value: Any) -> bool:
    return jsonschema_rs.is_valid({"components": served["components"], **form}, value)


async def test_every_content_has_an_example_that_fits(served: dict[str, Any]) -> None:
    for where, content in contents(served):
        if content.get("schema", DOCUMENT) != DOCUMENT:  # no example of the documents themselves, nor of sound
            assert shown(content), where
        assert all(fits(served, content["schema"], value) for value in shown(content)), where


async def test_an_answer_of_another_form_does_not_fit(served: dict[str, Any]) -> None:
    """The schemas are no empty words."""
    order = next(content for where, content in contents(served) if where == "post /v1/orders 201 application/json")
    (value,) = shown(order)
    assert fits(served, order["schema"], value | {"new": 1})
    assert not fits(served, order["schema"], value | {"status": "lost"})
    assert not fits(served, order["schema"], {name: value[name] for name in value if name != "version"})


async def test_every_path_parameter_has_an_example_that_fits(served: dict[str, Any]) -> None:
    for path, item in served["paths"].items():
        for each in item.values():
            for parameter in each.get("parameters", ()):
                if "example" in parameter:
                    assert fits(served, parameter["schema"], parameter["example"]), (path, parameter["name"])
                else:
                    assert parameter["in"] != "path", (path, parameter["name"])


async def test_every_code_has_an_example_in_its_status(served: dict[str, Any]) -> None:
    codes = {
        (value["code"], value["status"])
        for answer in served["components"]["responses"].values()
        for content in answer["content"].values()
        for value in shown(content)
    }
    assert codes == {*STATUSES.items(), ("invalid", 400), ("invalid", 416)}


async def test_who_may_ask_and_with_what(served: dict[str, Any]) -> None:
    schemes = served["components"]["securitySchemes"]
    token, address = schemes.pop("token"), schemes.pop("address")
    assert schemes == {}
    assert (token["type"], token["scheme"], token["bearerFormat"]) == ("http", "bearer", "JWT")
    assert (address["type"], address["in"], address["name"]) == ("apiKey", "query", "signature")
    for path, item in served["paths"].items():
        for method, each in item.items():
            ways = ["token", "address"] if (method, path) == ("get", "/v1/voice-notes/{id}") else ["token"]
            assert each["security"] == [{way: []} for way in ways if path.startswith("/v1/")]
            assert ("x-roles" in each) == path.startswith("/v1/")


async def test_uploads_are_forms_and_sounds_are_played(served: dict[str, Any]) -> None:
    paths = served["paths"]
    form = paths["/v1/voice-notes"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert form["schema"]["required"] == ["audio", "order"]
    assert form["schema"]["properties"]["order"] == {"$ref": "#/components/schemas/VoiceOrderBody"}
    assert form["encoding"] == {"order": {"contentType": "application/json"}}
    assert served["components"]["schemas"]["VoiceOrderBody"]["properties"]["kind"]["default"] == "voice"
    form = paths["/v1/orders/{id}/voice-notes"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert form["schema"]["properties"].keys() == {"audio"}
    answers = paths["/v1/voice-notes/{id}"]["get"]["responses"]
    assert answers["200"]["content"] == answers["206"]["content"] == {media: {} for media in MEDIA}
    assert {"304", "404", "406", "416"} <= answers.keys()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
def test_examples_have_the_form_they_are_examples_of(operation: Operation) -> None:
    """Answers to the letter: the document's schemas let answers grow."""
    if operation.example is not None:
        msgspec.convert(operation.example, operation.body)
    elif operation.body is not None:
        assert not any(field.required for field in msgspec.structs.fields(operation.body))
    if operation.answer_example is not None:
        assert len(operation.answer) == 1
        msgspec.convert(operation.answer_example, operation.answer[0])
    else:
        for form in operation.answer:
            msgspec.convert(examples.of_answer(form), form)
