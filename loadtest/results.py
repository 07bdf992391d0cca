"""What a measurement found: figures with their verdicts, latencies, a curve of latency over rate, tables, notes.

Owns the arithmetic of a verdict and the JSON form. Knows neither how something was measured nor how it is shown.
Invariant: a figure that has no number is not reached; a ratio is of two numbers of the same run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # the package ships no types

LONGEST_US = 600_000_000
DIGITS = 3

LimitKind = Literal["ratio", "absolute", "flat"]


def histogram() -> HdrHistogram:
    """Of microseconds, from 1 to ten minutes; histograms of several processes can be added up."""
    return HdrHistogram(1, LONGEST_US, DIGITS)


def record_ns(into: HdrHistogram, nanoseconds: int) -> None:
    into.record_value(min(max(nanoseconds // 1000, 1), LONGEST_US))


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds."""

    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    p999: float
    most: float

    @classmethod
    def of(cls, found: HdrHistogram) -> "Percentiles":
        count = found.get_total_count()
        if not count:
            return cls(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        p50, p90, p99, p999 = (found.get_value_at_percentile(each) / 1000 for each in (50, 90, 99, 99.9))
        return cls(count, found.get_mean_value() / 1000, p50, p90, p99, p999, found.get_max_value() / 1000)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table of figures.

    `value` and `floor` are in `unit`. What must be at most `limit`: with `ratio` value ÷ floor, with `absolute` the
    value, with `flat` the value as well, which is then itself a quotient (of the great case by the small one).
    """

    key: str
    title: str
    unit: str
    value: float
    floor: float | None
    limit: float
    limit_kind: LimitKind
    detail: dict[str, float | int | str] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        return self.value / self.floor if self.floor else None

    @property
    def compared(self) -> float | None:
        """The number that is held against `limit`."""
        return self.ratio if self.limit_kind == "ratio" else self.value

    @property
    def reached(self) -> bool:
        compared = self.compared
        return compared is not None and compared <= self.limit


@dataclass(frozen=True, slots=True)
class RatePoint:
    """One point of the curve of latency over rate: `asked` and `reached` are per second.

    `latency` is from an order's posting to its offer; `also` has others by their name, such as `grab → verdict`.
    """

    asked: float
    reached: float
    latency: Percentiles
    also: dict[str, Percentiles] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Result:
    """`seconds` is what the whole mode took. `faults` are broken promises (the audit's lines): empty is `ok`.

    `saturation` is the most a second that the server took, beside the curve.
    """

    mode: str
    figures: tuple[Figure, ...] = ()
    latencies: dict[str, Percentiles] = field(default_factory=dict)
    curve: tuple[RatePoint, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    seconds: float = 0.0
    saturation: float | None = None

    @property
    def reached(self) -> bool:
        return not self.faults and all(figure.reached for figure in self.figures)


def as_json(results: Sequence[Result]) -> bytes:
    """Beside what was measured stand each figure's ratio and verdict, for readers that do not compute them."""
    told: list[Any] = msgspec.to_builtins(results)
    for result, plain in zip(results, told, strict=True):
        for figure, line in zip(result.figures, plain["figures"], strict=True):
            line |= {"ratio": figure.ratio, "reached": figure.reached}
    return msgspec.json.format(msgspec.json.encode(told), indent=2)


def write(path: Path, results: Sequence[Result]) -> None:
    path.write_bytes(as_json(results) + b"\n")


def read(path: Path) -> list[Result]:
    return msgspec.json.decode(path.read_bytes(), type=list[Result])
