"""What one session remembers: why an order is not his any more, what a new present replaces, and nothing at its end."""

from typing import Any

import pytest

from dispatch.claims import Outcome, Verdict
from dispatch.events import Type
from dispatch.order import Status
from realtime.session import (
    MOST_HELD_BACK,
    REMEMBERED,
    AgentSession,
    OfferBook,
)
from tests.realtime.log import SHOWING, Log
from tests.realtime.sessions import agent_session, begin, told

TAKEN = Verdict(Outcome.TAKEN)
NOT_OFFERED = Verdict(Outcome.REFUSED, "not_offered")


# ---- grabs that need no Redis


def test_what_a_session_knows(session: AgentSession, log: Log) -> None:
    assert not session.knows("o-1")
    session.hear(log.opened("v-1"))
    assert session.knows("o-1")
    session.hear(log.assigned("v-1"))
    assert session.knows("o-1")
    session.hear(log.cancelled())
    assert not session.knows("o-1")
    session.wait("o-1")
    assert session.knows("o-1"), "asked for, and not yet answered"


def test_an_old_reason_does_not_outlive_a_new_offer(session: AgentSession, log: Log) -> None:
    session.hear(log.opened("v-1"))
    session.hear(log.assigned("v-2"))
    session.hear(log.released("v-1"))
    session.doubt()
    begin(session, log)  # the end of the new offer was missed
    assert session.remembered("o-1") == NOT_OFFERED


@pytest.mark.parametrize(
    ("end", "answer"),
    [
        (lambda log: log.assigned("v-2"), TAKEN),
        (lambda log: log.released(), NOT_OFFERED),
        (lambda log: log.cancelled(), Verdict(Outcome.GONE, "cancelled")),
        (lambda log: log.progressed(Status.COMPLETED), Verdict(Outcome.GONE, "completed")),
    ],
)
def test_a_grab_of_a_job_that_ended_is_answered_with_how(
    session: AgentSession, log: Log, end: Any, answer: Any
) -> None:
    session.hear(log.opened("v-1"))
    session.hear(log.assigned("v-1"))
    session.hear(end(log))
    assert not session.knows("o-1")
    assert session.remembered("o-1") == answer


def test_the_last_32_are_remembered(session: AgentSession, log: Log) -> None:
    ids = [f"o-{i}" for i in range(REMEMBERED + 1)]
    for order_id in ids:
        session.hear(log.opened("v-1", order_id=order_id))
    for order_id in ids:
        session.hear(log.cancelled(order_id))
    assert session.remembered(ids[0]) == NOT_OFFERED
    assert all(session.remembered(order_id) == Verdict(Outcome.GONE, "cancelled") for order_id in ids[1:])


def test_the_latest_reason_counts_as_the_latest(session: AgentSession, log: Log) -> None:
    session.verdict("ref", "o-0", TAKEN, SHOWING)
    for i in range(1, REMEMBERED):
        session.verdict("ref", f"o-{i}", TAKEN, SHOWING)
    session.verdict("ref", "o-0", Verdict(Outcome.GONE, "cancelled"), SHOWING)
    session.verdict("ref", "o-new", TAKEN, SHOWING)
    assert session.remembered("o-0") == Verdict(Outcome.GONE, "cancelled")
    assert session.remembered("o-1") == NOT_OFFERED, "the oldest had to go"


def test_when_the_lists_were_cut_redis_is_asked(book: OfferBook, log: Log) -> None:
    session = agent_session(book)
    log.opened("v-1")
    begin(session, log, more=("offers",))
    assert session.knows("o-1")
    session.verdict("ref", "o-1", TAKEN, SHOWING)
    assert not session.knows("o-1")


# ---- doubts: the present is read anew


def test_a_snapshot_replaces_all_that_was_known(session: AgentSession, log: Log, book: OfferBook) -> None:
    session.hear(log.opened("v-1", order_id="a"))
    session.hear(log.opened("v-1", order_id="b"))
    session.doubt()
    log.cancelled("a")  # missed
    lists = begin(session, log, offers=("b",))
    assert [order["id"] for order in lists["offers"]] == ["b"]
    assert list(book.sessions("a")) == []
    assert list(book.sessions("b")) == [session]


def test_what_waited_before_a_doubt_is_in_the_present(session: AgentSession, log: Log) -> None:
    session.hear(log.opened("v-1"))
    session.wait("o-1")
    session.hear(log.add(Type.WIDENED))
    session.doubt()
    present = log.present(offers=("o-1",))
    session.hear(log.add(Type.EDITED))
    session.lists(present, SHOWING)
    assert session.resume() == [], "what is newer waits behind the answer, still"
    assert told(session.go_on("o-1")) == [("offer", "o-1", 3)]


def test_an_answer_that_the_present_overtook_leaves_doubt(session: AgentSession, log: Log) -> None:
    """Won and cancelled before the present was read, and the answer comes after it."""
    session.hear(log.opened("v-1"))
    session.wait("o-1")
    log.assigned("v-1")
    won = Verdict(Outcome.WON, fence=1, order=log.order())
    session.doubt()
    log.cancelled()
    begin(session, log)
    session.verdict("ref", "o-1", won, SHOWING)
    assert session.unsure
    session.go_on("o-1")
    session.doubt()
    begin(session, log)
    assert (session.unsure, session.jobs) == (False, {})


def test_an_answer_older_than_the_present_leaves_doubt_and_the_newer_version(session: AgentSession, log: Log) -> None:
    session.hear(log.opened("v-1"))
    session.wait("o-1")
    log.assigned("v-1")
    won = Verdict(Outcome.WON, fence=1, order=log.order())
    session.doubt()
    log.progressed(Status.EN_ROUTE)
    begin(session, log, jobs=("o-1",))
    session.verdict("ref", "o-1", won, SHOWING)
    assert (session.unsure, session.jobs) == (True, {"o-1": 3})


def test_a_reader_of_the_present_hears_of_new_doubts(session: AgentSession) -> None:
    session.doubt()
    before = session.doubts
    session.doubt()
    assert session.doubts != before
    assert not session.ready


def test_what_is_held_back_is_bounded(book: OfferBook, log: Log) -> None:
    session = agent_session(book)
    opened = log.opened("v-1")
    doubts = session.doubts
    for _ in range(MOST_HELD_BACK):
        session.hear(opened)
    assert session.doubts == doubts
    session.hear(opened)
    assert session.doubts > doubts, "so the present is read once more"
    session.lists(log.present(offers=("o-1",)), SHOWING)
    assert session.resume() == []


# ---- the end


def test_a_session_that_is_over_is_in_no_book_and_hears_nothing(
    session: AgentSession, log: Log, book: OfferBook
) -> None:
    session.hear(log.opened("v-1"))
    session.wait("o-2")
    session.hear(log.opened("v-1", order_id="o-2"))
    session.close()
    assert session.go_on("o-2") == []
    assert session.hear(log.opened("v-1", order_id="o-3")) == []
    session.lists(log.present(offers=("o-1",)), SHOWING)  # a present that was being read
    assert not any(book.sessions(order_id) for order_id in ("o-1", "o-2", "o-3"))
