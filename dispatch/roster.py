"""The roster: agents as they stand now, for the desk's candidates and the list of agents.

Joins what an operator put (SQL) with what is known at this moment (Redis). Decides nothing: eligibility is
`eligibility`'s. Invariant: pages are cut at a place (distance, id), so nobody who stands still is skipped or
repeated.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from dispatch.eligibility import Standing, WhyNot, why_not
from dispatch.order import Order
from dispatch.policy import Policy
from dispatch.records import Records
from dispatch.records.agents import Agent
from dispatch.store import Store
from dispatch.tasks import leisurely
from geo.point import Point, distance_m

MOST_AT_ONCE = 500
"""Agents in one script call: it must not hold Redis up for more than a few milliseconds."""
FAR_M = 2**31
"""The place of those without a position: behind all others."""
NO_ORDER = "-"

Place = tuple[int, str]
"""Where a page ended: metres, id."""


class Presence(StrEnum):
    AVAILABLE = "available"
    PAUSED = "paused"
    OFFLINE = "offline"


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One agent as the desk sees him beside one order (PROTOCOL §5). Times in ms."""

    agent_id: str
    role: str
    name: str
    phone: str | None
    distance_m: int | None
    status: Presence
    load: int
    capacity: int
    offered_at: int | None
    delivered_at: int | None
    seen_at: int | None
    heard_at: int | None
    declined: bool
    decline_reason: str | None
    eligible: bool
    why_not: WhyNot | None

    @property
    def place(self) -> Place:
        return (FAR_M if self.distance_m is None else self.distance_m), self.agent_id


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's profile and how he stands. `position` is WGS-84; `distance_m` from the point asked for."""

    agent: Agent
    status: Presence
    load: int
    position: Point | None
    distance_m: int | None = None

    @property
    def place(self) -> Place:
        return (FAR_M if self.distance_m is None else self.distance_m), self.agent.id


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a list of agents asks for; None asks for nothing. `regions` None means all."""

    regions: frozenset[str] | None = None
    role: str | None = None
    status: Presence | None = None


class Known(msgspec.Struct, frozen=True, array_like=True):
    """What `standings.lua` answers for one agent; false where nothing is known."""

    reachable: bool
    status: str | bool
    load: int
    lat: str | bool
    lon: str | bool
    offer: str | bool
    delivered_at: str | bool
    seen_at: str | bool
    heard_at: str | bool

    @property
    def presence(self) -> Presence:
        if not self.reachable:
            return Presence.OFFLINE
        return Presence.AVAILABLE if self.status == "available" else Presence.PAUSED

    @property
    def point(self) -> Point | None:
        return Point(lat=float(self.lat), lon=float(self.lon)) if self.lat and self.lon else None

    @property
    def offered_at(self) -> int | None:
        """An offer is kept as `round:ms`."""
        return int(self.offer.partition(":")[2]) if isinstance(self.offer, str) else None


class Roster:
    def __init__(self, store: Store, records: Records) -> None:
        self._store = store
        self._records = records

    async def candidates(self, order: Order, policy: Policy, limit: int, after: Place | None) -> list[Candidate]:
        """Agents of the order's region, nearest first, those without a position last. Raises Unavailable."""
        agents = await self._records.agents.of_region(order.region)
        rows = await self.known(order.region, order.id, [agent.id for agent in agents])
        reasons = await self._records.orders.declines(order.id) if order.declined else {}
        both = list(zip(agents, rows, strict=True))
        found = await leisurely(lambda each: _candidate(order, policy, *each, reasons), both)
        found.sort(key=lambda candidate: candidate.place)
        return [each for each in found if after is None or each.place > after][:limit]

    async def find(self, agent: Agent) -> Entry:
        """Raises Unavailable."""
        return (await self._entries([agent]))[0]

    async def positions(self, agents: Sequence[Agent]) -> dict[str, Point]:
        """By id, of those of whom one is known. Raises Unavailable."""
        entries = await self._entries(agents)
        return {entry.agent.id: entry.position for entry in entries if entry.position is not None}

    async def by_id(self, wanted: Wanted, limit: int, after: str | None) -> list[Entry]:
        """Those above `after`. Raises Unavailable."""
        found: list[Entry] = []
        while len(found) < limit:
            agents = await self._list(wanted, after)
            found += [entry for entry in await self._entries(agents) if _stands(entry, wanted)]
            if len(agents) < MOST_AT_ONCE:
                break
            after = agents[-1].id
        return found[:limit]

    async def near(
        self, wanted: Wanted, centre: Point, radius_m: float | None, limit: int, after: Place | None
    ) -> list[Entry]:
        """Nearest first; who has no position is left out. Raises Unavailable."""
        found: list[Entry] = []
        last: str | None = None
        while agents := await self._list(wanted, last):
            found += _within(await self._entries(agents), wanted, centre, radius_m)
            last = agents[-1].id
        found.sort(key=lambda entry: entry.place)
        return [entry for entry in found if after is None or entry.place > after][:limit]

    async def _list(self, wanted: Wanted, after: str | None) -> list[Agent]:
        return await self._records.agents.page(
            regions=wanted.regions, role=wanted.role, limit=MOST_AT_ONCE, after=after
        )

    async def _entries(self, agents: Sequence[Agent]) -> list[Entry]:
        """In the order of `agents`."""
        found: dict[str, Entry] = {}
        for region in sorted({agent.region for agent in agents}):
            here = [agent for agent in agents if agent.region == region]
            rows = await self.known(region, NO_ORDER, [agent.id for agent in here])
            for agent, row in zip(here, rows, strict=True):
                found[agent.id] = Entry(
                    agent=agent, status=row.presence, load=row.load, position=row.point or agent.home
                )
        return [found[agent.id] for agent in agents]

    async def known(self, region: str, order_id: str, agent_ids: Sequence[str]) -> list[Known]:
        """What Redis knows of each, beside an order or `NO_ORDER`. Raises Unavailable."""
        rows: list[Known] = []
        for start in range(0, len(agent_ids), MOST_AT_ONCE):
            packed = msgspec.msgpack.encode(agent_ids[start : start + MOST_AT_ONCE])
            reply = await self._store.run("standings", region, order_id=order_id, agent_ids=packed)
            rows += msgspec.msgpack.decode(reply.extra, type=list[Known])
        return rows


