"""How a command on one order is carried out: its script, then the ledger, then the answer.

Owns the translation of scripts' refusals into codes of PROTOCOL §4. Knows no roles. Invariant: an order is
returned only after the events that made it so stand in PostgreSQL.
"""

import asyncio
from collections.abc import Sequence

import msgspec

from dispatch.errors import Code, DispatchError, InvariantBroken, Refused, Unavailable
from dispatch.events import Event
from dispatch.order import TERMINAL, Order
from dispatch.records import Records
from dispatch.scripts import Argument
from dispatch.store import Reply, Store

_CONFLICTS = {
    "not_held": "nobody holds the order: it is {}",
    "backward": "the order is already {}",
    "wrong_status": "the order is {}",
    "not_scheduled": "scheduled_at: the order is {} already",
    "holds": "the agent holds the order already",
    "suspended": "the agent is suspended",
    "at_capacity": "the agent is at capacity; force overrides",
    "unreachable": "the agent is not reachable; force overrides",
    "paused": "the agent is paused; force overrides",
    "taken_up": "the order is in the hands of {}; force overrides an assignment",
    "too_many": "the order has {} voice notes, and can have no more",
}


class Transitions:
    def __init__(self, store: Store, records: Records) -> None:
        self._store = store
        self._records = records

    async def find(self, order_id: str) -> Order | None:
        return await self._records.orders.find(order_id)

    async def run(self, name: str, order: Order, request: str, **values: Argument) -> Order:
        """One script on one order. Raises Refused, Unavailable, InvariantBroken."""
        reply = await self._store.run(name, order.region, request=request, order_id=order.id, **values)
        if reply.outcome != "ok":
            raise _refusal(name, reply, order)
        return await self._conclude(reply, order)

    async def record(self, events: Sequence[Event]) -> None:
        """Let events that a log told of stand in PostgreSQL, with those that lead to them.

        Raises Unavailable (StaleEpoch), InvariantBroken.
        """
        places: dict[str, list[str]] = {}
        for event in events:
            if event.before and not self._records.ledger.has(event):
                places.setdefault(event.region, []).append(event.before)
        asked = (
            self._store.run("earlier", region, places=msgspec.msgpack.encode(some)) for region, some in places.items()
        )
        earlier = [event for reply in await asyncio.gather(*asked) for event in reply.events]
        await self._records.ledger.apply([*earlier, *events])

    async def _conclude(self, reply: Reply, order: Order) -> Order:
        await self._records.ledger.apply(reply.events)
        ours = [event for event in reply.events if event.order_id == order.id]
        if ours:
            return max(ours, key=lambda event: event.version).order
        found = await self._records.orders.find(order.id)
        if found is None:
            raise InvariantBroken("an order vanished from PostgreSQL")
        return found


def _refusal(name: str, reply: Reply, order: Order) -> DispatchError:
    match reply.outcome:
        case "missing" if order.status in TERMINAL:
            return Refused(Code.CONFLICT, f"the order is {order.status}")
        case "missing":
            return Unavailable("the order is being opened")
        case "not_holder" | "not_offered":
            return Refused(Code.NOT_FOUND, "there is no such order")
        case "no_note":
            return Refused(Code.NOT_FOUND, "the order has no such voice note")
        case "stale_fence":
            return Refused(Code.STALE_FENCE, "fence: the order was assigned anew since")
        case outcome if outcome in _CONFLICTS:
            return Refused(Code.CONFLICT, _CONFLICTS[outcome].format(reply.text))
        case outcome:
            return InvariantBroken(f"{name} answered {outcome}")
