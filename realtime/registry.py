"""Which sessions live on this node, found by whom they belong to.

Owns the indexes only. Invariant: a session is in all indexes of its role, or in none.
"""

from collections.abc import Iterator

from dispatch import metrics
from dispatch.events import Event
from realtime.connection import Connection
from realtime.session import AgentSession, CustomerSession, DeskSession, OfferBook, Session


class Registry:
    def __init__(self) -> None:
        self.book = OfferBook()
        self._connections: dict[Session, Connection] = {}
        self._agents: dict[str, list[AgentSession]] = {}
        self._customers: dict[str, list[CustomerSession]] = {}
        self._desks: dict[str, list[DeskSession]] = {}
        self._by_id: dict[str, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(self._connections)

    def connection(self, session: Session) -> Connection | None:
        return self._connections.get(session)

    def find(self, session_id: str) -> Session | None:
        return self._by_id.get(session_id)

    def of_agent(self, agent_id: str) -> list[AgentSession]:
        return list(self._agents.get(agent_id, ()))

    def of_slot(self, slot: str) -> list[Session]:
        """Those whose logs include this slot's."""
        return [session for session in self._connections if slot in session.slots or session.slot == slot]

    def add(self, session: Session, conn: Connection) -> None:
        self._connections[session] = conn
        self._by_id[session.id] = session
        metrics.SESSIONS.labels(session.who.role.value).inc()
        for index, name in self._places(session):
            index.setdefault(name, []).append(session)

    def discard(self, session: Session) -> bool:
        """Whether it was here."""
        if self._connections.pop(session, None) is None:
            return False
        del self._by_id[session.id]
        metrics.SESSIONS.labels(session.who.role.value).dec()
        for index, name in self._places(session):
            index[name].remove(session)
            if not index[name]:
                del index[name]
        if isinstance(session, AgentSession):
            session.close()
        return True

    def follow(self, session: DeskSession, region: str) -> None:
        """A region was made: a dispatcher of all regions hears of it, too."""
        session.slots = (*session.slots, region)
        self._desks.setdefault(region, []).append(session)

    def concerned(self, event: Event) -> set[Session]:
        """All that hear of an order's event."""
        concerned: set[Session] = set(self.book.holders(event.order_id))
        for agent_id in (*event.to, event.holder, event.was):
            concerned.update(self._agents.get(agent_id, ()))
        concerned.update(self._customers.get(event.customer, ()))
        if event.desk:
            concerned.update(self._desks.get(event.region, ()))
        return concerned

    def _places(self, session: Session) -> list[tuple[dict[str, list], str]]:  # type: ignore[type-arg]  # by role
        match session:
            case AgentSession():
                return [(self._agents, session.agent.id)]
            case CustomerSession():
                return [(self._customers, session.who.sub)]
            case DeskSession():
                return [(self._desks, region) for region in session.slots]
        return []
