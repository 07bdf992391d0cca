"""The map: the unfinished orders and the agents of some regions as points, as they are now.

Joins what PostgreSQL and Redis know; many desks look at it every few seconds, so one picture is shared by all who may
see the same regions. Invariant: it tells nothing of customers, and of agents no more than the desk's candidates do.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from dispatch.clock import now_ms
from dispatch.order import Status
from dispatch.records import Records
from dispatch.records.points import AgentPoint, OrderPoint
from dispatch.roster import NO_ORDER, Known, Presence, Roster
from dispatch.shared import Shared
from dispatch.store import Store
from dispatch.tasks import leisurely
from geo.crs import Crs, from_wgs84
from geo.point import Point

MOST_SHOWN = 5_000
"""Of each list."""
FRESH_S = 1.0
DECIMALS = 6
"""A tenth of a metre."""


class MapOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """`since_at`: since when it is at the desk, else since when it is held, else since it was placed."""

    id: str
    kind: str
    region: str
    status: Status
    stalled: bool
    lat: float
    lon: float
    since_at: int


class MapAgent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    id: str
    role: str
    region: str
    name: str
    status: Presence
    load: int
    capacity: int
    lat: float
    lon: float


class MapView(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may interest most comes first. `more` names the lists that were cut."""

    at: int
    orders: list[MapOrder]
    agents: list[MapAgent]
    more: list[str]


class _Question(NamedTuple):
    regions: tuple[str, ...]
    crs: Crs


class Map:
    def __init__(self, store: Store, records: Records, roster: Roster) -> None:
        self._store = store
        self._records = records
        self._roster = roster
        self._shared = Shared(self._drawn, FRESH_S, at_once=1)

    async def picture(self, regions: Sequence[str], crs: Crs) -> bytes:
        """A `MapView` as JSON, some seconds old at most. Raises Unavailable."""
        return await self._shared.ask(_Question(tuple(sorted(regions)), crs))

    async def close(self) -> None:
        await self._shared.close()

    async def _drawn(self, question: _Question) -> bytes:
        regions, crs = question
        at = now_ms()
        orders = await self._records.points.orders(regions, MOST_SHOWN + 1)
        agents = await self._agents(regions)
        view = MapView(
            at=at,
            orders=await leisurely(lambda order: _order(order, crs), orders[:MOST_SHOWN]),
            agents=[each for each in await leisurely(lambda agent: _agent(*agent, crs), agents[:MOST_SHOWN]) if each],
            more=[name for name, found in (("orders", orders), ("agents", agents)) if len(found) > MOST_SHOWN],
        )
        return msgspec.json.encode(view)

    async def _agents(self, regions: Sequence[str]) -> list[tuple[AgentPoint, Known]]:
        """Those that can be reached come first. One more than is shown, when there are more."""
        reachable = [agent_id for region in regions for agent_id in await self._reachable(region)]
        found = await self._records.points.agents(regions, reachable, MOST_SHOWN + 1)
        known: dict[str, Known] = {}
        for region in regions:
            here = [agent.id for agent in found if agent.region == region]
            known |= zip(here, await self._roster.known(region, NO_ORDER, here), strict=True)
        return [(agent, known[agent.id]) for agent in found]

    async def _reachable(self, region: str) -> list[str]:
        reply = await self._store.run("reachable", region, most=MOST_SHOWN)
        return msgspec.msgpack.decode(reply.extra, type=list[str])


def _order(order: OrderPoint, crs: Crs) -> MapOrder:
    lat, lon = _shown(Point(order.lat, order.lon), crs)
    return MapOrder(
        id=order.id,
        kind=order.kind,
        region=order.region,
        status=Status(order.status),
        stalled=order.stalled,
        lat=lat,
        lon=lon,
        since_at=order.since_at,
    )


def _agent(profile: AgentPoint, known: Known, crs: Crs) -> MapAgent | None:
    """None: nobody knows where he is."""
    point = known.point
    if point is None:
        if profile.home_lat is None or profile.home_lon is None:
            return None
        point = Point(profile.home_lat, profile.home_lon)
    lat, lon = _shown(point, crs)
    return MapAgent(
        id=profile.id,
        role=profile.role,
        region=profile.region,
        name=profile.name,
        status=known.presence,
        load=known.load,
        capacity=profile.capacity,
        lat=lat,
        lon=lon,
    )


def _shown(point: Point, crs: Crs) -> tuple[float, float]:
    at = from_wgs84(point, crs)
    return round(at.lat, DECIMALS), round(at.lon, DECIMALS)
