"""What one session is told and when: events and answers in, messages out."""

from collections.abc import Callable

import msgspec
import pytest

from dispatch.claims import Outcome, Verdict
from dispatch.events import Type
from dispatch.order import Status
from dispatch.reader import Reader
from dispatch.views import full_view
from geo.crs import Crs
from geo.point import Point
from realtime.session import (
    AgentSession,
    OfferBook,
)
from realtime.telling import Telling
from tests.realtime.log import LINKS, NOW, SHOWING, Log, note
from tests.realtime.sessions import HOME, agent_session, begin, told

TAKEN = Verdict(Outcome.TAKEN)
NOT_OFFERED = Verdict(Outcome.REFUSED, "not_offered")


# ---- the welcome and what comes after it


@pytest.mark.parametrize("read_after", range(5))
def test_what_the_welcome_holds_does_not_come_again_and_what_is_newer_does(
    book: OfferBook, log: Log, read_after: int
) -> None:
    """Four events come while the present is read; it is read after any number of them."""
    session = agent_session(book)
    story: list[Callable[[], Telling]] = [
        lambda: log.opened("v-1", order_id="a"),
        lambda: log.opened("v-1", order_id="b"),
        lambda: log.assigned("v-2", order_id="a"),
        lambda: log.add(Type.WIDENED, order_id="b"),
    ]
    offered = [(), ("a",), ("a", "b"), ("b",), ("b",)][read_after]
    for happens in story[:read_after]:
        assert session.hear(happens()) == []
    present = log.present(offers=offered)
    for happens in story[read_after:]:
        assert session.hear(happens()) == []
    assert not session.ready
    lists = session.lists(present, SHOWING)
    assert tuple(order["id"] for order in lists["offers"]) == offered
    in_full = [("offer", "a", 1), ("offer", "b", 1), ("retract", "a", "taken"), ("offer", "b", 2)]
    assert told(session.resume()) == in_full[read_after:]
    assert session.ready


def test_a_job_in_the_welcome_is_told_again_only_when_it_changes(book: OfferBook, log: Log) -> None:
    session = agent_session(book)
    log.opened("v-1")
    assigned = log.assigned("v-1")
    session.hear(assigned)
    lists = session.lists(log.present(jobs=("o-1",)), SHOWING)
    assert [job["version"] for job in lists["jobs"]] == [2]
    assert session.resume() == []
    assert told(session.hear(log.progressed(Status.EN_ROUTE))) == [("job", "o-1", 3)]


def test_lists_are_in_the_coordinates_of_the_session(book: OfferBook, log: Log) -> None:
    log.opened("v-1", order_id="a")
    log.opened("v-1", order_id="b")
    log.assigned("v-1", order_id="b")
    lists = agent_session(book, crs=Crs.GCJ02).lists(log.present(offers=("a",), jobs=("b",)), SHOWING)
    plain = agent_session(book).lists(log.present(offers=("a",), jobs=("b",)), SHOWING)
    assert lists["jobs"] == [full_view(log.order("b"), Reader(Crs.GCJ02))]
    assert lists["offers"][0]["area"] != plain["offers"][0]["area"]
    assert "plate" not in lists["offers"][0]["details"]


# ---- offers


def test_an_offer_its_changes_and_its_end(session: AgentSession, log: Log) -> None:
    assert told(session.hear(log.opened("v-1", "v-2"))) == [("offer", "o-1", 1)]
    assert told(session.hear(log.add(Type.WIDENED, to=("v-3",)))) == [("offer", "o-1", 2)]
    assert told(session.hear(log.add(Type.EDITED))) == [("offer", "o-1", 3)]
    assert session.hear(log.add(Type.OFFERED, to=("v-4",))) == [], "another's offer is not his"
    assert session.hear(log.declined("v-2")) == [], "another's decline is not his"
    assert told(session.hear(log.assigned("v-2"))) == [("retract", "o-1", "taken")]
    assert session.hear(log.progressed(Status.EN_ROUTE)) == []
    assert session.hear(log.cancelled()) == [], "nobody gets a second retract"


def test_nobody_hears_of_an_order_that_he_was_not_offered(session: AgentSession, log: Log) -> None:
    assert session.hear(log.opened("v-2")) == []
    assert session.hear(log.add(Type.WIDENED)) == []
    assert session.hear(log.escalated()) == []
    assert session.hear(log.cancelled()) == []


@pytest.mark.parametrize(("end", "reason"), [("escalated", "escalated"), ("cancelled", "cancelled")])
def test_an_offer_ends_with_the_reason(session: AgentSession, log: Log, end: str, reason: str) -> None:
    session.hear(log.opened("v-1"))
    assert told(session.hear(getattr(log, end)())) == [("retract", "o-1", reason)]


