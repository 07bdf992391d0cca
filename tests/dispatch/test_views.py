"""What each reader sees of an order's voice notes, and what a candidate never sees."""

import msgspec
import pytest
from msgspec.structs import replace

from dispatch.order import Order, Status
from dispatch.policy import DEFAULTS, Policy
from dispatch.reader import ANYONE, Reader
from dispatch.view_examples import ANSWER, CUSTOMER, ESCALATED, HELD, NOTE, OPEN, VALET
from dispatch.view_forms import NoteView, OrderView
from dispatch.views import full_differs, full_view, public_differs, public_view
from dispatch.voice.links import Links
from geo.crs import Crs

AFTER = next(policy for policy in DEFAULTS if policy.kind == "towing")
BEFORE: Policy = replace(AFTER, listen="before")
LINKS = Links(bytes(range(32)), "https://example.com")
BOTH = replace(HELD, voice_notes=(NOTE, ANSWER))
READER = Reader(Crs.WGS84, "shop:s-1", LINKS, NOTE.at + 1000)


def ids(view: dict[str, object]) -> list[str]:
    notes = view["voice_notes"]
    assert isinstance(notes, list)
    return [note["id"] for note in notes]


def test_a_note_as_the_full_view_shows_it() -> None:
    first, second = full_view(BOTH, READER)["voice_notes"]
    msgspec.convert([first, second], list[NoteView])
    assert first == {
        "id": NOTE.id,
        "mime": "audio/ogg",
        "seconds": 6.42,
        "bytes": 14_835,
        "sha256": NOTE.sha256,
        "url": LINKS.url(NOTE.id, "shop:s-1", NOTE.at + 1000),
        "waveform": NOTE.peaks,
        "by": "customer",
        "at": NOTE.at,
        "expired": False,
    }
    assert len(first["waveform"]) == 64
    assert second["by"] == "agent"


@pytest.mark.parametrize(
    ("role", "side"),
    [
        ("customer", "customer"),
        ("valet", "agent"),
        ("shop", "agent"),
        ("dispatcher", "desk"),
        ("admin", "desk"),
        ("service", "service"),
    ],
)
def test_of_who_said_it_only_the_side_is_told(role: str, side: str) -> None:
    order = replace(OPEN, voice_notes=(replace(NOTE, by=f"{role}:secret:id"),))
    (note,) = public_view(order, BEFORE, READER)["voice_notes"]
    assert note["by"] == side
    assert b"secret" not in msgspec.json.encode(note)


def test_without_links_no_note_has_an_address() -> None:
    assert [note["url"] for note in full_view(BOTH)["voice_notes"]] == [None, None]
    assert Reader() == ANYONE


@pytest.mark.parametrize(("policy", "listens"), [(BEFORE, True), (AFTER, False), (None, False)])
def test_the_policy_decides_whether_candidates_may_listen(policy: Policy | None, listens: bool) -> None:
    """Duration and waveform they see in any case."""
    (note,) = public_view(OPEN, policy, READER)["voice_notes"]
    assert note["url"] == (LINKS.url(NOTE.id, "shop:s-1", READER.now_ms) if listens else None)
    assert (note["seconds"], note["waveform"]) == (6.42, NOTE.peaks)
    msgspec.convert(note, NoteView)


def test_candidates_never_know_what_was_said_while_it_was_held() -> None:
    released = replace(BOTH, status=Status.OPEN, agent=None)
    assert ids(public_view(released, BEFORE, READER)) == [NOTE.id]
    assert ids(full_view(released, READER)) == [NOTE.id, ANSWER.id]


def test_a_note_whose_audio_is_gone_has_no_address() -> None:
    late = Reader(Crs.WGS84, "customer:c-9", LINKS, NOTE.kept_until_at)
    done = replace(BOTH, status=Status.COMPLETED)
    told = [(note["expired"], note["url"] is None) for note in full_view(done, late)["voice_notes"]]
    assert told == [(True, True), (False, False)]


def test_an_unfinished_order_keeps_its_notes() -> None:
    late = Reader(Crs.WGS84, "customer:c-9", LINKS, ANSWER.kept_until_at)
    assert [note["expired"] for note in full_view(BOTH, late)["voice_notes"]] == [False, False]


@pytest.mark.parametrize(
    ("order", "policy", "differs"),
    [
        (OPEN, BEFORE, True),
        (OPEN, AFTER, False),
        (OPEN, None, False),
        (replace(OPEN, voice_notes=()), BEFORE, False),
        (replace(OPEN, voice_notes=(ANSWER,)), BEFORE, False),
    ],
)
def test_whether_the_public_view_differs_from_reader_to_reader(
    order: Order, policy: Policy | None, differs: bool
) -> None:
    assert public_differs(order, policy) == differs
    one, other = (public_view(order, policy, replace(READER, actor=actor)) for actor in ("shop:s-1", "shop:s-2"))
    assert (one != other) == differs


@pytest.mark.parametrize("notes", [(), (NOTE,), (ANSWER,)])
def test_whether_the_full_view_differs_from_reader_to_reader(notes: tuple[object, ...]) -> None:
    order = replace(HELD, voice_notes=notes)
    one, other = (
        full_view(order, replace(READER, actor=actor)) for actor in (f"valet:{VALET}", f"customer:{CUSTOMER}")
    )
    assert (one != other) == full_differs(order) == bool(notes)


def test_where_the_policy_is_not_known_all_details_are_private() -> None:
    """A node may hear of an order before it hears of its kind's policy."""
    assert public_view(OPEN, None)["details"] == {}
    assert public_view(OPEN, AFTER)["details"] == {"note": "flat tyre"}


@pytest.mark.parametrize("actor", ["dispatcher:d-1", "admin:a-1"])
def test_staff_is_told_since_when_it_waits_and_how_many_declined(actor: str) -> None:
    order = replace(ESCALATED, declined=("v-3", "v-4"))
    view = full_view(order, replace(READER, actor=actor))
    assert (view["desk_at"], view["declined"]) == (ESCALATED.desk_at, 2)
    assert msgspec.convert(view, OrderView).declined == 2


@pytest.mark.parametrize("actor", ["", "service:backend", f"valet:{VALET}", "shop:s-1", f"customer:{CUSTOMER}"])
def test_others_are_not(actor: str) -> None:
    assert full_view(ESCALATED, replace(READER, actor=actor)).keys().isdisjoint({"desk_at", "declined"})
