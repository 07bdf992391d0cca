"""The error tree of the whole server, on top of one file.

Three branches: `Refused` is the caller's fault and bears a code of PROTOCOL §4; `Unavailable` may be
tried again; `InvariantBroken` is a bug of ours. Losing a grab is a value, not an exception. Foreign
errors become one of these once, in `store` and `records`, with their cause kept.
"""

from enum import StrEnum
from typing import NamedTuple


class Code(StrEnum):
    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    NOT_ACCEPTABLE = "not_acceptable"
    CONFLICT = "conflict"
    STALE_FENCE = "stale_fence"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"


class Fault(NamedTuple):
    """One field that is wrong: its path in the body (`place.lat`) and what would be right."""

    path: str
    message: str


class DispatchError(Exception):
    """`code` and `message` go to the client as they are: a message never holds private data."""

    def __init__(self, code: Code, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable


class Refused(DispatchError):
    """The request can not be granted as it stands; nothing was changed."""

    def __init__(self, code: Code, message: str, *, faults: tuple[Fault, ...] = (), retryable: bool = False) -> None:
        super().__init__(code, message, retryable=retryable)
        self.faults = faults


class Unavailable(DispatchError):
    """Redis, PostgreSQL or the region can not be used now; safe to repeat."""

    def __init__(self, message: str) -> None:
        super().__init__(Code.UNAVAILABLE, message, retryable=True)


class InvariantBroken(DispatchError):
    """Something that must not happen did. Log it, alert, and tell the client `internal`."""

    def __init__(self, message: str) -> None:
        super().__init__(Code.INTERNAL, message)


def invalid(path: str, message: str) -> Refused:
    """The one-field case of `invalid`; the message names the field as well."""
    return Refused(Code.INVALID, f"{path}: {message}", faults=(Fault(path, message),))
