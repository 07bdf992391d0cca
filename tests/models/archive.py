"""The model's archive: what PostgreSQL has, how events come into it, and how a region is put right from it.

Pure. Owns which events count: none of an older epoch, each once, the highest version wins whatever comes first.
Knows no connection. Invariant: what is in the archive never leaves it.
"""

from collections.abc import Iterable, Sequence

from dispatch.order import TERMINAL
from dispatch.reconcile import LEAP
from tests.models.crowd import Profile
from tests.models.house import House
from tests.models.orders import Event, Order, change


class Archive:
    def __init__(self) -> None:
        self.epoch = 0
        self.profiles: dict[str, Profile] = {}
        self.rows: dict[str, Order] = {}
        self.events: dict[tuple[str, int], str] = {}
        self.assignments: dict[tuple[str, int], str] = {}
        self.cursor = (0, 0)
        self.n = 0
        """The log's at the cursor."""

    @property
    def holders(self) -> dict[str, str]:
        return {order.id: order.holder for order in self.rows.values() if order.held}

    @property
    def unended(self) -> dict[tuple[str, int], str]:
        """The assignments that have not ended."""
        rows = self.rows
        return {
            (order_id, fence): agent_id
            for (order_id, fence), agent_id in self.assignments.items()
            if rows[order_id].fence == fence and rows[order_id].held
        }

    def apply(self, events: Sequence[Event]) -> bool:
        """False, and nothing changed, when one is of an older epoch."""
        if any(event.epoch < self.epoch for event in events):
            return False
        self.survive(events)
        return True

    def project(self, events: Sequence[Event]) -> bool:
        applied = self.apply(events)
        if applied and events:
            self.cursor, self.n = events[-1].entry, events[-1].n
        return applied

    def survive(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.order is not None:
                self._write(event, event.order)

    def _write(self, event: Event, order: Order) -> None:
        self.events.setdefault(event.place, event.type)
        if self.rows[order.id].version < order.version:
            self.rows[order.id] = order
        if order.agent_id:
            self.assignments.setdefault((order.id, order.fence), order.agent_id)

    def has(self, event: Event) -> bool:
        return event.place in self.events

    # --- reconciliation -------------------------------------------------------------------------------

    def close(self, house: House) -> bool:
        """The region is closed. What the log still has is taken in, unless the house is a copy from before the last
        reconciliation, whose later events may never have been: then False."""
        self.epoch += 1
        continues = house.n // LEAP >= self.n // LEAP
        if continues:
            left = [event for event in house.log if event.entry > self.cursor and event.n > self.n]
            self.survive(left)
            house.ended(event.order.id for event in left if event.order and event.order.status in TERMINAL)
        return continues

    def restore(self, house: House, *, continues: bool) -> set[str]:
        """Whatever of the unfinished is not as it stands here is written to the house; returns the orders."""
        for agent_id in house.agents:
            house.put_right(agent_id, self.profiles[agent_id])
        rows, orders = self.rows, house.orders
        unfinished = {row.id for row in rows.values() if row.version and row.status not in TERMINAL}
        unfinished |= {order.id for order in orders.values() if order.status not in TERMINAL}
        wrong = {
            order_id
            for order_id in unfinished
            if not continues or order_id not in orders or orders[order_id].version != rows[order_id].version
        }
        for order_id in wrong:
            house.let_go(order_id)
            row = rows[order_id]
            if row.version:
                house.take_over(change(row, due_at=house.now) if row.status == "open" else row)
        return wrong

    def reopen(self, house: House, *, continues: bool) -> None:
        house.n = (max(house.n, self.n) // LEAP + 1) * LEAP
        house.epoch = self.epoch
        if not continues:
            house.since = self.epoch
        house.signal("reconciled", "")

    def settle(self, house: House) -> None:
        """The projector goes on after the word that the region was put right."""
        self.cursor, self.n = house.log[-1].entry, house.n
