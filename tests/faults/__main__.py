"""`make faults`: provoke faults on real processes, and judge what every client was told (PROTOCOL §7).

    python -m tests.faults --minutes 25 --seed 7        (`make faults`)
    python -m tests.faults --quick                      (`make faults-quick`)

Owns the course of a run and its closing line. Knows no fault and no rule. Invariant: exit code 0 only when every figure
of the closing line after `faults` is 0.
"""

import asyncio
import logging
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import structlog
import typer

from loadtest.audit import Staff
from loadtest.judge import Fault
from loadtest.rest import Http
from loadtest.tokens import mint
from tests.faults.crew import furnish
from tests.faults.figures import Figures, counted, shown
from tests.faults.incidents import Incident
from tests.faults.judgement import Judgement, by_kind, judge
from tests.faults.nemesis import Nemesis
from tests.faults.people import People
from tests.faults.quiet import place_the_last, until_quiet
from tests.faults.stand import Stand, stand

FULL_MINUTES, QUICK_MINUTES = 25.0, 1.5
FULL_RATE, QUICK_RATE = 3.0, 3.0
CALM_SECONDS = 5.0
QUIET_WITHIN_SECONDS = {False: 240.0, True: 60.0}
"""A clock that was ahead leaves deadlines two minutes away."""


Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    minutes: float
    seed: int
    quick: bool

    @property
    def rate(self) -> float:
        return QUICK_RATE if self.quick else FULL_RATE


async def run(plan: Plan, folder: Path) -> bool:
    """Whether every promise held."""
    began = time.monotonic()

    def tell(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {text}", flush=True)

    async with stand(folder, plan.seed) as everything, Http(everything.direct_http_url, patience_seconds=60) as http:
        people = People(everything.http_urls, everything.ws_urls, everything.secret, plan.seed, rate=plan.rate)
        admin = http.bearing(mint(everything.secret, "admin", "stand"))
        await furnish(admin, people.crew)
        await people.start()
        tell(f"{len(everything.members)} server processes, {len(people.crew)} agents; logs in {folder}")
        try:
            incidents = await _provoke(everything, plan, tell)
            judgement = await _judged(everything, http, people, plan, incidents, tell)
        finally:
            await people.close()
            people.history.write(folder / "history.jsonl")
            _write(folder / "told.jsonl", people.told)
    _write(folder / "incidents.jsonl", incidents)
    _write(folder / "timelines.jsonl", judgement.facts.timelines.items())
    return _report(people, plan, incidents, judgement)


def _write(file: Path, lines: Iterable[object]) -> None:
    """For whoever has to find out why."""
    file.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


async def _provoke(everything: Stand, plan: Plan, tell: Tell) -> list[Incident]:
    nemesis = Nemesis(everything, random.Random(plan.seed), plan.quick)
    await asyncio.sleep(CALM_SECONDS)
    await nemesis.run(time.monotonic() + plan.minutes * 60)
    await nemesis.heal_all()
    tell(f"{len(nemesis.incidents)} faults are over: {by_kind(nemesis.incidents)}")
    await asyncio.sleep(CALM_SECONDS)  # the day goes on for a while, in good health
    return nemesis.incidents


async def _judged(
    everything: Stand, http: Http, people: People, plan: Plan, incidents: list[Incident], tell: Tell
) -> Judgement:
    await people.stop_placing()
    staff = Staff.of(http, everything.secret)
    await place_the_last(staff.admin, http.bearing(mint(everything.secret, "service", "last")), plan.seed)
    await people.settle()
    quiet = await until_quiet(staff, QUIET_WITHIN_SECONDS[plan.quick])
    tell("all is quiet" if quiet else "it does not become quiet; it is judged as it is")
    judgement = await judge(staff, people, incidents)
    judgement.faults += _died(everything)
    return judgement


def _died(everything: Stand) -> Iterator[Fault]:
    """Server processes that ended unasked, whatever was done to those that they speak to."""
    for member in everything.members:
        for death in member.node.deaths:
            yield Fault("died", member.node.name, f"ended with code {death.code}: see {member.node.log}")


def _report(people: People, plan: Plan, incidents: list[Incident], judgement: Judgement) -> bool:
    calls = people.history.calls
    verdicts = sum(call.op == "grab" and call.returned_at is not None for call in calls)
    broken = counted(judgement.faults)
    figures = Figures(len(judgement.facts.orders), verdicts, len(incidents), broken, plan.seed)
    print("\n".join(shown(judgement.faults)))
    print(f"faults by kind: {by_kind(incidents)}")
    print(figures, flush=True)
    return figures.clean


def main(
    minutes: Annotated[float | None, typer.Option(help="How long faults are provoked.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed draws the same faults and the same people.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="At most four minutes in all.")] = False,
    folder: Annotated[Path | None, typer.Option(help="For data, logs and the history; default: a new one.")] = None,
) -> None:
    """Provoke faults on real Redis, PostgreSQL and server processes, and judge every promise of PROTOCOL §7."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    plan = Plan(
        minutes if minutes is not None else QUICK_MINUTES if quick else FULL_MINUTES,
        seed if seed is not None else random.SystemRandom().randrange(10**6),
        quick,
    )
    place = folder or Path(tempfile.mkdtemp(prefix="valet-faults-"))
    place.mkdir(parents=True, exist_ok=True)
    sys.exit(0 if asyncio.run(run(plan, place)) else 1)


if __name__ == "__main__":
    typer.run(main)
