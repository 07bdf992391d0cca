"""From bytes to checked values: limits and the wording of faults. No app is needed."""

from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta
from starlette.requests import ClientDisconnect
from starlette.types import Message, Scope

from admin_api.problems import NotParseable
from admin_api.reading import MOST_DEPTH, convert, parse, read_body, read_query
from dispatch.errors import Code, Refused


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    number: Annotated[float, Meta(le=85)]


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    inner: Inner
    words: list[str] = []
    count: int = 0
    by_name: dict[Annotated[str, Meta(max_length=3)], int] = {}


def refused(body: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        convert(parse(body), Outer)
    assert caught.value.code is Code.INVALID
    return caught.value


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        (b"{}", "inner", "is required"),
        (b'{"inner": {}}', "inner.number", "is required"),
        (b'{"inner": {"number": 1, "x": 1}}', "inner.x", "is not a known field"),
        (b'{"inner": {"number": 86}}', "inner.number", "expected number <= 85.0"),
        (b'{"inner": {"number": "1"}}', "inner.number", "expected number, got string"),
        (b'{"inner": {"number": 1e400}}', "inner.number", "is a number out of range"),
        (b'{"inner": {"number": 1}, "words": ["a", 5]}', "words[1]", "expected string, got integer"),
        (b'{"inner": {"number": 1}, "count": 9007199254740992}', "count", "is an integer beyond 53 bits"),
        (b'{"inner": {"number": 1}, "count": -9007199254740992}', "count", "is an integer beyond 53 bits"),
        (b'{"inner": {"number": 1}, "by_name": {"long name": 1}}', "by_name", "expected string of length <= 3"),
        (b'{"inner": {"number": 1}, "by_name": {"a": "b"}}', "by_name", "expected integer, got string"),
        (b'{"inner": {"number": 1}, "words": ["\\u0000"]}', "words[0]", "holds a NUL character"),
        (b'{"inner": {"number": ' + b"1" * 5000 + b"}}", "inner.number", "is a number out of range"),
    ],
)
def test_a_fault_names_its_field(body: bytes, path: str, message: str) -> None:
    fault = refused(body)
    assert fault.faults == ((path, message),)
    assert fault.message == f"{path}: {message}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\\ud800"}',
        b'{"a": "\\udc00 "}',
        b'{"a": 1} {}',
        b"{'a': 1}",
        b"NaN",
        b'{"a": [NaN',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b"[NaN" + b",[" * 100_000 + b"]" * 100_000 + b"]",
        b"[NaN" + b",[" * 900 + b"1e400" + b"]" * 900 + b"]",
    ],
)
def test_what_is_no_json_can_not_be_parsed(body: bytes) -> None:
    with pytest.raises(NotParseable):
        parse(body)


def test_depth_has_a_limit_and_below_it_none() -> None:
    deep: Any = 1
    for _ in range(MOST_DEPTH):
        deep = [deep]
    assert parse(msgspec.json.encode(deep)) == deep
    with pytest.raises(Refused) as caught:
        parse(msgspec.json.encode([deep]))
    assert caught.value.faults[0].path == "[0]" * MOST_DEPTH


@given(st.binary(max_size=200))
def test_whatever_bytes_come_the_answer_is_a_value_or_a_refusal(body: bytes) -> None:
    try:
        parse(body)
    except Refused as exc:
        assert exc.faults


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES)
def test_what_was_let_in_is_as_it_was_sent(value: Any) -> None:
    encoded = msgspec.json.encode(value)
    try:
        found = parse(encoded)
    except Refused as exc:
        assert "NUL" in exc.message or "53 bits" in exc.message or "range" in exc.message
    else:
        assert found == value


@pytest.mark.parametrize(("written", "number"), [(b"5.0", 5), (b"5e2", 500), (b"-0.0", 0), (b"0.5e1", 5)])
def test_an_integer_may_be_written_as_a_float(written: bytes, number: int) -> None:
    value = parse(b'{"inner": {"number": 1.5}, "count": ' + written + b"}")
    assert convert(value, Outer) == Outer(Inner(1.5), count=number)


def test_a_float_beyond_53_bits_is_no_integer() -> None:
    assert refused(b'{"inner": {"number": 1}, "count": 1e20}').faults == (("count", "expected integer, got number"),)


# --- bodies -------------------------------------------------------------------------------------------


class Sender:
    """Sends parts one by one, and knows how many were asked for."""

    def __init__(self, *parts: bytes, ends: bool = True) -> None:
        self._parts = list(parts)
        self._ends = ends
        self.asked = 0

    async def __call__(self) -> Message:
        self.asked += 1
        if not self._parts:
            return {"type": "http.disconnect"}
        part = self._parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(self._parts) or not self._ends}


def scope(**headers: str) -> Scope:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "headers": raw}


async def test_a_body_in_parts_is_joined() -> None:
    assert await read_body(scope(), Sender(b"ab", b"", b"c"), 3) == b"abc"


async def test_a_declared_length_beyond_the_limit_is_refused_unread() -> None:
    sender = Sender(b"x" * 100)
    with pytest.raises(Refused) as caught:
        await read_body(scope(content_length="100"), sender, 99)
    assert (caught.value.code, sender.asked) == (Code.TOO_LARGE, 0)


async def test_an_undeclared_body_is_not_read_beyond_the_limit() -> None:
    sender = Sender(*[b"x" * 10] * 100)
    with pytest.raises(Refused) as caught:
        await read_body(scope(), sender, 25)
    assert (caught.value.code, sender.asked) == (Code.TOO_LARGE, 3)


async def test_a_client_that_goes_in_the_middle_is_gone() -> None:
    with pytest.raises(ClientDisconnect):
        await read_body(scope(), Sender(b"x", ends=False), 25)


@pytest.mark.parametrize("media", ["application/json", "Application/JSON; charset=utf-8", "application/geo+json", ""])
async def test_json_by_any_name_is_read(media: str) -> None:
    assert await read_body(scope(content_type=media), Sender(b"1"), 25) == b"1"


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
async def test_other_media_can_not_be_parsed(media: str) -> None:
    with pytest.raises(NotParseable):
        await read_body(scope(content_type=media), Sender(b"1"), 25)


# --- queries ------------------------------------------------------------------------------------------


class Search(msgspec.Struct, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(le=200)] = 50
    name: str | msgspec.UnsetType = msgspec.UNSET


def test_a_query_is_read() -> None:
    assert read_query(b"limit=5&name=%E6%B2%AA%20A", Search) == Search(5, "沪 A")
    assert read_query(b"", Search) == Search()
    assert read_query(b"name=null", Search) == Search(name="null")


@pytest.mark.parametrize(
    ("query", "path"),
    [
        (b"limit=5&limit=6", "limit"),
        (b"limit=", "limit"),
        (b"limit=1.5", "limit"),
        (b"limit=201", "limit"),
        (b"name=%00", "name"),
        (b"other", "other"),
    ],
)
def test_a_faulty_parameter_is_named(query: bytes, path: str) -> None:
    with pytest.raises(Refused) as caught:
        read_query(query, Search)
    assert [fault.path for fault in caught.value.faults] == [path]


@given(st.binary(max_size=100))
def test_whatever_query_comes_is_read_or_refused(query: bytes) -> None:
    try:
        read_query(query, Search)
    except Refused as exc:
        assert exc.code is Code.INVALID


def test_a_query_of_a_thousand_parameters_is_not_taken_apart() -> None:
    with pytest.raises(NotParseable):
        read_query(b"&".join(b"a%d=1" % i for i in range(1000)), Search)
