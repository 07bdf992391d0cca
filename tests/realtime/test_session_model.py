"""Whatever happens in whatever order: what a client has been told adds up to how things are.

Clients believe exactly what PROTOCOL §4 says a message means. Beside them runs the truth; events, answers,
confirmations and snapshots reach the sessions as late as hypothesis likes.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dispatch.claims import Outcome, Verdict
from dispatch.events import Type
from dispatch.identity import Identity, Role
from dispatch.order import CUSTODY, HELD, Status
from dispatch.records.agents import Agent
from geo.crs import Crs
from realtime.connection import Connection
from realtime.registry import Registry
from realtime.session import AgentSession
from realtime.telling import Telling
from realtime.wire import Outbound
from tests.realtime.log import SHOWING, Log

ORDERS = ("o-1", "o-2")
AGENTS = ("shop", "v-1", "v-2")
orders = st.sampled_from(ORDERS)
agents = st.sampled_from(AGENTS)
some_agents = st.sets(agents)


class Believer:
    """A client: what it believes it is offered and holds."""

    def __init__(self, session: AgentSession) -> None:
        self.session = session
        self.offers: set[str] = set()
        self.jobs: set[str] = set()
        self.versions: dict[str, int] = {}
        self.answers: deque[Callable[[], None]] = deque()
        """What Redis has decided, and the session has not been told yet."""
        self.confirmations: deque[str] = deque()
        self.present: Any = None

    def hear(self, messages: list[Outbound]) -> None:
        for message in messages:
            self._believe(message.message)

    def replace(self, lists: dict[str, Any]) -> None:
        self.offers = {order["id"] for order in lists["offers"]}
        self.jobs = {order["id"] for order in lists["jobs"]}
        self.versions = {order["id"]: order["version"] for order in [*lists["offers"], *lists["jobs"]]}

    def heard_verdict(self, order_id: str, verdict: Verdict) -> None:
        message = self.session.verdict("ref", order_id, verdict, SHOWING)
        if verdict.outcome is Outcome.WON:
            self.offers.discard(order_id)
            self.jobs.add(order_id)
            version = message["job"]["version"]
            assert version >= self.versions.get(order_id, 0) or self.session.unsure, "the order of versions"
            self.versions[order_id] = version
        elif verdict.outcome in (Outcome.TAKEN, Outcome.GONE) or verdict.reason == "declined":
            self.offers.discard(order_id)

    def _believe(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "offer":
                self._newer(message["order"])
                self.offers.add(message["order"]["id"])
            case "retract":
                self.offers.remove(message["order_id"])  # or a retract of what he does not have
            case "job":
                self._newer(message["order"])
                self.offers.discard(message["order"]["id"])
                if message["order"]["status"] == Status.COMPLETED:
                    self.jobs.remove(message["order"]["id"])
                else:
                    self.jobs.add(message["order"]["id"])
            case "unjob":
                self.jobs.remove(message["order_id"])

    def _newer(self, order: dict[str, Any]) -> None:
        assert order["version"] > self.versions.get(order["id"], 0), "the order of versions"
        self.versions[order["id"]] = order["version"]


class House(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.log = Log()
        self.unread: deque[Telling] = deque()
        self.registry = Registry()
        self.status: dict[str, Status | None] = dict.fromkeys(ORDERS)
        self.offered: dict[str, set[str]] = {order_id: set() for order_id in ORDERS}
        self.shut: dict[str, set[str]] = {order_id: set() for order_id in ORDERS}
        """Who has declined or released it."""
        self.holder: dict[str, str] = dict.fromkeys(ORDERS, "")
        self.clients: list[Believer] = []

    @initialize()
    def connect(self) -> None:
        for number, agent_id in enumerate(("shop", *AGENTS)):  # the shop twice
            agent = Agent(
                id=agent_id,
                role="valet",
                region="r",
                name="",
                phone=None,
                skills=(),
                capacity=9,
                home=None,
                suspended=False,
            )
            who = Identity(agent_id, Role.VALET, None, 0)
            session = AgentSession(f"s-{number}", who, Crs.WGS84, agent, self.registry.book)
            self.registry.add(session, cast(Connection, object()))
            self.clients.append(Believer(session))

    # ---- what happens in Redis

    def _emit(self, telling: Telling) -> None:
        self.unread.append(telling)

    def _offers(self, order_id: str) -> set[str]:
        """Who has a live offer."""
        return self.offered[order_id] - self.shut[order_id] if self.status[order_id] is Status.OPEN else set()

    @precondition(lambda self: any(status in (None, Status.ESCALATED) for status in self.status.values()))
    @rule(order_id=orders, to=some_agents)
    def opens(self, order_id: str, to: set[str]) -> None:
        if self.status[order_id] in (None, Status.ESCALATED):
            self._open(order_id, to, self.log.opened)

    @rule(order_id=orders, to=some_agents)
    def widens(self, order_id: str, to: set[str]) -> None:
        if self.status[order_id] is Status.OPEN:
            new = to - self.offered[order_id] - self.shut[order_id]
            self.offered[order_id] |= new
            self._emit(self.log.add(Type.WIDENED, order_id=order_id, to=tuple(new)))

    @rule(order_id=orders, to=some_agents, left_behind=some_agents)
    def is_moved(self, order_id: str, to: set[str], left_behind: set[str]) -> None:
        if self.status[order_id] is Status.OPEN:
            gone = left_behind & self._offers(order_id)
            new = to - self.offered[order_id] - self.shut[order_id]
            self.offered[order_id] = (self.offered[order_id] - gone) | new
            self._emit(self.log.add(Type.EDITED, order_id=order_id, to=tuple(new), data={"retracted": sorted(gone)}))

    @rule(order_id=orders, agent_id=agents)
    def desk_assigns(self, order_id: str, agent_id: str) -> None:
        if self.status[order_id] in (Status.OPEN, Status.ESCALATED, *HELD) and self.holder[order_id] != agent_id:
            self.shut[order_id].add(self.holder[order_id])
            self._assign(order_id, agent_id)

    @rule(order_id=orders, status=st.sampled_from([*HELD[1:], Status.COMPLETED]))
    def goes_on(self, order_id: str, status: Status) -> None:
        if self.status[order_id] in HELD:
            self.status[order_id] = status
            self._emit(self.log.progressed(status, order_id))
            if status is Status.COMPLETED:
                self._restart(order_id)

    @rule(order_id=orders, to=some_agents)
    def is_released(self, order_id: str, to: set[str]) -> None:
        if self.status[order_id] not in HELD:
            return
        self.shut[order_id].add(self.holder[order_id])
        self.holder[order_id] = ""
        if self.status[order_id] in CUSTODY:
            self.status[order_id] = Status.ESCALATED
            self._emit(self.log.add(Type.RELEASED, Status.ESCALATED, order_id=order_id, desk_at="1"))
        else:
            self._open(order_id, to, self.log.released)

    @rule(order_id=orders)
    def escalates(self, order_id: str) -> None:
        if self.status[order_id] is Status.OPEN:
            self.status[order_id] = Status.ESCALATED
            self._emit(self.log.escalated(order_id))

    @rule(order_id=orders)
    def is_cancelled(self, order_id: str) -> None:
        if self.status[order_id] is not None:
            self._emit(self.log.cancelled(order_id))
            self._restart(order_id)

    def _open(self, order_id: str, to: set[str], emit: Callable[..., Telling]) -> None:
        self.offered[order_id] = to - self.shut[order_id]
        self.status[order_id] = Status.OPEN
        self._emit(emit(*self.offered[order_id], order_id=order_id))

    def _assign(self, order_id: str, agent_id: str) -> None:
        self.status[order_id], self.holder[order_id] = Status.ASSIGNED, agent_id
        self._emit(self.log.assigned(agent_id, order_id))

    def _restart(self, order_id: str) -> None:
        """Ended; the same id is used for another order, which only the model can do."""
        self.status[order_id], self.holder[order_id] = None, ""
        self.offered[order_id] = set()
        self.shut[order_id] = set()

    # ---- what clients ask, and when they are answered

    @rule(number=st.integers(0, 3), order_id=orders)
    def grabs(self, number: int, order_id: str) -> None:
        client = self.clients[number]
        if not client.session.ready or not client.session.knows(order_id):
            return
        client.session.wait(order_id)
        verdict = self._claim(order_id, client.session.agent.id)

        def answer() -> None:
            client.heard_verdict(order_id, verdict)
            client.hear(client.session.go_on(order_id))
            if client.session.unsure:
                self._doubt(client)

        client.answers.append(answer)

    def _claim(self, order_id: str, agent_id: str) -> Verdict:
        """As `claim.lua`."""
        status = self.status[order_id]
        if self.holder[order_id] == agent_id and status in HELD:
            return Verdict(Outcome.WON, fence=1, order=self.log.order(order_id))
        if agent_id in self.shut[order_id]:
            return Verdict(Outcome.REFUSED, "declined")
        if agent_id not in self.offered[order_id]:
            return Verdict(Outcome.REFUSED, "not_offered")
        if status in HELD:
            return Verdict(Outcome.TAKEN)
        if status is not Status.OPEN:
            return Verdict(Outcome.GONE, "escalated")
        self._assign(order_id, agent_id)
        return Verdict(Outcome.WON, fence=1, order=self.log.order(order_id))

    @rule(number=st.integers(0, 3), order_id=orders)
    def declines(self, number: int, order_id: str) -> None:
        client = self.clients[number]
        agent_id = client.session.agent.id
        if not client.session.ready or agent_id not in self._offers(order_id):
            return
        client.session.wait(order_id)
        self.shut[order_id].add(agent_id)
        self._emit(self.log.declined(agent_id, order_id))

        def answer() -> None:
            client.session.declined(order_id)
            client.offers.discard(order_id)
            client.hear(client.session.go_on(order_id))

        client.answers.append(answer)

    @rule(number=st.integers(0, 3))
    def answered(self, number: int) -> None:
        if answers := self.clients[number].answers:
            answers.popleft()()

    # ---- what the hub does

    @precondition(lambda self: self.unread)
    @rule()
    def log_is_read(self) -> None:
        telling = self.unread.popleft()
        concerned = self.registry.concerned(telling.event)
        for client in self.clients:
            if client.session in concerned:
                if client.session.agent.id == telling.event.holder:
                    client.session.wait(telling.event.order_id)
                    client.confirmations.append(telling.event.order_id)
                client.hear(client.session.hear(telling))

    @rule(number=st.integers(0, 3))
    def confirmed(self, number: int) -> None:
        client = self.clients[number]
        if client.confirmations:
            client.hear(client.session.go_on(client.confirmations.popleft()))

    @rule(number=st.integers(0, 3))
    def doubted(self, number: int) -> None:
        self._doubt(self.clients[number])

    def _doubt(self, client: Believer) -> None:
        self.registry.doubt(client.session)
        client.present = None

    @rule(number=st.integers(0, 3))
    def present_is_read(self, number: int) -> None:
        client = self.clients[number]
        if client.session.ready:
            return
        agent_id = client.session.agent.id
        client.present = self.log.present(
            offers=tuple(o for o in ORDERS if agent_id in self._offers(o)),
            jobs=tuple(o for o in ORDERS if self.holder[o] == agent_id),
        )

    @rule(number=st.integers(0, 3))
    def present_is_told(self, number: int) -> None:
        client = self.clients[number]
        if client.present is not None and not client.session.ready:
            client.replace(client.session.lists(client.present, SHOWING))
            client.present = None
            client.hear(self.registry.resume(client.session))

    # ---- what must hold

    @invariant()
    def books_agree(self) -> None:
        for client in self.clients:
            for order_id in ORDERS:
                if order_id in client.session.offers:
                    assert client.session in self.registry.book.sessions(order_id)

    def teardown(self) -> None:
        """Everything that is under way arrives."""
        while self.unread:
            self.log_is_read()
        for number, client in enumerate(self.clients):
            while client.answers:
                self.answered(number)
            while client.confirmations:
                self.confirmed(number)
            if not client.session.ready:
                self.present_is_read(number)
                self.present_is_told(number)
            agent_id = client.session.agent.id
            for order_id in ORDERS:
                booked = client.session in self.registry.book.sessions(order_id)
                assert booked == (order_id in client.session.offers)
            assert client.offers == {o for o in ORDERS if agent_id in self._offers(o)} == client.session.offers
            assert client.jobs == {o for o in ORDERS if self.holder[o] == agent_id} == client.session.jobs.keys()


TestHouse = House.TestCase
TestHouse.settings = settings(max_examples=200, stateful_step_count=50, deadline=None, derandomize=True)