def test_an_offer_comes_back_after_a_release(session: AgentSession, log: Log) -> None:
    session.hear(log.opened("v-1", "v-2"))
    session.hear(log.assigned("v-2"))
    assert session.remembered("o-1") == TAKEN
    assert told(session.hear(log.released("v-1"))) == [("offer", "o-1", 3)]
    assert session.knows("o-1")
    assert told(session.hear(log.assigned("v-3"))) == [("retract", "o-1", "taken")]


def test_a_decline_in_one_session_of_a_shop_retracts_in_the_others(book: OfferBook, log: Log) -> None:
    here, there = agent_session(book), agent_session(book, session_id="s-2")
    begin(here, log)
    begin(there, log)
    opened = log.opened("v-1")
    here.hear(opened)
    there.hear(opened)
    here.wait("o-1")
    declined = log.declined("v-1")
    assert here.hear(declined) == []
    assert told(there.hear(declined)) == [("retract", "o-1", "changed")]
    here.declined("o-1")
    assert here.go_on("o-1") == [], "the decliner has heard ok"
    assert here.remembered("o-1") == there.remembered("o-1") == Verdict(Outcome.REFUSED, "declined")
    taken = log.assigned("v-2")
    assert here.hear(taken) == there.hear(taken) == []


# ---- jobs


def test_the_desk_gives_and_takes(session: AgentSession, log: Log) -> None:
    session.hear(log.opened("v-1"))
    assert told(session.hear(log.assigned("v-1"))) == [("job", "o-1", 2)]
    assert told(session.hear(log.assigned("v-2"))) == [("unjob", "o-1", "reassigned")]
    assert session.hear(log.progressed(Status.EN_ROUTE)) == []
    assert told(session.hear(log.assigned("v-1"))) == [("job", "o-1", 5)]
    assert told(session.hear(log.released("v-3"))) == [("unjob", "o-1", "released")]
    assert told(session.hear(log.assigned("v-1"))) == [("job", "o-1", 7)]
    assert told(session.hear(log.cancelled())) == [("unjob", "o-1", "cancelled")]


def test_completed_is_the_last_of_a_job(session: AgentSession, log: Log) -> None:
    session.hear(log.opened("v-1"))
    session.hear(log.assigned("v-1"))
    messages = session.hear(log.progressed(Status.COMPLETED))
    assert told(messages) == [("job", "o-1", 3)]
    assert messages[0].message["order"]["status"] == "completed"
    assert session.jobs == {}


def test_the_winner_hears_won_and_not_the_same_as_a_job(session: AgentSession, log: Log) -> None:
    session.hear(log.opened("v-1"))
    session.wait("o-1")
    assert session.hear(log.assigned("v-1")) == []
    verdict = session.verdict("ref", "o-1", Verdict(Outcome.WON, fence=1, order=log.order()), SHOWING)
    assert (verdict["outcome"], verdict["fence"], verdict["ref"]) == ("won", 1, "ref")
    assert verdict["job"]["customer"]["phone"] == "+8613800000000"
    assert session.go_on("o-1") == []
    assert not session.unsure
    assert told(session.hear(log.progressed(Status.EN_ROUTE))) == [("job", "o-1", 3)]


def test_the_winners_other_session_gets_the_job(book: OfferBook, log: Log) -> None:
    other = agent_session(book, session_id="s-2")
    begin(other, log)
    other.hear(log.opened("v-1"))
    assert told(other.hear(log.assigned("v-1"))) == [("job", "o-1", 2)]
    assert not other.offers


def test_what_ended_before_the_verdict_came_is_told_after_it(session: AgentSession, log: Log) -> None:
    session.hear(log.opened("v-1"))
    session.wait("o-1")
    session.hear(log.assigned("v-1"))
    won = Verdict(Outcome.WON, fence=1, order=log.order())
    session.hear(log.cancelled())
    session.verdict("ref", "o-1", won, SHOWING)
    assert told(session.go_on("o-1")) == [("unjob", "o-1", "cancelled")]


# ---- waiting for an answer


def test_events_wait_until_every_answer_was_given(session: AgentSession, log: Log) -> None:
    session.hear(log.opened("v-1"))
    session.hear(log.opened("v-1", order_id="o-2"))
    session.wait("o-1")
    session.wait("o-1")
    assert session.hear(log.add(Type.WIDENED)) == []
    assert session.go_on("o-1") == []
    assert session.hear(log.escalated()) == []
    assert told(session.hear(log.cancelled("o-2"))) == [("retract", "o-2", "cancelled")], "others do not wait"
    assert told(session.go_on("o-1")) == [("offer", "o-1", 2), ("retract", "o-1", "escalated")]
    assert session.go_on("o-1") == [], "an answer too many does no harm"


