"""The desk: what dispatchers do by hand with orders that nobody took, or that got stuck.

Owns assign, reopen, close, cancel and take-up. Invariant: two dispatchers do not do one order: while one has
it in hand, another's reopen, close or unforced assign is a conflict.
"""

import msgspec

from dispatch.access import require_region
from dispatch.catalog import Catalog
from dispatch.errors import Code, Refused, invalid
from dispatch.identity import Identity, Role
from dispatch.order import Order
from dispatch.people import card
from dispatch.policy import Rounds, opening
from dispatch.records import Records
from dispatch.transitions import Transitions

TAKE_UP_MS = 60_000


class Desk:
    def __init__(self, transitions: Transitions, records: Records, catalog: Catalog) -> None:
        self._transitions = transitions
        self._records = records
        self._catalog = catalog

    async def assign(self, who: Identity, order: Order, agent_id: str, *, force: bool, request: str = "") -> Order:
        """Give the order to an agent, from `open`, `escalated` or its holder. Raises Refused."""
        require_region(who, order.region)
        agent = await self._records.agents.find(agent_id)
        if agent is None or not who.may_see_region(agent.region):
            raise invalid("agent_id", "there is no such agent")
        if agent.region != order.region:
            raise Refused(Code.CONFLICT, f"the agent is of region {agent.region}, the order of {order.region}")
        return await self._transitions.run(
            "assign",
            order,
            request,
            agent_id=agent_id,
            force="1" if force else "",
            dispatcher_id=who.sub,
            actor=who.actor,
            card=msgspec.msgpack.encode(card(agent)),
            terms=await self._terms(order, ""),
        )

    async def reopen(
        self, who: Identity, order: Order, *, rounds: Rounds | None, bonus_fen: int | None, request: str = ""
    ) -> Order:
        """Send an escalated order out again, with rounds of its own if given. Raises Refused."""
        if rounds is not None and any(r.seconds < 1 for r in rounds):
            raise invalid("rounds", "a round lasts at least a second")
        plan = "" if rounds is None else msgspec.json.encode(rounds).decode()
        return await self._transitions.run(
            "reopen",
            order,
            request,
            dispatcher_id=who.sub,
            actor=who.actor,
            plan=plan,
            bonus_fen="" if bonus_fen is None else str(bonus_fen),
            terms=await self._terms(order, plan),
        )

    async def close(self, who: Identity, order: Order, outcome: str, request: str = "") -> Order:
        """Settled by phone, from `escalated`. Raises Refused."""
        return await self._transitions.run(
            "close", order, request, dispatcher_id=who.sub, actor=who.actor, outcome=outcome
        )

    async def cancel(self, who: Identity, order: Order, reason: str, request: str = "") -> Order:
        """Call the order off; its customer only before `working`. Raises Refused (conflict)."""
        return await self._transitions.run(
            "cancel",
            order,
            request,
            reason=reason,
            actor=who.actor,
            before="1" if who.role is Role.CUSTOMER else "",
        )

    async def take_up(self, who: Identity, order: Order, request: str = "") -> Order:
        """In hand for 60 s. Raises Refused (conflict: not on the desk, or another has it)."""
        return await self._transitions.run(
            "take_up", order, request, dispatcher_id=who.sub, actor=who.actor, hold_ms=TAKE_UP_MS
        )

    async def _terms(self, order: Order, plan: str) -> bytes:
        return opening(await self._catalog.policy(order.kind), plan)
