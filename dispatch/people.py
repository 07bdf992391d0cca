"""People: who is connected, where he stands, what he was offered.

Owns agents' profiles and every session's coming and going, over SQL (what an operator put) and Redis (what is
now). Staff and customers belong to no region: their sessions live in the slot `PEOPLE`. Invariant: an agent's
profile, sessions, offers and load live in exactly one region.
"""

from collections.abc import Sequence

import msgspec
import orjson

from dispatch.catalog import PEOPLE, Catalog
from dispatch.clock import now_ms
from dispatch.errors import Code, Refused, invalid
from dispatch.identity import Identity
from dispatch.order import Order
from dispatch.records import Records
from dispatch.records.agents import Agent
from dispatch.state import order_of
from dispatch.store import Reply, Store
from geo.point import Point

MOST_LISTED = 100
"""Entries in a list of `welcome`; the rest by HTTP."""
REACHABLE_MS = 45_000
MATCH_MS, MATCH_M = 5_000, 100
"""A moving agent is matched each so many metres, or after so long when he came half as far."""
TRACK_MS = 5_000
"""How often at most a customer hears where the agent is who comes to him."""
_SESSIONS = {"valet": 1}
_SESSIONS_OF_OTHERS = 5


class Present(msgspec.Struct, frozen=True):
    """What an agent is told first: the region's `n` of that instant, open offers, orders he holds."""

    n: int
    offers: list[Order]
    jobs: list[Order]
    more: list[str]
    at: int = 0
    """The instant, ms by Redis' clock."""


class DeskPresent(msgspec.Struct, frozen=True):
    n: int
    orders: list[Order]
    more: bool


def card(agent: Agent) -> dict[str, object]:
    """What scripts decide by. `capacity` and `suspended` as `assign` reads them."""
    return {
        "role": agent.role,
        "skills": f",{','.join(agent.skills)},",
        "suspended": agent.suspended,
        "capacity": agent.capacity,
        "name": agent.name,
        "phone": agent.phone or "",
        "home_lat": repr(agent.home.lat) if agent.home else "",
        "home_lon": repr(agent.home.lon) if agent.home else "",
    }


def profile_fields(agent: Agent) -> dict[str, str]:
    """The copy of a profile in the agent's hash: text only, and which of two copies is the later."""
    changed = {"suspended": "01"[agent.suspended], "capacity": agent.capacity, "updated_at": agent.updated_at}
    return {name: str(value) for name, value in (card(agent) | changed).items()}


def _packed(agent: Agent) -> bytes:
    return msgspec.msgpack.encode(profile_fields(agent))


def _about(member: str, meta: dict[str, object]) -> bytes:
    """What is kept of a session, as `sessions` and the scripts read it."""
    return orjson.dumps(meta | {"member": member})


def _slot_member(who: Identity) -> str:
    """Ids are unique within a role; the people's slot holds all roles."""
    return f"{who.role}:{who.sub}"


class UnknownSession(Refused):
    """Redis knows the session no more: it was silent too long, for its node hung, or another took its place."""

    def __init__(self) -> None:
        super().__init__(Code.CONFLICT, "the session is over", retryable=True)


