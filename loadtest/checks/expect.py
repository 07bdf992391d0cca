"""What a check says when the server did not do as PROTOCOL says.

Owns the wording: what was expected, what came. Knows no way of asking. Invariant: whoever reads a failed line needs
no second run to know which value was wrong.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, TypeVar

from loadtest.wire import Message, Refused

T = TypeVar("T")
LONGEST = 400
# How long an event, an answer or a list may be waited for.
PATIENCE_SECONDS = 10.0
AGAIN_SECONDS = 0.2


class Broken(Exception):
    """A clause does not hold."""

    def __init__(self, expected: str, got: object) -> None:
        super().__init__(f"expected {expected}; came {shown(got)}")


class NotHere(Exception):
    """What the clause is about can not be had on this server; the text says why."""


def shown(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"


def that(holds: object, expected: str, got: object) -> None:
    if not holds:
        raise Broken(expected, got)


def same(got: object, expected: object, what: str) -> None:
    if got != expected:
        raise Broken(f"{what} {expected!r}", got)


def within(got: Any, low: float, high: float, what: str) -> None:
    if not isinstance(got, int | float) or isinstance(got, bool) or not low <= got <= high:
        raise Broken(f"{what} from {low} to {high}", got)


def has(view: Mapping[str, Any], expected: Mapping[str, Any], what: str) -> None:
    """The named fields with these values; others may stand beside them."""
    got = {name: view.get(name, "absent") for name in expected}
    if got != dict(expected):
        raise Broken(f"{what} with {dict(expected)!r}", got)


def fields(view: object, expected: Collection[str], what: str) -> None:
    """All of the named fields are there; others may stand beside them."""
    if not isinstance(view, Mapping):
        raise Broken(f"{what}: an object", view)
    missing = sorted(set(expected) - set(view))
    if missing:
        raise Broken(f"{what} with the fields {', '.join(missing)}", sorted(view))


def ids(found: Any, among: Collection[str] | None = None, name: str = "id") -> list[str]:
    """The ids of a list's answer or of a list, in its order; with `among`, only of these."""
    items = found["items"] if isinstance(found, Mapping) else found
    return [each[name] for each in items if among is None or each[name] in among]


async def refused(asking: Awaitable[Any], code: str | Collection[str], status: int | Collection[int]) -> Refused:
    """The refusal of an HTTP request, by its code and status."""
    codes = {code} if isinstance(code, str) else set(code)
    statuses = {status} if isinstance(status, int) else set(status)
    try:
        answer = await asking
    except Refused as refusal:
        if refusal.code in codes and refusal.status in statuses:
            return refusal
        raise Broken(_refusal(codes, statuses), f"HTTP {refusal.status} {refusal}") from refusal
    raise Broken(_refusal(codes, statuses), answer)


def _refusal(codes: set[str], statuses: set[int]) -> str:
    return f"a refusal, {' or '.join(map(str, sorted(statuses)))} {' or '.join(sorted(codes))}"


async def invalid(asking: Awaitable[Any], path: str) -> None:
    """422 `invalid` that names the field; a list's element may be named as `rounds[0].limit`."""
    refusal = await refused(asking, "invalid", 422)
    that(path in refusal.paths, f"errors with path `{path}`", refusal.paths)


async def eventually(read: Callable[[], Awaitable[T]], holds: Callable[[T], object], expected: str) -> T:
    """What was read when it held: for what nobody is told of, and a list may show a moment later."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_SECONDS
    while True:
        found = await read()
        if holds(found):
            return found
        if loop.time() > deadline:
            raise Broken(f"{expected} within {PATIENCE_SECONDS:.0f} s", found)
        await asyncio.sleep(AGAIN_SECONDS)


def error(answer: Message, code: str) -> None:
    """An `error` message with its fields."""
    fields(answer, ("type", "code", "message", "retryable"), "an error message")
    has(answer, {"type": "error", "code": code}, "an error message")
