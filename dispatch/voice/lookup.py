"""Which order has a note, as things stand now.

Owns where it is looked for: PostgreSQL, and what Redis knows beyond it. Changes nothing. Invariant: a note that is not
found here is borne by no order, and never will be again.
"""

import msgspec

from dispatch.order import TERMINAL, Order
from dispatch.records import Records
from dispatch.records.voice_notes import Stored
from dispatch.state import order_of
from dispatch.store import Store
from dispatch.voice.hearing import find_note
from dispatch.voice.note import Note


class Lookup:
    def __init__(self, store: Store, records: Records) -> None:
        self._store = store
        self._records = records

    async def bearer(self, stored: Stored) -> tuple[Order, Note] | None:
        """Raises Unavailable."""
        order = await self._records.orders.find(stored.order_id)
        if order is None:
            return None
        note = find_note(order, stored.id)
        if note is None and order.status not in TERMINAL:  # those whom Redis told are before PostgreSQL at times
            order = await self._present(order)
            note = find_note(order, stored.id)
        return (order, note) if note else None

    async def _present(self, order: Order) -> Order:
        packed = msgspec.msgpack.encode([order.id])
        reply = await self._store.run("states", order.region, order_ids=packed)
        found = reply.unpacked()["orders"]
        return order_of(order.id, order.region, found[0][1]) if found else order
