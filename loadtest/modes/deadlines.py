"""Deadlines: twenty thousand of them, spread over a minute, each to take effect once and on time.

Owns scheduled orders, whose time to open is the deadline, and the reading of their timelines. Invariant: lateness is
judged by the event that stands in the timeline, against the time that was asked for; no deadline is left out.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.modes.options import Options, Progress
from loadtest.results import Figure, Percentiles, Result, histogram, record_ns
from loadtest.rig import cast, stock
from loadtest.rig.posting import Posting
from loadtest.rig.venue import Venue

DEFAULTS = Options(agents=0, orders=20_000, seconds=60.0)
ROLES = ("all",)
LIMIT_MS = 100.0
AT_ONCE = 64
CALIBRATION = 500
RESERVE = 1.1
"""The first deadline lies so much further ahead than the posting of all should take."""
AFTER_MS = 2_000


@dataclass(frozen=True, slots=True)
class Set:
    """An order, and when it was to open."""

    order_id: str
    due_at: int
    posted_at: int


@dataclass(frozen=True, slots=True)
class Opened:
    """When it did, by its timeline; once, if all is well."""

    due_at: int
    at: tuple[int, ...]


async def run(venue: Venue, options: Options, progress: Progress) -> Result:
    began = time.monotonic()
    await cast.set_up(venue, ())
    speed = await _speed(venue, progress)
    first_at = now_ms() + 2_000 + int(1_000 * options.orders / speed * RESERVE)
    spread_ms = int(1_000 * options.seconds)
    async with Posting(venue.http_url, AT_ONCE) as posting:
        due = [first_at + spread_ms * number // options.orders for number in range(options.orders)]
        those = await _post(venue, posting, due, progress)
        too_late = sum(each.due_at < each.posted_at for each in those)
        metrics = await venue.metrics()
        await _pass(first_at + spread_ms, progress)
        counted = (await venue.metrics()).since(metrics).value("dispatch_deadline_lateness_seconds_count")
        opened = await _read(venue, posting, those, progress)
    return _result(opened, too_late, int(counted), time.monotonic() - began)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def _speed(venue: Venue, progress: Progress) -> float:
    """Orders a second that the server takes, by orders that stay open."""
    began = time.monotonic()
    await stock.grown(venue, venue.open_orders + CALIBRATION, lambda what, done: progress("how fast", 0.05 * done))
    return CALIBRATION / (time.monotonic() - began)


async def _post(venue: Venue, posting: Posting, due: Sequence[int], progress: Progress) -> list[Set]:
    """Opened, they lie among the stock."""
    token, first = venue.token("service", cast.BACKEND), venue.open_orders
    numbers = iter(range(len(due)))
    found: list[Set] = []

    async def post() -> None:
        for number in numbers:
            lat, lon = stock.spot(first + number)
            body = cast.order(lat, lon, stock.KIND, scheduled_at=due[number] + cast.LEAD_MS)
            told = await posting.ask("POST", "/v1/orders", token, body)
            found.append(Set(told["id"], due[number], now_ms()))
            progress("deadlines set", 0.05 + 0.35 * len(found) / len(due))

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(post())
    venue.open_orders += len(due)
    return found


async def _pass(last_at: int, progress: Progress) -> None:
    """Until the last deadline is past, and what was late had its time."""
    began, until = now_ms(), last_at + AFTER_MS
    while (left := until - now_ms()) > 0:
        progress("deadlines pass", 0.4 + 0.4 * (1 - left / max(1, until - began)))
        await asyncio.sleep(min(0.5, left / 1_000))


async def _read(venue: Venue, posting: Posting, those: Sequence[Set], progress: Progress) -> list[Opened]:
    token = venue.token("admin", cast.ADMIN)
    left = iter(those)
    found: list[Opened] = []

    async def read() -> None:
        for each in left:
            told = await posting.ask("GET", f"/v1/orders/{each.order_id}/timeline", token)
            at = tuple(event["at"] for event in told["items"] if event["type"] == "opened")
            found.append(Opened(each.due_at, at))
            progress("timelines", 0.8 + 0.2 * len(found) / len(those))

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(read())
    return found


def _result(opened: Sequence[Opened], too_late: int, counted: int, seconds: float) -> Result:
    once = [each for each in opened if len(each.at) == 1]
    lateness = late_by(once)
    faults = []
    if len(once) != len(opened):
        never = sum(not each.at for each in opened)
        faults.append(
            f"of {len(opened)} deadlines {never} took no effect, {len(opened) - len(once) - never} more than one"
        )
    early = sum(each.at[0] < each.due_at for each in once)
    if early:
        faults.append(f"{early} deadlines took effect before their time")
    figure = Figure(
        key="deadlines",
        title=f"Lateness of {len(opened)} deadlines, p99, each once",
        unit="ms",
        value=lateness.p99,
        floor=None,
        limit=LIMIT_MS,
        limit_kind="absolute",
        detail={"took_effect_once": len(once), "counted_by_the_server": counted, "set_after_their_time": too_late},
    )
    return Result(
        "deadlines",
        figures=(figure,),
        latencies={"deadline to its effect": lateness},
        notes=("Lateness by the timeline: the event's time, by Redis' clock, against the time that was asked for.",),
        faults=tuple(faults),
        seconds=seconds,
    )


def late_by(opened: Sequence[Opened]) -> Percentiles:
    found = histogram()
    for each in opened:
        record_ns(found, max(0, each.at[0] - each.due_at) * 1_000_000)
    return Percentiles.of(found)
