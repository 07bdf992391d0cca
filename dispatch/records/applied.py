"""What this process has committed lately, so that an event which comes here several times is written once.

Knows no SQL. Invariant: what it says was committed, whatever becomes of Redis; that PostgreSQL still has it is not
said (`Ledger.forget`).
"""

from collections.abc import Iterable, Mapping
from itertools import islice

from dispatch.events import Event

Holders = Mapping[tuple[str, int], str]
"""(order, fence) → the agent to whom PostgreSQL says it was assigned."""
MOST_REMEMBERED = 4096


class Applied:
    """A winner's event comes by the claim, by the hub's tail and by the projector."""

    def __init__(self) -> None:
        self._holders: dict[tuple[str, int, int, int], dict[tuple[str, int], str]] = {}

    def add(self, events: Iterable[Event], holders: Holders) -> None:
        of_order: dict[str, dict[tuple[str, int], str]] = {}
        for (order_id, fence), agent_id in holders.items():
            of_order.setdefault(order_id, {})[order_id, fence] = agent_id
        for event in events:
            self._holders[_identity(event)] = of_order.get(event.order_id, {})
        for place in list(islice(self._holders, max(0, len(self._holders) - MOST_REMEMBERED))):
            del self._holders[place]

    def __contains__(self, event: Event) -> bool:
        return _identity(event) in self._holders

    def divided(self, events: Iterable[Event]) -> tuple[dict[tuple[str, int], str], list[Event]]:
        """The holders of those that were written here, as they were read then; and the others."""
        found: dict[tuple[str, int], str] = {}
        others: list[Event] = []
        for event in events:
            known = self._holders.get(_identity(event))
            if known is None:
                others.append(event)
            else:
                found |= known
        return found, others


def _identity(event: Event) -> tuple[str, int, int, int]:
    """With what it says: a Redis that was set back gives the same numbers to other events."""
    return event.order_id, event.version, event.n, hash(event.packed)
