"""Rounds of tests, and how an order goes into its next one."""

import msgspec

from dispatch.order import Order
from dispatch.policy import Terms
from tests.conftest import City
from tests.dispatch.looking import due_at, log_of, script

ROUNDS = [
    {"radius_m": 1000, "limit": 3, "seconds": 30},
    {"radius_m": 2000, "limit": 2, "seconds": 30, "bonus_fen": 500},
    {"radius_m": 4000, "limit": 9, "seconds": 30},
]


async def widen(city: City, order: Order, number: int, **changes: int | str) -> Order:
    found = await city.dispatch.catalog.policy(order.kind)
    wanted = found.rounds[number - 1]
    terms = Terms(
        round=number,
        rounds=len(found.rounds),
        radius_m=wanted.radius_m,
        limit=wanted.limit,
        duration_ms=30_000,
        bonus_fen=wanted.bonus_fen,
        audience=",".join(found.audience),
        stall="",
        desk_ms=1000,
    )
    packed = msgspec.msgpack.encode(msgspec.structs.replace(terms, **changes))
    reply = await script(city, "widen", order_id=order.id, due_at=await due_at(city, order.id), terms=packed)
    assert reply.outcome == "ok"
    await city.dispatch.records.ledger.apply(reply.events)
    return reply.events[-1].order


def names(city: City, ids: set[str]) -> set[str]:
    return {agent_id.removeprefix(f"{city.region}.") for agent_id in ids}


async def told(city: City, order: Order) -> list[list[str]]:
    """Of each event of the order, who was newly offered it."""
    return [[agent.removeprefix(f"{city.region}.") for agent in event.to] for event in await log_of(city, order.id)]
