"""What the tests of `dispatch` look at behind its back: keys of Redis, rows of PostgreSQL, a region's log.

Owns no rule: what must stand there is derived from the order's state by the rules of PROTOCOL and DESIGN §4.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from sqlalchemy import text

from dispatch.assembly import Dispatch
from dispatch.events import Event, Type
from dispatch.order import HELD, TERMINAL, Order
from dispatch.scripts import Argument, key
from dispatch.state import State, order_of
from dispatch.store import Reply
from tests.conftest import City

PATIENCE_S = 20.0
"""How long a test waits for what must happen; only a failing one waits that long."""


async def looks() -> AsyncIterator[None]:
    """For what nobody announces: a look at it each time round, until the test's patience is at its end."""
    clock = asyncio.get_running_loop().time
    end = clock() + PATIENCE_S
    while clock() < end:
        yield
        await asyncio.sleep(0.01)
    raise TimeoutError


async def redis(city: City, *command: str | int | float | bytes) -> Any:
    return (await city.dispatch.store.direct([command]))[0]


async def rows(dispatch: Dispatch, query: str, **values: object) -> list[Any]:
    async with dispatch.records.database.transaction() as connection:
        return list(await connection.execute(text(query), values))


async def script(city: City, name: str, **values: Argument) -> Reply:
    return await city.dispatch.store.run(name, city.region, request="", **values)


async def log(city: City) -> list[Event]:
    """The log of the city's region, but for the word that it was put right."""
    reader = city.dispatch.store.reader(city.region, "0-0")
    try:
        found: list[Event] = []
        while events := await reader.read(500, 0):
            found += (event for event in events if event.type is not Type.RECONCILED)
        return found
    finally:
        await reader.close()


async def log_of(city: City, order_id: str) -> list[Event]:
    return [event for event in await log(city) if event.order_id == order_id]


async def until(city: City, wanted: Callable[[Event], bool]) -> Event:
    """The first event of the region's log that is wanted; waits for it."""
    reader = city.dispatch.store.reader(city.region, "0-0")
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for event in await reader.read(500, 1000):
                    if wanted(event):
                        return event
    finally:
        await reader.close()


async def state(city: City, order_id: str) -> State:
    """The order's hash, without what only scripts read."""
    flat = await redis(city, "HGETALL", key(city.region, "order", order_id))
    found = {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}
    found.pop("entry", None)
    found.pop("tracked_at", None)
    return found


async def order(city: City, order_id: str) -> Order:
    """The order as Redis has it."""
    return order_of(order_id, city.region, await state(city, order_id))


async def members(city: City, *names: str) -> set[str]:
    """Of a set or a sorted set of the region."""
    name = key(city.region, *names)
    kind = await redis(city, "TYPE", name)
    found = await (redis(city, "SMEMBERS", name) if kind == b"set" else redis(city, "ZRANGE", name, 0, -1))
    return {member.decode() for member in found}


async def wanting(city: City, role: str) -> set[str]:
    """The orders that agents of the role find: those of all groups."""
    groups = await members(city, "reach", role)
    return {order_id for group in groups for order_id in await members(city, "wanting", f"{role}:{group}")}


async def offered(city: City, order_id: str) -> set[str]:
    """The agents who have an offer of the order."""
    fields = await redis(city, "HKEYS", key(city.region, "offers", order_id))
    return {field.decode() for field in fields if b"," not in field}


async def due_at(city: City, order_id: str) -> str:
    found: bytes = await redis(city, "HGET", key(city.region, "order", order_id), "due_at")
    return found.decode()


async def check_indexes(city: City, order_id: str) -> None:
    """Deadlines, desk, hall, wanting and jobs follow from the order's state alone."""
    f = await state(city, order_id)
    deadline = await redis(city, "ZSCORE", key(city.region, "deadlines"), order_id)
    assert (deadline or b"").decode() == f["due_at"]
    desk = await redis(city, "ZSCORE", key(city.region, "desk"), order_id)
    assert (desk or b"").decode() == f["desk_at"]
    assert (order_id in await members(city, "hall")) is (f["status"] == "open")
    room = f["status"] == "open" and int(f["round_offered"]) < int(f["limit"])
    for role in ("valet", "shop"):
        wanted = room and role in f["audience"].split(",")
        assert (order_id in await wanting(city, role)) is wanted
    assert await _holders(city, order_id) == ([f["agent_id"]] if f["status"] in HELD else [])
    assert (order_id in await members(city, "held")) is (f["status"] in HELD)
    if f["status"] not in TERMINAL:  # reconciliation finds it
        assert deadline or desk or f["status"] in HELD
    if f["status"] in TERMINAL:
        assert f["due_at"] == f["desk_at"] == f["taken_by"] == ""


async def _holders(city: City, order_id: str) -> list[str]:
    """Of all the region's agents, those whose load it is."""
    ids = [agent.id for agent in await city.dispatch.records.agents.of_region(city.region)]
    names = [key(city.region, "jobs", agent_id) for agent_id in ids]
    held = await city.dispatch.store.direct([("SISMEMBER", name, order_id) for name in names])
    return [agent_id for agent_id, holds in zip(ids, held, strict=True) if holds]


async def check_log(city: City) -> None:
    """`n` is contiguous in the region, `version` in each order; the outer fields say what the states say."""
    events = await log(city)
    assert [event.n for event in events] == list(range(events[0].n, events[0].n + len(events)))
    before: dict[str, Event] = {}
    for event in events:
        if event.order_id:
            _check_event(event, before.get(event.order_id))
            before[event.order_id] = event


def _check_event(event: Event, before: Event | None) -> None:
    now, past = event.order, before.order if before else None
    assert event.version == now.version == (past.version if past else 0) + 1
    assert event.holder == (now.holder or "")
    assert event.was == ((past and past.holder) or "")
    assert event.desk == (now.on_desk or (past is not None and past.on_desk))
    assert event.customer == now.customer.id
    assert event.at >= (before.at if before else 0)


async def policy(city: City, name: str = "kind", **changes: object) -> str:
    """A kind of the city's own."""
    kind = f"{city.region}.{name}"
    body: dict[str, object] = {
        "audience": ["valet"],
        "rounds": [{"radius_m": 3000, "limit": 20, "seconds": 30}],
        "stall_seconds": {"assigned": 300},
    }
    await city.dispatch.catalog.put_policy(kind, body | changes)
    return kind


async def escalated(city: City, order: Order) -> Order:
    """Its last round has ended."""
    reply = await script(city, "escalate", order_id=order.id, due_at=await due_at(city, order.id), desk_ms=900_000)
    assert reply.outcome == "ok"
    await city.dispatch.records.ledger.apply(reply.events)
    return reply.events[-1].order


async def copied(city: City) -> dict[bytes, bytes]:
    """All keys of the region as a snapshot of Redis has them."""
    names = await redis(city, "KEYS", f"*{{{city.region}}}*")
    dumps = await city.dispatch.store.direct([("DUMP", name) for name in names])
    return dict(zip(names, dumps, strict=True))


async def set_back(city: City, copy: dict[bytes, bytes]) -> None:
    """The region is as it was when it was copied."""
    names = await redis(city, "KEYS", f"*{{{city.region}}}*")
    await city.dispatch.store.direct(
        [*(("DEL", name) for name in names), *(("RESTORE", name, 0, dump) for name, dump in copy.items())]
    )
