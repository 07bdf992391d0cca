"""Flatness: what an order costs beside few and beside many agents, beside few and beside many open orders.

Owns the small and the great case of each. An order is posted, offered to a group of ten far from the others, grabbed
by all of them and won by one; it costs all CPU of server, Redis and PostgreSQL meanwhile, without what the same
sessions cost in as much time when nothing is posted. The cases lie minutes apart, in which the machine may have become
slower: what is compared is each case's cost in requests and replies of the floor, taken just before and after it.
Invariant: the same groups do the same work in each case; only what lies around is more.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from loadtest.modes.options import Options, Progress, silent
from loadtest.modes.storm import Orders, Storm
from loadtest.results import Figure, Result, Table
from loadtest.rig import cast, stock
from loadtest.rig.cost import bursts
from loadtest.rig.herds import SERVER, Herds, herds
from loadtest.rig.posting import Posting
from loadtest.rig.quiet import at_rest
from loadtest.rig.usage import Beside, Cost
from loadtest.rig.venue import Venue

DEFAULTS_OF_AGENTS = Options(agents=10_000, seconds=4.0)
DEFAULTS_OF_ORDERS = Options(orders=50_000, seconds=4.0)
ROLES = ("all",)
LIMIT = 1.25
GROUP = 10
FEW_AGENTS = 1_000
FEW_ORDERS = 1_000
NO_LIMIT = 1_000_000
FLOOR_ROUNDS = 30
FLOOR_AT_ONCE = 40
REFRESH_SECONDS = 15.0
"""Each session is refreshed once in that time, so that so long a look has all of it."""


class Flat:
    def __init__(self, venue: Venue, crowd: Herds, posting: Posting, orders: Orders) -> None:
        self._venue = venue
        self._herds = crowd
        self._posting = posting
        self._orders = orders
        self.idle: list[float] = []
        """Cores, of each case that was measured."""

    @property
    def note(self) -> str:
        shares = ", ".join(f"{100 * each:.1f} %" for each in self.idle)
        return f"Taken off, what being connected alone costs: {shares} of a core."

    async def cost(self, groups: int, seconds: float) -> Beside:
        floor = await bursts(self._herds, FLOOR_ROUNDS, FLOOR_AT_ONCE)
        cost = await self._cost(groups, seconds)
        return Beside(cost, floor.plus(await bursts(self._herds, FLOOR_ROUNDS, FLOOR_AT_ONCE)))

    async def _cost(self, groups: int, seconds: float) -> Cost:
        """Of an order, as fast as the server takes them."""
        storm = Storm(self._venue, self._posting, self._orders, groups)
        await storm.closed(NO_LIMIT, seconds / 4, silent)
        await at_rest(self._venue)
        idle = await self._idle()
        self.idle.append(idle)
        before, posted, began = self._venue.usage(), storm.posted, time.monotonic()
        await storm.closed(NO_LIMIT, seconds, silent)
        lasted = time.monotonic() - began
        await at_rest(self._venue)
        spent = self._venue.usage().since(before).total - idle * (time.monotonic() - began)
        return Cost(spent, storm.posted - posted, lasted)

    async def _idle(self) -> float:
        """Cores that are used while nothing is posted: what being connected costs, no order does."""
        before, began = self._venue.usage(), time.monotonic()
        await asyncio.sleep(REFRESH_SECONDS)
        return self._venue.usage().since(before).total / (time.monotonic() - began)

    async def beside_few(self, people: Sequence[cast.Agent], options: Options) -> Beside:
        """The small case of both: so few agents, so few open orders."""
        await self.begin(people)
        await stock.grown(self._venue, FEW_ORDERS, silent)
        return await self.cost(len(people) // GROUP, options.seconds)

    @property
    def faults(self) -> list[str]:
        return self._orders.faults

    async def begin(self, people: Sequence[cast.Agent]) -> None:
        """Those who work in each case, at the server and at the floor."""
        await self.join(people)
        await self._herds.connect_floor(people)

    async def join(self, people: Sequence[cast.Agent]) -> None:
        await cast.set_up(self._venue, people, limit=GROUP)
        await self._herds.connect(self._venue, people)
        await self._herds.tell("grab", SERVER, on=True)


@asynccontextmanager
async def _performing(venue: Venue, options: Options) -> AsyncIterator[Flat]:
    orders = Orders()
    async with herds(options.processes, options.codec, orders.heard) as crowd, Posting(venue.http_url) as posting:
        yield Flat(venue, crowd, posting, orders)


async def run_agents(venue: Venue, options: Options, progress: Progress) -> Result:
    """Beside few and many agents. What it finds beside few of both is kept for `run_orders`."""
    began = time.monotonic()
    few, people = min(FEW_AGENTS, options.agents), cast.agents(options.agents, GROUP)
    async with _performing(venue, options) as flat:
        progress(f"{few} agents", 0.1)
        small = await flat.beside_few(people[:few], options)
        venue.beside_few = (venue.open_orders, small)
        progress(f"{len(people)} agents", 0.4)
        await flat.join(people[few:])
        great = await flat.cost(few // GROUP, options.seconds)
    return Result(
        "flat_agents",
        figures=(_figure("agents", f"{few} to {len(people)} connected agents", small, great),),
        tables=(_table(((f"{few} agents", small), (f"{len(people)} agents", great))),),
        notes=(flat.note,),
        faults=tuple(flat.faults),
        seconds=time.monotonic() - began,
    )


async def run_orders(venue: Venue, options: Options, progress: Progress) -> Result:
    """Beside few and many open orders. The small case may have been measured at this venue before."""
    began = time.monotonic()
    people = cast.agents(FEW_AGENTS, GROUP)
    async with _performing(venue, options) as flat:
        if venue.beside_few is None:
            if venue.open_orders > FEW_ORDERS:
                raise RuntimeError(f"{venue.open_orders} orders are open already: there is no small case")
            progress("few open orders", 0.0)
            small = await flat.beside_few(people, options)
            few = venue.open_orders
        else:
            few, small = venue.beside_few
            await flat.begin(people)
        await stock.grown(venue, options.orders, lambda what, done: progress(what, 0.1 + 0.7 * done))
        progress(f"{venue.open_orders} open orders", 0.8)
        great = await flat.cost(FEW_AGENTS // GROUP, options.seconds)
    many = venue.open_orders
    return Result(
        "flat_orders",
        figures=(_figure("orders", f"{few} to {many} open orders", small, great),),
        tables=(_table(((f"{few} open orders", small), (f"{many} open orders", great))),),
        notes=(flat.note,),
        faults=tuple(flat.faults),
        seconds=time.monotonic() - began,
    )


def _figure(key: str, what: str, small: Beside, great: Beside) -> Figure:
    return Figure(
        key=f"flat_{key}",
        title=f"CPU an order, from {what}: so many times as much",
        unit="×",
        value=great.ratio / max(small.ratio, 1e-9),
        floor=None,
        limit=LIMIT,
        limit_kind="flat",
        detail={
            "small_us": round(small.cost.us, 1),
            "great_us": round(great.cost.us, 1),
            "small_floor_us": round(small.floor.us, 2),
            "great_floor_us": round(great.floor.us, 2),
        },
    )


def _table(cases: Sequence[tuple[str, Beside]]) -> Table:
    rows = tuple(
        (
            name, str(case.cost.count), f"{case.cost.us / 1000:.3f}", f"{case.floor.us:.2f}", f"{case.ratio:.0f}",
            f"{case.cost.count / max(case.cost.lasted, 1e-9):.0f}",
        )
        for name, case in cases
    )  # fmt: skip
    return Table("CPU an order", ("beside", "orders", "ms", "floor, µs", "floor's requests", "orders/s"), rows)
