"""What one sees of a replay: a live table on a terminal, a plain line every few seconds elsewhere.

Owns the looks. Reads the ledger and is told the phase; changes nothing and decides nothing.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rich.console import Console
from rich.live import Live
from rich.table import Table

from loadtest.guests import Link
from loadtest.ledger import Ledger, percentile

STATUSES = (
    "scheduled", "open", "escalated", "assigned", "en_route", "arrived", "working", "completed", "cancelled",
    "expired",
)  # fmt: skip
PLAIN_SECONDS = 5.0
REPLAYING = "replaying"


@dataclass(frozen=True, slots=True)
class Glance:
    """What the ledger does not know: where in the day we are, who is connected, who waits at the desk."""

    phase: str
    clock: str = ""
    sessions: int = 0
    desk: int = 0


@dataclass(slots=True)
class Screen:
    ledger: Ledger
    console: Console = field(default_factory=Console)
    _live: Live | None = None
    _posting: tuple[float, float] | None = None
    _posted: int = 0
    _printed: float = 0.0
    _phase: str = ""

    @contextmanager
    def open(self) -> Iterator[None]:
        if not self.console.is_terminal:
            yield
            return
        with Live(console=self.console, auto_refresh=False, transient=True) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def show(self, glance: Glance) -> None:
        if glance.phase == REPLAYING:
            self._clock_posts(time.monotonic())
        if self._live is not None:
            self._live.update(self.table(glance), refresh=True)
        elif glance.phase != self._phase or time.monotonic() - self._printed >= PLAIN_SECONDS:
            self._printed, self._phase = time.monotonic(), glance.phase
            self.console.print(self.line(glance), highlight=False, soft_wrap=True)

    def invite(self, links: Sequence[Link], minutes: int) -> None:
        """One line a link, however long, so that it can be copied whole."""
        self.console.print(f"Open in a browser (good for {minutes} minutes):", style="bold")
        for link in links:
            self.console.print(
                f"{link.page:<6} {link.url}", style="cyan", highlight=False, soft_wrap=True, markup=False
            )

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True, markup=False)

    def close(self, glance: Glance, report: str) -> None:
        """The summary stays where the live table was."""
        self.console.print(self.table(replace(glance, phase="the day is over")))
        self.say(report)

    def table(self, glance: Glance) -> Table:
        table = Table(title=f"{glance.phase}  {glance.clock}", title_justify="left", show_header=False)
        table.add_column(style="cyan", no_wrap=True)
        table.add_column()
        for name, text in self.rows(glance):
            table.add_row(name, text)
        return table

    def rows(self, glance: Glance) -> list[tuple[str, str]]:
        ledger = self.ledger
        statuses = ledger.statuses
        return [
            (
                "orders",
                f"{len(ledger.posted)} posted, {self._rate():.1f}/s, {ledger.outside} outside the area",
            ),
            ("by status", listed({each: statuses[each] for each in STATUSES if statuses[each]})),
            ("time to grab", f"p50 {_seconds(ledger, 0.5)}, p95 {_seconds(ledger, 0.95)}"),
            ("grabbed in round", listed(dict(sorted(ledger.rounds.items())))),
            ("at the desk", str(glance.desk)),
            ("verdicts", listed(dict(ledger.verdicts.most_common()))),
            ("sessions", str(glance.sessions)),
            ("besides", listed(dict(sorted(ledger.acts.items())))),
        ]

    def line(self, glance: Glance) -> str:
        told = [f"{name}: {text}" for name, text in self.rows(glance)[:7] if text]
        return " | ".join([f"{glance.phase} {glance.clock}".strip(), *told])

    def _clock_posts(self, now: float) -> None:
        if len(self.ledger.posted) != self._posted:
            self._posted = len(self.ledger.posted)
            self._posting = (self._posting[0] if self._posting else now, now)

    def _rate(self) -> float:
        """Orders a second while the day ran."""
        first, last = self._posting or (0.0, 0.0)
        return self._posted / max(1.0, last - first)


def listed(counts: Mapping[str, int] | Mapping[int, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _seconds(ledger: Ledger, part: float) -> str:
    milliseconds = percentile(ledger.grab_ms, part)
    return "-" if milliseconds is None else f"{milliseconds / 1000:.2f} s"