def _candidate(order: Order, policy: Policy, agent: Agent, row: Known, reasons: Mapping[str, str | None]) -> Candidate:
    point = row.point or agent.home
    reason = why_not(_standing(agent, row), order, policy.audience)
    return Candidate(
        agent_id=agent.id,
        role=agent.role,
        name=agent.name,
        phone=agent.phone,
        distance_m=None if point is None else round(distance_m(point, order.place.point)),
        status=row.presence,
        load=row.load,
        capacity=agent.capacity,
        offered_at=row.offered_at,
        delivered_at=int(row.delivered_at) if row.delivered_at else None,
        seen_at=int(row.seen_at) if row.seen_at else None,
        heard_at=int(row.heard_at) if row.heard_at else None,
        declined=agent.id in order.declined,
        decline_reason=reasons.get(agent.id) if agent.id in order.declined else None,
        eligible=reason is None,
        why_not=reason,
    )


def _standing(agent: Agent, row: Known) -> Standing:
    return Standing(
        agent_id=agent.id,
        role=agent.role,
        skills=frozenset(agent.skills),
        suspended=agent.suspended,
        reachable=row.reachable,
        available=row.status == "available",
        load=row.load,
        capacity=agent.capacity,
    )


def _stands(entry: Entry, wanted: Wanted) -> bool:
    return wanted.status is None or entry.status is wanted.status


def _within(entries: Iterable[Entry], wanted: Wanted, centre: Point, radius_m: float | None) -> Iterable[Entry]:
    for entry in entries:
        if entry.position is not None and _stands(entry, wanted):
            metres = distance_m(entry.position, centre)
            if radius_m is None or metres <= radius_m:
                yield msgspec.structs.replace(entry, distance_m=round(metres))
