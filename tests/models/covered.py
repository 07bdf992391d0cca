"""Which transitions of the status table were seen.

Owns the count. Knows nothing of who caused them. Invariant: a transition that the table does not list is a failure.
"""

from collections import Counter
from collections.abc import Iterator

from dispatch.order import TRANSITIONS, Status

Pair = tuple[Status, Status]
ALL: frozenset[Pair] = frozenset((before, after) for before, afters in TRANSITIONS.items() for after in afters)


class Covered:
    def __init__(self) -> None:
        self.seen: Counter[Pair] = Counter()
        self.steps = 0
        """After how many steps both sides were compared."""
        self.games = 0

    def add(self, before: str, after: str, event: str) -> None:
        """An event of an order. Only an assignment may lead from a status to itself."""
        pair = (Status(before), Status(after))
        if before == after and event != "assigned":
            return
        assert pair in ALL, f"{event} led from {before} to {after}"
        self.seen[pair] += 1

    @property
    def missing(self) -> list[Pair]:
        return sorted(ALL - self.seen.keys())

    def lines(self) -> Iterator[str]:
        """For people to read."""
        yield f"{len(self.seen)} of the {len(ALL)} transitions of the status table"
        yield f"  in {self.games} games, {self.steps} steps"
        for before in TRANSITIONS:
            afters = [f"{after} {self.seen[before, after]}" for after in Status if (before, after) in ALL]
            if afters:
                yield f"  {before} → {', '.join(afters)}"
