"""How simulated people behave: the seeded choices of agents and of the dispatcher.

Owns who they are and what they decide; carries nothing out. Knows no socket and no clock: everything comes
in as a value, every chance from the generator that is passed in. Invariant: the same generator and the same
facts give the same choice. Durations of work are seconds of the replayed day, divided by the speed;
thinking is real time, for people do not think faster when a day is replayed faster.
"""

import math
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from loadtest.demand import Pickup, distance_m
from loadtest.wire import STEPS, Offer

THINK_MEDIAN_SECONDS = 1.1
THINK_SPREAD = 0.5
THINK_SECONDS = (0.4, 4.0)
# From the decision to the finger on the glass; a retract that comes now comes too late for him.
REACTION_SECONDS = (0.10, 0.35)

GRABS = 0.80
DECLINES = 0.10
GREEDY = 0.06
RELEASES = 0.03
RELEASES_LATE = 0.01
SKIPS = 0.12
PAUSES = 0.004
# What 100 fen of bonus are worth to him, in metres.
METRES_A_YUAN = 60.0

# Median length of what comes before each step, in seconds of the day.
STEP_SECONDS: Mapping[str, float] = {"en_route": 60, "arrived": 360, "working": 60, "completed": 480}
STEP_SPREAD = 0.45
# Some take long to set out, long enough to be noticed at the desk.
DAWDLES = 0.02
DAWDLE_FACTOR = 25.0


@dataclass(frozen=True, slots=True)
class Person:
    """An agent of the play. `home` is where a shop stands and where a valet begins his day."""

    id: str
    role: Literal["valet", "shop"]
    name: str
    phone: str
    skills: tuple[str, ...]
    capacity: int
    home: tuple[float, float]
    codec: Literal["json", "msgpack"]
    loses_connection: bool

    def profile(self, region: str) -> dict[str, Any]:
        """The body of `PUT /v1/agents/{id}`."""
        return {
            "role": self.role,
            "region": region,
            "name": self.name,
            "phone": self.phone,
            "skills": list(self.skills),
            "capacity": self.capacity,
            "home": {"lat": self.home[0], "lon": self.home[1]},
        }


def recruit(
    valets: int, shops: int, places: Sequence[Pickup], audience: Mapping[str, Collection[str]], seed: int
) -> list[Person]:
    """Valets and shops where the day's demand is; `audience` tells which roles each kind is for."""
    return [_person("valet", n, places, audience, seed) for n in range(valets)] + [
        _person("shop", n, places, audience, seed) for n in range(shops)
    ]


def _person(
    role: Literal["valet", "shop"],
    number: int,
    places: Sequence[Pickup],
    audience: Mapping[str, Collection[str]],
    seed: int,
) -> Person:
    draw = random.Random(f"{seed}:{role}:{number}")
    place = draw.choice(places)
    kinds = sorted(kind for kind, roles in audience.items() if role in roles)
    skills = tuple(kind for kind in kinds if draw.random() < 0.75) or tuple(kinds)
    return Person(
        id=f"{role[0]}-{number:03d}",
        role=role,
        name=f"{role.capitalize()} {number}",
        phone=f"+1917{444 if role == 'valet' else 555}{number:04d}",
        skills=skills,
        capacity=draw.choice((1, 1, 1, 2)) if role == "valet" else draw.choice((2, 3, 4)),
        home=(place.lat, place.lon),
        codec="msgpack" if draw.random() < 0.5 else "json",
        loses_connection=draw.random() < 0.08,
    )


def think_seconds(draw: random.Random) -> float:
    """Log-normal, as human reaction times are."""
    least, most = THINK_SECONDS
    return min(most, max(least, draw.lognormvariate(math.log(THINK_MEDIAN_SECONDS), THINK_SPREAD)))


def reaction_seconds(draw: random.Random) -> float:
    return draw.uniform(*REACTION_SECONDS)


@dataclass(frozen=True, slots=True)
class Choice:
    """What he does about one offer."""

    act: Literal["grab", "decline", "pass"]
    order_id: str


def choose(offers: Iterable[Offer], position: tuple[float, float], draw: random.Random) -> Choice | None:
    """The nearest, or a farther one for a bonus; sometimes he declines it, sometimes he lets it go."""
    best = min(offers, key=lambda offer: cost_m(offer, position), default=None)
    if best is None:
        return None
    chance = draw.random()
    if chance < GRABS:
        return Choice("grab", best["id"])
    return Choice("decline" if chance < GRABS + DECLINES else "pass", best["id"])


def cost_m(offer: Offer, position: tuple[float, float]) -> float:
    area = offer["area"]
    way_m = distance_m(*position, area["lat"], area["lon"])
    return way_m - offer["bonus_fen"] / 100 * METRES_A_YUAN


@dataclass(frozen=True, slots=True)
class Stage:
    """After `seconds` he says `step`, or gives the job back."""

    seconds: float
    step: str
    releases: bool


def plan(status: str, speed: float, draw: random.Random) -> list[Stage]:
    """How the rest of a job will go, from the status that it is in now."""
    left = STEPS if status == "assigned" else STEPS[STEPS.index(status) + 1 :]
    stages: list[Stage] = []
    carried = 0.0
    for step in left:
        seconds = _step_seconds(step, draw) / speed + carried
        carried = 0.0
        if step != "completed" and draw.random() < SKIPS:
            carried = seconds
            continue
        releases = draw.random() < (RELEASES if step in ("en_route", "arrived") else RELEASES_LATE)
        stages.append(Stage(seconds, step, releases))
        if releases:
            break
    return stages


def _step_seconds(step: str, draw: random.Random) -> float:
    seconds = draw.lognormvariate(math.log(STEP_SECONDS[step]), STEP_SPREAD)
    dawdles = step == "en_route" and draw.random() < DAWDLES
    return seconds * (DAWDLE_FACTOR if dawdles else 1.0)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the dispatcher does about one order at the desk."""

    act: Literal["assign", "reopen", "cancel", "leave"]
    agent_id: str | None = None


def rule(
    status: str,
    held_by: str | None,
    candidates: Iterable[Mapping[str, Any]],
    reopened: int,
    most_reopened: int = 1,
) -> Ruling:
    """The nearest eligible agent; nobody: once more with a bonus, then no more. What stalls in somebody's
    hands goes to the nearest other, if there is one."""
    eligible = [each["agent_id"] for each in candidates if each["eligible"] and each["agent_id"] != held_by]
    if eligible:
        return Ruling("assign", eligible[0])
    if status != "escalated":
        return Ruling("leave")
    return Ruling("reopen") if reopened < most_reopened else Ruling("cancel")


def paced_policy(policy: Mapping[str, Any], speed: float) -> dict[str, Any]:
    """The same policy with rounds of a few seconds, for rounds are real time and the day runs `speed` times
    faster. Plates become private, so that a leak of one would show."""
    stall_s = {status: max(5, round(seconds / speed)) for status, seconds in policy["stall_seconds"].items()}
    return {
        "kind": policy["kind"],
        "audience": policy["audience"],
        "rounds": [
            {"radius_m": 2500, "limit": 8, "seconds": 3, "bonus_fen": 0},
            {"radius_m": 6000, "limit": 16, "seconds": 3, "bonus_fen": 500},
            {"radius_m": 12000, "limit": 40, "seconds": 4, "bonus_fen": 1500},
        ],
        "desk_seconds": 90,
        "lead_seconds": policy["lead_seconds"],
        "stall_seconds": stall_s,
        "hall_radius_m": policy["hall_radius_m"],
        "private_details": sorted({*policy["private_details"], "plate"}),
    }
