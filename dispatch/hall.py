"""The hall: open orders around an agent, for him who looks for work by himself.

Owns which kinds he is shown and how far; the script lists them and offers what it lists. Invariants: nobody sees more
of an order here than a candidate does, nor from further away than the kind's policy allows; what is listed can be
grabbed, and its end is told.
"""

import msgspec

from dispatch.catalog import Catalog
from dispatch.order import Order
from dispatch.people import profile_fields
from dispatch.records import Records
from dispatch.records.agents import Agent
from dispatch.state import State, order_of
from dispatch.store import Store

Place = tuple[float, str]
"""Where a page ended: metres, id."""
_BEGINNING: Place = (-1.0, "")


class Listed(msgspec.Struct, frozen=True):
    """`distance_m` is to the area that candidates are shown, so it tells no more than that."""

    order: Order
    distance_m: float

    @property
    def place(self) -> Place:
        return self.distance_m, self.order.id


class Hall:
    def __init__(self, store: Store, records: Records, catalog: Catalog) -> None:
        self._store = store
        self._records = records
        self._catalog = catalog

    async def listed(self, agent: Agent, radius_m: float | None, limit: int, after: Place | None) -> list[Listed]:
        """Nearest first, at most `limit`, and one more when there is another page. Raises Unavailable."""
        kinds = self._kinds(agent, radius_m)
        if not kinds:
            return []
        after_m, after_id = after or _BEGINNING
        reply = await self._store.run(
            "hall",
            agent.region,
            agent_id=agent.id,
            card=msgspec.msgpack.encode(profile_fields(agent)),
            kinds=msgspec.msgpack.encode(kinds),
            most=limit,
            after_m=repr(after_m),
            after_id=after_id,
            actor=f"{agent.role}:{agent.id}",
        )
        await self._records.ledger.apply(reply.events)
        rows = msgspec.msgpack.decode(reply.extra, type=list[tuple[str, State, float]])
        return [Listed(order_of(order_id, agent.region, state), metres) for order_id, state, metres in rows]

    def _kinds(self, agent: Agent, radius_m: float | None) -> dict[str, float]:
        """Those of his skills that have a hall for his role → how far he sees there."""
        found: dict[str, float] = {}
        for kind in agent.skills:
            policy = self._catalog.known_policy(kind)
            if policy is not None and policy.hall_radius_m and agent.role in policy.audience:
                found[kind] = min(policy.hall_radius_m, radius_m or policy.hall_radius_m)
        return found
