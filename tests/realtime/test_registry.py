"""Who is concerned by what: the indexes, with sessions that were never connected."""

from typing import cast

import pytest

from dispatch import metrics
from dispatch.events import Type
from dispatch.identity import Identity, Role
from dispatch.order import Status
from dispatch.records.agents import Agent
from geo.crs import Crs
from realtime.connection import Connection
from realtime.registry import Registry
from realtime.session import AgentSession, CustomerSession, DeskSession, Session
from realtime.telling import Telling
from tests.realtime.log import SHOWING, Log


class Rooms:
    """A registry and what puts sessions into it."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.registry = Registry()
        self._count = 0

    def add(self, session: Session, *, ready: bool = True) -> None:
        self.registry.add(session, cast(Connection, object()))
        if isinstance(session, AgentSession) and ready:
            session.lists(self.log.present(), SHOWING)
            self.registry.resume(session)

    def _id(self) -> str:
        self._count += 1
        return f"s-{self._count}"

    def agent(self, agent_id: str, *, region: str = "r", ready: bool = True) -> AgentSession:
        agent = Agent(
            id=agent_id,
            role="valet",
            region=region,
            name="",
            phone=None,
            skills=(),
            capacity=1,
            home=None,
            suspended=False,
        )
        who = Identity(agent_id, Role.VALET, None, 0)
        session = AgentSession(self._id(), who, Crs.WGS84, agent, self.registry.book)
        self.add(session, ready=ready)
        return session

    def customer(self, customer_id: str, *slots: str) -> CustomerSession:
        who = Identity(customer_id, Role.CUSTOMER, None, 0)
        session = CustomerSession(self._id(), who, Crs.WGS84, f"customer:{customer_id}", slots)
        self.add(session)
        return session

    def desk(self, *slots: str) -> DeskSession:
        session = DeskSession(self._id(), Identity("d", Role.DISPATCHER, None, 0), Crs.WGS84, "dispatcher:d", slots)
        self.add(session)
        return session

    def concerned(self, telling: Telling) -> set[Session]:
        return self.registry.concerned(telling.event)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def rooms(log: Log) -> Rooms:
    return Rooms(log)


def test_agents_are_concerned_by_their_offers_and_jobs(rooms: Rooms, log: Log) -> None:
    here, there, other = rooms.agent("v-1"), rooms.agent("v-1"), rooms.agent("v-2")
    opened = log.opened("v-1")
    assert rooms.concerned(opened) == {here, there}
    here.hear(opened)
    assert rooms.concerned(log.add(Type.WIDENED)) == {here}, "only who was told the offer"
    assert rooms.concerned(log.assigned("v-2")) == {here, other}
    assert rooms.concerned(log.progressed(Status.EN_ROUTE)) == {here, other}
    assert rooms.concerned(log.released("v-1")) == {here, there, other}


def test_a_customer_is_concerned_by_his_own_orders_only(rooms: Rooms, log: Log) -> None:
    mine, twice, other = rooms.customer("c-1", "r"), rooms.customer("c-1", "r"), rooms.customer("c-2", "r")
    assert rooms.concerned(log.opened()) == {mine, twice}
    assert rooms.concerned(log.add(Type.OPENED, Status.OPEN, order_id="o-2", customer="c-2")) == {other}


def test_a_dispatcher_is_concerned_by_the_desks_of_his_regions_only(rooms: Rooms, log: Log) -> None:
    near, both = rooms.desk("r"), rooms.desk("r", "far")
    far = Log("far")
    assert rooms.concerned(log.opened()) == set()
    assert rooms.concerned(log.escalated()) == {near, both}
    assert rooms.concerned(far.escalated()) == {both}
    assert rooms.concerned(log.assigned("v-1")) == {near, both}, "it leaves the desk"
    assert rooms.concerned(log.progressed(Status.EN_ROUTE)) == set()


def test_whose_present_is_being_read_is_concerned_by_all_of_his_region(rooms: Rooms, log: Log) -> None:
    """The present may show an offer that ends before it was told: made long ago, so no entry names him."""
    session = rooms.agent("v-1", ready=False)
    log.opened("v-1")
    present = log.present(offers=("o-1",))
    taken = log.assigned("v-2")
    assert rooms.concerned(taken) == {session}
    assert rooms.concerned(Log("far").opened("v-9")) == set()
    session.hear(taken)
    session.lists(present, SHOWING)
    assert [message.message["type"] for message in rooms.registry.resume(session)] == ["retract"]
    assert rooms.concerned(log.progressed(Status.EN_ROUTE)) == set()
    rooms.registry.doubt(session)
    assert rooms.concerned(log.progressed(Status.ARRIVED)) == {session}


def test_what_concerns_an_order_gets_to_those_who_wait_for_an_answer_about_it(rooms: Rooms, log: Log) -> None:
    """The offer itself waits, so the session does not hold it yet."""
    session = rooms.agent("v-1")
    session.wait("o-1")
    session.hear(log.opened("v-1"))
    taken = log.assigned("v-2")
    assert rooms.concerned(taken) == {session}
    session.hear(taken)
    assert [message.message["type"] for message in session.go_on("o-1")] == ["offer", "retract"]
    assert rooms.concerned(log.progressed(Status.EN_ROUTE)) == set()


def test_a_discarded_session_is_nowhere(rooms: Rooms, log: Log) -> None:
    before = metrics.SESSIONS.labels("valet")._value.get()
    sessions = [rooms.agent("v-1"), rooms.agent("v-2", ready=False), rooms.customer("c-1", "r"), rooms.desk("r", "far")]
    sessions[0].hear(log.opened("v-1"))
    sessions[0].wait("o-7")
    assert metrics.SESSIONS.labels("valet")._value.get() == before + 2
    for session in sessions:
        assert rooms.registry.find(session.id) is session
        assert rooms.registry.discard(session)
        assert not rooms.registry.discard(session), "only once"
        assert session.over
        assert rooms.registry.find(session.id) is None
        assert rooms.registry.connection(session) is None
    assert rooms.concerned(log.escalated()) == set()
    assert rooms.concerned(log.add(Type.OPENED, order_id="o-7", to=("v-1", "v-2"))) == set()
    assert rooms.registry.of_slot("r") == []
    assert metrics.SESSIONS.labels("valet")._value.get() == before
    left = vars(rooms.registry)
    assert not any(index for name, index in left.items() if name != "book")
    assert not rooms.registry.book.sessions("o-1")
    assert not rooms.registry.book.sessions("o-7")


def test_regions_come_and_go(rooms: Rooms, log: Log) -> None:
    desk, customer = rooms.desk("r", "gone"), rooms.customer("c-1", "r", "gone")
    for session in (desk, customer):
        rooms.registry.refit(session, ("new", "r"))
        assert session.slots == ("new", "r")
    assert rooms.concerned(Log("new").escalated()) == {desk, customer}
    assert rooms.concerned(log.escalated()) == {desk, customer}
    assert desk not in rooms.concerned(Log("gone").escalated())
    assert set(rooms.registry.of_slot("new")) == {desk, customer}
    assert rooms.registry.of_slot("gone") == []
    assert rooms.registry.discard(desk)
    assert rooms.concerned(Log("new").escalated()) == {customer}


def test_the_sessions_of_a_slot(rooms: Rooms) -> None:
    agent, customer, desk = rooms.agent("v-1"), rooms.customer("c-1", "r", "far"), rooms.desk("far")
    assert rooms.registry.of_slot("r") == [agent, customer]
    assert rooms.registry.of_slot("far") == [customer, desk]
    assert rooms.registry.of_slot("~") == [customer, desk], "where their sessions are kept"
    assert rooms.registry.of_agent("v-1") == [agent]
    assert set(rooms.registry) == {agent, customer, desk}
