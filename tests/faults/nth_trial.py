"""One scenario again and again, each time with another call failing, until it goes through untouched.

Owns the driving, what settles things afterwards (an engine's turn and sweep, a projector's batch: called, not waited
for), and what must hold whatever failed. Knows no scenario. Invariants: one call dies a trial, and never is anything
else amiss; the process under test is one for all trials of a scenario, so what a fault leaves behind is found.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
from ulid import ULID

from dispatch.assembly import Dispatch
from dispatch.engine import Engine
from dispatch.errors import Unavailable
from dispatch.order import HELD, TERMINAL, Order
from dispatch.projector import MOST_AT_ONCE, Projector
from dispatch.records.agents import Agent
from dispatch.records.database import MOST_LINES
from tests.conftest import DISPATCHER, City
from tests.dispatch.looking import check_indexes, looks, policy, redis, rows
from tests.dispatch.looking import order as in_redis
from tests.faults.nth_call import Moment, NthCall, wrap

T = TypeVar("T")
LONG_S = 36_000
OWNER = "nth"
Change = Callable[[Dispatch], None]


@dataclass
class Trial:
    """`victim` is the process whose call fails; the city's own works all the time, and is asked what is true.

    `hurried`: the client repeats what failed at once, else only after everything has settled.
    """

    city: City
    kind: str
    victim: Dispatch
    nth: NthCall
    number: int
    moment: Moment
    hurried: bool
    orders: list[str] = field(default_factory=list)
    _valets: list[str] = field(default_factory=list)

    async def strike(self, ask: Callable[[], Awaitable[T]]) -> T | None:
        """The answer, or None: `Unavailable`. Any other error is no answer to a lost connection."""
        self.nth.arm(self.number, self.moment)
        try:
            return await ask()
        except Unavailable as exc:
            assert self.nth.struck, f"nothing had failed: {exc}"
            return None
        finally:
            self.nth.disarm()

    async def valet(self, name: str, north_m: float = 0.0, *, enters: bool = True) -> Agent:
        unique = f"{name}-{self.number}-{self.moment.name}-{self.hurried}"
        self._valets.append(unique)
        agent = await self.city.agent(unique, skills=(self.kind,), capacity=9)
        if enters:
            await self.city.enter(agent, north_m)
        return agent

    async def placed(self) -> Order:
        order = await self.city.place(self.kind)
        self.orders.append(order.id)
        return order

    async def settle(self) -> None:
        await settle(self.city)

    async def end(self) -> None:
        """Nothing of a failed call is left, and nothing of this trial stands in the way of the next."""
        await check_connections(self.victim)
        for order_id in self.orders:
            found = await self.city.dispatch.records.orders.find(order_id)
            assert found is not None
            if found.status not in TERMINAL:
                await self.city.dispatch.desk.cancel(DISPATCHER, found, "the trial is over")
        for name in self._valets:
            await self.city.agent(name, suspended=True)


Scenario = Callable[[Trial], Awaitable[None]]


async def fail_each_call(
    city: City,
    scenario: Scenario,
    *,
    hurried: Sequence[bool] = (True, False),
    cold: bool = False,
    change: Change | None = None,
    **terms: object,
) -> int:
    """How many calls the scenario makes; each failed `BEFORE` and `AFTER`, the client hurried and not.

    `cold`: in a process that has just started, each time. `change` is made to the process under test.
    """
    long = {"rounds": [{"radius_m": 3000, "limit": 20, "seconds": LONG_S}], "stall_seconds": {"assigned": LONG_S}}
    kind = await policy(city, scenario.__name__, **({"desk_seconds": LONG_S} | long | terms))
    tried: Counter[str] = Counter()
    most = 0
    for moment, hurries in itertools.product(Moment, hurried):
        async with process(city.dispatch, change, warm=city.region) as warm:
            for number in itertools.count(1):
                async with process(city.dispatch, change) if cold else _as_it_is(warm) as (victim, nth):
                    trial = Trial(city, kind, victim, nth, number, moment, hurries)
                    await _carry_out(trial, scenario)
                if not nth.struck:
                    break
                tried[nth.struck] += 1
                most = max(most, number)
    await _check_city(city)
    print(f"{scenario.__name__}: N = 1 … {most}, {sum(tried.values())} faults: {dict(tried)}")
    return most


async def _carry_out(trial: Trial, scenario: Scenario) -> None:
    before = asyncio.all_tasks()
    try:
        await scenario(trial)
        await trial.end()
        await _check_tasks(before)
    except BaseException as exc:
        exc.add_note(f"call {trial.number} ({trial.nth.struck or 'none'}) of {trial.nth.calls} died {trial.moment}")
        raise


@asynccontextmanager
async def process(
    dispatch: Dispatch, change: Change | None, *, warm: str = ""
) -> AsyncIterator[tuple[Dispatch, NthCall]]:
    """Another process' use cases on the same servers; `warm` is a region where it has worked before.

    Nothing runs in it unasked: the rules are read once, not followed; what it would have read at its start it is given.
    """
    found = Dispatch(
        redis_url=dispatch.store._url, database_url=dispatch.records.database.url, verifier=dispatch.verifier
    )
    found.links = dispatch.links
    nth = wrap(found)
    if change:
        change(found)
    try:
        if warm:
            await found.catalog.load()
            await found.store.ping()
            await found.store.run("due", warm, most=1)
            async with found.records.database.line() as line:
                await line.execute("SELECT $1::text[], $2::bigint[], $3::int[], $4::bytea[]", [], [], [], [])
        yield found, nth
    finally:
        await found.close()


@asynccontextmanager
async def _as_it_is(process: tuple[Dispatch, NthCall]) -> AsyncIterator[tuple[Dispatch, NthCall]]:
    yield process


# --- afterwards ---------------------------------------------------------------------------------------


def engine_of(city: City, dispatch: Dispatch) -> Engine:
    d = dispatch
    return Engine(d.store, d.records, d.catalog, d.intake, d.reconciler, city.region, OWNER)


async def settle(city: City) -> None:
    """What engine and projector would do in time, of which rows that Redis never heard of are due at once."""
    engine = engine_of(city, city.dispatch)
    await engine._turn()
    await engine._sweep()
    await project(city)


async def project(city: City) -> None:
    store, records = city.dispatch.store, city.dispatch.records
    projector = Projector(store, records, city.region)
    entry, _ = await records.marks.cursor(city.region)
    reader = store.reader(city.region, entry)
    try:
        while events := await reader.read(MOST_AT_ONCE, 0):
            await projector._project(events, reader)
    finally:
        await reader.close()


# --- what must hold -----------------------------------------------------------------------------------


async def stands(city: City, answered: Order) -> None:
    """What was answered is in PostgreSQL now, before anything was settled."""
    found = await city.dispatch.records.orders.find(answered.id)
    assert found is not None, "the order that was answered is not in PostgreSQL"
    assert found.version >= answered.version, f"version {answered.version} was answered, PostgreSQL has {found.version}"
    if found.version == answered.version:
        assert found == answered
    happened = [each.version for each in await city.dispatch.records.orders.timeline(answered.id, 0, 99)]
    assert not answered.version or answered.version in happened, "the event that was answered is not in the timeline"


async def agree(city: City, order_id: str, *types: str) -> Order:
    """The order once things are quiet: its timeline has these events, PostgreSQL and Redis say the same of it."""
    found = await city.dispatch.records.orders.find(order_id)
    assert found is not None, "the order is lost"
    timeline = await city.dispatch.records.orders.timeline(order_id, 0, 99)
    assert [each.type for each in timeline] == list(types)
    assert [each.version for each in timeline] == list(range(1, found.version + 1))
    assert found == await in_redis(city, order_id)
    await check_indexes(city, order_id)
    assert (found.due_at is None) is (found.status in TERMINAL), "unfinished, and without a deadline"
    await _check_assignments(city, found)
    return found


async def _check_assignments(city: City, order: Order) -> None:
    """One for each fence, and one that has not ended if the order is held."""
    query = "SELECT fence, agent_id, ended_at FROM assignments WHERE order_id = :id ORDER BY fence"
    found = await rows(city.dispatch, query, id=order.id)
    assert [row.fence for row in found] == list(range(1, order.fence + 1))
    current = [(row.fence, row.agent_id) for row in found if row.ended_at is None]
    assert current == ([(order.fence, order.holder)] if order.status in HELD else [])


async def check_connections(victim: Dispatch) -> None:
    """All of the pool are given back, and none has an answer for somebody else in it."""
    database, word = victim.records.database, str(ULID())
    pool = database._engine.pool
    assert pool.checkedout() == 0, "a connection was not given back"  # type: ignore[attr-defined]  # a queue pool
    assert database._free_lines._value == MOST_LINES, "a line was not given back"
    assert await victim.store.direct([("ECHO", word)]) == [word.encode()]
    order_ids = msgspec.msgpack.encode([word])
    if region := next((slot for slot in victim.store._epochs), None):
        reply = await victim.store.run("states", region, order_ids=order_ids)
        assert reply.unpacked()["orders"] == []
    assert [tuple(row) for row in await rows(victim, "SELECT CAST(:word AS text)", word=word)] == [(word,)]
    for _, line in database._lines:
        assert line.is_closed() or await line.fetchval("SELECT $1::text", word) == word


async def _check_tasks(before: set["asyncio.Task[object]"]) -> None:
    async for _ in looks():
        if asyncio.all_tasks() <= before:
            return


async def _check_city(city: City) -> None:
    assert await rows(city.dispatch, "SELECT * FROM dead_letters WHERE region = :region", region=city.region) == []
    found = await city.dispatch.reconciler.check(city.region)
    assert (found.behind, found.jobs, found.settled) == ([], [], True)
    assert await redis(city, "GET", f"epoch:{{{city.region}}}") is not None
