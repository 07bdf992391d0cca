"""Idempotency keys: one effect and one answer for (sub, route, key), for a day.

Owns the first answer and the order id that was drawn for it, so that a request which died before it was
answered is carried out again as the same one. Invariant: two equal requests are never in flight together.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dispatch.records.database import Database
from dispatch.records.turns import Turns, columns
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


class _Begun(NamedTuple):
    """A row of a request that begins, as the table has it."""

    sub: str
    route: str
    key: str
    digest: bytes
    order_id: str
    taken_until: int
    created_at: int


class _Answered(NamedTuple):
    sub: str
    route: str
    key: str
    status: int
    answer: bytes


class Requests:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._beginning = Turns(self._begin)
        self._answering = Turns(self._answer)

    async def take(self, sub: str, route: str, key: str, digest: bytes, order_id: str, now: int) -> Kept:
        """Begin this request, or learn what became of the earlier one with its key."""
        fresh = _Begun(sub, route, key, digest, order_id, now + IN_FLIGHT_MS, now)
        while not await self._beginning.ask(fresh):
            async with self._database.transaction() as connection:
                this = select(REQUESTS).where(_is(_ours(sub, route, key))).with_for_update()
                row = (await connection.execute(this)).one_or_none()
                if row is not None:  # else it was forgotten in this very moment
                    return await _take_over(connection, row, fresh._asdict(), now)
        return Kept(True, digest, order_id, None, None)

    async def answer(self, sub: str, route: str, key: str, status: int, answer: bytes) -> None:
        """The first answer stays: one that was taken for dead may still come."""
        await self._answering.ask(_Answered(sub, route, key, status, answer))

    async def drop(self, sub: str, route: str, key: str) -> None:
        """A failure of ours is not remembered; the order id stays, so that the repeat is the same request."""
        async with self._database.statement() as connection:
            await connection.execute(
                update(REQUESTS).where(_is(_ours(sub, route, key)), REQUESTS.c.status.is_(None)).values(taken_until=0)
            )

    async def forget(self, before: int) -> None:
        async with self._database.statement() as connection:
            await connection.execute(delete(REQUESTS).where(REQUESTS.c.created_at < before))

    async def close(self) -> None:
        await self._beginning.close()
        await self._answering.close()

    async def _begin(self, asked: Sequence[_Begun]) -> list[bool]:
        """Whether each is the first of its key."""
        async with self._database.line() as connection:
            begun = {tuple(row) for row in await connection.fetch(_BEGIN, *columns(asked))}
        return [(each.sub, each.route, each.key, each.order_id) in begun for each in asked]

    async def _answer(self, asked: Sequence[_Answered]) -> list[None]:
        async with self._database.line() as connection:
            await connection.execute(_ANSWER, *columns(asked))
        return [None] * len(asked)


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


# Rows are written in the order of their keys, so that two batches never wait for each other in a ring.
_BEGIN = """
INSERT INTO requests (sub, route, key, digest, order_id, taken_until, created_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::bigint[], $7::bigint[])
  AS t(sub, route, key, digest, order_id, taken_until, created_at)
ORDER BY sub, route, key
ON CONFLICT DO NOTHING
RETURNING sub, route, key, order_id
"""

_ANSWER = """
UPDATE requests SET status = t.status, answer = t.answer
FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::bytea[]) AS t(sub, route, key, status, answer)
WHERE requests.sub = t.sub AND requests.route = t.route AND requests.key = t.key AND requests.status IS NULL
"""