@pytest.mark.parametrize("verdict", [TAKEN, Verdict(Outcome.GONE, "cancelled")])
def test_who_heard_it_in_a_verdict_gets_no_retract(session: AgentSession, log: Log, verdict: Verdict) -> None:
    session.hear(log.opened("v-1"))
    session.wait("o-1")
    session.hear(log.assigned("v-2"))
    session.verdict("ref", "o-1", verdict, SHOWING)
    assert session.go_on("o-1") == []
    assert session.hear(log.cancelled()) == []
    assert session.remembered("o-1") == verdict


@pytest.mark.parametrize("reason", ["at_capacity", "paused", "unavailable", "not_offered"])
def test_the_offer_stays_after_a_passing_refusal(session: AgentSession, log: Log, reason: str) -> None:
    session.hear(log.opened("v-1"))
    session.wait("o-1")
    session.hear(log.add(Type.WIDENED))
    session.verdict("ref", "o-1", Verdict(Outcome.REFUSED, reason), SHOWING)
    assert told(session.go_on("o-1")) == [("offer", "o-1", 2)]
    assert told(session.hear(log.cancelled())) == [("retract", "o-1", "cancelled")]


@pytest.mark.parametrize("reason", ["declined", "suspended"])
def test_the_offer_ends_with_a_lasting_refusal(session: AgentSession, log: Log, reason: str) -> None:
    session.hear(log.opened("v-1"))
    session.verdict("ref", "o-1", Verdict(Outcome.REFUSED, reason), SHOWING)
    assert session.hear(log.cancelled()) == []
    assert session.remembered("o-1") == Verdict(Outcome.REFUSED, reason)


def test_a_void_event_is_told_nobody(session: AgentSession, log: Log) -> None:
    session.hear(log.opened("v-1"))
    session.wait("o-1")
    undone = log.assigned("v-1")
    session.hear(undone)
    undone.void = True
    assert session.go_on("o-1") == []
    assert session.jobs == {}


# ---- where he stands, and notes


@pytest.mark.parametrize(
    ("role", "position", "stands"),
    [("valet", Point(31.5, 121.5), Point(31.5, 121.5)), ("valet", None, HOME), ("shop", Point(31.5, 121.5), HOME)],
)
def test_where_an_agent_stands(book: OfferBook, role: str, position: Point | None, stands: Point) -> None:
    """A shop stands at its home, whatever its counter's tablet says."""
    session = agent_session(book)
    session.agent = msgspec.structs.replace(session.agent, role=role)
    session.position = position
    assert session.stands == stands


def test_what_is_said_of_an_offer_is_for_where_he_stands(session: AgentSession, log: Log) -> None:
    (near,) = session.hear(log.opened("v-1"))
    assert near.message["say"]["en"] == "New towing order, less than 500 metres away, 180 yuan."
    session.position = Point(31.5, 121.5)
    (far,) = session.hear(log.add(Type.WIDENED, bonus_fen="500"))
    assert far.message["say"] == {
        "zh-CN": "新的拖车订单，20公里以外，180元，加价5元。",
        "en": "New towing order, more than 20 kilometres away, 180 yuan, plus a bonus of 5 yuan.",
    }
    (listed,) = session.lists(log.present(offers=("o-1",)), SHOWING)["offers"]
    assert listed == far.message["order"] | {"say": far.message["say"]}


def test_a_note_for_candidates_renews_the_offer_and_hearing_it_does_not(session: AgentSession, log: Log) -> None:
    session.hear(log.opened("v-1"))
    assert told(session.hear(log.noted(note()))) == [("offer", "o-1", 2)]
    assert session.hear(log.add(Type.HEARD, data={"note_id": "n-1"})) == []
    assert session.hear(log.noted(note(), note("n-2", shared=False))) == []


def test_the_holder_hears_of_notes_and_of_who_heard_them(session: AgentSession, log: Log) -> None:
    session.hear(log.opened("v-1"))
    session.hear(log.assigned("v-1"))
    assert told(session.hear(log.noted(note(shared=False)))) == [("job", "o-1", 3)]
    assert told(session.hear(log.add(Type.HEARD, data={"note_id": "n-1"}))) == [("job", "o-1", 4)]


def test_lists_have_addresses_for_the_reader(book: OfferBook, log: Log) -> None:
    log.opened("v-1")
    log.noted(note())
    log.assigned("v-1")
    (job,) = agent_session(book).lists(log.present(jobs=("o-1",)), SHOWING)["jobs"]
    assert [each["url"] for each in job["voice_notes"]] == [LINKS.url("n-1", "valet:v-1", NOW)]


def test_the_winner_has_an_address_for_each_note(session: AgentSession, log: Log) -> None:
    session.hear(log.opened("v-1"))
    session.hear(log.noted(note()))
    log.assigned("v-1")
    verdict = session.verdict("ref", "o-1", Verdict(Outcome.WON, fence=1, order=log.order()), SHOWING)
    assert [each["url"] for each in verdict["job"]["voice_notes"]] == [LINKS.url("n-1", "valet:v-1", NOW)]
