"""What a node bears of its clients, as the environment says it: rates, and room for connections.

Pure. Knows nothing of what the limits do. Invariant: what is returned is usable; a wrong value has named itself
(`BoundsFault`).
"""

import re
from collections.abc import Mapping

from realtime.admission import Room
from realtime.limits import DEFAULT_RATES, Limit, Rates

KEPT_FILES = 256
"""Of the open files that a process may have: for the databases, HTTP, logs, and those who are turned away."""
STRANGERS = 10_000
NEW = Limit(1000, 10_000)
_RATE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)/(\d{1,6})")


class BoundsFault(Exception):
    """One line that says which variable is wrong and what would be right."""


def rates(env: Mapping[str, str]) -> Rates:
    """Raises BoundsFault."""
    return Rates(
        messages=_limit(env, "DISPATCH_LIMIT_MESSAGES", DEFAULT_RATES.messages),
        grabs=_limit(env, "DISPATCH_LIMIT_GRABS", DEFAULT_RATES.grabs),
        positions=_limit(env, "DISPATCH_LIMIT_POSITIONS", DEFAULT_RATES.positions),
    )


def room(env: Mapping[str, str], open_files: int) -> Room:
    """`open_files`: how many the system lets this process have. Raises BoundsFault."""
    return Room(
        connections=_count(env, "DISPATCH_LIMIT_CONNECTIONS", max(open_files - KEPT_FILES, 1)),
        strangers=_count(env, "DISPATCH_LIMIT_UNAUTHENTICATED", STRANGERS),
        of_one_address=_count(env, "DISPATCH_LIMIT_ADDRESS", 0),
        new=_limit(env, "DISPATCH_LIMIT_NEW_CONNECTIONS", NEW),
    )


def _limit(env: Mapping[str, str], name: str, default: Limit | None) -> Limit | None:
    text = env.get(name, "")
    if not text:
        return default
    if text == "0":
        return None
    found = _RATE.fullmatch(text)
    if not found or not float(found[1]) or not int(found[2]):
        raise BoundsFault(f"{name} must be a rate a second and a burst like 100/1000, or 0 for no limit, not {text!r}")
    return Limit(float(found[1]), int(found[2]))


def _count(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"\d{1,9}", text):
        raise BoundsFault(f"{name} must be a number, 0 for no limit, not {text!r}")
    return int(text)
