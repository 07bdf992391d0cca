"""The differences between Redis and PostgreSQL in words, for an operator at night: one line each, worst first.

Pure. Invariant: every difference has a line, and no line holds a name, a phone number or a place.
"""

from collections.abc import Iterator

from dispatch.differences import Difference, Differences


def findings(found: Differences) -> Iterator[str]:
    if found.epoch:
        yield f"closed until it is reconciled: {found.epoch}"
    for each in found.behind:
        yield f"order {each.order_id}: {_behind(each)}"
    for each in found.ahead:
        yield f"order {each.order_id}: Redis has version {each.redis}, PostgreSQL does not follow: {_at(each.sql)}"
    for order_id in found.unlike:
        yield f"order {order_id}: Redis has another status, fence or agent at the same version"
    for order_id in found.unopened:
        yield f"order {order_id}: was placed, and no engine opens it"
    for order_id, names in found.indexes:
        yield f"order {order_id}: stands wrong in Redis' {', '.join(names)}"
    for agent_id, order_id in found.jobs:
        yield f"agent {agent_id}: Redis and PostgreSQL differ on holding order {order_id}"
    for line in (found.cursor, found.lag):
        if line:
            yield line


def _behind(each: Difference) -> str:
    if not each.redis:
        return f"is missing in Redis, PostgreSQL has {_at(each.sql)}"
    return f"Redis has version {each.redis}, PostgreSQL knows more: {_at(each.sql)}"


def _at(version: int) -> str:
    return f"version {version}" if version else "nothing of it"
