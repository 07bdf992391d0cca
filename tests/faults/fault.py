"""What a fault is, and what one is drawn from.

Owns the forms. Knows neither the kinds nor the schedule. Invariant of each `trouble`: whoever leaves its block, by
whatever way, leaves that part of the stand running and its links clean; it is not waited for until it serves again.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from random import Random

from tests.faults.stand import Member, Stand

Trouble = Callable[[], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """`target` is for people. Two faults that share something in `touches` are never provoked at the same time."""

    kind: str
    target: str
    hold_s: float
    touches: frozenset[str]
    trouble: Trouble
    loses_data: bool = False
    clock_ms: int = 0


@dataclass(frozen=True, slots=True)
class Chance:
    stand: Stand
    rng: Random
    quick: bool

    def seconds(self, low: float, high: float, quick_high: float) -> float:
        return self.rng.uniform(low, quick_high if self.quick else high)

    def member(self, *roles: str) -> Member:
        return self.rng.choice([member for member in self.stand.members if member.node.role in roles])


Drawing = Callable[[Chance], Fault]
