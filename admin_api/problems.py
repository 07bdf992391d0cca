"""Problem documents (RFC 9457): how every refusal and every failure looks on HTTP.

Owns the statuses and titles of the codes of PROTOCOL §4. Knows no routes. Invariant: what a client reads here
never holds another's data, nor anything of our inside.
"""

import asyncio
from contextlib import suppress
from http import HTTPStatus
from typing import NamedTuple

import msgspec
import structlog
from msgspec import UNSET, UnsetType
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dispatch import metrics
from dispatch.errors import Code, DispatchError, Fault, InvariantBroken, Refused

log = structlog.get_logger()
LINGER_S = 2.0
MOST_DROPPED = 64 * 1024 * 1024
"""Bytes of a body that was refused."""
MEDIA = "application/problem+json"

_KINDS: dict[Code, tuple[int, str]] = {
    Code.INVALID: (422, "The request has a fault"),
    Code.UNAUTHENTICATED: (401, "A valid token is needed"),
    Code.FORBIDDEN: (403, "Not allowed"),
    Code.NOT_FOUND: (404, "Not found"),
    Code.NOT_ACCEPTABLE: (406, "Not to be had in this form"),
    Code.CONFLICT: (409, "Not possible as things stand"),
    Code.STALE_FENCE: (409, "The order was assigned anew"),
    Code.TOO_LARGE: (413, "The body is too large"),
    Code.RATE_LIMITED: (429, "Too many requests"),
    Code.INTERNAL: (500, "A fault of the server"),
    Code.UNAVAILABLE: (503, "Not available at the moment"),
}


STATUSES = {code: status for code, (status, _) in _KINDS.items()}


class FieldFault(msgspec.Struct, frozen=True):
    """One field that is wrong; `path` is as the client wrote it, such as `place.lat`."""

    path: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The document itself; `errors` stands with `invalid` only."""

    type: str
    title: str
    status: int
    detail: str
    code: Code
    retryable: bool
    errors: list[FieldFault] | UnsetType = UNSET


class NotParseable(Refused):
    """`invalid` with status 400: there is no document whose fields could be judged."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(Code.INVALID, message, faults=(Fault(path, message),))


class OutOfRange(Refused):
    """`invalid` with status 416: there is nothing in the range that was asked for."""

    def __init__(self, size: int) -> None:
        super().__init__(Code.INVALID, f"the range begins behind the end: there are {size} bytes")
        self.size = size


class Rendered(NamedTuple):
    """An answer as it is sent, and as it is remembered for an idempotency key. Not `final`: not remembered."""

    status: int
    body: bytes
    final: bool = True

    def response(self, headers: dict[str, str] | None = None) -> Response:
        media = None if self.status == HTTPStatus.NO_CONTENT else _media(self.status)
        return Response(self.body, int(self.status), headers, media)


def _media(status: int) -> str:
    return MEDIA if status >= HTTPStatus.BAD_REQUEST else "application/json"


def rendered(exc: DispatchError) -> Rendered:
    status, _ = _KINDS[exc.code]
    if isinstance(exc, NotParseable):
        status = HTTPStatus.BAD_REQUEST
    elif isinstance(exc, OutOfRange):
        status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    faults = exc.faults if isinstance(exc, Refused) else ()
    detail = "the server met a fault of its own" if exc.code is Code.INTERNAL else exc.message
    return Rendered(status, _encode(exc.code, status, detail, exc.retryable, faults), not exc.retryable)


def respond(exc: DispatchError) -> Response:
    answer = rendered(exc)
    if exc.code is Code.TOO_LARGE:
        return Lingering(answer.body, answer.status, _headers(exc), MEDIA)
    return answer.response(_headers(exc))


class Lingering(Response):
    """Answers at once, then takes and drops what the client is still sending, within bounds: a connection that is
    closed with input unread is reset, and the client would lose the answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                dropped = 0
                while dropped < MOST_DROPPED and (message := await receive())["type"] == "http.request":
                    dropped += len(message.get("body", b""))
                    if not message.get("more_body"):
                        break
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def on_dispatch_error(request: Request, exc: Exception) -> Response:
    """A broken invariant is also an alert; what else is wrong is the caller's or the databases' matter."""
    assert isinstance(exc, DispatchError)
    if isinstance(exc, InvariantBroken):
        metrics.BROKEN.inc()
        log.error("invariant_broken", error=exc.message)
    return respond(exc)


async def on_http_error(request: Request, exc: Exception) -> Response:
    """What the router and the static files refuse: 404 and 405, mostly."""
    assert isinstance(exc, HTTPException)
    code = {404: Code.NOT_FOUND, 413: Code.TOO_LARGE, 401: Code.UNAUTHENTICATED, 403: Code.FORBIDDEN}.get(
        exc.status_code, Code.INVALID if exc.status_code < HTTPStatus.INTERNAL_SERVER_ERROR else Code.INTERNAL
    )
    body = _encode(code, exc.status_code, exc.detail, False, ())
    return Rendered(exc.status_code, body).response(dict(exc.headers or {}))


def _encode(code: Code, status: int, detail: str, retryable: bool, faults: tuple[Fault, ...]) -> bytes:
    problem = Problem(
        type=f"urn:valet-dispatch:problem:{code}",
        title=_KINDS[code][1],
        status=int(status),
        detail=detail,
        code=code,
        retryable=retryable,
        errors=[FieldFault(*fault) for fault in faults] if code is Code.INVALID else UNSET,
    )
    return msgspec.json.encode(problem)


def _headers(exc: DispatchError) -> dict[str, str]:
    if isinstance(exc, OutOfRange):
        return {"Content-Range": f"bytes */{exc.size}"}
    match exc.code:
        case Code.UNAUTHENTICATED:
            return {"WWW-Authenticate": 'Bearer realm="valet-dispatch"'}
        case Code.TOO_LARGE:
            return {"Connection": "close"}  # the rest of the body is not read
        case Code.UNAVAILABLE | Code.RATE_LIMITED:
            return {"Retry-After": "1"}
        case _:
            return {}
