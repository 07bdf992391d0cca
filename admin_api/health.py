"""What machines ask of a server: does it live, is it ready, how does it fare, what does it speak.

Owns no check: `readiness` is handed in by whoever knows the dependencies. Invariant: none of these needs a
token, and none tells anything of an order or a person.
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

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

_JSON = "application/json"


def build_health_app(readiness: Readiness) -> Starlette:
    """For processes that serve nothing else over HTTP."""
    return Starlette(
        routes=routes(readiness),
        middleware=[Middleware(Journal)],
        exception_handlers={HTTPException: on_http_error},
    )


def document_route(document: Mapping[str, Any]) -> Route:
    encoded = orjson.dumps(document)

    async def openapi(request: Request) -> Response:
        return Response(encoded, media_type=_JSON)

    return Route("/openapi.json", openapi)


def routes(readiness: Readiness) -> list[Route]:
    async def healthz(request: Request) -> Response:
        return Response(orjson.dumps({"status": "ok"}), media_type=_JSON)

    async def readyz(request: Request) -> Response:
        states = await readiness()
        ready = all(state == "ok" for state in states.values())
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Response(orjson.dumps(dict(states)), int(status), media_type=_JSON)

    async def metrics(request: Request) -> Response:
        return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]


_STATES = {"type": "object", "additionalProperties": {"type": "string"}}


def _told(description: str, media: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {media: {"schema": schema}}}


PATHS: Mapping[str, Any] = {
    "/healthz": {
        "get": {
            "operationId": "get_healthz",
            "summary": "Liveness",
            "tags": ["health"],
            "responses": {"200": _told("The process answers", _JSON, _STATES)},
        }
    },
    "/readyz": {
        "get": {
            "operationId": "get_readyz",
            "summary": "Readiness, with each dependency's state",
            "tags": ["health"],
            "responses": {
                "200": _told("Every dependency is ok", _JSON, _STATES),
                "503": _told("At least one is not", _JSON, _STATES),
            },
        }
    },
    "/metrics": {
        "get": {
            "operationId": "get_metrics",
            "summary": "Metrics for Prometheus",
            "tags": ["health"],
            "responses": {"200": _told("The exposition format", "text/plain", {"type": "string"})},
        }
    },
    "/openapi.json": {
        "get": {
            "operationId": "get_openapi",
            "summary": "This document",
            "tags": ["health"],
            "responses": {"200": _told("OpenAPI 3.1", _JSON, {"type": "object"})},
        }
    },
}
"""The same in the words of OpenAPI."""