class People:
    def __init__(self, store: Store, records: Records, catalog: Catalog) -> None:
        self._store = store
        self._records = records
        self._catalog = catalog

    # --- profiles -------------------------------------------------------------------------------------

    async def put(self, agent: Agent) -> Agent:
        """Create or change a profile. Raises Refused: invalid (region), conflict (moves with jobs)."""
        before = await self._records.agents.find(agent.id)
        if before and (before.region, before.role) != (agent.region, agent.role):
            return await self._move(before, agent)
        return await self._put(agent)

    async def rehome(self, agent: Agent, region: str) -> bool:
        """To another region, unless it holds jobs or was put anew since it was read. Raises Unavailable."""
        try:
            await self._depart(agent)
        except Refused:
            return False
        moved = await self._records.agents.rehome(agent, region)
        if moved is None:
            return False
        try:
            await self._depart(agent)  # a session that began meanwhile had read the old profile
        except Refused:  # it has grabbed an order there
            await self._records.agents.rehome(moved, agent.region)
            return False
        return True

    async def _put(self, agent: Agent) -> Agent:
        stored = await self._records.agents.put(agent, now_ms())
        if stored is None:
            raise invalid("region", "there is no such region")
        await self._store.run("profile", stored.region, agent_id=stored.id, card=_packed(stored))
        return stored

    async def _move(self, before: Agent, agent: Agent) -> Agent:
        """To another region or role. A session that began meanwhile had read the old profile: it leaves, too."""
        await self._depart(before)
        stored = await self._put(agent)
        try:
            await self._depart(before)
        except Refused:  # it has grabbed an order there
            await self._put(before)
            raise
        return stored

    async def _depart(self, agent: Agent) -> None:
        reply = await self._store.run("depart", agent.region, agent_id=agent.id)
        if reply.outcome == "holds":
            raise Refused(Code.CONFLICT, "an agent that holds jobs can not change region or role")

    async def home_region(self, home: Point | None) -> str:
        """The region containing `home`, else `default`."""
        found = await self._catalog.region_of(home) if home else None
        return found or "default"

    # --- an agent's session ---------------------------------------------------------------------------

    async def profile(self, who: Identity) -> Agent:
        """Raises Refused: forbidden for an agent that was never put, of another role or another region."""
        agent = await self._records.agents.find(who.sub)
        if agent is None or agent.role != who.role:
            raise Refused(Code.FORBIDDEN, "there is no such agent")
        if not who.may_see_region(agent.region):
            raise Refused(Code.FORBIDDEN, "the token is not for the agent's region")
        return agent

    async def enter(
        self,
        agent: Agent,
        session_id: str,
        meta: dict[str, object],
        status: str,
        position: Point | None,
        *,
        said_at: int = 0,
    ) -> Present:
        """A session begins; too many of one agent end the oldest. Raises Unavailable.

        One that is announced again says since when its status is his (`said_at`, by Redis' clock).
        """
        reply = await self._store.run(
            "enter",
            agent.region,
            agent_id=agent.id,
            session_id=session_id,
            card=_packed(agent),
            meta=_about(agent.id, {"sub": agent.id, "role": agent.role, "region": agent.region} | meta),
            status=status,
            said_at=said_at or "",
            lat=repr(position.lat) if position else "",
            lon=repr(position.lon) if position else "",
            most_sessions=_SESSIONS.get(agent.role, _SESSIONS_OF_OTHERS),
            stale_ms=REACHABLE_MS,
            most=MOST_LISTED,
        )
        return await self._present(agent.region, reply)

    async def present(self, region: str, agent_id: str) -> Present:
        """The same again for a session that may have missed something. Raises Unavailable."""
        reply = await self._store.run("snapshot", region, agent_id=agent_id, most=MOST_LISTED)
        return await self._present(region, reply)

    async def leave(self, region: str, member: str, session_id: str) -> None:
        await self._store.run("leave", region, agent_id=member, session_id=session_id)

    async def set_status(self, region: str, agent_id: str, session_id: str, status: str, *, said_at: int = 0) -> int:
        """Returns when he said so, by Redis' clock. Raises UnknownSession."""
        reply = await self._store.run(
            "status", region, agent_id=agent_id, session_id=session_id, status=status, said_at=said_at or ""
        )
        if reply.outcome == "session_over":
            raise UnknownSession
        return int(reply.text)

    async def move(self, region: str, moves: Sequence[tuple[str, str, Point]]) -> None:
        """Positions of (agent, session), the latest of each."""
        packed = [(agent, session, repr(point.lat), repr(point.lon)) for agent, session, point in moves]
        await self._store.run(
            "move",
            region,
            moves=msgspec.msgpack.encode(packed),
            match_ms=MATCH_MS,
            match_m=MATCH_M,
            track_ms=TRACK_MS,
        )

    async def refresh(
        self, region: str, sessions: Sequence[tuple[str, str]] | Sequence[tuple[str, str, int]]
    ) -> list[str]:
        """Still here: (member, session), or with the bytes that wait to be sent. Returns the sessions that are over."""
        reply = await self._store.run(
            "refresh", region, sessions=msgspec.msgpack.encode(list(sessions)), most=MOST_LISTED
        )
        over: list[str] = reply.unpacked()
        return over or []

    async def decline(self, who: Identity, region: str, order_id: str, reason: str) -> None:
        """Raises Refused (not_found) when he was not offered it."""
        reply = await self._store.run(
            "decline", region, order_id=order_id, agent_id=who.sub, reason=reason, actor=who.actor
        )
        if reply.outcome != "ok":
            raise Refused(Code.NOT_FOUND, "the order was not offered to this agent")
        await self._records.ledger.apply(reply.events)

    async def mark(self, region: str, marks: Sequence[tuple[str, str, str]]) -> None:
        """(order, agent, `d` delivered or `s` seen), gathered."""
        await self._store.run("delivered", region, marks=msgspec.msgpack.encode(list(marks)))

    # --- sessions of staff and customers --------------------------------------------------------------

    async def admit(self, who: Identity, session_id: str, meta: dict[str, object]) -> str:
        """Register a session; returns the member name under which it is refreshed and left."""
        member = _slot_member(who)
        await self._store.run(
            "admit",
            PEOPLE,
            agent_id=member,
            session_id=session_id,
            meta=_about(member, {"sub": who.sub, "role": who.role, "region": None} | meta),
            most_sessions=_SESSIONS_OF_OTHERS,
            stale_ms=REACHABLE_MS,
        )
        return member

    async def desk(self, region: str) -> DeskPresent:
        """The desk of one region, longest waiting first. Raises Unavailable."""
        reply = await self._store.run("desk", region, most=MOST_LISTED)
        await self._records.ledger.apply(reply.events)
        found = reply.unpacked()
        return DeskPresent(found["n"], [order_of(oid, region, state) for oid, state in found["orders"]], found["more"])

    async def unfinished_of(self, customer_id: str) -> tuple[list[Order], bool]:
        """A customer's unfinished orders as they are now, and whether there are more than are listed.

        PostgreSQL says which, Redis how they stand: an event may not have reached SQL yet.
        """
        rows = await self._records.orders.unfinished_of(customer_id, MOST_LISTED + 1)
        found = {order.id: order for order in rows[:MOST_LISTED]}
        for region in sorted({order.region for order in found.values()}):
            ids = [order.id for order in found.values() if order.region == region]
            reply = await self._store.run("states", region, order_ids=msgspec.msgpack.encode(ids))
            await self._records.ledger.apply(reply.events)
            for order_id, state in reply.unpacked()["orders"]:
                found[order_id] = order_of(order_id, region, state)
        # An order that was made over to another customer is not his any more, though SQL may say so.
        return [each for each in found.values() if each.customer.id == customer_id], len(rows) > MOST_LISTED

    # --- reading --------------------------------------------------------------------------------------

    async def offered(self, order: Order, agent_id: str) -> bool:
        """Whether the agent has a live offer of this order. Raises Unavailable."""
        standing = await self._standings(order, [agent_id])
        return bool(standing[0][5]) and agent_id not in order.declined

    async def _standings(self, order: Order, agents: list[str]) -> list[list[object]]:
        packed = msgspec.msgpack.encode(agents)
        reply = await self._store.run("standings", order.region, order_id=order.id, agent_ids=packed)
        found: list[list[object]] = reply.unpacked()
        return found

    async def _present(self, region: str, reply: Reply) -> Present:
        """What is shown as held has passed `apply` first."""
        await self._records.ledger.apply(reply.events)
        found = reply.unpacked()
        more = [name for name in ("offers", "jobs") if found[f"more_{name}"]]
        return Present(
            n=found["n"],
            offers=[order_of(order_id, region, state) for order_id, state in found["offers"]],
            jobs=[order_of(order_id, region, state) for order_id, state in found["jobs"]],
            more=more,
            at=found["at"],
        )
