"""Voice notes: spoken with an order or added to one, listened to, and their audio removed in time.

Owns who may add and who was heard to listen. Knows no multipart and no player. Invariant: what was begun is ended or
undone also when the asker is gone; what this process leaves in the middle when it dies, a sweep ends.
"""

import asyncio
from typing import BinaryIO

from ulid import ULID

from dispatch.access import require_full, require_role
from dispatch.catalog import Catalog
from dispatch.clock import now_ms
from dispatch.errors import Code, Refused, invalid
from dispatch.identity import AGENTS, Identity, Role
from dispatch.intake import Intake
from dispatch.order import TERMINAL, Order
from dispatch.people import People
from dispatch.records import Records
from dispatch.records.voice_notes import Stored
from dispatch.state import Draft
from dispatch.store import Store
from dispatch.transitions import Transitions
from dispatch.voice.hearing import may_add
from dispatch.voice.keeping import LOOSE_MS, Keeping, Tell
from dispatch.voice.lookup import Lookup
from dispatch.voice.note import MOST_NOTES, Note, encode, kept_until, waveform_text
from dispatch.voice.playback import Audio, Playback
from dispatch.voice.recording import Recording
from dispatch.voice.sound import Sound
from dispatch.voice.spool import Spool
from dispatch.voice.storage import Storage
from dispatch.voice.terms import VoiceTerms
from dispatch.voice.transcoding import Transcoder

_DATES = 5
"""The first characters of a ULID are of its time: names that begin so share a folder for nine hours."""
_PARTIES = {Role.CUSTOMER: "customer", Role.VALET: "agent", Role.SHOP: "agent", Role.SERVICE: "service"}


class Notes:
    def __init__(
        self,
        terms: VoiceTerms,
        store: Store,
        records: Records,
        catalog: Catalog,
        intake: Intake,
        people: People,
    ) -> None:
        """Raises ValueError when `terms` name a storage that can not be."""
        self.terms = terms
        self.storage = Storage(terms.storage)
        self.sound = Sound(terms.most_seconds)
        self.transcoder = Transcoder()
        self._catalog = catalog
        self._intake = intake
        self._transitions = Transitions(store, records)
        lookup = Lookup(store, records)
        self._keeping = Keeping(records, self.storage, lookup)
        self._playback = Playback(records, self.storage, lookup, catalog, people, self.transcoder)
        self._under_way: set[asyncio.Task[Order]] = set()

    # --- taking in ------------------------------------------------------------------------------------

    def spool(self) -> Spool:
        """For one upload, as a context."""
        return Spool(self.terms.spool_dir, self.terms.most_bytes)

    async def inspect(self, spool: Spool) -> Recording:
        """What was uploaded, if it is a recording. Raises Refused (invalid, path `audio`), Unavailable."""
        if not spool.bytes:
            raise invalid("audio", "is empty")
        with spool.again() as file:
            return await self.sound.inspect(file)

    async def place(
        self,
        who: Identity,
        kind: str,
        draft: Draft,
        spool: Spool,
        recording: Recording,
        *,
        region: str | None,
        order_id: str,
        request: str,
    ) -> Order:
        """An order that has the note from its first version on. Raises as `Intake.place` does."""
        note = self._note(who, spool, recording, draft.scheduled_at, shared=True)

        async def tell() -> Order:
            return await self._intake.place(
                who, kind, draft, region=region, order_id=order_id, request=request, notes=(note,)
            )

        return await self._keep(note, order_id, spool, tell)

    async def add(self, who: Identity, order: Order, spool: Spool, recording: Recording, request: str) -> Order:
        """Raises Refused: not_found, forbidden, conflict (it has ended, or has as many as it may); Unavailable."""
        _require_unfinished(require_full(who, order))
        if not may_add(who, order):
            raise Refused(Code.FORBIDDEN, f"a {who.role} may not add a voice note")
        note = self._note(who, spool, recording, order.scheduled_at, shared=False)

        async def tell() -> Order:
            return await self._transitions.run(
                "note",
                order,
                request,
                unshared=encode(note),
                shared=encode(note.told_to_all()),
                by=_PARTIES.get(who.role, "desk"),
                actor=who.actor,
                agent_id=who.sub if who.role in AGENTS else "",
                most=MOST_NOTES,
            )

        return await self._keep(note, order.id, spool, tell)

    def _note(
        self, who: Identity, spool: Spool, recording: Recording, scheduled_at: int | None, *, shared: bool
    ) -> Note:
        at = now_ms()
        return Note(
            id=str(ULID()),
            mime=recording.mime,
            seconds=round(recording.seconds, 2),
            bytes=spool.bytes,
            sha256=spool.sha256,
            waveform=waveform_text(recording.waveform),
            by=who.actor,
            at=at,
            kept_until_at=kept_until(at, scheduled_at, self.terms.retention_ms),
            shared=shared,
        )

    async def _keep(self, note: Note, order_id: str, spool: Spool, tell: Tell) -> Order:
        """In a task of its own: an asker who goes away does not cut it in two."""
        task = asyncio.create_task(self._keep_file(_stored(note, order_id), spool.again(), tell))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _keep_file(self, stored: Stored, file: BinaryIO, tell: Tell) -> Order:
        with file:
            return await self._keeping.keep(stored, file, tell)

    # --- listening ------------------------------------------------------------------------------------

    async def open(self, who: Identity | None, reader: str, note_id: str, *, mp3: bool = False) -> Audio:
        """What `reader` (`role:sub`) may listen to now. Raises Refused (not_found, forbidden, not_acceptable),
        Unavailable."""
        return await self._playback.open(who, reader, note_id, mp3=mp3)

    async def heard(self, who: Identity, order_id: str, note_id: str) -> None:
        """He listened: the first time of this note stands in the order's timeline.

        Raises Refused: forbidden, not_found (also of what he may not listen to), conflict (it has ended); Unavailable.
        """
        require_role(who, *AGENTS, Role.DISPATCHER)
        order = await self._transitions.find(order_id)
        if order is None or who.role is Role.DISPATCHER or order.status in TERMINAL:
            order = require_full(who, order)
        _require_unfinished(order)
        await self._transitions.run(
            "heard",
            order,
            "",
            note_id=note_id,
            actor=who.actor,
            agent_id=who.sub if who.role in AGENTS else "",
            listen=(await self._catalog.policy(order.kind)).listen,
        )

    # --- keeping --------------------------------------------------------------------------------------

    async def sweep(self, *, older_than_ms: int = LOOSE_MS, now: int | None = None) -> int:
        """Removes audio that no order has, and audio whose time is over; how many. Any number of processes may be at
        it. Raises Unavailable."""
        return await self._keeping.sweep(older_than_ms, now_ms() if now is None else now)

    async def close(self) -> None:
        """What is under way ends first."""
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self._playback.close()
        await self.sound.close()


def _require_unfinished(order: Order) -> None:
    if order.status in TERMINAL:
        raise Refused(Code.CONFLICT, f"the order is {order.status}")


def _stored(note: Note, order_id: str) -> Stored:
    return Stored(
        id=note.id,
        order_id=order_id,
        path=f"{note.id[:_DATES]}/{note.id}",
        mime=note.mime,
        seconds_ms=round(note.seconds * 1000),
        bytes=note.bytes,
        sha256=note.sha256,
        created_at=note.at,
        kept_until_at=note.kept_until_at,
    )
