"""What sessions were shown, compared with what they were entitled to see and with the server's own account.

Owns the comparison of one session's lists with the server's once things are quiet, and the judging of what
an offer gives away. Knows no socket and no clock. Invariant: two equal accounts yield no fault, and each
fault names whose view differs in which order: a second look can tell a lasting difference from a moment's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from loadtest.judge import Fault
from loadtest.view import holder
from loadtest.wire import Offer, Order

# What only the holder and staff may see; an offer bears none of them.
PRIVATE_FIELDS = frozenset({"customer", "place", "destination", "assignment", "agent"})
AREA_DECIMALS = 3


# What a candidate may see


def leaks_in_offer(offer: Offer, markers: Sequence[str], private_details: Iterable[str]) -> list[str]:
    """Why this offer says more than the public view. `markers` stand in every name, phone, address, plate."""
    found = [f"offer {offer['id']} bears `{name}`" for name in PRIVATE_FIELDS & offer.keys()]
    details = offer.get("details") or {}
    found += [f"offer {offer['id']} bears the private detail `{key}`" for key in private_details if key in details]
    found += [f"offer {offer['id']} contains {mark!r}" for mark in markers if mark in repr(offer)]
    for name in ("area", "destination_area"):
        if _is_exact(offer.get(name)):
            found.append(f"offer {offer['id']} shows an exact place in `{name}`")
    return found


def _is_exact(area: Any) -> bool:
    if not area:
        return False
    return set(area) != {"lat", "lon"} or any(round(value, AREA_DECIMALS) != value for value in area.values())


# What sessions show, once things are quiet


def jobs_differ(agent_id: str, shown: Mapping[str, Order], orders: Mapping[str, Order]) -> Iterator[Fault]:
    held = {order_id: order for order_id, order in orders.items() if holder(order) == agent_id}
    for order_id in held.keys() - shown.keys():
        yield Fault("view of jobs", f"{agent_id} {order_id}", "is held and not shown to its holder")
    for order_id in shown.keys() - held.keys():
        yield Fault("view of jobs", f"{agent_id} {order_id}", "is shown as a job and not held")
    for order_id in shown.keys() & held.keys():
        yield from _differs("view of jobs", f"{agent_id} {order_id}", shown[order_id], held[order_id])


def desk_differs(dispatcher_id: str, shown: Mapping[str, Order], desk: Mapping[str, Order]) -> Iterator[Fault]:
    for order_id in desk.keys() ^ shown.keys():
        text = "is at the desk and not shown" if order_id in desk else "is shown and not at the desk"
        yield Fault("view of the desk", f"{dispatcher_id} {order_id}", text)
    for order_id in shown.keys() & desk.keys():
        yield from _differs("view of the desk", f"{dispatcher_id} {order_id}", shown[order_id], desk[order_id])


def _differs(rule: str, subject: str, shown: Order, true: Order) -> Iterator[Fault]:
    for name in ("version", "status", "assignment", "stalled", "price_fen", "bonus_fen", "place", "details"):
        if shown.get(name) != true.get(name):
            yield Fault(rule, subject, f"`{name}` is shown as {shown.get(name)!r}, is {true.get(name)!r}")
            return


def offers_differ(agent_id: str, shown: Mapping[str, Offer], orders: Mapping[str, Order]) -> Iterator[Fault]:
    """Each offer shown is an order that can be grabbed, as it is. Its version may be older: what happens
    between the server and other candidates raises it without a word to this one."""
    for order_id, offer in shown.items():
        order = orders.get(order_id)
        subject = f"{agent_id} {order_id}"
        if order is None or order["status"] != "open":
            status = "unknown" if order is None else order["status"]
            yield Fault("view of offers", subject, f"is shown as an offer and is {status}")
            continue
        if offer["version"] > order["version"]:
            yield Fault("view of offers", subject, f"version {offer['version']} is ahead of {order['version']}")
        for name in ("kind", "round", "bonus_fen", "price_fen", "expires_at"):
            if offer.get(name) != order.get(name):
                text = f"`{name}` is shown as {offer.get(name)!r}, is {order.get(name)!r}"
                yield Fault("view of offers", subject, text)


def offers_told(
    order_id: str, candidates: Iterable[Mapping[str, Any]], shown: Mapping[str, Mapping[str, Offer]]
) -> Iterator[Fault]:
    """Exactly those who were offered the order have it. `shown` is, by agent, what a complete view shows."""
    offered = {each["agent_id"] for each in candidates if each.get("offered_at") and not each.get("declined")}
    for agent_id, offers in shown.items():
        if (agent_id in offered) != (order_id in offers):
            text = "was offered the order and does not show it" if agent_id in offered else "shows it unoffered"
            yield Fault("view of offers", f"{agent_id} {order_id}", text)
