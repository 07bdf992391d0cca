"""The grab storm: each order is offered to one group of fifty, and all fifty grab it at once.

Owns the posting, closed (a window of orders in flight) or at a given rate, the account of verdicts, and the audit at
the end. What is counted is everything from the first posting until the databases are at rest again: posting, matching,
offers, retractions, the durable winner, the projector. A winner keeps the job: his capacity is large, so that no
completing is in the figure. Invariant: an order is done when each hand of its group has its verdict.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadtest.judge import ClientFacts, Won
from loadtest.modes.options import Options, Progress, silent
from loadtest.results import Figure, Result, Table
from loadtest.rig import cast
from loadtest.rig.calls import CALLS, calls_of_orders
from loadtest.rig.closing import audited
from loadtest.rig.cost import bursts
from loadtest.rig.herds import SERVER, Counted, Herds, herds
from loadtest.rig.metrics import Samples
from loadtest.rig.posting import Posting
from loadtest.rig.quiet import at_rest
from loadtest.rig.usage import PARTS, Cost, Part, Usage
from loadtest.rig.venue import Venue

DEFAULTS = Options(agents=2_000, orders=1_500, seconds=60.0)
ROLES = ("all",)
LIMIT = 5.0
WINDOW = 40
"""Orders in flight at most, when the rate is what the server takes; one for each group."""
FLOOR_ROUNDS = 40
SETTLED_SECONDS = 30.0


class Orders:
    """Those that are in the air, and what came of those that are settled."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.settled = 0
        self.told = ClientFacts()
        self.faults: list[str] = []
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._early: set[str] = set()

    def heard(self, told: Mapping[str, Any]) -> None:
        """A group has all its verdicts; the answer to the posting may still be on its way."""
        order_id = told["order"]
        self.outcomes.update(told["outcomes"])
        self.settled += 1
        won = told["outcomes"].get("won", 0)
        if won != 1:
            self.faults.append(f"{order_id}: {won} hands were told that they won: {told['outcomes']}")
        else:
            self.told.won.append(Won(order_id, told["winner"], told["fence"]))
        waiting = self._waiting.get(order_id)
        if waiting is None:
            self._early.add(order_id)
        elif not waiting.done():
            waiting.set_result(None)

    async def until_settled(self, order_id: str) -> None:
        if order_id in self._early:
            self._early.discard(order_id)
            return
        waiting = self._waiting[order_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(SETTLED_SECONDS):
                await waiting
        except TimeoutError:
            self.faults.append(f"{order_id}: not every hand had a verdict within {SETTLED_SECONDS:.0f} s")
        finally:
            del self._waiting[order_id]


class Storm:
    def __init__(self, venue: Venue, posting: Posting, orders: Orders, groups: int) -> None:
        self._token = venue.token("service", cast.BACKEND)
        self._posting = posting
        self._orders = orders
        self._groups = groups
        self.posted = 0
        self.ids: list[str] = []

    async def one(self, group: int) -> None:
        lat, lon = cast.place(group)
        sent = {"sent_us": time.monotonic_ns() // 1_000, "sent_at_us": time.time_ns() // 1_000}
        details = {"plate": "沪A12345", "note": "flat tyre", **sent}
        self.posted += 1
        told = await self._posting.ask("POST", "/v1/orders", self._token, cast.order(lat, lon, details=details))
        self.ids.append(told["id"])
        await self._orders.until_settled(told["id"])

    async def closed(self, count: int, seconds: float, progress: Progress) -> None:
        """Each group gets its next order when it has settled the last."""
        until, most = time.monotonic() + seconds, self.posted + count

        async def keep(group: int) -> None:
            while self.posted < most and time.monotonic() < until:
                await self.one(group)
                progress("storm", 0.3 + 0.4 * self.posted / most)

        async with asyncio.TaskGroup() as keeping:
            for group in range(min(self._groups, WINDOW)):
                keeping.create_task(keep(group))

    async def paced(self, count: int, rate: float, seconds: float, progress: Progress) -> None:
        """An order is posted when its time has come, whatever became of the others."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(min(count, int(rate * seconds))):
                await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
                group.create_task(self.one(number % self._groups))
                progress("storm", 0.3 + 0.4 * number / count)


async def run(venue: Venue, options: Options, progress: Progress) -> Result:
    began = time.monotonic()
    groups = max(1, options.agents // cast.GROUP)
    people = cast.agents(groups * cast.GROUP)
    progress("agents", 0.05)
    await cast.set_up(venue, people)
    orders = Orders()
    async with herds(options.processes, options.codec, orders.heard) as crowd, Posting(venue.http_url) as posting:
        progress("sessions", 0.1)
        await crowd.connect(venue, people)
        await crowd.connect_floor(people)
        await crowd.tell("grab", SERVER, on=True)
        storm = Storm(venue, posting, orders, groups)
        await storm.closed(groups, options.seconds, silent)
        floor = await bursts(crowd, FLOOR_ROUNDS, WINDOW)
        await at_rest(venue)
        measured = await _measure(venue, crowd, storm, orders, options, progress)
        floor = floor.plus(await bursts(crowd, FLOOR_ROUNDS, WINDOW))
    progress("audit", 0.75)
    faults = [*orders.faults, *measured.counted.faults, *await audited(venue, orders.told)]
    return _result(venue, options, measured, floor, faults, time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class Measured:
    usage: Usage
    metrics: Samples
    counted: Counted
    orders: int
    outcomes: Counter[str]
    seconds: float

    @property
    def verdicts(self) -> int:
        return self.outcomes.total() - self.outcomes["pending"]

    def us(self, *parts: Part) -> float:
        """Of one verdict."""
        return 1e6 * self.usage.of(*parts) / max(self.verdicts, 1)


async def _measure(
    venue: Venue, crowd: Herds, storm: Storm, orders: Orders, options: Options, progress: Progress
) -> Measured:
    await crowd.counted(SERVER)
    metrics, usage = await venue.metrics(), venue.usage()
    outcomes, settled, began = Counter(orders.outcomes), orders.settled, time.monotonic()
    if options.rate is None:
        await storm.closed(options.orders, options.seconds, progress)
    else:
        await storm.paced(options.orders, options.rate, options.seconds, progress)
    lasted = time.monotonic() - began
    progress("coming to rest", 0.7)
    await at_rest(venue)
    spent, metered = venue.usage().since(usage), (await venue.metrics()).since(metrics)
    counted = await crowd.counted(SERVER)
    return Measured(spent, metered, counted, orders.settled - settled, orders.outcomes - outcomes, lasted)


def _result(
    venue: Venue, options: Options, measured: Measured, floor: Cost, faults: list[str], seconds: float
) -> Result:
    return Result(
        "storm",
        figures=(_cost(options, measured, floor), _calls(venue, measured)),
        latencies={
            "order posted to offer heard": measured.counted.percentiles("offer"),
            "grab to verdict": measured.counted.percentiles("verdict"),
            "first grab to won": measured.counted.percentiles("won"),
        },
        tables=(_parts(measured, floor), _scripts(measured)),
        notes=(
            _pace(measured),
            "Winners keep their jobs (capacity is large): no completing is in the figure.",
            "audit: ok" if not faults else f"audit: {len(faults)} broken promise(s)",
        ),
        faults=tuple(faults),
        seconds=seconds,
    )


def _pace(measured: Measured) -> str:
    orders, verdicts = measured.orders / measured.seconds, measured.verdicts / measured.seconds
    outcomes = ", ".join(f"{count} {name}" for name, count in measured.outcomes.most_common())
    lasted = f"{measured.orders} orders in {measured.seconds:.1f} s"
    return f"{lasted}: {orders:.0f} orders/s, {verdicts:.0f} verdicts/s; {outcomes}"


def _cost(options: Options, measured: Measured, floor: Cost) -> Figure:
    return Figure(
        key="storm",
        title=f"Grab storm, groups of {cast.GROUP}: CPU of server, Redis and PostgreSQL a verdict",
        unit="µs",
        value=measured.us(*PARTS),
        floor=floor.us,
        limit=LIMIT,
        limit_kind="ratio",
        detail={
            "verdicts": measured.verdicts, "orders": measured.orders, "codec": options.codec,
            "orders_per_second": round(measured.orders / measured.seconds, 1),
        },
    )  # fmt: skip


def _calls(venue: Venue, measured: Measured) -> Figure:
    nodes = venue.nodes
    calls = calls_of_orders(measured.metrics)
    return Figure(
        key=f"script_calls_{nodes}",
        title=f"Redis script calls an order, posted to assigned, {nodes} node(s)",
        unit="calls",
        value=sum(calls.values()) / max(measured.orders, 1),
        floor=None,
        limit=2 + 2 * nodes,
        limit_kind="absolute",
        detail={name: round(count / max(measured.orders, 1), 3) for name, count in calls.items()},
    )


def _parts(measured: Measured, floor: Cost) -> Table:
    rows: list[tuple[str, ...]] = [
        (part, f"{measured.us(part):.2f}", f"{measured.us(part) * cast.GROUP / 1000:.2f}") for part in PARTS
    ]
    rows += [
        ("together", f"{measured.us(*PARTS):.2f}", f"{measured.us(*PARTS) * cast.GROUP / 1000:.2f}"),
        ("floor's request–reply", f"{floor.us:.2f}", ""),
    ]
    return Table("CPU", ("part", "µs a verdict", "ms an order"), tuple(rows))


def _scripts(measured: Measured) -> Table:
    every = measured.metrics.by(CALLS, "script")
    rows = tuple((name, f"{count / max(measured.orders, 1):.3f}") for name, count in sorted(every.items()) if count)
    return Table("All script calls", ("script", "an order"), rows)
