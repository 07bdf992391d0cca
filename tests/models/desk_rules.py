"""Rules of the machine: what two dispatchers, and the customer who calls it off, do with orders by hand.

Owns no comparison and no model: `commands` issues them. Invariant: each goes through the use case that HTTP uses.
"""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from dispatch.identity import Identity
from dispatch.order import HELD, Status
from tests.models.agent_rules import AgentRules
from tests.models.commands import (
    CUSTOMER,
    DISPATCHERS,
    PLAN_TEXT,
    ROUNDS,
    Call,
    agents,
    dispatchers,
    fates,
    picks,
    request,
    whole,
)
from tests.models.house import House
from tests.models.orders import Order
from tests.models.stage import DAY_MS, Fate


class DeskRules(AgentRules):
    @precondition(whole)
    @rule(pick=picks, number=agents, who=dispatchers, force=st.booleans(), held=st.booleans(), fate=fates)
    def assign(self, pick: int, number: int, who: Identity, force: bool, held: bool, fate: Fate) -> None:
        order_id = self.some(pick, *(HELD if held else (Status.OPEN, Status.ESCALATED)))
        agent_id, again = self.agent(number), request()
        call = Call(
            order_id,
            lambda d, order: d.desk.assign(who, order, agent_id, force=force, request=again),
            lambda house, archive: house.assign(order_id, agent_id, archive.profiles[agent_id], who.sub, force=force),
            again,
        )
        self.first(call, fate)

    @precondition(whole)
    @rule(pick=picks, who=dispatchers, own=st.booleans(), bonus=st.none() | st.sampled_from([0, 1200]), fate=fates)
    def reopen(self, pick: int, who: Identity, own: bool, bonus: int | None, fate: Fate) -> None:
        self.reopen_order(self.some(pick, Status.ESCALATED), who, own, bonus, fate)

    def reopen_order(self, order_id: str, who: Identity, own: bool, bonus: int | None, fate: Fate) -> None:
        again = request()
        rounds, plan = (ROUNDS, PLAN_TEXT) if own else (None, "")
        call = Call(
            order_id,
            lambda d, order: d.desk.reopen(who, order, rounds=rounds, bonus_fen=bonus, request=again),
            lambda house, _: house.reopen(order_id, who.sub, plan, bonus),
            again,
        )
        self.first(call, fate)

    @precondition(whole)
    @rule(pick=picks, who=dispatchers, fate=fates)
    def close(self, pick: int, who: Identity, fate: Fate) -> None:
        self.close_order(self.some(pick, Status.ESCALATED), who, fate)

    def close_order(self, order_id: str, who: Identity, fate: Fate) -> None:
        again = request()
        call = Call(
            order_id,
            lambda d, order: d.desk.close(who, order, "by phone", again),
            lambda house, _: house.close(order_id, who.sub, "by phone"),
            again,
        )
        self.first(call, fate)

    @precondition(whole)
    @rule(pick=picks, who=dispatchers, over=st.booleans(), fate=fates)
    def take_up(self, pick: int, who: Identity, over: bool, fate: Fate) -> None:
        self.take_up_order(self.some(pick, Status.ESCALATED), who, over, fate)

    def take_up_order(self, order_id: str, who: Identity, over: bool, fate: Fate) -> None:
        """`over`: his time is over as soon as it begins."""
        again, hold_ms = request(), 0 if over else DAY_MS
        call = Call(
            order_id,
            lambda d, order: d.transitions.run(
                "take_up", order, again, dispatcher_id=who.sub, actor=who.actor, hold_ms=hold_ms
            ),
            lambda house, _: house.take_up(order_id, who.sub, hold_ms),
            again,
        )
        self.first(call, fate)

    @precondition(lambda self: not self.broken and self.in_hand)
    @rule(pick=picks, what=st.sampled_from(["close", "reopen", "take_up"]))
    def interfere(self, pick: int, what: str) -> None:
        """With what another dispatcher has in hand."""
        order = self.in_hand[pick % len(self.in_hand)]
        who = DISPATCHERS[order.taken_by == DISPATCHERS[0].sub]
        if what == "close":
            self.close_order(order.id, who, Fate.ANSWERS)
        elif what == "reopen":
            self.reopen_order(order.id, who, False, None, Fate.ANSWERS)
        else:
            self.take_up_order(order.id, who, False, Fate.ANSWERS)

    @property
    def in_hand(self) -> list[Order]:
        return [order for order in self.house.orders.values() if order.taken_by]

    @precondition(lambda self: whole(self) and len(self.orders) > 2)
    @rule(pick=picks, customer=st.booleans(), fate=fates)
    def cancel(self, pick: int, customer: bool, fate: Fate) -> None:
        order_id, again = self.orders[pick % len(self.orders)], request()
        who = CUSTOMER if customer else DISPATCHERS[0]

        def model(house: House, _: object) -> str:
            return house.cancel(order_id, "no more", customer=customer)

        self.first(Call(order_id, lambda d, order: d.desk.cancel(who, order, "no more", again), model, again), fate)
