"""Positions: agents who say where they are, one a second each, first with no order in reach, then among many.

Owns the two places: the groups' (nothing there) and the country of open orders. What is counted is the server and
Redis; PostgreSQL hears of no position. Invariant: the floor hears the same frames from the same clients at the same
pace, and answers each with a verdict's size.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

from loadtest.modes.options import Options, Progress
from loadtest.results import Figure, Result, Table
from loadtest.rig import cast, cost, stock
from loadtest.rig.herds import FLOOR, SERVER, Herds, herds
from loadtest.rig.quiet import at_rest
from loadtest.rig.usage import Cost, Usage
from loadtest.rig.venue import Venue

DEFAULTS = Options(agents=2_000, orders=50_000, seconds=10.0)
ROLES = ("all",)
LIMIT = 3.0
WARM_UP_SECONDS = 2.0
FIRST = 20_000
"""Agents of this mode's own: those of others hold the jobs that they won, and each is looked at with each position."""


class Case:
    """The same agents in one place."""

    def __init__(self, venue: Venue, crowd: Herds, people: Sequence[cast.Agent], seconds: float) -> None:
        self._venue = venue
        self._herds = crowd
        self._people = people
        self._seconds = seconds
        self.said = 0
        self.usage = Usage()
        self.floor = Cost()
        self.faults: list[str] = []

    async def run(self, name: str) -> Figure:
        """Half of the floor before, half of it after the server."""
        await self._herds.connect(self._venue, self._people)
        await self._herds.connect_floor(self._people)
        await at_rest(self._venue)
        await self._herds.pace(SERVER, self._people, WARM_UP_SECONDS)
        await self._floor(self._seconds / 2)
        before = self._venue.usage()
        self.said = await self._herds.pace(SERVER, self._people, self._seconds)
        self.usage = self._venue.usage().since(before)
        await self._floor(self._seconds / 2)
        counted = await self._herds.counted(SERVER)
        await self._herds.tell("leave", SERVER)
        await self._herds.tell("leave", FLOOR)
        self.faults = counted.faults
        return self._figure(name)

    async def _floor(self, seconds: float) -> None:
        await self._herds.floor_answers(cost.encoded(cost.REPLY, self._herds.codec))
        before = self._herds.floor_usage()
        said = await self._herds.pace(FLOOR, self._people, seconds)
        spent = self._herds.floor_usage().since(before)
        self.floor = self.floor.plus(Cost(spent.total, said))

    def _figure(self, name: str) -> Figure:
        return Figure(
            key=f"positions_{name}",
            title=f"{len(self._people)} agents, a position a second, {self._around()}: CPU of server and Redis each",
            unit="µs",
            value=1e6 * self.usage.of("server", "redis") / max(self.said, 1),
            floor=self.floor.us,
            limit=LIMIT,
            limit_kind="ratio",
            detail={
                "positions": self.said,
                "server": round(1e6 * self.usage.server / max(self.said, 1), 2),
                "redis": round(1e6 * self.usage.redis / max(self.said, 1), 2),
            },
        )

    def _around(self) -> str:
        in_country = self._people[0].lat >= stock.SOUTH
        return f"{self._venue.open_orders} open orders around" if in_country else "no order in reach"


async def run(venue: Venue, options: Options, progress: Progress) -> Result:
    began = time.monotonic()
    people = cast.agents(options.agents, first=FIRST)
    progress("agents", 0.05)
    await cast.set_up(venue, people)
    async with herds(options.processes, options.codec) as crowd:
        progress("no order in reach", 0.1)
        alone = Case(venue, crowd, people, options.seconds)
        figures = [await alone.run("alone")]
        progress("open orders", 0.3)
        await stock.grown(venue, options.orders, lambda what, done: progress(what, 0.3 + 0.4 * done))
        await at_rest(venue)
        progress("among the orders", 0.7)
        among = Case(venue, crowd, _moved(people), options.seconds)
        figures.append(await among.run("among"))
    return Result(
        "positions",
        figures=tuple(figures),
        tables=(_table(*figures),),
        faults=(*alone.faults, *among.faults),
        seconds=time.monotonic() - began,
    )


def _moved(people: Sequence[cast.Agent]) -> list[cast.Agent]:
    """Into the country of the orders, to spots of other draws than theirs."""
    spots = [stock.spot(-1 - number) for number in range(len(people))]
    return [replace(each, lat=lat, lon=lon) for each, (lat, lon) in zip(people, spots, strict=True)]


def _table(*figures: Figure) -> Table:
    rows = tuple(
        (each.title, str(each.detail["positions"]), str(each.detail["server"]), str(each.detail["redis"]))
        for each in figures
    )
    return Table("CPU a position, µs", ("case", "positions", "server", "Redis"), rows)
