"""The HTTP side, put together: every noun's operations, health, the console's pages.

Owns the table of routes. Knows no socket and no environment. Invariant: one path is one route, so a wrong
method hears which ones there are.
"""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from admin_api import (
    agents,
    desk,
    figures,
    hall,
    health,
    jobs,
    lookups,
    map,
    notices,
    order_commands,
    order_edits,
    orders,
    policies,
    regions,
    sessions,
    voice_notes,
)
from admin_api.console import Console
from admin_api.endpoint import Operation, Resource
from admin_api.health import Document, Readiness
from admin_api.journal import Journal
from admin_api.openapi import document
from admin_api.problems import on_dispatch_error, on_http_error
from admin_api.uploads import Uploads
from dispatch.assembly import Dispatch
from dispatch.errors import DispatchError

OPERATIONS: Sequence[Operation] = (
    *lookups.OPERATIONS,  # before that of any order: its path would be one's id
    *orders.OPERATIONS,
    *order_edits.OPERATIONS,
    *order_commands.OPERATIONS,
    *voice_notes.OPERATIONS,
    *desk.OPERATIONS,
    *map.OPERATIONS,
    *figures.OPERATIONS,
    *hall.OPERATIONS,
    *jobs.OPERATIONS,
    *agents.OPERATIONS,
    *policies.OPERATIONS,
    *regions.OPERATIONS,
    *sessions.OPERATIONS,
    *notices.OPERATIONS,
)


def build_app(
    dispatch: Dispatch, *, console: Console | None, readiness: Readiness, documents: Sequence[Document] = ()
) -> Starlette:
    """`console` has the pages; None: there are none. `documents` are served beside our own."""
    uploads = Uploads(dispatch.notes)
    routes: list[BaseRoute] = [
        Route(path, Resource(dispatch, uploads, [each for each in OPERATIONS if each.path == path]))
        for path in dict.fromkeys(operation.path for operation in OPERATIONS)
    ]
    routes += health.routes(readiness)
    routes.append(health.document_route("/openapi.json", document(OPERATIONS, documents)))
    routes += [health.document_route(each.path, each.make()) for each in documents]
    if console is not None:
        routes += console.routes()
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Journal)],
        exception_handlers={DispatchError: on_dispatch_error, HTTPException: on_http_error},
    )
    app.router.redirect_slashes = False
    return app
