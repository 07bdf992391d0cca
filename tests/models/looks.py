"""What stands in Redis and in PostgreSQL after a step, read in one go each.

Owns the keys and the queries. Knows nothing of the model. Invariant: the whole of a region's state is read: an index
entry too many is seen like one too few.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import text

from dispatch.events import Event
from dispatch.link import Command
from dispatch.order import Order as DispatchOrder
from dispatch.scripts import Script, key
from dispatch.state import order_of
from tests.conftest import City
from tests.dispatch.looking import wanting
from tests.models.orders import Order, read

_PROBE = """
-- KEYS: n
-- ARGV: asked
-- USES: emit match
local found = {}
for i, one in ipairs(cmsgpack.unpack(asked)) do
  local o, p = load(one[1]), profile(one[2])
  found[i] = (not o or not p) and 'unknown' or why_not(one[2], p, o.f) or ''
end
return {'ok', emitted, cmsgpack.pack(found)}
"""
ROLES = ("valet", "shop")


class RedisPicture(msgspec.Struct):
    now: int
    n: int
    epoch: int | None
    orders: dict[str, Order]
    shown: dict[str, DispatchOrder]
    """The same as the server reads them."""
    offers: dict[str, dict[str, int]]
    lifetimes: dict[str, int]
    """ms that an order's hash has to live; −1 for ever."""
    deadlines: dict[str, int]
    desk: dict[str, int]
    hall: set[str]
    held: set[str]
    wanting: dict[str, set[str]]
    reachable: set[str]
    standing: dict[str, set[str]]
    """Role → agents in its index of positions."""
    jobs: dict[str, set[str]]
    sessions: dict[str, set[str]]
    statuses: dict[str, str]
    """Of agents: available or paused."""
    log: list[tuple[tuple[int, int], Event]]


class SqlPicture(msgspec.Struct):
    rows: dict[str, Order]
    versions: dict[str, int]
    events: dict[tuple[str, int], str]
    assignments: dict[tuple[str, int], str]
    unended: dict[tuple[str, int], str]
    cursor: tuple[int, int]


class Hashes(NamedTuple):
    """One order's keys."""

    state: dict[str, str]
    offers: dict[str, int]
    lifetime_ms: int


async def look(city: City, orders: Sequence[str], agents: Sequence[str], after: tuple[int, int]) -> RedisPicture:
    """All of the region; the log after an entry."""
    found = dict(zip(orders, await _orders(city, orders), strict=True))
    there = {order_id: each.state for order_id, each in found.items() if each.state}
    return RedisPicture(
        **await _region(city, after),
        **await _people(city, agents),
        orders={order_id: read(order_id, state) for order_id, state in there.items()},
        shown={order_id: order_of(order_id, city.region, state) for order_id, state in there.items()},
        offers={order_id: each.offers for order_id, each in found.items() if each.offers},
        lifetimes={order_id: found[order_id].lifetime_ms for order_id in there},
    )


async def _region(city: City, after: tuple[int, int]) -> dict[str, Any]:
    r = city.region
    commands: dict[str, tuple[str | int, ...]] = {
        "now": ("TIME",),
        "n": ("GET", key(r, "n")),
        "epoch": ("GET", key(r, "epoch")),
        "log": ("XRANGE", key(r, "log"), f"({after[0]}-{after[1]}", "+"),
        "deadlines": ("ZRANGE", key(r, "deadlines"), 0, -1, "WITHSCORES"),
        "desk": ("ZRANGE", key(r, "desk"), 0, -1, "WITHSCORES"),
        "hall": ("ZRANGE", key(r, "hall"), 0, -1),
        "held": ("SMEMBERS", key(r, "held")),
        "reachable": ("ZRANGE", key(r, "seen"), 0, -1),
        **{f"geo.{role}": ("ZRANGE", key(r, "geo", role), 0, -1) for role in ROLES},
    }
    found = dict(zip(commands, await city.dispatch.store.direct([*commands.values()]), strict=True))
    return {
        "now": int(found["now"][0]) * 1000 + int(found["now"][1]) // 1000,
        "n": int(found["n"] or 0),
        "epoch": None if found["epoch"] is None else int(found["epoch"]),
        "log": [(entry_of(entry), Event.of_flat(r, flat)) for entry, flat in found["log"]],
        "deadlines": _scores(found["deadlines"]),
        "desk": _scores(found["desk"]),
        "hall": _names(found["hall"]),
        "held": _names(found["held"]),
        "reachable": _names(found["reachable"]),
        "wanting": {role: await wanting(city, role) for role in ROLES},
        "standing": {role: _names(found[f"geo.{role}"]) for role in ROLES},
    }


