"""CPU and private memory of process trees, by part: server, Redis, PostgreSQL.

Owns the counting. Knows nothing of what the processes do. Invariant: the CPU of a child that ended and was waited for
is not lost: it stands with whoever waited for it; so sums over a living tree only grow.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil  # type: ignore[import-untyped]  # ships no types

Part = Literal["server", "redis", "postgres"]
PARTS: tuple[Part, ...] = ("server", "redis", "postgres")
_PROGRAMS: Mapping[str, Part] = {"redis-server": "redis", "postgres": "postgres"}


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds of user and system time since each part began."""

    server: float = 0.0
    redis: float = 0.0
    postgres: float = 0.0

    def since(self, earlier: "Usage") -> "Usage":
        return Usage(
            self.server - earlier.server, self.redis - earlier.redis, self.postgres - earlier.postgres
        )  # fmt: skip

    def plus(self, other: "Usage") -> "Usage":
        return Usage(self.server + other.server, self.redis + other.redis, self.postgres + other.postgres)

    def of(self, *parts: Part) -> float:
        return sum({"server": self.server, "redis": self.redis, "postgres": self.postgres}[part] for part in parts)

    @property
    def total(self) -> float:
        return self.of(*PARTS)


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds, for so many; `lasted` is the clock's."""

    cpu: float = 0.0
    count: int = 0
    lasted: float = 0.0

    def plus(self, other: "Cost") -> "Cost":
        return Cost(self.cpu + other.cpu, self.count + other.count, self.lasted + other.lasted)

    @property
    def us(self) -> float:
        """Microseconds of CPU each."""
        return 1e6 * self.cpu / self.count if self.count else 0.0


@dataclass(frozen=True, slots=True)
class Beside:
    """A cost, and what the floor spent on a request and its reply at the same time: the machine is not equally fast
    all the time, and what is minutes apart is compared by the ratio of the two."""

    cost: Cost
    floor: Cost

    @property
    def ratio(self) -> float:
        return self.cost.us / max(self.floor.us, 1e-9)


def part_of(name: str) -> Part:
    return next((part for program, part in _PROGRAMS.items() if name.startswith(program)), "server")


def measured(roots: Iterable[int]) -> Usage:
    """Of the trees below `roots`, which live."""
    seconds: dict[Part, float] = dict.fromkeys(PARTS, 0.0)
    for process in trees(roots):
        try:
            times = process.cpu_times()
            name = process.name()
        except psutil.NoSuchProcess:  # it ended meanwhile: what it used is, or will be, its parent's
            continue
        seconds[part_of(name)] += times.user + times.system + times.children_user + times.children_system
    return Usage(**seconds)


def trees(roots: Iterable[int]) -> list[psutil.Process]:
    found: dict[int, psutil.Process] = {}
    for root in roots:
        process = psutil.Process(root)
        for each in (process, *process.children(recursive=True)):
            found[each.pid] = each
    return list(found.values())


def has_offspring(roots: Iterable[int]) -> bool:
    """Whether Redis just writes its file anew: that is a child's work, and costs what the measured work does not."""
    for process in trees(roots):
        try:
            if part_of(process.name()) == "redis" and process.children():
                return True
        except psutil.NoSuchProcess:  # it ended meanwhile
            continue
    return False


def private_kib(roots: Iterable[int]) -> int:
    """What the server's processes below `roots` have each for itself alone: it would be free if they ended."""
    server = [process.pid for process in trees(roots) if part_of(process.name()) == "server"]
    return sum(private_of(Path(f"/proc/{pid}/smaps_rollup").read_text()) for pid in server)


def private_of(rollup: str) -> int:
    lines = (line.split() for line in rollup.splitlines())
    return sum(int(words[1]) for words in lines if words and words[0] in ("Private_Clean:", "Private_Dirty:"))
