"""What one session is told and when: events and answers in, messages out."""

from collections.abc import Callable
from typing import Any

import pytest
from ulid import ULID

from dispatch.claims import Outcome, Verdict
from dispatch.events import Type
from dispatch.identity import Identity, Role
from dispatch.order import Status
from dispatch.records.agents import Agent
from dispatch.views import full_view
from geo.crs import Crs
from geo.point import Point
from realtime.session import (
    MOST_HELD_BACK,
    REMEMBERED,
    AgentSession,
    CustomerSession,
    DeskSession,
    OfferBook,
    Session,
    agent_card,
)
from realtime.telling import Telling
from realtime.wire import Outbound
from tests.realtime.log import Log, private_details

TAKEN = Verdict(Outcome.TAKEN)
NOT_OFFERED = Verdict(Outcome.REFUSED, "not_offered")


def told(messages: list[Outbound]) -> list[tuple[Any, ...]]:
    """What each says, in short."""
    return [_short(message.message) for message in messages]


def _short(message: dict[str, Any]) -> tuple[Any, ...]:
    match message["type"]:
        case "offer" | "job" | "order":
            return message["type"], message["order"]["id"], message["order"]["version"]
        case "desk":
            return "desk", message["event"], message["order"]["id"]
        case kind:
            return kind, message["order_id"], message["reason"]


def agent_session(
    book: OfferBook, agent_id: str = "v-1", crs: Crs = Crs.WGS84, session_id: str = "s-1"
) -> AgentSession:
    agent = Agent(
        id=agent_id, role="valet", region="r", name="Wang", phone="+8613900000001", skills=("towing",), capacity=1,
        home=Point(31.2304, 121.4737), suspended=False,
    )  # fmt: skip
    return AgentSession(session_id, Identity(agent_id, Role.VALET, None, 0), crs, agent, book)


def begin(session: AgentSession, log: Log, **present: Any) -> dict[str, Any]:
    lists = session.lists(log.present(**present), private_details)
    assert session.resume() == []
    return lists


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def book() -> OfferBook:
    return OfferBook()


@pytest.fixture
def session(book: OfferBook, log: Log) -> AgentSession:
    """A valet's, welcomed when there was nothing."""
    session = agent_session(book)
    begin(session, log)
    return session


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
    lists = session.lists(present, private_details)
    assert tuple(order["id"] for order in lists["offers"]) == offered
    in_full = [("offer", "a", 1), ("offer", "b", 1), ("retract", "a", "taken"), ("offer", "b", 2)]
    assert told(session.resume()) == in_full[read_after:]
    assert session.ready


def test_a_job_in_the_welcome_is_told_again_only_when_it_changes(book: OfferBook, log: Log) -> None:
    session = agent_session(book)
    log.opened("v-1")
    assigned = log.assigned("v-1")
    session.hear(assigned)
    lists = session.lists(log.present(jobs=("o-1",)), private_details)
    assert [job["version"] for job in lists["jobs"]] == [2]
    assert session.resume() == []
    assert told(session.hear(log.progressed(Status.EN_ROUTE))) == [("job", "o-1", 3)]


def test_lists_are_in_the_coordinates_of_the_session(book: OfferBook, log: Log) -> None:
    log.opened("v-1", order_id="a")
    log.opened("v-1", order_id="b")
    log.assigned("v-1", order_id="b")
    lists = agent_session(book, crs=Crs.GCJ02).lists(log.present(offers=("a",), jobs=("b",)), private_details)
    plain = agent_session(book).lists(log.present(offers=("a",), jobs=("b",)), private_details)
    assert lists["jobs"] == [full_view(log.order("b"), Crs.GCJ02)]
    assert lists["offers"][0]["area"] != plain["offers"][0]["area"]
    assert "plate" not in lists["offers"][0]["details"]


def test_the_card_shows_the_home_in_the_coordinates_of_the_session(book: OfferBook) -> None:
    agent = agent_session(book).agent
    assert agent_card(agent, "paused", Crs.WGS84)["home"] == {"lat": 31.2304, "lon": 121.4737}
    assert agent_card(agent, "paused", Crs.BD09)["home"]["lon"] == pytest.approx(121.4737 + 0.011, abs=2e-3)
    assert agent_card(agent, "paused", Crs.WGS84)["status"] == "paused"


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
    verdict = session.verdict("ref", "o-1", Verdict(Outcome.WON, fence=1, order=log.order()))
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
    session.verdict("ref", "o-1", won)
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
    session.verdict("ref", "o-1", verdict)
    assert session.go_on("o-1") == []
    assert session.hear(log.cancelled()) == []
    assert session.remembered("o-1") == verdict


@pytest.mark.parametrize("reason", ["at_capacity", "paused", "unavailable", "not_offered"])
def test_the_offer_stays_after_a_passing_refusal(session: AgentSession, log: Log, reason: str) -> None:
    session.hear(log.opened("v-1"))
    session.wait("o-1")
    session.hear(log.add(Type.WIDENED))
    session.verdict("ref", "o-1", Verdict(Outcome.REFUSED, reason))
    assert told(session.go_on("o-1")) == [("offer", "o-1", 2)]
    assert told(session.hear(log.cancelled())) == [("retract", "o-1", "cancelled")]


@pytest.mark.parametrize("reason", ["declined", "suspended"])
def test_the_offer_ends_with_a_lasting_refusal(session: AgentSession, log: Log, reason: str) -> None:
    session.hear(log.opened("v-1"))
    session.verdict("ref", "o-1", Verdict(Outcome.REFUSED, reason))
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
    session.verdict("ref", "o-0", TAKEN)
    for i in range(1, REMEMBERED):
        session.verdict("ref", f"o-{i}", TAKEN)
    session.verdict("ref", "o-0", Verdict(Outcome.GONE, "cancelled"))
    session.verdict("ref", "o-new", TAKEN)
    assert session.remembered("o-0") == Verdict(Outcome.GONE, "cancelled")
    assert session.remembered("o-1") == NOT_OFFERED, "the oldest had to go"


