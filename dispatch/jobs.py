"""The holder's work: steps forward, and giving back.

Owns progress and release, for the holder and for a dispatcher in his place. Invariant: only the present
fence moves a job.
"""

import msgspec

from dispatch.catalog import Catalog
from dispatch.identity import AGENTS, Identity
from dispatch.order import STEPS, Order, Status
from dispatch.policy import opening
from dispatch.transitions import Transitions

_STEPS = msgspec.msgpack.encode([status.value for status in STEPS])


class Jobs:
    def __init__(self, transitions: Transitions, catalog: Catalog) -> None:
        self._transitions = transitions
        self._catalog = catalog

    async def progress(
        self, who: Identity, order: Order, fence: int, step: Status, at: int | None, request: str = ""
    ) -> Order:
        """A step forward; the same step again changes nothing. Raises Refused (not_found, stale_fence, conflict)."""
        return await self._transitions.run(
            "progress",
            order,
            request,
            agent_id=_holder(who),
            fence=str(fence),
            step=step.value,
            at="" if at is None else str(at),
            actor=who.actor,
            steps=_STEPS,
        )

    async def release(self, who: Identity, order: Order, fence: int, reason: str, request: str = "") -> Order:
        """Give the order back. Raises Refused (not_found, stale_fence, conflict)."""
        policy = await self._catalog.policy(order.kind)
        return await self._transitions.run(
            "release",
            order,
            request,
            agent_id=_holder(who),
            fence=str(fence),
            reason=reason,
            actor=who.actor,
            terms=opening(policy, order.plan),
        )


def _holder(who: Identity) -> str:
    """Agents act for themselves; '' lets a dispatcher act for whoever holds the order."""
    return who.sub if who.role in AGENTS else ""
