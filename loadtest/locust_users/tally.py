"""What locust's own table can not say: who won, how long an order waited for its grab, what came of the orders.

Owns the counting, its merging and its wording. Knows nothing of locust and no clock. Invariant: a worker's
counts leave it exactly once (`drain`), so that merged tallies count nothing twice.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ALL = "all"
COLUMNS = (
    ("what", "What"),
    ("count", "Count"),
    ("share", "Share"),
    ("p50", "50%ile (ms)"),
    ("p95", "95%ile (ms)"),
    ("p99", "99%ile (ms)"),
    ("most", "Max (ms)"),
)

Row = dict[str, str | int]


@dataclass(slots=True)
class Tally:
    """Times are milliseconds, kept to three digits; `verdicts` counts by `role: outcome`."""

    grab_ms: dict[str, Counter[int]] = field(default_factory=dict)
    verdicts: Counter[str] = field(default_factory=Counter)
    desk: Counter[str] = field(default_factory=Counter)
    orders: Counter[str] = field(default_factory=Counter)

    def won(self, round_number: int, waited_ms: int) -> None:
        """An order that waited so long from its posting to its grab, by the server's clock."""
        for name in (ALL, f"in round {round_number}"):
            self.grab_ms.setdefault(name, Counter())[rounded(waited_ms)] += 1

    def drain(self) -> dict[str, Any]:
        """Plain values to send; nothing of them stays here."""
        sent = {
            "grab_ms": {name: dict(times) for name, times in self.grab_ms.items()},
            "verdicts": dict(self.verdicts),
            "desk": dict(self.desk),
            "orders": dict(self.orders),
        }
        self.clear()
        return sent

    def merge(self, sent: Mapping[str, Any]) -> None:
        for name, times in sent["grab_ms"].items():
            self.grab_ms.setdefault(name, Counter()).update(times)
        self.verdicts.update(sent["verdicts"])
        self.desk.update(sent["desk"])
        self.orders.update(sent["orders"])

    def clear(self) -> None:
        self.grab_ms.clear()
        for counts in (self.verdicts, self.desk, self.orders):
            counts.clear()

    def rows(self) -> list[Row]:
        whole = self.grab_ms.get(ALL, Counter[int]()).total()
        waits = [_wait_row(f"posted → grabbed, {name}", self.grab_ms[name], whole) for name in sorted(self.grab_ms)]
        return [
            *waits,
            *_verdict_rows(self.verdicts),
            *(_counted(f"desk, {act}", self.desk[act]) for act in sorted(self.desk)),
            *(_counted(f"order {came_to}", self.orders[came_to]) for came_to in sorted(self.orders)),
        ]

    def text(self) -> str:
        """The rows as a table for a terminal."""
        table = [[title for _, title in COLUMNS]]
        table += [[str(row.get(key, "")) for key, _ in COLUMNS] for row in self.rows()]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(_aligned(cells, widths)).rstrip() for cells in table]
        lines.insert(1, "-" * len(lines[0]))
        return "\n".join(lines)


def rounded(milliseconds: float) -> int:
    """Three significant digits: few different keys, whatever the load."""
    whole = max(0, round(milliseconds))
    return int(round(whole, 3 - len(str(whole)))) if whole >= 1000 else whole


def percentile(times: Counter[int], share: float) -> int:
    """The least time within which that share of all lies; 0 of none."""
    needed = share * times.total()
    counted = 0
    for time in sorted(times):
        counted += times[time]
        if counted >= needed:
            return time
    return 0


def _wait_row(what: str, times: Counter[int], whole: int) -> Row:
    return _counted(what, times.total(), whole) | {
        "p50": percentile(times, 0.5),
        "p95": percentile(times, 0.95),
        "p99": percentile(times, 0.99),
        "most": max(times),
    }


def _verdict_rows(verdicts: Counter[str]) -> list[Row]:
    """Shares are of the verdicts of one role."""
    of_role: Counter[str] = Counter()
    for name, count in verdicts.items():
        of_role[_role(name)] += count
    return [_counted(f"verdict, {name}", verdicts[name], of_role[_role(name)]) for name in sorted(verdicts)]


def _role(name: str) -> str:
    return name.partition(":")[0]


def _counted(what: str, count: int, whole: int | None = None) -> Row:
    return {"what": what, "count": count, "share": f"{count / whole:.1%}" if whole else ""}


def _aligned(cells: list[str], widths: list[int]) -> list[str]:
    """The first column to the left, numbers to the right."""
    first, *others = zip(cells, widths, strict=True)
    return [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
