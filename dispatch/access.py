"""Who may see what of which order.

Pure. Roles and ownership in, yes or no out. Invariant: an agent without the order and without an offer, a
customer of another order, and staff of another region learn nothing, not even that it exists.
"""

from dispatch.errors import Code, Refused
from dispatch.identity import AGENTS, Identity, Role
from dispatch.order import Order


def sees_full(who: Identity, order: Order) -> bool:
    """Whether the full view is his: staff and service of the region, the customer, the agent that holds or
    completed it."""
    if who.role is Role.CUSTOMER:
        return order.customer.id == who.sub
    if who.role in AGENTS:
        return who.sub in (order.holder, order.finisher)
    return who.may_see_region(order.region)


def require_full(who: Identity, order: Order | None) -> Order:
    """The order, or Refused (not_found): also for those who may not know of it."""
    if order is None or not sees_full(who, order):
        raise Refused(Code.NOT_FOUND, "there is no such order")
    return order


def require_region(who: Identity, region: str) -> None:
    """Raises Refused (forbidden) when the token is for other regions."""
    if not who.may_see_region(region):
        raise Refused(Code.FORBIDDEN, "the token is not for this region")


def require_role(who: Identity, *roles: Role) -> None:
    if who.role not in roles:
        raise Refused(Code.FORBIDDEN, f"a {who.role} may not do this")
