"""Idempotency keys: one effect and one answer for (sub, route, key), for a day.

Owns the first answer and the order id that was drawn for it, so that a request which died before it was
answered is carried out again as the same one. Invariant: two equal requests are never in flight together.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import and_, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from dispatch.records.database import Database
from dispatch.schema import REQUESTS

IN_FLIGHT_MS = 30_000
"""After this long without an answer the first request is taken for dead."""
REMEMBERED_MS = 24 * 3600 * 1000


class Kept(msgspec.Struct, frozen=True):
    """What is known of a key: `mine` says that this request is to carry it out now."""

    mine: bool
    digest: bytes
    order_id: str
    status: int | None
    answer: bytes | None


class Requests:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, sub: str, route: str, key: str, digest: bytes, order_id: str, now: int) -> Kept:
        """Begin this request, or learn what became of the earlier one with its key."""
        ours = _ours(sub, route, key)
        fresh = dict(ours, digest=digest, order_id=order_id, taken_until=now + IN_FLIGHT_MS, created_at=now)
        while True:
            async with self._database.transaction() as connection:
                begun = await connection.execute(insert(REQUESTS).values(fresh).on_conflict_do_nothing())
                if begun.rowcount:
                    return Kept(True, digest, order_id, None, None)
                row = (await connection.execute(select(REQUESTS).where(_is(ours)).with_for_update())).one_or_none()
                if row is not None:  # else it was forgotten in this very moment
                    return await _take_over(connection, row, fresh, now)

    async def answer(self, sub: str, route: str, key: str, status: int, answer: bytes) -> None:
        """The first answer stays: one that was taken for dead may still come."""
        async with self._database.statement() as connection:
            await connection.execute(
                update(REQUESTS)
                .where(_is(_ours(sub, route, key)), REQUESTS.c.status.is_(None))
                .values(status=status, answer=answer)
            )

    async def drop(self, sub: str, route: str, key: str) -> None:
        """A failure of ours is not remembered; the order id stays, so that the repeat is the same request."""
        async with self._database.statement() as connection:
            await connection.execute(
                update(REQUESTS).where(_is(_ours(sub, route, key)), REQUESTS.c.status.is_(None)).values(taken_until=0)
            )

    async def forget(self, before: int) -> None:
        async with self._database.statement() as connection:
            await connection.execute(delete(REQUESTS).where(REQUESTS.c.created_at < before))


async def _take_over(connection: AsyncConnection, row: Any, fresh: dict[str, Any], now: int) -> Kept:
    """From an earlier request that died, or is older than we remember."""
    this = update(REQUESTS).where(_is(_ours(row.sub, row.route, row.key)))
    if row.created_at < now - REMEMBERED_MS:
        await connection.execute(this.values(fresh | {"status": None, "answer": None}))
        return Kept(True, fresh["digest"], fresh["order_id"], None, None)
    if row.status is None and row.taken_until < now and row.digest == fresh["digest"]:
        await connection.execute(this.values(taken_until=fresh["taken_until"]))
        return Kept(True, row.digest, row.order_id, None, None)
    return Kept(False, row.digest, row.order_id, row.status, row.answer)


def _ours(sub: str, route: str, key: str) -> dict[str, Any]:
    return {"sub": sub, "route": route, "key": key}


def _is(ours: Mapping[str, Any]) -> Any:
    return and_(*(REQUESTS.c[name] == value for name, value in ours.items()))
