"""Who may be offered an order, and why not (PROTOCOL §6).

Pure. The scripts decide with the same rules (`why_not` in `lua/_match.lua`); this is the reading that the
desk is shown. Invariant: for one order and one agent at one time both give the same answer.
"""

from enum import StrEnum

import msgspec

from dispatch.order import Order


class WhyNot(StrEnum):
    ROLE = "role"
    SKILL = "skill"
    SUSPENDED = "suspended"
    UNREACHABLE = "unreachable"
    PAUSED = "paused"
    AT_CAPACITY = "at_capacity"
    DECLINED = "declined"
    RELEASED = "released"


class Standing(msgspec.Struct, frozen=True):
    """What the server knows of an agent at one moment. `load` is the number of orders it holds."""

    agent_id: str
    role: str
    skills: frozenset[str]
    suspended: bool
    reachable: bool
    available: bool
    load: int
    capacity: int


def why_not(agent: Standing, order: Order, audience: tuple[str, ...]) -> WhyNot | None:
    """The first reason against offering `order` to `agent`, or None: eligible."""
    reasons = (
        (agent.role not in audience, WhyNot.ROLE),
        (order.kind not in agent.skills, WhyNot.SKILL),
        (agent.suspended, WhyNot.SUSPENDED),
        (not agent.reachable, WhyNot.UNREACHABLE),
        (not agent.available, WhyNot.PAUSED),
        (agent.load >= agent.capacity, WhyNot.AT_CAPACITY),
        (agent.agent_id in order.declined, WhyNot.DECLINED),
        (agent.agent_id in order.released, WhyNot.RELEASED),
    )
    return next((reason for holds, reason in reasons if holds), None)
