"""The model's people: who is there, what he was offered, and who is offered what next.

Pure; half of what Redis knows (the other half, the orders' transitions, is `house`). Knows no connection and no
script. Invariant: an order is offered to an agent only when `why_not` has nothing against it, or not at all.
"""

from collections.abc import Iterable, Iterator

import msgspec

from tests.models.orders import METRES_A_DEGREE, Event, Order, change


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as an operator put him."""

    role: str
    skills: tuple[str, ...]
    suspended: bool
    capacity: int
    name: str
    phone: str
    home: float | None
    """Latitude: everything in the model lies on one meridian."""


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """What Redis knows of one."""

    profile: Profile
    status: str | None = None
    at: float | None = None
    matched_at: float | None = None
    """Where he stood when he was last matched as one who moves."""
    reachable: bool = False
    sessions: tuple[str, ...] = ()


MOST_SESSIONS = {"valet": 1, "shop": 5}
MATCH_M = 100


def metres(one: float, other: float) -> float:
    return abs(one - other) * METRES_A_DEGREE


class Crowd:
    """Agents, offers and the log; `now` is the clock's, given for each step."""

    def __init__(self) -> None:
        self.now = 0
        self.epoch = 0
        self.n = 0
        """Of the log's last entry."""
        self.reach = 0
        """The widest round that was ever begun."""
        self.orders: dict[str, Order] = {}
        self.agents: dict[str, Agent] = {}
        self.offers: dict[str, dict[str, int]] = {}
        """Order → agent → round."""
        self.inbox: dict[str, set[str]] = {}
        """Agent → orders, cleaned when it is read: an offer that is in no inbox is not withdrawn with its agent."""
        self.log: list[Event] = []
        self.last: dict[str, Event] = {}
        """The event that brought an order to where it is."""
        self.tracked: set[str] = set()

    # --- the log --------------------------------------------------------------------------------------

    def commit(self, order: Order, kind: str, to: Iterable[str] = ()) -> Order:
        before = self.orders.get(order.id)
        order = change(order, version=order.version + 1)
        desk = order.desk_at is not None or (before is not None and before.desk_at is not None)
        was = before.holder if before else ""
        event = Event(kind, self.epoch, order, tuple(to), was, desk, order.customer_id)
        self.orders[order.id] = order
        self.last[order.id] = event
        self.log.append(event)
        return order

    def signal(self, kind: str, agent_id: str, customer: str = "") -> None:
        self.log.append(Event(kind, self.epoch, None, (agent_id,) if agent_id else (), customer=customer))

    def last_event(self, order_id: str) -> list[Event]:
        """None of an older epoch, none that the log has let go of: PostgreSQL has those."""
        event = self.last.get(order_id)
        return [event] if event and event.epoch == self.epoch and event in self.log else []

    # --- who may --------------------------------------------------------------------------------------

    def load(self, agent_id: str) -> int:
        return sum(order.holder == agent_id for order in self.orders.values())

    def why_idle(self, agent_id: str) -> str | None:
        agent = self.agents[agent_id]
        if agent.profile.suspended:
            return "suspended"
        if not agent.reachable:
            return "unreachable"
        if agent.status != "available":
            return "paused"
        return "at_capacity" if self.load(agent_id) >= agent.profile.capacity else None

    def why_not(self, agent_id: str, order: Order) -> str | None:
        profile = self.agents[agent_id].profile
        if profile.role not in order.audience.split(","):
            return "role"
        if order.kind not in profile.skills:
            return "skill"
        if idle := self.why_idle(agent_id):
            return idle
        if agent_id in order.declined:
            return "declined"
        return "released" if agent_id in order.released else None

    def wants(self, order: Order, agent_id: str) -> bool:
        """Whether the order would be offered to him now: he is in its round's reach and has no offer of it."""
        at = self.agents[agent_id].at
        near = at is not None and metres(at, float(order.lat)) <= (order.radius_m or 0)
        return near and not self.why_not(agent_id, order) and agent_id not in self.offers.get(order.id, {})

    # --- matching -------------------------------------------------------------------------------------

    def match_order(self, order: Order) -> tuple[Order, list[str]]:
        """The nearest for whom its round has room are offered it."""
        wanted = sorted((self._distance(order, agent), agent) for agent in self.agents if self.wants(order, agent))
        found = [agent_id for _, agent_id in wanted[: max(0, order.room)]]
        for agent_id in found:
            self._note(order, agent_id)
        offered = {"round_offered": order.round_offered + len(found), "offered": order.offered + len(found)}
        return change(order, **offered), found

    def match_agent(self, agent_id: str) -> None:
        """The open orders whose round has room are offered to him."""
        agent = self.agents.get(agent_id)
        if agent is None or agent.at is None or self.why_idle(agent_id):
            return
        for order in list(self.orders.values()):
            within = metres(agent.at, float(order.lat)) <= self.reach
            if order.room > 0 and within and self.wants(order, agent_id):
                self._note(order, agent_id)
                offered = {"round_offered": order.round_offered + 1, "offered": order.offered + 1}
                self.commit(change(order, **offered), "offered", [agent_id])

    def missed(self) -> Iterator[tuple[str, str]]:
        """(agent, order) that should have found each other (PROTOCOL §6)."""
        for agent_id in self.agents:
            yield from ((agent_id, order.id) for order in self.orders.values() if self._missed(order, agent_id))

    def _missed(self, order: Order, agent_id: str) -> bool:
        return order.room > 0 and self.wants(order, agent_id)

    def _distance(self, order: Order, agent_id: str) -> float:
        return metres(self.agents[agent_id].at or 0.0, float(order.lat))

    def _note(self, order: Order, agent_id: str) -> None:
        self.offers.setdefault(order.id, {})[agent_id] = order.round
        self.inbox.setdefault(agent_id, set()).add(order.id)

    def forget_offers(self, order_id: str) -> None:
        self.offers.pop(order_id, None)

    def _withdraw(self, agent_id: str) -> None:
        for order_id in self.inbox.pop(agent_id, set()):
            self.offers.get(order_id, {}).pop(agent_id, None)

    # --- presence -------------------------------------------------------------------------------------

    def _set(self, agent_id: str, **changes: object) -> Agent:
        agent = self.agents[agent_id] = msgspec.structs.replace(self.agents[agent_id], **changes)
        return agent

    def enter(self, agent_id: str, session: str, profile: Profile, status: str, at: float | None) -> None:
        known = self.agents.get(agent_id) or Agent(profile=profile)
        others = [other for other in known.sessions if other != session]
        over = max(0, len(others) + 1 - MOST_SESSIONS[profile.role])
        for _ in range(over):  # the oldest
            self.signal("replaced", agent_id)
        if profile.suspended:
            self.signal("suspended", agent_id)
        if profile.role == "shop":
            at = profile.home
        elif at is None:
            at = profile.home if known.at is None else known.at
        self.agents[agent_id] = Agent(
            profile=profile,
            status=status,
            at=at,
            matched_at=at,
            reachable=True,
            sessions=tuple(sorted([*others[over:], session])),
        )
        self.match_agent(agent_id)
        self.present(agent_id)

    def present(self, agent_id: str) -> tuple[set[str], set[str]]:
        """(offers, jobs) as the agent is told them."""
        inbox = self.inbox.get(agent_id, set())
        inbox -= {order_id for order_id in inbox if not self._still_offered(agent_id, order_id)}
        return set(inbox), {order.id for order in self.orders.values() if order.holder == agent_id}

    def _still_offered(self, agent_id: str, order_id: str) -> bool:
        order = self.orders.get(order_id)
        live = order is not None and order.status == "open" and agent_id not in order.declined
        return live and agent_id in self.offers.get(order_id, {})

    def leave(self, agent_id: str, session: str) -> None:
        """He stays reachable for a while: `vanish` ends that."""
        self._set(agent_id, sessions=tuple(other for other in self.agents[agent_id].sessions if other != session))

    def vanish(self, agent_id: str) -> None:
        self._set(agent_id, reachable=False, sessions=())

    def set_status(self, agent_id: str, session: str, status: str) -> bool:
        """False when the session is over."""
        if session not in self.agents[agent_id].sessions:
            return False
        self._set(agent_id, status=status)
        if status == "available":
            self.match_agent(agent_id)
        return True

    def move(self, agent_id: str, session: str, at: float) -> None:
        agent = self.agents[agent_id]
        if agent.profile.role != "valet" or session not in agent.sessions:
            return
        far = agent.matched_at is None or metres(agent.matched_at, at) > MATCH_M
        if agent.status == "available" and far:
            self._set(agent_id, at=at, matched_at=at)
            self.match_agent(agent_id)
        else:
            self._set(agent_id, at=at)
        self._track(agent_id)

    def _track(self, agent_id: str) -> None:
        """Once an order: the next position would be told hours later."""
        for order in self.orders.values():
            if order.holder == agent_id and order.status != "assigned" and order.id not in self.tracked:
                self.tracked.add(order.id)
                self.signal("tracked", "", order.customer_id)

    def refresh(self, sessions: Iterable[tuple[str, str]]) -> list[str]:
        """Returns the sessions that are over."""
        over = []
        for agent_id, session in sessions:
            if agent_id in self.agents and session in self.agents[agent_id].sessions:
                self._set(agent_id, reachable=True)
                self.match_agent(agent_id)
            else:
                over.append(session)
        return over

    def put_right(self, agent_id: str, profile: Profile) -> None:
        """The profile as PostgreSQL has it, and nothing more."""
        self._set(agent_id, profile=profile)

    def put(self, agent_id: str, profile: Profile) -> None:
        if agent_id not in self.agents:
            return
        self._set(agent_id, profile=profile)
        if profile.suspended:
            self._withdraw(agent_id)
            self.signal("suspended", agent_id)
        elif profile.role == "shop":
            self._set(agent_id, at=profile.home)
        self.match_agent(agent_id)
