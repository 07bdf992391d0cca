"""Rules of the machine: what customers, agents and the desk say to an order by voice.

Owns no comparison and no model: `commands` issues them. Invariant: what is said stands in the order's state, on both
sides, as the same text.
"""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from msgspec.structs import replace

from dispatch.identity import AGENTS
from dispatch.voice.note import encode
from tests.dispatch.voice.saying import note
from tests.models.commands import CUSTOMER, DISPATCHERS, Call, agents, fates, picks, request, whole
from tests.models.desk_rules import DeskRules
from tests.models.stage import Fate

MOST_NOTES = 3
"""Of one order, in these games."""


class NoteRules(DeskRules):
    @precondition(whole)
    @rule(pick=picks, who=st.sampled_from(["customer", "desk", "holder", "agent"]), number=agents, fate=fates)
    def say(self, pick: int, who: str, number: int, fate: Fate) -> None:
        order_id, again = self.orders[pick % len(self.orders)], request()
        asking = {
            "customer": CUSTOMER,
            "desk": DISPATCHERS[0],
            "holder": self.who(order_id, None),
            "agent": self.who(order_id, number),
        }[who]
        agent_id = asking.sub if asking.role in AGENTS else ""
        said = note(by=asking.actor)
        unshared, shared = (encode(replace(said, shared=shown)) for shown in (False, True))
        call = Call(
            order_id,
            lambda d, order: d.transitions.run(
                "note",
                order,
                again,
                unshared=unshared,
                shared=shared,
                by=who,
                actor=asking.actor,
                agent_id=agent_id,
                most=MOST_NOTES,
            ),
            lambda house, _: house.note(order_id, agent_id, unshared, shared, MOST_NOTES),
            again,
        )
        self.first(call, fate)
