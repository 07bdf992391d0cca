"""The flat form of an order, there and back."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.order import Customer, Spot, Status, TakeUp
from dispatch.scripts import FOLDER
from dispatch.state import FIELDS, Draft, draft_of, draft_state, new_state, order_of
from geo.point import Point
from tests.dispatch.drafts import draft

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
WHOLE = st.integers(0, 2**53 - 1)
POINTS = st.builds(Point, st.floats(-85, 85), st.floats(-180, 180))
SPOTS = st.builds(Spot, POINTS, st.none() | TEXT.filter(bool))
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
DRAFTS = st.builds(
    Draft,
    customer=st.builds(Customer, TEXT.filter(bool), st.none() | TEXT, st.none() | TEXT),
    place=SPOTS,
    destination=st.none() | SPOTS,
    details=st.dictionaries(TEXT, JSON, max_size=4),
    price_fen=st.none() | WHOLE,
    bonus_fen=WHOLE,
    scheduled_at=st.none() | WHOLE,
)


@given(DRAFTS)
def test_what_a_client_said_comes_back_as_it_was(said: Draft) -> None:
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(new_state("towing", said, 5)))
    order = order_of("01J", "nyc", state)
    assert draft_of(order) == said
    assert (order.kind, order.version, order.created_at, order.own_bonus_fen) == ("towing", 0, 5, said.bonus_fen)
    assert order.status is (Status.OPEN if said.scheduled_at is None else Status.SCHEDULED)


@given(DRAFTS, DRAFTS)
def test_an_edit_replaces_just_what_a_client_may_say(first: Draft, second: Draft) -> None:
    edited = new_state("towing", first, 5) | draft_state(second)
    assert draft_of(order_of("01J", "nyc", edited)) == second


def test_a_new_state_has_every_field_as_text() -> None:
    state = new_state("towing", draft(), 5)
    assert set(state) == set(FIELDS)
    assert all(type(value) in (str, Status) for value in state.values())


def test_nothing_was_done_with_a_new_order() -> None:
    order = order_of("01J", "nyc", new_state("towing", draft(), 5))
    assert (order.assignment, order.agent, order.taken_up, order.reason, order.due_at) == (None,) * 5
    assert (order.declined, order.released, order.voice_notes, order.plan) == ((), (), (), "")
    assert (order.round, order.offered, order.fence, order.stalled, order.on_desk) == (0, 0, 0, False, False)


def test_lists_of_agents_and_a_take_up_are_read() -> None:
    state = new_state("towing", draft(), 5) | {"declined": ",a.b,c:d,", "taken_by": "d-1", "taken_until": "9"}
    order = order_of("01J", "nyc", state)
    assert order.declined == ("a.b", "c:d")
    assert order.taken_up == TakeUp("d-1", 9)


@pytest.mark.parametrize("broken", [{"status": "lost"}, {"version": "x"}, {"lat": ""}, {"details": "{"}])
def test_what_no_script_wrote_is_refused(broken: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        order_of("01J", "nyc", new_state("towing", draft(), 5) | broken)


def test_scripts_use_no_field_that_a_state_lacks() -> None:
    """`f.x` of a misspelt x would be nil in Lua."""
    used = set()
    for path in FOLDER.iterdir():
        if path.name.endswith(".lua"):
            used |= set(re.findall(r"\b(?:f|o\.f)\.(\w+)", path.read_text(encoding="utf-8")))
    assert used
    assert used <= set(FIELDS)