async def _orders(city: City, orders: Sequence[str]) -> list[Hashes]:
    commands = [
        (word, key(city.region, name, order_id))
        for order_id in orders
        for word, name in (("HGETALL", "order"), ("HGETALL", "offers"), ("PTTL", "order"))
    ]
    answers = iter(await city.dispatch.store.direct(commands))
    return [
        Hashes(_state(_map(flat)), _offers(_map(next(answers))), next(answers))
        for _, flat in zip(orders, answers, strict=False)
    ]


def _state(fields: dict[str, str]) -> dict[str, str]:
    """Without what only scripts read."""
    return {name: value for name, value in fields.items() if name not in ("entry", "tracked_at")}


def _offers(found: dict[str, str]) -> dict[str, int]:
    return {agent_id: int(of.partition(":")[0]) for agent_id, of in found.items() if "," not in agent_id}


async def _people(city: City, agents: Sequence[str]) -> dict[str, Any]:
    r = city.region
    jobs: list[Command] = [("SMEMBERS", key(r, "jobs", agent_id)) for agent_id in agents]
    sessions: list[Command] = [("ZRANGE", key(r, "sessions", agent_id), 0, -1) for agent_id in agents]
    statuses: list[Command] = [("HGET", key(r, "agent", agent_id), "status") for agent_id in agents]
    answers = iter(await city.dispatch.store.direct([*jobs, *sessions, *statuses]))
    return {
        "jobs": {agent_id: _names(next(answers)) for agent_id in agents},
        "sessions": {agent_id: _names(next(answers)) for agent_id in agents},
        "statuses": {agent_id: (next(answers) or b"").decode() for agent_id in agents},
    }


async def probe(city: City, epoch: int, pairs: Sequence[tuple[str, str]]) -> list[str]:
    """`why_not` as the scripts decide it, for each (order, agent): '' eligible, `unknown` to Redis."""
    packed = msgspec.msgpack.encode(list(pairs))
    command = ("EVAL", Script("probe", _PROBE).text, 1, key(city.region, "n"), city.region, epoch, "", packed)
    answer = (await city.dispatch.store.direct([command]))[0]
    found: list[str] = msgspec.msgpack.decode(answer[2])
    return found


_SQL = text("""
SELECT
  (SELECT json_agg(json_build_array(id, version, state)) FROM orders WHERE region = :region) AS rows,
  (SELECT json_agg(json_build_array(e.order_id, e.version, e.type))
    FROM order_events e JOIN orders o ON o.id = e.order_id WHERE o.region = :region) AS events,
  (SELECT json_agg(json_build_array(a.order_id, a.fence, a.agent_id, a.ended_at IS NULL))
    FROM assignments a JOIN orders o ON o.id = a.order_id WHERE o.region = :region) AS given,
  (SELECT entry FROM cursors WHERE region = :region) AS cursor
""")


async def sql(city: City) -> SqlPicture:
    async with city.dispatch.records.database.statement() as connection:
        found = (await connection.execute(_SQL, {"region": city.region})).one()
    rows, events, given = [part or [] for part in (found.rows, found.events, found.given)]
    return SqlPicture(
        rows={order_id: read(order_id, state) for order_id, _, state in rows},
        versions={order_id: version for order_id, version, _ in rows},
        events={(order_id, version): kind for order_id, version, kind in events},
        assignments={(order_id, fence): agent_id for order_id, fence, agent_id, _ in given},
        unended={(order_id, fence): agent_id for order_id, fence, agent_id, unended in given if unended},
        cursor=entry_of(found.cursor or "0-0"),
    )


async def count(city: City, query: str) -> int:
    async with city.dispatch.records.database.statement() as connection:
        return int(await connection.scalar(text(query), {"region": city.region}) or 0)


def entry_of(name: bytes | str) -> tuple[int, int]:
    ms, _, number = (name.decode() if isinstance(name, bytes) else name).partition("-")
    return int(ms), int(number)


def _map(flat: list[bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}


def _names(found: list[bytes]) -> set[str]:
    return {name.decode() for name in found}


def _scores(flat: list[bytes]) -> dict[str, int]:
    return {name: int(score) for name, score in _map(flat).items()}
