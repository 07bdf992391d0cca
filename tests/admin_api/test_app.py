"""What holds for every route: problem documents, methods."""

import asyncio
import socket

import httpx
import msgspec
import pytest
import uvicorn
from starlette.applications import Starlette

from admin_api.app import OPERATIONS
from admin_api.problems import Problem
from tests.admin_api.conftest import House, held_against_the_document, problem


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/orders/", "/v2/orders", "/v1/orders/a/b/c", "/v1/orders/a%2Fb/grab"])
async def test_an_unknown_path_is_a_problem(client: httpx.AsyncClient, path: str) -> None:
    problem(await client.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/orders", "GET, HEAD, POST"),
        ("PATCH", "/v1/agents/a", "GET, HEAD, PUT"),
        ("GET", "/v1/orders/x/grab", "POST"),
        ("OPTIONS", "/v1/jobs", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_a_problem_that_names_the_right_ones(
    client: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    problem(answer, 405, "invalid")
    assert answer.headers["allow"] == allowed


async def test_health_refuses_wrong_methods_alike(client: httpx.AsyncClient) -> None:
    problem(await client.post("/healthz"), 405, "invalid")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
async def test_every_operation_wants_a_token(client: httpx.AsyncClient, operation: object) -> None:
    method, path = operation.method, operation.path.format(id="x", kind="x")  # type: ignore[attr-defined]
    answer = await client.request(method, path)
    problem(answer, 401, "unauthenticated")
    held_against_the_document(answer)


async def test_head_is_as_get(house: House) -> None:
    order = await house.placed()
    path = f"/v1/orders/{order['id']}"
    head, got = await house.service.ask("HEAD", path), await house.service.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


async def test_answers_are_not_kept_by_anybody_between(house: House) -> None:
    assert (await house.service.get("/v1/orders")).headers["cache-control"] == "no-store"


async def test_over_a_socket_a_large_body_is_refused_before_it_is_sent(app: Starlette, house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, loop="none", lifespan="off", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        try:
            said = (
                "POST /v1/orders HTTP/1.1",
                "Host: dispatch.test",
                f"Authorization: Bearer {house.service.token}",
                "Content-Length: 1000000000",
            )
            writer.write("\r\n".join((*said, "", "")).encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")  # to the end: the server closes
            assert head.startswith(b"HTTP/1.1 413 ")
            assert msgspec.json.decode(body, type=Problem).code == "too_large"
        finally:
            writer.close()
            server.should_exit = True
            await serving
