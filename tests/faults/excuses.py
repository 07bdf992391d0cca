"""What incidents excuse: when nobody could have made a deadline take effect, and when Redis' clock leapt.

Owns the reading of incidents for the lateness rule. Pure but for the offset between the two clocks. Invariant: one
engine alone, in whatever trouble, excuses nothing; nor does PostgreSQL, which no deadline waits for, except while a
region is closed for want of it.
"""

import time
from collections.abc import Iterable, Sequence

from tests.faults.incidents import Incident
from tests.faults.lateness import Excuses, Window, both

REDIS, POSTGRES, ENGINE = "redis", "postgres", "engine"
CLOSED_WITHIN_MS = 10_000
"""PostgreSQL away within this time of a trouble of Redis keeps regions closed: they can not be put right without it."""


def wall_minus_monotonic_ns() -> int:
    return time.time_ns() - time.monotonic_ns()


def excuses(incidents: Sequence[Incident]) -> Excuses:
    redis = [window(each) for each in incidents if each.target == REDIS]
    postgres = [window(each) for each in incidents if POSTGRES in each.target]
    closed = [each for each in postgres if any(_near(each, other) for other in redis)]
    return Excuses([*redis, *closed, *both(*_engines(incidents))], jumps(incidents))


def _near(one: Window, other: Window) -> bool:
    return other.from_ms - CLOSED_WITHIN_MS <= one.until_ms and one.from_ms <= other.until_ms + CLOSED_WITHIN_MS


def _engines(incidents: Iterable[Incident]) -> tuple[list[Window], list[Window]]:
    """When each of the two was in trouble, or its link to Redis was."""
    found: dict[str, list[Window]] = {}
    for incident in incidents:
        for part in incident.target.split():
            name, _, link = part.partition(":")
            if name.startswith(ENGINE) and link in ("", REDIS):
                found.setdefault(name, []).append(window(incident))
    return found.get(f"{ENGINE}-1", []), found.get(f"{ENGINE}-2", [])


def window(incident: Incident) -> Window:
    """By the wall clock, as timelines have it."""
    shift = wall_minus_monotonic_ns()
    return Window((incident.from_ns + shift) // 1_000_000, (incident.until_ns + shift) // 1_000_000)


def jumps(incidents: Iterable[Incident]) -> list[tuple[Window, int]]:
    """Of the clock that deadlines go by."""
    return [(window(each), each.clock_ms) for each in incidents if each.clock_ms and each.target == REDIS]
