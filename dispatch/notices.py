"""Telling people: an operator's notice is stored, announced to every node, and listed for those it is for.

Owns who may tell whom. What the nodes do with it is `realtime.notices`'. Invariant: a notice that was announced stands
in PostgreSQL.
"""

import msgspec

from dispatch.access import require_region
from dispatch.catalog import PEOPLE, Catalog
from dispatch.clock import now_ms
from dispatch.errors import Code, Refused, invalid
from dispatch.events import Event
from dispatch.identity import AGENTS, STAFF, Identity, Role
from dispatch.notice import Notice, is_for, reaches
from dispatch.records import Records
from dispatch.records.agents import Agent
from dispatch.records.notices import Asked
from dispatch.roster import Roster
from dispatch.store import Store
from geo.point import Point

MOST_IN_FORCE = 1_000
"""The newest so many are told to those who connect."""
MOST_AT_ONCE = 200


class Notices:
    def __init__(self, store: Store, records: Records, catalog: Catalog, roster: Roster) -> None:
        self._store = store
        self._records = records
        self._catalog = catalog
        self._roster = roster

    async def post(self, who: Identity, notice: Notice, request: str = "") -> Notice:
        """Store it, then announce it. Raises Refused (forbidden, invalid), Unavailable."""
        await self._check(who, notice)
        stored = await self._records.notices.add(notice)
        packed = msgspec.json.encode(stored).decode()
        await self._store.run("announce", PEOPLE, request=request, notice=packed)
        return stored

    async def _check(self, who: Identity, notice: Notice) -> None:
        if notice.region is not None:
            require_region(who, notice.region)
            if not await self._catalog.has_region(notice.region):
                raise invalid("region", "there is no such region")
        elif who.regions is not None:
            raise Refused(Code.FORBIDDEN, "region: the token is for some regions, one of which must be named")
        if (notice.near is None) != (notice.radius_m is None):
            raise invalid("near", "comes with radius_m")
        if notice.near is not None and AGENTS.isdisjoint(notice.roles):
            raise invalid("roles", "must hold valet or shop: only agents are addressed by near")

    async def in_force(self) -> list[Notice]:
        """The newest ones, oldest first: what who connects now has to be told. Raises Unavailable."""
        found = await self._records.notices.page(Asked(in_force_at=now_ms()), MOST_IN_FORCE)
        return found[::-1]

    async def positions(self, agents: list[Agent]) -> dict[str, Point]:
        """Where each was last; of some nothing is known. Raises Unavailable."""
        return await self._roster.positions(agents)

    async def page(self, who: Identity, agent: Agent | None, limit: int, before: str | None) -> list[Notice]:
        """Newest first: staff see all of their regions, past ones too; others what is for them and in force.

        `agent` is the asker's profile if he is one. Raises Unavailable.
        """
        if who.role in STAFF:
            return await self._records.notices.page(Asked(regions=who.regions), limit, before)
        asked = Asked(regions=_regions(who, agent), role=who.role.value, in_force_at=now_ms())
        position: Point | None = None
        found: list[Notice] = []
        while len(found) < limit:
            some = await self._records.notices.page(asked, MOST_AT_ONCE, before)
            if position is None and agent is not None and any(notice.near for notice in some):
                position = (await self.positions([agent])).get(agent.id)
            region = agent.region if agent else None
            found += [each for each in some if is_for(each, who, region) and reaches(each, position)]
            if len(some) < MOST_AT_ONCE:
                break
            before = some[-1].id
        return found[:limit]


def _regions(who: Identity, agent: Agent | None) -> frozenset[str] | None:
    if agent is not None:
        return frozenset({agent.region})
    return None if who.role is Role.CUSTOMER else who.regions


def noticed(event: Event) -> Notice:
    """The notice that an entry of the people's log announces."""
    return msgspec.json.decode(event.detail["notice"], type=Notice)
