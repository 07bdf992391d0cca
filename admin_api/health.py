"""What machines ask of a server: does it live, is it ready, how does it fare, what does it speak.

Owns no check: `readiness` is handed in by whoever knows the dependencies. Invariant: none of these needs a
token, and none tells anything of an order or a person.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from admin_api.journal import Journal
from admin_api.problems import on_http_error

Readiness = Callable[[], Awaitable[Mapping[str, str]]]
"""Each dependency's state; `ok` is the only good one."""
SPARED = frozenset({"voice_storage", "mp3"})
"""Told, but a server is ready without: only voice notes need them, and orders must not stop for their sake."""

_JSON = "application/json"


class Document(NamedTuple):
    """One more document that machines read, made by whoever knows what it tells."""

    name: str
    summary: str
    make: Callable[[], Mapping[str, Any]]

    @property
    def path(self) -> str:
        return f"/{self.name}.json"


def build_health_app(readiness: Readiness) -> Starlette:
    """For processes that serve nothing else over HTTP."""
    return Starlette(
        routes=routes(readiness),
        middleware=[Middleware(Journal)],
        exception_handlers={HTTPException: on_http_error},
    )


def document_route(path: str, document: Mapping[str, Any]) -> Route:
    encoded = orjson.dumps(document)

    async def told(request: Request) -> Response:
        return Response(encoded, media_type=_JSON)

    return Route(path, told)


def routes(readiness: Readiness) -> list[Route]:
    async def healthz(request: Request) -> Response:
        return Response(orjson.dumps({"status": "ok"}), media_type=_JSON)

    async def readyz(request: Request) -> Response:
        states = await readiness()
        ready = all(state == "ok" for name, state in states.items() if name not in SPARED)
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Response(orjson.dumps(dict(states)), int(status), media_type=_JSON)

    async def metrics(request: Request) -> Response:
        return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]


# --- the same in the words of OpenAPI ---------------------------------------------------------------


def paths(documents: Sequence[Document]) -> dict[str, Any]:
    return {
        "/healthz": _got("healthz", "Liveness", {"200": _answer("The process answers", _STATES, {"status": "ok"})}),
        "/readyz": _got(
            "readyz",
            "Readiness, with each dependency's state",
            {
                "200": _answer(f"Every dependency is ok; without {_LIST} a server is ready, too", _STATES, _READY),
                "503": _answer("At least one is not", _STATES, _READY | {"redis": "Redis can not be reached"}),
            },
        ),
        "/metrics": _got("metrics", "Metrics for Prometheus", {"200": _METRICS}),
        "/openapi.json": _got("openapi", "This document", {"200": _answer("OpenAPI 3.1", _ANYTHING)}),
        **{each.path: _got(each.name, each.summary, {"200": _answer("As it says", _ANYTHING)}) for each in documents},
    }


_STATES = {"type": "object", "additionalProperties": {"type": "string"}}
_ANYTHING = {"type": "object"}
_READY = {"redis": "ok", "postgres": "ok", "regions": "ok", "voice_storage": "ok", "mp3": "ffmpeg is not installed"}
_LIST = " and ".join(f"`{name}`" for name in sorted(SPARED))
_METRICS = {
    "description": "The exposition format",
    "content": {"text/plain": {"schema": {"type": "string"}, "example": "# TYPE sessions gauge\nsessions 2.0\n"}},
}


def _got(name: str, summary: str, responses: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "get": {
            "operationId": f"get_{name}", "summary": summary, "tags": ["health"], "security": [],
            "responses": responses,
        }
    }  # fmt: skip


def _answer(description: str, schema: Mapping[str, Any], example: object = None) -> dict[str, Any]:
    content = {"schema": schema} if example is None else {"schema": schema, "example": example}
    return {"description": description, "content": {_JSON: content}}
