"""Which sessions live on this node, found by whom they belong to.

Owns the indexes only. Invariant: a session is in all indexes of its role, or in none; one that was discarded
is over and comes into none again.
"""

from collections.abc import Iterator
from typing import Any

from dispatch import metrics
from dispatch.events import Event, Type
from realtime.connection import Connection
from realtime.session import AgentSession, CustomerSession, DeskSession, OfferBook, Session
from realtime.wire import Outbound

_Index = dict[str, Any]
"""Name → list of sessions of one role."""


class Registry:
    def __init__(self) -> None:
        self.book = OfferBook()
        self._connections: dict[Session, Connection] = {}
        self._agents: dict[str, list[AgentSession]] = {}
        self._customers: dict[str, list[CustomerSession]] = {}
        self._desks: dict[str, list[DeskSession]] = {}
        self._by_id: dict[str, Session] = {}
        self._reading: dict[str, set[AgentSession]] = {}
        """By region: agents whose present is being read. Nobody knows yet what it will show, so until it was told
        everything in the region may concern them."""

    def __iter__(self) -> Iterator[Session]:
        return iter(self._connections)

    def connection(self, session: Session) -> Connection | None:
        return self._connections.get(session)

    def unsent_bytes(self, session: Session) -> int:
        conn = self._connections.get(session)
        return 0 if conn is None else conn.unsent_bytes

    def begun(self) -> list[Session]:
        """Those that were welcomed."""
        return [session for session, conn in self._connections.items() if conn.peer is session]

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
        self._reads(session)

    def doubt(self, session: Session) -> None:
        """Its present has to be read (anew); hold back what comes."""
        session.doubt()
        self._reads(session)

    def resume(self, session: Session) -> list[Outbound]:
        """It was told the present; what is newer."""
        self._reads_no_more(session)
        return session.resume()

    def discard(self, session: Session) -> bool:
        """Whether it was here."""
        if self._connections.pop(session, None) is None:
            return False
        del self._by_id[session.id]
        metrics.SESSIONS.labels(session.who.role.value).dec()
        for index, name in self._places(session):
            self._take(index, name, session)
        self._reads_no_more(session)
        session.close()
        return True

    def refit(self, session: Session, slots: tuple[str, ...]) -> None:
        """Regions came or went: the session hears of these from now on."""
        for index, name in self._places(session):
            self._take(index, name, session)
        session.slots = slots
        for index, name in self._places(session):
            index.setdefault(name, []).append(session)

    def concerned(self, event: Event) -> set[Session]:
        """All that hear of an order's event, or of a position (its customer alone)."""
        if not event.order_id:
            return set(self._customers.get(event.customer, ())) if event.type is Type.TRACKED else set()
        concerned: set[Session] = set(self.book.sessions(event.order_id))
        concerned.update(self._reading.get(event.region, ()))
        for agent_id in (*event.to, event.holder, event.was):
            concerned.update(self._agents.get(agent_id, ()))
        concerned.update(self._customers.get(event.customer, ()))
        if event.type is Type.EDITED:
            concerned.update(self._customers.get(event.detail.get("former_customer", ""), ()))
        if event.desk:
            concerned.update(self._desks.get(event.region, ()))
        return concerned

    def _places(self, session: Session) -> list[tuple[_Index, str]]:
        match session:
            case AgentSession():
                return [(self._agents, session.agent.id)]
            case CustomerSession():
                return [(self._customers, session.who.sub)]
            case DeskSession():
                return [(self._desks, region) for region in session.slots]
        return []

    def _reads(self, session: Session) -> None:
        if isinstance(session, AgentSession):
            self._reading.setdefault(session.slot, set()).add(session)

    def _reads_no_more(self, session: Session) -> None:
        reading = self._reading.get(session.slot)
        if reading is not None and isinstance(session, AgentSession):
            reading.discard(session)
            if not reading:
                del self._reading[session.slot]

    def _take(self, index: _Index, name: str, session: Session) -> None:
        index[name].remove(session)
        if not index[name]:
            del index[name]
