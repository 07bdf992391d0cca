"""The audio of voice notes, as PostgreSQL knows it: where it is kept, of which order, until when.

Knows neither storage nor rights. Invariants: a row stands before its audio is stored and goes after it, so nothing is
stored that no row names; a row that is not `attached` belongs to an upload that is under way or was cut short.
"""

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, delete, exists, insert, select, update

from dispatch.order import TERMINAL
from dispatch.records.database import Database
from dispatch.schema import LINK_KEYS, ORDERS, VOICE_NOTES

SWEEPING_MS = 120_000
"""So long a row is one sweeper's; if that one died, it is another's after it."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """Times in ms. `path` names the audio in the storage."""

    id: str
    order_id: str
    path: str
    mime: str
    seconds_ms: int
    bytes: int
    sha256: str
    created_at: int
    kept_until_at: int
    attached: bool = False
    expired_at: int | None = None

    @property
    def mp3_path(self) -> str:
        """Where the same is kept as MP3, once somebody asked for it."""
        return f"{self.path}.mp3"


class VoiceNotes:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def link_key(self) -> bytes:
        """What addresses are signed with: one for all who share this database."""
        async with self._database.statement() as connection:
            return bytes((await connection.execute(select(LINK_KEYS.c.key))).scalar_one())

    async def add(self, stored: Stored) -> None:
        async with self._database.statement() as connection:
            await connection.execute(insert(VOICE_NOTES).values(msgspec.structs.asdict(stored) | {"swept_until_at": 0}))

    async def attach(self, note_id: str) -> None:
        """Its order has it."""
        async with self._database.statement() as connection:
            await connection.execute(update(VOICE_NOTES).where(VOICE_NOTES.c.id == note_id).values(attached=True))

    async def expire(self, note_id: str, at: int) -> None:
        """Its audio is gone."""
        async with self._database.statement() as connection:
            await connection.execute(update(VOICE_NOTES).where(VOICE_NOTES.c.id == note_id).values(expired_at=at))

    async def drop(self, note_id: str) -> None:
        """Its order does not have it, and its audio is gone. What an order has stays."""
        this = and_(VOICE_NOTES.c.id == note_id, VOICE_NOTES.c.attached.is_(False))
        async with self._database.statement() as connection:
            await connection.execute(delete(VOICE_NOTES).where(this))

    async def find(self, note_id: str) -> Stored | None:
        async with self._database.statement() as connection:
            row = (await connection.execute(select(VOICE_NOTES).where(VOICE_NOTES.c.id == note_id))).one_or_none()
        return None if row is None else _stored(row)

    async def take_loose(self, created_before: int, limit: int, now: int) -> list[Stored]:
        """Rows that no order was said to have; for a while nobody else is given them."""
        return await self._take(
            and_(VOICE_NOTES.c.attached.is_(False), VOICE_NOTES.c.created_at < created_before), limit, now
        )

    async def take_outlived(self, limit: int, now: int) -> list[Stored]:
        """Rows whose time is over, of orders that have ended; for a while nobody else is given them."""
        ended = exists().where(ORDERS.c.id == VOICE_NOTES.c.order_id, ORDERS.c.status.in_(TERMINAL))
        return await self._take(
            and_(
                VOICE_NOTES.c.attached,
                VOICE_NOTES.c.expired_at.is_(None),
                VOICE_NOTES.c.kept_until_at <= now,
                ended,
            ),
            limit,
            now,
        )

    async def _take(self, which: ColumnElement[bool], limit: int, now: int) -> list[Stored]:
        """No transaction stays open while their audio is deleted: a lease is written instead."""
        free = select(VOICE_NOTES.c.id).where(which, VOICE_NOTES.c.swept_until_at <= now).order_by(VOICE_NOTES.c.id)
        taken = (
            update(VOICE_NOTES)
            .where(VOICE_NOTES.c.id.in_(free.limit(limit).with_for_update(skip_locked=True).scalar_subquery()))
            .values(swept_until_at=now + SWEEPING_MS)
            .returning(VOICE_NOTES)
        )
        async with self._database.statement() as connection:
            return [_stored(row) for row in await connection.execute(taken)]


def _stored(row: Any) -> Stored:
    facts = {str(name): value for name, value in row._mapping.items()}
    facts.pop("swept_until_at")
    return Stored(**facts)
