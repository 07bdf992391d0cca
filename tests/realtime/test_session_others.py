"""What sessions of dispatchers, customers and the service are told."""

from ulid import ULID

from dispatch.events import Type
from dispatch.identity import Identity, Role
from dispatch.order import Status
from dispatch.views import full_view
from geo.crs import Crs
from realtime.session import (
    CustomerSession,
    DeskSession,
    Session,
)
from tests.realtime.log import SHOWING, Log
from tests.realtime.sessions import told

# ---- dispatchers


def desk_session(*regions: str) -> DeskSession:
    return DeskSession("s-d", Identity("d-1", Role.DISPATCHER, None, 0), Crs.WGS84, "dispatcher:d-1", regions)


def test_a_desk_hears_what_comes_to_it_is_on_it_and_leaves_it(log: Log) -> None:
    session = desk_session("r")
    session.lists({"r": log.desk()}, 100, SHOWING)
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
    lists = session.lists({"r": near_present, "far": far_present}, 100, SHOWING)
    assert [order["id"] for order in lists["desk"]] == ["a"]
    assert told(session.resume()) == [("desk", "cancelled", "a")]


def test_the_longest_waiting_of_all_desks_come_first(log: Log) -> None:
    far = Log("far")
    for i in range(3):
        log.escalated(f"near-{i}", desk_at=2 * i)
        far.escalated(f"far-{i}", desk_at=2 * i + 1)
    presents = {"r": log.desk("near-0", "near-1", "near-2"), "far": far.desk("far-0", "far-1", "far-2")}
    lists = desk_session("r", "far").lists(presents, 4, SHOWING)
    assert [order["id"] for order in lists["desk"]] == ["near-0", "far-0", "near-1", "far-1"]
    assert lists["more"] == ["desk"]
    assert desk_session("r", "far").lists(presents, 6, SHOWING)["more"] == []
    assert desk_session("r").lists({"r": log.desk("near-0", more=True)}, 6, SHOWING)["more"] == ["desk"]


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
