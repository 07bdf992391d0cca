"""Policies and regions: the operator's documents, and the word that one of them changed.

Knows not what they mean. Invariant: every change notifies the channel `rules` in its own transaction, so a
process that listens has read nothing older than the last change it heard of.
"""

from typing import Any

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from dispatch.records.database import Database
from dispatch.schema import POLICIES, REGIONS

CHANNEL = "rules"
_NOTIFY = text(f"NOTIFY {CHANNEL}")


class Rules:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def policies(self) -> dict[str, dict[str, Any]]:
        async with self._database.transaction() as connection:
            return {row.kind: row.body for row in await connection.execute(select(POLICIES))}

    async def regions(self) -> dict[str, dict[str, Any]]:
        """Id → GeoJSON Feature."""
        async with self._database.transaction() as connection:
            return {row.id: row.feature for row in await connection.execute(select(REGIONS))}

    async def put_policy(self, kind: str, body: dict[str, Any], at: int) -> None:
        statement = insert(POLICIES).values(kind=kind, body=body, updated_at=at)
        changed = {"body": statement.excluded.body, "updated_at": statement.excluded.updated_at}
        async with self._database.transaction() as connection:
            await connection.execute(statement.on_conflict_do_update(index_elements=["kind"], set_=changed))
            await connection.execute(_NOTIFY)

    async def put_region(self, region: str, feature: dict[str, Any], at: int) -> None:
        statement = insert(REGIONS).values(id=region, feature=feature, updated_at=at)
        changed = {"feature": statement.excluded.feature, "updated_at": statement.excluded.updated_at}
        async with self._database.transaction() as connection:
            await connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed))
            await connection.execute(_NOTIFY)

    async def delete_region(self, region: str) -> bool:
        """Whether it existed."""
        async with self._database.transaction() as connection:
            gone = await connection.execute(delete(REGIONS).where(REGIONS.c.id == region))
            await connection.execute(_NOTIFY)
            return bool(gone.rowcount)

    async def seed(self, policies: dict[str, dict[str, Any]], regions: dict[str, dict[str, Any]], at: int) -> None:
        """The defaults of a fresh database: written only while there is no policy at all."""
        async with self._database.transaction() as connection:
            await connection.execute(text("LOCK TABLE policies IN EXCLUSIVE MODE"))
            if await connection.scalar(select(func.count()).select_from(POLICIES)):
                return
            for kind, body in policies.items():
                await connection.execute(insert(POLICIES).values(kind=kind, body=body, updated_at=at))
            for region, feature in regions.items():
                await connection.execute(insert(REGIONS).values(id=region, feature=feature, updated_at=at))
            await connection.execute(_NOTIFY)
