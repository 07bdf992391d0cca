"""Problem documents: every code of PROTOCOL §4 has its status."""

import msgspec
import pytest

from admin_api.problems import NotParseable, OutOfRange, Problem, rendered, respond
from dispatch.errors import Code, DispatchError, InvariantBroken, Refused, Unavailable, invalid
from tests.admin_api.conftest import House, problem

STATUSES = {
    "invalid": 422,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "not_acceptable": 406,
    "conflict": 409,
    "stale_fence": 409,
    "too_large": 413,
    "rate_limited": 429,
    "internal": 500,
    "unavailable": 503,
}


@pytest.mark.parametrize("code", Code)
def test_each_code_has_its_status(code: Code) -> None:
    found = rendered(DispatchError(code, "why"))
    document = msgspec.json.decode(found.body, type=Problem)
    assert found.status == document.status == STATUSES[code.value]
    assert (document.code, document.retryable) == (code, False)
    assert document.type == f"urn:valet-dispatch:problem:{code}"
    assert document.title


def test_a_fault_is_listed() -> None:
    document = msgspec.json.decode(rendered(invalid("place.lat", "is required")).body)
    assert document["errors"] == [{"path": "place.lat", "message": "is required"}]
    assert document["detail"] == "place.lat: is required"


def test_other_problems_list_no_fields() -> None:
    assert "errors" not in msgspec.json.decode(rendered(Refused(Code.CONFLICT, "no")).body)


def test_what_can_not_be_parsed_is_400() -> None:
    found = rendered(NotParseable("the body is no JSON"))
    document = msgspec.json.decode(found.body)
    assert (found.status, document["status"], document["code"]) == (400, 400, "invalid")


def test_a_range_behind_the_end_is_416() -> None:
    answer = respond(OutOfRange(1000))
    document = msgspec.json.decode(bytes(answer.body))
    assert (answer.status_code, document["status"], document["code"], document["errors"]) == (416, 416, "invalid", [])
    assert answer.headers["content-range"] == "bytes */1000"


def test_what_is_broken_inside_is_not_told() -> None:
    assert b"secret" not in rendered(InvariantBroken("secret")).body


def test_what_may_be_repeated_says_so_and_is_not_remembered() -> None:
    found = rendered(Unavailable("PostgreSQL can not be reached"))
    assert msgspec.json.decode(found.body)["retryable"] is True
    assert not found.final
    assert respond(Unavailable("")).headers["retry-after"] == "1"


async def test_a_large_body_is_refused_and_the_connection_closed(house: House) -> None:
    body = house.order_body(details={"note": "x" * 1_000_000})
    answer = await house.service.post("/v1/orders", body)
    problem(answer, 413, "too_large")
    assert answer.headers["connection"] == "close"


async def test_a_form_is_no_json(house: House) -> None:
    answer = await house.service.ask("POST", "/v1/orders", data={"kind": "towing"})
    problem(answer, 400, "invalid")


async def test_deep_and_huge_json_are_refused(house: House) -> None:
    deep = b'{"details":' + b'{"a":' * 20_000 + b"1" + b"}" * 20_001
    problem(await house.service.ask("POST", "/v1/orders", content=deep), 400, "invalid")
    huge = b'{"details":{"a":[' + b"0," * 100_000 + b"0]}}"
    problem(await house.service.ask("POST", "/v1/orders", content=huge), 422, "invalid")
    missing = await house.service.ask("POST", "/v1/orders")
    problem(missing, 400, "invalid")
