"""The line with which a run ends: each broken promise under its name, and nothing else.

Owns which rule counts under which figure. Pure. Invariant: every fault that any rule finds is counted under exactly one
figure; a rule that nobody assigned is an error, not a zero.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadtest.judge import Fault

NAMES = ("lost", "double", "ghost", "stuck", "late", "misinformed", "dup_applied", "nonlinearizable")
_RULES = {
    "lost": ("lost order", "lost change", "lost command", "timeline"),
    "double": ("two winners", "two holders", "fences", "over capacity", "once over capacity", "unknown agent"),
    "ghost": ("ghost", "wrong assignment"),
    "stuck": ("nowhere", "unexpected", "died"),
    "late": ("late",),
    "misinformed": (
        "view of jobs",
        "view of the desk",
        "view of offers",
        "disorder",
        "leak",
        "strange retract",
        "untold",
    ),
    "dup_applied": ("applied twice",),
    "nonlinearizable": ("nonlinearizable",),
}
FIGURE_OF = {rule: name for name, rules in _RULES.items() for rule in rules}


@dataclass(frozen=True, slots=True)
class Figures:
    orders: int
    verdicts: int
    faults: int
    broken: Counter[str]
    seed: int

    @property
    def clean(self) -> bool:
        return not any(self.broken[name] for name in NAMES)

    def __str__(self) -> str:
        figures = " ".join(f"{name}={self.broken[name]}" for name in NAMES)
        return f"orders={self.orders} verdicts={self.verdicts} faults={self.faults} {figures} seed={self.seed}"


def counted(found: Iterable[Fault]) -> Counter[str]:
    """Faults by figure."""
    return Counter(FIGURE_OF[fault.rule] for fault in found)


def shown(found: Sequence[Fault], most: int = 60) -> list[str]:
    """For the person who has to find out why: the first of them, by figure."""
    by_figure = sorted(found, key=lambda fault: NAMES.index(FIGURE_OF[fault.rule]))
    lines = [f"  {FIGURE_OF[fault.rule]}: {fault}" for fault in by_figure[:most]]
    return [*lines, f"  … and {len(found) - most} more"] if len(found) > most else lines
