"""Mixed work: orders that groups of ten grab, while every agent says where he is once a second.

Owns the search for the rate at which the server is saturated, the latency at parts of it, and where an order's time
goes at half of it. Invariant: below saturation orders are posted by the clock, whatever became of the others, so that
a slow server is not spared.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.modes.options import Options, Progress, silent
from loadtest.modes.storm import Orders, Storm
from loadtest.results import RatePoint, Result, Table
from loadtest.rig import cast
from loadtest.rig.herds import SERVER, Counted, Herds, herds
from loadtest.rig.metrics import Samples
from loadtest.rig.posting import Posting
from loadtest.rig.quiet import at_rest
from loadtest.rig.venue import Venue

DEFAULTS = Options(agents=2_000, seconds=6.0)
ROLES = ("all",)
GROUP = 10
HALF = 0.5
PARTS = (0.25, HALF, 0.75, 0.9)
NO_LIMIT = 1_000_000
STEP = "dispatch_placing_step_seconds"
TIMELINES = 300


@dataclass(frozen=True, slots=True)
class Leg:
    """What was seen at one rate."""

    asked: float
    reached: float
    counted: Counted
    metrics: Samples
    ids: Sequence[str]

    @property
    def point(self) -> RatePoint:
        also = {"grab → verdict": self.counted.percentiles("verdict")}
        return RatePoint(self.asked, self.reached, self.counted.percentiles("offer"), also)


class Mixed:
    def __init__(self, venue: Venue, crowd: Herds, storm: Storm, people: Sequence[cast.Agent]) -> None:
        self._venue = venue
        self._herds = crowd
        self._storm = storm
        self._people = people

    async def leg(self, rate: float | None, seconds: float) -> Leg:
        """At a rate, or closed at what the server takes."""
        await at_rest(self._venue)
        await self._herds.counted(SERVER)
        metrics, posted, began = await self._venue.metrics(), self._storm.posted, time.monotonic()
        walking = asyncio.create_task(self._herds.pace(SERVER, self._people, seconds))
        try:
            if rate is None:
                await self._storm.closed(NO_LIMIT, seconds, silent)
            else:
                await self._storm.paced(NO_LIMIT, rate, seconds, silent)
            reached = (self._storm.posted - posted) / (time.monotonic() - began)
            await walking
        finally:
            walking.cancel()
        counted, metered = await self._herds.counted(SERVER), (await self._venue.metrics()).since(metrics)
        ids = self._storm.ids[-(self._storm.posted - posted) :]
        return Leg(reached if rate is None else rate, reached, counted, metered, ids)


async def run(venue: Venue, options: Options, progress: Progress) -> Result:
    began = time.monotonic()
    people = cast.agents(options.agents, GROUP)
    groups = options.agents // GROUP
    progress("agents", 0.05)
    await cast.set_up(venue, people, limit=GROUP)
    orders = Orders()
    async with herds(options.processes, options.codec, orders.heard) as crowd, Posting(venue.http_url) as posting:
        progress("sessions", 0.1)
        await crowd.connect(venue, people)
        await crowd.tell("grab", SERVER, on=True)
        mixed = Mixed(venue, crowd, Storm(venue, posting, orders, groups), people)
        await mixed.leg(None, options.seconds / 4)
        progress("saturation", 0.2)
        most = options.rate or (await mixed.leg(None, options.seconds)).reached
        legs = []
        for number, part in enumerate(PARTS):
            progress(f"{part:.0%} of {most:.0f} orders/s", 0.3 + 0.6 * number / len(PARTS))
            legs.append(await mixed.leg(part * most, options.seconds))
        half = legs[PARTS.index(HALF)]
        executed = await _executed(venue, posting, half.ids[-TIMELINES:])
    return Result(
        "mixed",
        latencies={
            "order posted to offer heard, at half of saturation": half.counted.percentiles("offer"),
            "grab to verdict, at half of saturation": half.counted.percentiles("verdict"),
        },
        curve=tuple(leg.point for leg in legs),
        saturation=most,
        tables=(_steps(half, executed),),
        notes=(
            f"Saturated at {most:.0f} orders/s, {most * GROUP:.0f} verdicts/s, beside {options.agents} positions/s.",
        ),
        faults=(*orders.faults, *(fault for leg in legs for fault in leg.counted.faults)),
        seconds=time.monotonic() - began,
    )


async def _executed(venue: Venue, posting: Posting, ids: Sequence[str]) -> float:
    """Milliseconds from `created_at` to the script that made the offers, the mean of some orders."""
    token = venue.token("admin", cast.ADMIN)
    took: list[int] = []
    for order_id in ids:
        order = await posting.ask("GET", f"/v1/orders/{order_id}", token)
        told = await posting.ask("GET", f"/v1/orders/{order_id}/timeline", token)
        took += [event["at"] - order["created_at"] for event in told["items"] if event["type"] == "opened"]
    return sum(took) / max(len(took), 1)


def _mean_ms(found: Samples, step: str) -> float:
    count = found.value(f"{STEP}_count", step=step)
    return 1_000 * found.value(f"{STEP}_sum", step=step) / count if count else 0.0


def steps(whole: float, created: float, executed: float, sql: float, hub: float) -> list[tuple[str, float]]:
    """Means in milliseconds; what no clock says of its own is the rest, which the parts before leave."""
    before_script = max(0.0, executed - sql)
    told = [
        ("HTTP to the order's creation", created),
        ("its row committed in PostgreSQL", sql),
        ("committed to its script in Redis", before_script),
        ("script to the hub", hub),
    ]
    return [*told, ("hub to the recipient's socket", max(0.0, whole - sum(ms for _, ms in told)))]


def _steps(leg: Leg, executed: float) -> Table:
    whole, created = leg.counted.percentiles("offer").mean, leg.counted.percentiles("created").mean
    found = steps(whole, created, executed, _mean_ms(leg.metrics, "sql"), _mean_ms(leg.metrics, "hub"))
    rows = tuple((name, f"{ms:.2f}", f"{100 * ms / whole if whole else 0:.0f} %") for name, ms in found)
    return Table("Order posted to offer heard, at half of saturation", ("step", "mean ms", "share"), rows)
