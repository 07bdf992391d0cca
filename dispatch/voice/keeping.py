"""Keeping audio: stored with an order, undone when the order does not come to have it, removed when its time is over.

Owns the order of steps between PostgreSQL, the storage and the order's event, and the sweep that ends what a process
left in the middle. Knows no rights. Invariants: a row names the audio before it is stored, and goes after it; what
may yet turn out to belong to an order is left to the sweep, which looks.
"""

from collections.abc import Awaitable, Callable
from typing import BinaryIO

import structlog

from dispatch import metrics
from dispatch.errors import DispatchError, Refused
from dispatch.order import Order
from dispatch.records import Records
from dispatch.records.voice_notes import Stored
from dispatch.voice.hearing import find_note
from dispatch.voice.lookup import Lookup
from dispatch.voice.storage import NotBegun, Storage, Undecided

log = structlog.get_logger()
LOOSE_MS = 3600 * 1000
"""So long after its row was written an upload is taken for dead, when no order has the note."""
MOST_AT_ONCE = 50

Tell = Callable[[], Awaitable[Order]]
"""Gives the note to its order. The order comes back without it when an earlier request did this one's work."""


class Keeping:
    def __init__(self, records: Records, storage: Storage, lookup: Lookup) -> None:
        self._rows = records.voice_notes
        self._storage = storage
        self._lookup = lookup

    async def keep(self, stored: Stored, file: BinaryIO, tell: Tell) -> Order:
        """All steps; a step that fails undoes those before it. Raises Refused, Unavailable, InvariantBroken."""
        await self._rows.add(stored)
        await self._store(stored, file)
        order = await self._tell(stored, tell)
        if find_note(order, stored.id) is None:
            await self._undo(stored)
        else:
            metrics.VOICE_NOTES.labels("stored").inc()
            await self._attach(stored)
        return order

    async def sweep(self, older_than_ms: int, now: int) -> int:
        """How many were removed: audio that no order has, and audio whose time is over. Raises Unavailable."""
        removed = 0
        while rows := await self._rows.take_loose(now - older_than_ms, MOST_AT_ONCE, now):
            for stored in rows:
                removed += await self._judge(stored)
        while rows := await self._rows.take_outlived(MOST_AT_ONCE, now):
            for stored in rows:
                await self._expire(stored, now)
            removed += len(rows)
        return removed

    async def _store(self, stored: Stored, file: BinaryIO) -> None:
        try:
            await self._storage.put(stored.path, file)
        except Undecided:  # the storage may yet do it: the row stays
            raise
        except NotBegun:  # and nothing could be deleted there
            await self._drop(stored)
            raise
        except DispatchError:
            await self._undo(stored)
            raise

    async def _tell(self, stored: Stored, tell: Tell) -> Order:
        """What is not refused may have taken effect, though nobody could say so: that is for the sweep to find out."""
        try:
            return await tell()
        except Refused:
            await self._undo(stored)
            raise

    async def _undo(self, stored: Stored) -> None:
        """What can not be removed now is left to the sweep."""
        try:
            await self._storage.delete(stored.path)
        except DispatchError as exc:
            log.warning("voice_note_left_over", note=stored.id, error=exc.message)
        else:
            await self._drop(stored)

    async def _drop(self, stored: Stored) -> None:
        try:
            await self._rows.drop(stored.id)
        except DispatchError as exc:
            log.warning("voice_note_left_over", note=stored.id, error=exc.message)

    async def _attach(self, stored: Stored) -> None:
        """Its order has it already: that PostgreSQL is away just now does not undo that."""
        try:
            await self._rows.attach(stored.id)
        except DispatchError as exc:
            log.warning("voice_note_not_attached", note=stored.id, error=exc.message)

    async def _judge(self, stored: Stored) -> bool:
        """Whether no order had it, and it was removed."""
        if await self._lookup.bearer(stored):
            await self._rows.attach(stored.id)
            return False
        await self._storage.delete(stored.path)
        await self._rows.drop(stored.id)
        metrics.VOICE_NOTES.labels("orphaned").inc()
        log.info("orphaned_audio_removed", note=stored.id)
        return True

    async def _expire(self, stored: Stored, now: int) -> None:
        for path in (stored.path, stored.mp3_path):
            await self._storage.delete(path)
        await self._rows.expire(stored.id, now)
        metrics.VOICE_NOTES.labels("expired").inc()
