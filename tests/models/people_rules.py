"""Rules of the machine: agents who come and go, move and pause, and the operator who changes what they may do.

Owns the cast and where it stands. Invariant: no two agents are equally near to any place, so who is nearest is plain.
"""

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from ulid import ULID

from dispatch.errors import Refused
from dispatch.records.agents import Agent as AgentRecord
from geo.point import Point
from tests.models.commands import Commands, agents, picks, whole
from tests.models.orders import KINDS
from tests.models.play import same
from tests.models.stage import Fate

PLACES = (0.0, 800.0, 2000.0, 6000.0)
"""Where agents stand, metres north of the centre; each a little beside."""
STATUSES = st.sampled_from(["available", "available", "paused"])
CAST = (
    {"role": "valet", "skills": tuple(sorted(KINDS)), "capacity": 1, "home": None},
    {"role": "valet", "skills": tuple(sorted(KINDS)), "capacity": 3, "home": 800.0},
    {"role": "valet", "skills": ("model.narrow",), "capacity": 1, "home": None},
    {"role": "shop", "skills": tuple(sorted(KINDS)), "capacity": 2, "home": 2000.0},
)


class PeopleRules(Commands):
    def hire(self, there: list[bool]) -> None:
        """The whole cast is put; some of them are there."""
        for number, member in enumerate(CAST):
            self.put(self._name(number), self._record(number, member))
        for number, present in enumerate(there):
            if present:
                self.come(number, number, "available", True)

    def _name(self, number: int) -> str:
        return f"{self.region}.{'abcd'[number]}"

    def _record(self, number: int, member: dict[str, object]) -> AgentRecord:
        home = member["home"]
        point = Point(lat=self._lat(float(str(home)), number), lon=self.city.centre.lon) if home is not None else None
        fields = {"id": self._name(number), "region": self.region, "name": f"Name {number}", "phone": None}
        return msgspec.convert(fields | member | {"home": point, "suspended": False}, AgentRecord)

    def _lat(self, metres: float, number: int) -> float:
        return self.city.at(metres + 10 * number).lat

    # --- sessions -------------------------------------------------------------------------------------

    @precondition(lambda self: not self.broken)
    @rule(number=agents, place=st.integers(0, 3), status=STATUSES, known=st.booleans())
    def come(self, number: int, place: int, status: str, known: bool) -> None:
        """A session begins, with a position that he knows or without."""
        agent_id, session = self.agent(number), str(ULID())
        lat = self._lat(PLACES[place], number) if known else None
        self.statuses[agent_id] = status
        self.enter(agent_id, session, status, lat)
        there = self.house.agents[agent_id].sessions
        sockets = {name: at for name, at in self.sessions.get(agent_id, {}).items() if name in there}
        self.sessions[agent_id] = sockets | {session: lat}

    @precondition(lambda self: not self.broken and self.sockets)
    @rule(pick=picks)
    def go(self, pick: int) -> None:
        agent_id, session = self._socket(pick)
        del self.sessions[agent_id][session]
        self.run(self.dispatch.people.leave(self.region, agent_id, session))
        picture = self.look()
        self.house.leave(agent_id, session)
        self.compare(picture)

    @property
    def sockets(self) -> list[tuple[str, str]]:
        return [(agent_id, session) for agent_id, sockets in self.sessions.items() for session in sorted(sockets)]

    def _socket(self, pick: int) -> tuple[str, str]:
        return self.sockets[pick % len(self.sockets)]

    @precondition(lambda self: not self.broken and self.sockets)
    @rule(pick=picks, status=st.sampled_from(["available", "paused"]))
    def pause(self, pick: int, status: str) -> None:
        agent_id, session = self._socket(pick)
        self.statuses[agent_id], over = status, False
        try:
            self.run(self.dispatch.people.set_status(self.region, agent_id, session, status))
        except Refused:
            over = True
        picture = self.look()
        self.tell(picture)
        assert self.house.set_status(agent_id, session, status) is not over
        self.compare(picture)

    @precondition(lambda self: not self.broken and self.sockets)
    @rule(pick=picks, place=st.integers(0, 3))
    def move(self, pick: int, place: int) -> None:
        agent_id, session = self._socket(pick)
        lat = self._lat(PLACES[place], [*self.records].index(agent_id))
        moved = [(agent_id, session, Point(lat=lat, lon=self.city.centre.lon))]
        self.run(self.dispatch.people.move(self.region, moved))
        self.sessions[agent_id][session] = lat
        picture = self.look()
        self.tell(picture)
        self.house.move(agent_id, session, lat)
        self.compare(picture)

    @precondition(lambda self: not self.broken)
    @rule()
    def refresh(self) -> None:
        """Hubs say who is still there; after that nobody misses an order that would be offered to him."""
        over = self.run(self.dispatch.people.refresh(self.region, self.sockets))
        picture = self.look()
        self.tell(picture)
        same("sessions that are over", sorted(over), sorted(self.house.refresh(self.sockets)))
        for agent_id, sockets in self.sessions.items():
            self.sessions[agent_id] = {name: at for name, at in sockets.items() if name not in over}
        self.compare(picture)
        overdue, connected = self.overdue, {agent_id for agent_id, _ in self.sockets}
        missed = [(a, o) for a, o in self.house.missed() if a in connected and self.house.orders[o] not in overdue]
        assert not missed, f"eligible, in reach and not offered: {missed}"

    @precondition(lambda self: not self.broken and any(agent.reachable for agent in self.house.agents.values()))
    @rule()
    def fall_silent(self) -> None:
        """The one of whom nothing was heard for longest."""
        reply = self.run(self.dispatch.store.run("vanish", self.region, silent_ms=0, most=1))
        picture = self.look()
        for agent_id in reply.unpacked():
            assert self.house.agents[agent_id].reachable
            self.house.vanish(agent_id)
        self.compare(picture)

    @precondition(lambda self: not self.broken)
    @rule(number=agents)
    def ask_for_the_present(self, number: int) -> None:
        agent_id = self.agent(number)
        with self.node.tap.listening(Fate.ANSWERS):
            present = self.run(self.dispatch.people.present(self.region, agent_id))
        self.compare_present(agent_id, present, self.look())

    # --- profiles -------------------------------------------------------------------------------------

    @precondition(lambda self: not self.broken)
    @rule(number=agents, suspended=st.booleans())
    def suspend(self, number: int, suspended: bool) -> None:
        self._change(number, suspended=suspended)

    @precondition(whole)
    @rule(number=agents, capacity=st.integers(1, 3), skills=st.sampled_from([(), *((kind,) for kind in KINDS)]))
    def train(self, number: int, capacity: int, skills: tuple[str, ...]) -> None:
        """None of the skills given: all of them."""
        self._change(number, capacity=capacity, skills=skills or tuple(sorted(KINDS)))

    def _change(self, number: int, **changes: object) -> None:
        record = self.records[self.agent(number)]
        self.put(record.id, msgspec.structs.replace(record, **changes))
