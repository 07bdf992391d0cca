"""Every example of the OpenAPI document is replayed against the live server that serves it, as every role it is for;
every answer has the form that the document says.
"""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import jsonschema_rs
import orjson
import pytest

from admin_api.app import OPERATIONS
from admin_api.bodies import AgentBody
from admin_api.endpoint import Operation
from realtime import asyncapi
from tests.journeys.world import SOUND, SUBJECTS, World, world

Document = dict[str, Any]


@pytest.fixture(scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("documents")) as found:
        yield found


@pytest.fixture(scope="module")
async def anybody(here: World) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=here.url, trust_env=False) as found:
        yield found


@pytest.fixture(scope="module")
async def document(anybody: httpx.AsyncClient) -> Document:
    found: Document = (await anybody.get("/openapi.json")).json()
    return found


async def test_the_streams_document_is_served_and_documented(anybody: httpx.AsyncClient, document: Document) -> None:
    answer = await anybody.get("/asyncapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == asyncapi.document()
    assert "/asyncapi.json" in document["paths"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json", "/asyncapi.json"])
async def test_what_anyone_may_ask(anybody: httpx.AsyncClient, document: Document, path: str) -> None:
    held_against(document, document["paths"][path]["get"], await anybody.get(path))


_CASES = [(operation, role.value) for operation in OPERATIONS for role in operation.roles]


@pytest.mark.parametrize(("operation", "role"), _CASES, ids=[f"{op.method} {op.path} {role}" for op, role in _CASES])
async def test_an_example_is_accepted(
    here: World, anybody: httpx.AsyncClient, document: Document, operation: Operation, role: str
) -> None:
    told = document["paths"][operation.path][operation.method.lower()]
    path, query = _shown(told, "path"), _shown(told, "query")
    answer = await anybody.request(
        operation.method,
        operation.path.format(**path | await _for_real(here, operation, role)),
        params=query,
        headers={"Authorization": f"Bearer {here.tokens[role]}"},
        **_body(told.get("requestBody", {}).get("content", {})),
    )
    held_against(document, told, answer)
    if operation.body is AgentBody:
        await here.hire()  # with room for the next examples' orders


def _body(content: Document) -> dict[str, Any]:
    """A document can not hold sound: some is put in its place."""
    if "multipart/form-data" in content:
        parts: Document = content["multipart/form-data"]["example"]
        order = {"order": orjson.dumps(parts["order"])} if "order" in parts else {}
        return {"files": {"audio": SOUND} | order}
    return {"json": content["application/json"].get("example")} if content else {}


def _shown(told: Document, place: str) -> dict[str, Any]:
    return {each["name"]: each["example"] for each in told["parameters"] if each["in"] == place and "example" in each}


async def _for_real(here: World, operation: Operation, role: str) -> dict[str, str]:
    """What is another's or the server's to name, in place of the example's name for it."""
    noun, _, rest = operation.path.removeprefix("/v1/").partition("/")
    match noun:
        case "orders" | "desk" if rest:
            return {"id": await here.fit_for(rest.rpartition("/")[2], role)}
        case "sessions" if rest:
            return {"id": await here.another_session()}
        case "voice-notes" if rest:
            return {"id": await here.noted(role)}
        case "agents" if rest and operation.method == "GET" and role == "shop":  # an agent sees himself only
            return {"id": SUBJECTS[role]}
        case "regions" if operation.method == "DELETE":  # the example's has agents
            return {"id": await _spare_region(here)}
    return {}


async def _spare_region(here: World) -> str:
    square = [[10.0, 50.0], [10.1, 50.0], [10.1, 50.1], [10.0, 50.1], [10.0, 50.0]]
    outline = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [square]}}
    await here.http["admin"].put("/v1/regions/spare", outline)
    return "spare"


def held_against(document: Document, told: Document, answer: httpx.Response) -> None:
    status = min(each for each in told["responses"] if each.startswith("2"))
    assert answer.status_code == int(status), answer.text
    content = told["responses"][status].get("content")
    if content is None:
        assert answer.content == b""
        return
    media = answer.headers["content-type"].partition(";")[0]
    if "schema" not in content[media]:
        assert answer.content == SOUND
        return
    value = answer.text if media.startswith("text/") else answer.json()
    jsonschema_rs.validate({"components": document["components"], **content[media]["schema"]}, value)
