"""Which of the server's script calls an order costs, from posting to `assigned`.

Owns the list of those that do not belong to an order: they run by the clock, or for a session, whatever orders there
are. Whatever is not in it counts, so that a new call can not hide. Pure.
"""

from loadtest.rig.metrics import Samples

CALLS = "dispatch_script_calls_total"
OF_THE_CLOCK = frozenset({"lease", "due", "vanish", "tidy", "tally", "survey", "refresh"})
OF_SESSIONS = frozenset(
    {"admit", "enter", "depart", "leave", "drop", "connected", "profile", "snapshot", "status", "move", "announce"}
)
OF_DELIVERY = frozenset({"delivered"})
"""Deliveries and `seen`, gathered each second."""
NOT_OF_ORDERS = OF_THE_CLOCK | OF_SESSIONS | OF_DELIVERY


def calls_of_orders(counted: Samples) -> dict[str, float]:
    """By script."""
    found = counted.by(CALLS, "script")
    return {name: count for name, count in sorted(found.items()) if count and name not in NOT_OF_ORDERS}
