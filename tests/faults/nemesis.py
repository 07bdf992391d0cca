"""The nemesis: provokes one fault after another, now and then two at once, and heals each.

Owns the schedule, drawn from a seed, and the record of what was done. Knows the kinds by name only. Invariants: a
full run provokes every kind at least once, a quick one at least `ALWAYS`; two faults that touch the same part never
overlap; after `heal_all` everything runs, and every node says that it is ready.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from random import Random

from tests.faults import link_faults, node_faults, store_faults
from tests.faults.fault import Chance, Drawing, Fault
from tests.faults.incidents import Incident
from tests.faults.stand import Stand

KINDS: Mapping[str, Drawing] = {**node_faults.KINDS, **store_faults.KINDS, **link_faults.KINDS}
ALWAYS = (
    ("redis_killed",),
    ("redis_set_back",),
    ("postgres_away",),
    ("hub_killed",),
    ("engine_killed",),
    ("hub_stopped", "api_stopped", "engine_stopped"),
    ("redis_cut", "postgres_cut", "hub_cut", "api_cut"),
    ("redis_replies_dropped", "postgres_replies_dropped", "hub_replies_dropped", "api_replies_dropped"),
)
"""Of each of these a quick run provokes one at least."""
OVERLAP = 0.25
RECOVER = 0.7
RECOVER_SECONDS = 20.0
HEALED_SECONDS = 120.0


def deck(rng: Random, quick: bool) -> tuple[list[str], Iterator[str]]:
    """The kinds that must come, in the order in which they do, and what follows them, without end."""
    first = [rng.choice(choice) for choice in ALWAYS] if quick else list(KINDS)
    rng.shuffle(first)
    return first, _rounds(rng)


def _rounds(rng: Random) -> Iterator[str]:
    while True:
        yield from rng.sample(list(KINDS), len(KINDS))


class Nemesis:
    def __init__(self, stand: Stand, rng: Random, quick: bool) -> None:
        self.incidents: list[Incident] = []
        self._stand = stand
        self._rng = rng
        self._quick = quick

    @property
    def by_kind(self) -> Counter[str]:
        return Counter(incident.kind for incident in self.incidents)

    async def run(self, until: float) -> None:
        """Until `time.monotonic()` is past `until` and all that must come has come."""
        due, more = deck(self._rng, self._quick)
        while due or time.monotonic() < until:
            faults = [self.draw(due.pop() if due else next(more))]
            if self._rng.random() < OVERLAP and (other := self._beside(faults[0], due, more)):
                faults.append(other)
            await self.provoke(*faults)
            await self._pause()

    async def provoke(self, *faults: Fault) -> None:
        """All of them at once; returns when the last one is healed."""
        async with asyncio.TaskGroup() as together:
            for fault in faults:
                together.create_task(self._hold(fault))

    async def heal_all(self) -> None:
        """Each fault heals what it did; here it is waited for that everything serves again. Raises what does not."""
        for link in self._stand.links:
            link.proxy.heal()
        await self._stand.until_ready(HEALED_SECONDS)

    def draw(self, kind: str) -> Fault:
        return KINDS[kind](Chance(self._stand, self._rng, self._quick))

    def _beside(self, fault: Fault, due: list[str], more: Iterator[str]) -> Fault | None:
        """Another one that can be provoked at the same time, if the next one can."""
        other = self.draw(due[-1] if due else next(more))
        if fault.touches & other.touches:
            return None
        if due:
            due.pop()
        return other

    async def _hold(self, fault: Fault) -> None:
        from_ns = time.monotonic_ns()
        try:
            async with fault.trouble():
                await asyncio.sleep(fault.hold_s)
        finally:
            self.incidents.append(
                Incident(fault.kind, fault.target, from_ns, time.monotonic_ns(), fault.loses_data, fault.clock_ms)
            )

    async def _pause(self) -> None:
        """Mostly until all has recovered, sometimes the next fault comes before."""
        if self._rng.random() < RECOVER:
            await self._stand.recovered(RECOVER_SECONDS)
        await asyncio.sleep(self._rng.uniform(0.3, 1.0) if self._quick else self._rng.uniform(1.0, 4.0))
