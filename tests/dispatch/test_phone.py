"""When two phone numbers are one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.phone import digits, ending, is_same

MOBILE = (
    "+8613812345678",
    "13812345678",
    "+86 138-1234-5678",
    "0086 138 1234 5678",
    "(+86)138 1234 5678",
    "013812345678",
)
LANDLINE = ("02112345678", "021-1234 5678", "+86 21 12345678", "12345678")


@pytest.mark.parametrize("group", [MOBILE, LANDLINE])
def test_however_it_is_written_it_is_one_number(group: tuple[str, ...]) -> None:
    assert {ending(each) for each in group} == {"12345678"}
    assert all(is_same(one, other) for one in group for other in group)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("13812345678", "13912345678"),  # the same ending
        ("+8613812345678", "+113812345678"),
        ("110", "8613812345110"),  # too short to stand for a longer one
        ("110", "112"),
        ("13812345678", ""),
    ],
)
def test_others_are_not(one: str, other: str) -> None:
    assert not is_same(one, other)


@pytest.mark.parametrize("text", [None, "", "-", "abc", "000", "１３８"])
def test_what_holds_no_digits_is_looked_up_by_nothing(text: str | None) -> None:
    assert ending(text) is None


@given(st.text(max_size=32), st.text(max_size=32))
def test_the_same_numbers_have_the_same_ending(one: str, other: str) -> None:
    assert not is_same(one, other) or ending(one) == ending(other)


@given(st.from_regex(r"\A[1-9][0-9]{7,14}\Z"), st.from_regex(r"\A(0|00|\+)?[1-9][0-9]{0,2}\Z"))
def test_a_code_in_front_makes_no_other_number(number: str, code: str) -> None:
    assert is_same(number, code + number)
    assert digits(code + number).endswith(number)
