"""One line a request in the log, and a last answer where nobody had one.

Owns the request's id. Invariant: no body, query string, token, name or place is ever logged; of a failure only
its kind and the lines of our code that it went through.
"""

import time
import traceback

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from ulid import ULID

from admin_api.console import ASSETS
from admin_api.endpoint import ROLE
from admin_api.problems import respond
from dispatch import metrics
from dispatch.errors import Code, DispatchError

log = structlog.get_logger()
CLIENT_GONE = 499
_QUIET = frozenset({"/healthz", "/readyz", "/metrics", ASSETS})


class Journal:
    """The outermost ASGI layer of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, started, status = str(ULID()), time.perf_counter(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except ClientDisconnect:
            status = CLIENT_GONE
        except Exception as exc:
            _alert(exc, request_id)
            if status:
                raise
            await respond(DispatchError(Code.INTERNAL, ""))(scope, receive, noting)
        finally:
            _note(scope, status, 1000 * (time.perf_counter() - started), request_id)


def _alert(exc: Exception, request_id: str) -> None:
    """Without the exception's text: it may hold what a client wrote."""
    metrics.BROKEN.inc()
    frames = traceback.extract_tb(exc.__traceback__)
    where = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
    log.error("request_failed", error=type(exc).__name__, where=where, request=request_id)


def _note(scope: Scope, status: int, elapsed_ms: float, request_id: str) -> None:
    route = getattr(scope.get("route"), "path", "unknown")
    note = log.debug if route in _QUIET else log.info
    note(
        "request",
        method=scope["method"],
        route=route,
        status=status,
        ms=round(elapsed_ms, 1),
        role=scope.get(ROLE),
        request=request_id,
    )