def test_when_the_lists_were_cut_redis_is_asked(book: OfferBook, log: Log) -> None:
    session = agent_session(book)
    log.opened("v-1")
    begin(session, log, more=("offers",))
    assert session.knows("o-1")
    session.verdict("ref", "o-1", TAKEN)
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
    session.lists(present, private_details)
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
    session.verdict("ref", "o-1", won)
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
    session.verdict("ref", "o-1", won)
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
    session.lists(log.present(offers=("o-1",)), private_details)
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
    session.lists(log.present(offers=("o-1",)), private_details)  # a present that was being read
    assert not any(book.sessions(order_id) for order_id in ("o-1", "o-2", "o-3"))


# ---- dispatchers


def desk_session(*regions: str) -> DeskSession:
    return DeskSession("s-d", Identity("d-1", Role.DISPATCHER, None, 0), Crs.WGS84, "dispatcher:d-1", regions)


def test_a_desk_hears_what_comes_to_it_is_on_it_and_leaves_it(log: Log) -> None:
    session = desk_session("r")
    session.lists({"r": log.desk()}, 100)
    session.resume()
    assert session.hear(log.opened("v-1")) == []
    assert told(session.hear(log.escalated())) == [("desk", "escalated", "o-1")]
    assert told(session.hear(log.add(Type.TAKEN_UP))) == [("desk", "taken_up", "o-1")]
    assert told(session.hear(log.assigned("v-1"))) == [("desk", "assigned", "o-1")]
    assert session.hear(log.progressed(Status.EN_ROUTE)) == []


def test_each_desk_counts_from_its_own_present(log: Log) -> None:
    far = Log("far")
    session = desk_session("r", "far")
    log.escalated("a", desk_at=2)
    far.escalated("b", desk_at=1)
    near_present, far_present = log.desk("a"), far.desk("b")
    for telling in (log.cancelled("a"), far.cancelled("b")):
        session.hear(telling)
    far_present = far.desk()  # read later
    lists = session.lists({"r": near_present, "far": far_present}, 100)
    assert [order["id"] for order in lists["desk"]] == ["a"]
    assert told(session.resume()) == [("desk", "cancelled", "a")]


def test_the_longest_waiting_of_all_desks_come_first(log: Log) -> None:
    far = Log("far")
    for i in range(3):
        log.escalated(f"near-{i}", desk_at=2 * i)
        far.escalated(f"far-{i}", desk_at=2 * i + 1)
    presents = {"r": log.desk("near-0", "near-1", "near-2"), "far": far.desk("far-0", "far-1", "far-2")}
    lists = desk_session("r", "far").lists(presents, 4)
    assert [order["id"] for order in lists["desk"]] == ["near-0", "far-0", "near-1", "far-1"]
    assert lists["more"] == ["desk"]
    assert desk_session("r", "far").lists(presents, 6)["more"] == []
    assert desk_session("r").lists({"r": log.desk("near-0", more=True)}, 6)["more"] == ["desk"]


# ---- customers


def customer_session(log: Log, *listed: str) -> CustomerSession:
    session = CustomerSession("s-c", Identity("c-1", Role.CUSTOMER, None, 0), Crs.WGS84, "customer:c-1", (log.region,))
    session.lists([full_view(log.order(order_id)) for order_id in listed], False)
    return session


def test_a_customer_hears_each_change_newer_than_what_he_was_shown(log: Log) -> None:
    tellings = [log.opened("v-1"), log.assigned("v-1")]
    session = customer_session(log, "o-1")
    tellings.append(log.progressed(Status.EN_ROUTE))
    for telling in tellings:
        session.hear(telling)
    assert told(session.resume()) == [("order", "o-1", 3)]
    assert told(session.hear(log.opened("v-1", order_id="o-2"))) == [("order", "o-2", 1)]


def test_a_former_customer_is_told_the_present_instead(log: Log) -> None:
    log.opened()
    session = CustomerSession("s-1", Identity("c-1", Role.CUSTOMER, None, 0), Crs.WGS84, "customer:c-1", ("r",))
    session.lists([full_view(log.order())], False)
    session.resume()
    made_over = log.add(Type.EDITED, data={"former_customer": "c-1"}, customer_id="c-2")
    assert session.hear(made_over) == []
    assert session.unsure


def test_a_customer_who_stays_long_does_not_grow(log: Log) -> None:
    session = customer_session(log)
    session.resume()
    for i in range(100):
        session.hear(log.opened("v-1", order_id=f"o-{i}"))
        assert told(session.hear(log.cancelled(f"o-{i}"))) == [("order", f"o-{i}", 2)]
    assert session._told == {}


def test_undone_events_that_waited_do_not_come_after_the_present(log: Log) -> None:
    """Redis went back in time: what had been held back is not how things are."""
    log.opened("v-1")
    session = customer_session(log, "o-1")
    session.resume()
    view = full_view(log.order())
    session.wait("o-1")
    session.hear(log.assigned("v-1"))
    session.hear(log.progressed(Status.EN_ROUTE))
    session.doubt()
    session.lists([view], False)
    assert session.resume() + session.go_on("o-1") == []


def test_a_session_of_the_service_has_a_beginning_and_no_news() -> None:
    session_id = str(ULID.from_timestamp(1790000000.0))
    session = Session(session_id, Identity("b", Role.SERVICE, None, 0), Crs.WGS84, "service:b", ())
    assert session.resume() == []
    assert session.ready
    assert session.since_at == 1790000000000
