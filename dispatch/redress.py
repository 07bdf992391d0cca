"""Redress: Redis had lost something, and gave an order's fence to an agent though PostgreSQL has it for another.

PostgreSQL wins: what it says of the order is written to Redis, by an event that everybody hears. Invariant: an
order that has moved on to another fence meanwhile is left alone.
"""

import msgspec

from dispatch.records import Records
from dispatch.records.ledger import FenceTaken
from dispatch.store import Store


async def redress(store: Store, records: Records, region: str, taken: FenceTaken) -> None:
    """Raises Unavailable, InvariantBroken."""
    found = await records.orders.states([taken.order_id])
    if taken.order_id not in found:
        return
    _, state = found[taken.order_id]
    reply = await store.run(
        "correct",
        region,
        order_id=taken.order_id,
        agent_id=taken.agent_id,
        fence=taken.fence,
        state=msgspec.msgpack.encode(state),
    )
    await records.ledger.apply(reply.events)
