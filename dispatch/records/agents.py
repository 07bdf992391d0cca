"""Agents' profiles as operators put them.

Where an agent stands, whether he is reachable and what he holds is Redis' matter. Invariant: an agent is of
exactly one region.
"""

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from dispatch.records.database import Database
from dispatch.schema import AGENTS
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


class Agents:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, agent_id: str) -> Agent | None:
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(AGENTS).where(AGENTS.c.id == agent_id))).one_or_none()
        return None if row is None else _agent(row)

    async def put(self, agent: Agent, at: int) -> None:
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
        changed = {name: statement.excluded[name] for name in row if name != "id"}
        async with self._database.transaction() as connection:
            await connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed))

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
        async with self._database.transaction() as connection:
            return [_agent(row) for row in await connection.execute(query)]

    async def of_region(self, region: str) -> list[Agent]:
        query = select(AGENTS).where(AGENTS.c.region == region).order_by(AGENTS.c.id)
        async with self._database.transaction() as connection:
            return [_agent(row) for row in await connection.execute(query)]

    async def any_in(self, region: str) -> bool:
        async with self._database.transaction() as connection:
            query = select(AGENTS.c.id).where(AGENTS.c.region == region).limit(1)
            return await connection.scalar(query) is not None


def _agent(row: object) -> Agent:
    get = row._mapping  # type: ignore[attr-defined]  # a SQLAlchemy Row
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
    )
