"""A note's form in an order's state, there and back."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.state import new_state, order_of
from dispatch.voice.note import MOST_NOTES, PEAKS, Note, decode_all, encode, encode_all, kept_until, waveform_text
from tests.dispatch.drafts import draft
from tests.dispatch.voice.saying import note

IDS = st.from_regex(r"[A-Za-z0-9._:-]{1,64}", fullmatch=True)
NOTES = st.builds(
    Note,
    id=st.from_regex(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", fullmatch=True),
    mime=st.sampled_from(["audio/ogg", "audio/mp4"]),
    seconds=st.integers(1, 360_000).map(lambda hundredths: hundredths / 100),
    bytes=st.integers(1, 2**31),
    sha256=st.binary(min_size=32, max_size=32).map(bytes.hex),
    waveform=st.binary(min_size=PEAKS, max_size=PEAKS).map(waveform_text),
    by=IDS.map(lambda sub: f"customer:{sub}"),
    at=st.integers(0, 2**53 - 1),
    kept_until_at=st.integers(0, 2**53 - 1),
    shared=st.booleans(),
)


@given(st.lists(NOTES, max_size=MOST_NOTES))
def test_an_order_bears_what_was_said_as_it_was(notes: list[Note]) -> None:
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(new_state("voice", draft(), 5, notes)))
    assert order_of("01J", "nyc", state).voice_notes == tuple(notes)


@given(NOTES, NOTES)
def test_notes_are_joined_as_text(first: Note, second: Note) -> None:
    """As `note.lua` does."""
    assert decode_all(f"[{encode(first)},{encode(second)}]") == (first, second)
    assert encode_all([first, second]) == f"[{encode(first)},{encode(second)}]"


@given(NOTES)
def test_a_note_takes_little_of_every_event(said: Note) -> None:
    assert len(encode(said)) <= 480


def test_an_order_without_notes_has_an_empty_list() -> None:
    assert new_state("towing", draft(), 5)["voice_notes"] == "[]"
    assert decode_all("[]") == ()


@pytest.mark.parametrize("text", ["", "{}", "[{}]", '[{"id": 1}]', "null"])
def test_what_is_no_list_of_notes_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        decode_all(text)


def test_the_waveform_is_64_numbers() -> None:
    peaks = bytes(range(0, 256, 4))
    assert note(waveform=waveform_text(peaks)).peaks == list(peaks)


def test_who_said_it_is_told_by_his_role() -> None:
    assert note(by="shop:s-1:2").by_role == "shop"


def test_what_all_may_know_differs_in_nothing_else() -> None:
    kept = note(shared=False)
    told = kept.told_to_all()
    assert (kept.shared, told.shared) == (False, True)
    assert {**json.loads(encode(kept)), "shared": True} == json.loads(encode(told))


@pytest.mark.parametrize(("scheduled_at", "until"), [(None, 110), (50, 110), (500, 510)])
def test_a_note_for_a_time_to_come_is_kept_longer(scheduled_at: int | None, until: int) -> None:
    assert kept_until(100, scheduled_at, 10) == until
