"""Notices as PostgreSQL keeps them.

Knows not who is addressed beyond what a query can tell. Invariant: lists are paged by id, newest first.
"""

from typing import Any

import msgspec
from sqlalchemy import Select, any_, literal, or_, select
from sqlalchemy.dialects.postgresql import insert

from dispatch.notice import Notice
from dispatch.records.database import Database
from dispatch.schema import NOTICES
from geo.point import Point


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a list asks for; None asks for nothing. Notices for everywhere are of any of the `regions`."""

    regions: frozenset[str] | None = None
    role: str | None = None
    in_force_at: int | None = None


class Notices:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, notice: Notice) -> Notice:
        """As it stands; a second time the first stays."""
        row = {
            "id": notice.id,
            "title": notice.title,
            "body": notice.body,
            "level": notice.level,
            "roles": [role.value for role in notice.roles],
            "region": notice.region,
            "near_lat": notice.near.lat if notice.near else None,
            "near_lon": notice.near.lon if notice.near else None,
            "radius_m": notice.radius_m,
            "until_at": notice.until_at,
            "at": notice.at,
            "author": notice.author,
        }
        async with self._database.transaction() as connection:
            await connection.execute(insert(NOTICES).values(row).on_conflict_do_nothing())
            stored = await connection.execute(select(NOTICES).where(NOTICES.c.id == notice.id))
            return _notice(stored.one())

    async def page(self, asked: Asked, limit: int, before: str | None = None) -> list[Notice]:
        """At most `limit` older than `before`, newest first."""
        query = _narrowed(select(NOTICES), asked).order_by(NOTICES.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(NOTICES.c.id < before)
        async with self._database.statement() as connection:
            return [_notice(row) for row in await connection.execute(query)]


def _narrowed(query: Select[Any], asked: Asked) -> Select[Any]:
    columns = NOTICES.c
    if asked.regions is not None:
        query = query.where(or_(columns.region.is_(None), columns.region.in_(asked.regions)))
    if asked.role is not None:
        query = query.where(literal(asked.role) == any_(columns.roles))
    if asked.in_force_at is not None:
        query = query.where(columns.until_at > asked.in_force_at)
    return query


def _notice(row: Any) -> Notice:
    facts = {str(name): value for name, value in row._mapping.items()}
    lat, lon = facts.pop("near_lat"), facts.pop("near_lon")
    near = None if lat is None else Point(lat=lat, lon=lon)
    return msgspec.convert(facts | {"near": near}, Notice)
