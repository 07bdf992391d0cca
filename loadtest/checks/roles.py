"""§5: the roles that each route is for, tried with a token of every role.

Only who may ask at all; whose things he may ask about is tried where they are made. Bodies are such that whoever is
let through changes as little as possible.
"""

from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import Broken, that
from loadtest.checks.world import CHINA, CHINA_SQUARE, POLICY, square

ROLES = ("valet", "shop", "customer", "dispatcher", "admin", "service")
AGENTS = ("valet", "shop")
STAFF = ("dispatcher", "admin")
NO_ID = "01M8112R2M0000000000000000"


@dataclass(frozen=True, slots=True)
class Route:
    """`body` is one for the route; `about` is what the path names, at first an open order of the customer's."""

    method: str
    path: str
    roles: tuple[str, ...]
    body: dict[str, Any] | None = None
    about: str | None = None


def _on_order(act: str, roles: tuple[str, ...], **body: Any) -> Route:
    return Route("POST", f"/v1/orders/{{id}}/{act}", roles, body)


ROUTES = (
    Route("POST", "/v1/orders", ("service", "customer", "dispatcher"), {"kind": "conf-no-such"}),
    Route("PATCH", "/v1/orders/{id}", ("dispatcher", "service", "customer"), {"price_fen": 100}),
    Route("GET", "/v1/orders", ROLES),
    Route("GET", "/v1/orders/{id}/timeline", (*STAFF, "service")),
    Route("GET", "/v1/orders/{id}/candidates", STAFF),
    _on_order("grab", AGENTS),
    _on_order("progress", (*AGENTS, "dispatcher"), fence=1, step="working"),
    _on_order("release", (*AGENTS, "dispatcher"), fence=1, reason="no tools"),
    _on_order("assign", ("dispatcher",), agent_id="conf-nobody"),
    _on_order("reopen", ("dispatcher",)),
    _on_order("close", ("dispatcher",), outcome="by phone"),
    _on_order("cancel", ("customer", "dispatcher", "service"), reason="enough"),
    Route("GET", "/v1/desk", ("dispatcher",)),
    Route("POST", "/v1/desk/{id}/take_up", ("dispatcher",), {}),
    Route("GET", "/v1/hall", AGENTS),
    Route("GET", "/v1/jobs", AGENTS),
    Route("PUT", "/v1/agents/{id}", ("admin", "service"), {"role": "emperor"}, "conf-nobody"),
    Route("GET", "/v1/agents", (*STAFF, "service")),
    Route("PUT", "/v1/policies/{kind}", ("admin",), {**POLICY, "rounds": []}, "conf-nothing"),
    Route("GET", "/v1/policies", STAFF),
    Route("PUT", "/v1/regions/{id}", ("admin",), square(*CHINA_SQUARE), CHINA),
    Route("DELETE", "/v1/regions/{id}", ("admin",), None, "conf-no-such"),
    Route("GET", "/v1/regions", STAFF),
    Route("GET", "/v1/sessions", STAFF),
    Route("DELETE", "/v1/sessions/{id}", STAFF, None, NO_ID),
    Route("POST", "/v1/notices", STAFF, {"title": None}),
    Route("GET", "/v1/notices", ROLES),
)


def _for_each_route(check: Any) -> Any:
    for route in ROUTES:
        who = "everybody with a token" if route.roles == ROLES else ", ".join(route.roles)
        clause("§5", f"`{route.method} {route.path}` is for {who}; others hear 403", route=route)(check)
    return check


@_for_each_route
async def of_route(corner: Corner, route: Route) -> None:
    order = await corner.place(await corner.kind())
    path = route.path.format(id=route.about or order["id"], kind=route.about)
    for role in ROLES:
        answer = await _ask(corner, route, path, role)
        code = orjson.loads(answer.content).get("code") if answer.status_code >= 400 else None
        if role not in route.roles:
            that((answer.status_code, code) == (403, "forbidden"), f"403 forbidden for {role}", _brief(answer))
        elif answer.status_code in (401, 403, 405) or _is_unknown(answer, route):
            raise Broken(f"no refusal of {role}", _brief(answer))
    left = await corner.read(order["id"])
    touched = route.method in ("POST", "PATCH") and "customer" in route.roles
    that(touched or left["version"] == order["version"], "an untouched order", left)


async def _ask(corner: Corner, route: Route, path: str, role: str) -> httpx.Response:
    sub = corner.name("c" if role == "customer" else role)
    if role in AGENTS:
        await corner.put_agent(role, await corner.kind(), role=role, home=corner.at())
    more = {} if route.body is None else {"json": route.body}
    return await corner.raw(route.method, path, corner.token(role, sub), **more)


def _is_unknown(answer: httpx.Response, route: Route) -> bool:
    """A 404 where nothing was named that could be missing: there is no such route."""
    return answer.status_code == 404 and "{" not in route.path


def _brief(answer: httpx.Response) -> str:
    return f"HTTP {answer.status_code} {answer.text[:200]}"
