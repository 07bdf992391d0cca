"""Pages and cursors, without an app."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_api.fields import Id, Whole
from admin_api.paging import Paging, page
from dispatch.errors import Refused

IDS = st.from_regex(r"[A-Za-z0-9._:-]{1,64}", fullmatch=True)


@given(st.lists(st.tuples(st.integers(0, 2**53 - 1), IDS), unique=True), st.integers(1, 200))
def test_pages_put_together_are_the_list(items: list[tuple[int, str]], limit: int) -> None:
    items.sort()
    seen: list[object] = []
    after: tuple[int, str] | None = None
    while True:
        rest = [item for item in items if after is None or item > after]
        found = page(rest[: limit + 1], limit, lambda item: item, lambda item: item)
        shown = found["items"]
        assert isinstance(shown, list)
        assert len(shown) <= limit
        seen += shown
        cursor = found["next"]
        assert (cursor is None) == (len(rest) <= limit)
        if cursor is None:
            break
        assert isinstance(cursor, str)
        after = Paging(cursor=cursor).after(tuple[Whole, Id])
    assert seen == items


def test_a_first_page_begins_at_the_beginning() -> None:
    assert Paging().after(Id) is None


@given(st.text())
def test_a_cursor_of_somebody_elses_making_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        Paging(cursor=text).after(tuple[Whole, Id])


@pytest.mark.parametrize("said", [b'"a b"', b'"a\\n"', b'""', b"null", b"5", b'["a"]', b'"' + b"a" * 65 + b'"'])
def test_a_cursor_must_hold_a_place(said: bytes) -> None:
    with pytest.raises(Refused):
        Paging(cursor=base64.urlsafe_b64encode(said).decode()).after(Id)
