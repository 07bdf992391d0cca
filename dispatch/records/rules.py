"""Policies and regions: the operator's documents, and the word that one of them changed.

Knows not what they mean. Invariant: every change notifies the channel `rules` in its own transaction, so a
process that listens has read nothing older than the last change it heard of.
"""

from typing import Any

from sqlalchemy import Select, and_, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from dispatch.order import TERMINAL
from dispatch.records.database import Database
from dispatch.schema import AGENTS, ORDERS, POLICIES, REGIONS

CHANNEL = "rules"
_NOTIFY = text(f"NOTIFY {CHANNEL}")


def region_kept(region: str) -> Select[str]:
    """Finds the region, and keeps it from being deleted until the transaction ends."""
    return select(REGIONS.c.id).where(REGIONS.c.id == region).with_for_update(read=True, key_share=True)


class Rules:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def policies(self) -> dict[str, dict[str, Any]]:
        async with self._database.statement() as connection:
            return {row.kind: row.body for row in await connection.execute(select(POLICIES))}

    async def regions(self) -> dict[str, dict[str, Any]]:
        """Id → GeoJSON Feature."""
        async with self._database.statement() as connection:
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

    async def delete_region(self, region: str) -> str:
        """`ok`, `missing`, or what keeps it: `agents`, `orders`. None of them can come in meanwhile."""
        async with self._database.transaction() as connection:
            this = REGIONS.c.id == region
            if await connection.scalar(select(REGIONS.c.id).where(this).with_for_update()) is None:
                return "missing"
            for what, table, of_region in (
                ("agents", AGENTS, AGENTS.c.region == region),
                ("orders", ORDERS, and_(ORDERS.c.region == region, ORDERS.c.status.not_in(TERMINAL))),
            ):
                if await connection.scalar(select(table.c.id).where(of_region).limit(1)) is not None:
                    return what
            await connection.execute(delete(REGIONS).where(this))
            await connection.execute(_NOTIFY)
            return "ok"

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
