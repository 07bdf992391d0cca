"""Ranges and what a client has already, as RFC 9110 has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_api.ranges import BehindTheEnd, Span, has_already, span, wants_span

SIZE = 1000
TAG = '"abc"'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-", (0, 1000)),
        ("bytes=500-", (500, 1000)),
        ("bytes=999-", (999, 1000)),
        ("bytes=10-19", (10, 20)),
        ("bytes=10-1000", (10, 1000)),
        ("bytes=10-99999999999999999999999999999999999999", (10, 1000)),
        ("bytes=-1", (999, 1000)),
        ("bytes=-1000", (0, 1000)),
        ("bytes=-5000", (0, 1000)),
        ("BYTES = 0-1 ", (0, 2)),
        ("bytes= ,0-1,", (0, 2)),
    ],
)
def test_one_range(header: str, expected: tuple[int, int]) -> None:
    assert span(header, SIZE) == Span(*expected)


@pytest.mark.parametrize(
    "header",
    [
        *(None, "", "0-1", "bytes", "lines=0-1"),
        *("bytes=", "bytes=-", "bytes=a-b", "bytes=9-3", "bytes=0-1,5-6", "bytes=0-1-2", "bytes=\u0661-2"),
        *("bytes=+1-2", "bytes=1.0-2", "bytes=0x1-", f"bytes={5000 * '1'}-"),
    ],
)
def test_what_is_no_single_range_is_the_whole(header: str | None) -> None:
    assert span(header, SIZE) is None


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=1000-1001", "bytes=5000-6000", "bytes=-0"])
def test_nothing_is_behind_the_end(header: str) -> None:
    with pytest.raises(BehindTheEnd):
        span(header, SIZE)


def test_of_nothing_there_is_no_part() -> None:
    for header in ("bytes=0-", "bytes=-1"):
        with pytest.raises(BehindTheEnd):
            span(header, 0)


@given(st.text(alphabet="bytes=-, 0123456789", max_size=40).map("bytes={}".format), st.integers(0, 10**6))
def test_a_span_lies_within(header: str, size: int) -> None:
    try:
        found = span(header, size)
    except BehindTheEnd:
        return
    assert found is None or 0 <= found.start < found.end <= size


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, True), (TAG, True), ('"other"', False), (f"W/{TAG}", False), ("Sun, 22 Nov 2026 15:00:00 GMT", False)],
)
def test_a_range_is_of_the_very_thing(header: str | None, expected: bool) -> None:
    assert wants_span(header, TAG) is expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, False), (TAG, True), ("*", True), (f'"x", W/{TAG}', True), ('"x"', False), ("abc", False), ("", False)],
)
def test_who_has_it_already(header: str | None, expected: bool) -> None:
    assert has_already(header, TAG) is expected
