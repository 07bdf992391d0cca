"""Agents' profiles as operators put them.

Where an agent stands, whether he is reachable and what he holds is Redis' matter. Invariant: an agent is of
exactly one region.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import and_, func, select, update
from sqlalchemy.dialects.postgresql import insert

from dispatch.records.database import Database
from dispatch.records.rules import region_kept
from dispatch.records.turns import Turns
from dispatch.schema import AGENTS
from dispatch.tasks import leisurely
from geo.point import Point


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """A valet or a shop. `capacity` is how many orders it may hold at once; `home` is WGS-84."""

    id: str
    role: str
    region: str
    name: str
    phone: str | None
    skills: tuple[str, ...]
    capacity: int
    home: Point | None
    suspended: bool
    updated_at: int = 0
    """ms; the later of two profiles. It only rises, whatever the clocks of those who put them say."""


class Agents:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._finding = Turns(self._find)

    async def find(self, agent_id: str) -> Agent | None:
        """Gathered: after a restart thousands come at once."""
        return await self._finding.ask(agent_id)

    async def close(self) -> None:
        await self._finding.close()

    async def _find(self, ids: Sequence[str]) -> list[Agent | None]:
        async with self._database.line() as connection:
            rows = await connection.fetch(_FIND, list(set(ids)))
        found = {row["id"]: _agent(dict(row)) for row in rows}
        return [found.get(agent_id) for agent_id in ids]

    async def put(self, agent: Agent, at: int) -> Agent | None:
        """The profile as it stands now; None when its region is gone."""
        row = {
            "id": agent.id,
            "role": agent.role,
            "region": agent.region,
            "name": agent.name,
            "phone": agent.phone,
            "skills": list(agent.skills),
            "capacity": agent.capacity,
            "home_lat": agent.home.lat if agent.home else None,
            "home_lon": agent.home.lon if agent.home else None,
            "suspended": agent.suspended,
            "updated_at": at,
        }
        statement = insert(AGENTS).values(row)
        changed: dict[str, Any] = {name: statement.excluded[name] for name in row if name not in ("id", "updated_at")}
        changed["updated_at"] = func.greatest(statement.excluded.updated_at, AGENTS.c.updated_at + 1)
        upsert = statement.on_conflict_do_update(index_elements=["id"], set_=changed)
        async with self._database.transaction() as connection:
            if await connection.scalar(region_kept(agent.region)) is None:
                return None
            return _agent((await connection.execute(upsert.returning(AGENTS))).one()._mapping)

    async def rehome(self, agent: Agent, region: str) -> Agent | None:
        """The profile with another region; None when it was put anew since it was read, or the region is gone."""
        unchanged = and_(AGENTS.c.id == agent.id, AGENTS.c.updated_at == agent.updated_at)
        moved = update(AGENTS).where(unchanged).values(region=region, updated_at=AGENTS.c.updated_at + 1)
        async with self._database.transaction() as connection:
            if await connection.scalar(region_kept(region)) is None:
                return None
            row = (await connection.execute(moved.returning(AGENTS))).one_or_none()
        return None if row is None else _agent(row._mapping)

    async def page(
        self, *, regions: frozenset[str] | None, role: str | None, limit: int, after: str | None
    ) -> list[Agent]:
        """By id, those above `after`; `regions` None means all."""
        query = select(AGENTS).order_by(AGENTS.c.id).limit(limit)
        if regions is not None:
            query = query.where(AGENTS.c.region.in_(regions))
        if role is not None:
            query = query.where(AGENTS.c.role == role)
        if after is not None:
            query = query.where(AGENTS.c.id > after)
        async with self._database.statement() as connection:
            return [_agent(row._mapping) for row in await connection.execute(query)]

    async def of_region(self, region: str) -> list[Agent]:
        """By id."""
        async with self._database.line() as connection:
            rows = await connection.fetch(_OF_REGION, region)
        return await leisurely(lambda row: _agent(dict(row)), rows)


_FIND = f"SELECT {', '.join(AGENTS.c.keys())} FROM agents WHERE id = ANY($1::text[])"
_OF_REGION = f"SELECT {', '.join(AGENTS.c.keys())} FROM agents WHERE region = $1 ORDER BY id"


def _agent(get: Mapping[Any, Any]) -> Agent:
    """From a row of the whole table."""
    home = None if get["home_lat"] is None else Point(lat=get["home_lat"], lon=get["home_lon"])
    return Agent(
        id=get["id"],
        role=get["role"],
        region=get["region"],
        name=get["name"],
        phone=get["phone"],
        skills=tuple(get["skills"]),
        capacity=get["capacity"],
        home=home,
        suspended=get["suspended"],
        updated_at=get["updated_at"],
    )
