"""What is repeated over HTTP and what is not. The network's part is played by a transport that follows a
script.
"""

from collections.abc import Callable

import httpx
import pytest

from loadtest.rest import Http, problem
from loadtest.wire import Refused, Unavailable
from tests.loadtest.network import Answer, Scripted, refused


def http(transport: Scripted, draw: Callable[[], float] = lambda: 0.0, patience: float = 30.0) -> Http:
    return Http("http://server", "token", transport=transport, draw=draw, patience_seconds=patience)


OK = httpx.Response(200, json={"id": "o1"})


@pytest.mark.parametrize(
    "mishap",
    [httpx.Response(503), httpx.Response(500), httpx.ReadError("lost"), httpx.ConnectError("away"),
     refused(409, "conflict", retryable=True), refused(429, "rate_limited", retryable=True)],
)  # fmt: skip
async def test_a_mishap_is_repeated_under_the_same_key(mishap: Answer) -> None:
    transport = Scripted(mishap, mishap, OK)
    async with http(transport) as client:
        assert await client.post("/v1/orders", {"kind": "towing"}) == {"id": "o1"}
    keys = {each.headers["Idempotency-Key"] for each in transport.asked}
    assert (len(transport.asked), len(keys)) == (3, 1)
    assert {each.content for each in transport.asked} == {b'{"kind":"towing"}'}


async def test_two_commands_have_two_keys_and_a_given_key_is_used() -> None:
    transport = Scripted(OK)
    async with http(transport) as client:
        await client.post("/v1/orders", {})
        await client.post("/v1/orders", {})
        await client.post("/v1/orders", {}, key="mine")
    first, second, third = (each.headers["Idempotency-Key"] for each in transport.asked)
    assert first != second
    assert third == "mine"


@pytest.mark.parametrize(
    ("status", "code"), [(422, "invalid"), (409, "conflict"), (404, "not_found"), (403, "forbidden")]
)
async def test_a_refusal_is_not_repeated(status: int, code: str) -> None:
    transport = Scripted(refused(status, code))
    async with http(transport) as client:
        with pytest.raises(Refused) as told:
            await client.put("/v1/agents/v-1", {})
    assert (told.value.status, told.value.code, len(transport.asked)) == (status, code, 1)


async def test_patience_ends() -> None:
    async with http(Scripted(httpx.ConnectError("away")), draw=lambda: 0.99, patience=0.1) as client:
        with pytest.raises(Unavailable, match="ConnectError"):
            await client.get("/v1/orders")


@pytest.mark.parametrize(
    ("mishap", "status"), [(httpx.Response(503), 503), (httpx.Response(500), 500), (httpx.ReadError("lost"), 0)]
)
async def test_who_is_given_no_answer_is_told_whether_it_was_lost(mishap: Answer, status: int) -> None:
    async with http(Scripted(mishap), draw=lambda: 0.99, patience=0.0) as client:
        with pytest.raises(Unavailable) as told:
            await client.get("/v1/orders")
    assert told.value.status == status


async def test_pages_are_followed_to_the_last() -> None:
    transport = Scripted(
        httpx.Response(200, json={"items": [1, 2], "next": "c2"}),
        httpx.Response(200, json={"items": [3], "next": None}),
    )
    async with http(transport) as client:
        assert [each async for each in client.pages("/v1/orders", status="open")] == [1, 2, 3]
    assert [dict(each.url.params).get("cursor") for each in transport.asked] == [None, "c2"]
    assert {each.url.params["status"] for each in transport.asked} == {"open"}


async def test_another_bearer_uses_his_own_token() -> None:
    transport = Scripted(OK)
    async with http(transport) as client:
        await client.bearing("his").get("/v1/jobs")
        await client.get("/v1/jobs")
    assert [each.headers["Authorization"] for each in transport.asked] == ["Bearer his", "Bearer token"]


def test_a_problem_names_its_paths() -> None:
    told = problem(422, b'{"code": "invalid", "detail": "outside", "errors": [{"path": "place", "message": "no"}]}')
    assert (told.code, told.detail, told.paths, told.retryable) == ("invalid", "outside", ("place",), False)


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"{}", b""])
def test_what_is_no_problem_document_is_the_servers_fault(content: bytes) -> None:
    assert problem(404, content).code == "internal"


async def test_an_answer_is_fetched_as_it_is_with_and_without_the_token() -> None:
    transport = Scripted(httpx.Response(416, content=b"no"))
    async with http(transport) as client:
        answer = await client.fetch("/v1/voice-notes/n1?a=b", headers={"Range": "bytes=9-"})
        await client.fetch("http://elsewhere/x", method="HEAD", with_token=False)
    assert (answer.status_code, answer.content) == (416, b"no")
    first, second = transport.asked
    assert (str(first.url), first.headers["Range"]) == ("http://server/v1/voice-notes/n1?a=b", "bytes=9-")
    assert first.headers["Authorization"] == "Bearer token"
    assert (second.method, str(second.url), "Authorization" in second.headers) == ("HEAD", "http://elsewhere/x", False)


async def test_a_fetch_without_an_answer_is_unavailable() -> None:
    async with http(Scripted(httpx.ConnectError("away"))) as client:
        with pytest.raises(Unavailable, match="GET /x: ConnectError"):
            await client.fetch("/x")
