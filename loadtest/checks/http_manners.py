"""§1 and §5: problem documents, what a request may say, what anyone may read.

Asks for whole answers, statuses and headers included, where other modules are content with codes. Idempotency keys
and lists have modules of their own.
"""

from typing import Any

import httpx
import orjson

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import Broken, fields, has, invalid, refused, same, that

MEDIA = "application/problem+json"
HUGE = 8 * 1024 * 1024


# --- problem documents --------------------------------------------------------------------------------


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    same(answer.status_code, status, "status")
    same(answer.headers.get("content-type", "").partition(";")[0], MEDIA, "Content-Type")
    told: dict[str, Any] = orjson.loads(answer.content)
    fields(told, ("type", "title", "status", "detail", "code", "retryable"), "a problem document")
    has(told, {"status": status, "code": code}, "the problem")
    if code == "invalid":
        that(isinstance(told.get("errors"), list) and told["errors"], "errors of `invalid`", told)
        for each in told["errors"]:
            fields(each, ("path", "message"), "an entry of errors")
    return told


@clause("§5", "an unknown path is a problem document, 404 `not_found`")
async def unknown_path(corner: Corner) -> None:
    problem(await corner.raw("GET", "/v1/nothing", corner.token("admin", "a")), 404, "not_found")


@clause("§5", "a method that a path does not know is a problem document, 405, and Allow names those it does")
async def unknown_method(corner: Corner) -> None:
    answer = await corner.raw("DELETE", "/v1/orders", corner.token("admin", "a"))
    same(answer.status_code, 405, "status")
    same(answer.headers.get("content-type", "").partition(";")[0], MEDIA, "Content-Type")
    fields(orjson.loads(answer.content), ("type", "title", "status", "detail", "code", "retryable"), "the problem")
    allowed = {each.strip() for each in answer.headers.get("allow", "").split(",")}
    that({"GET", "POST"} <= allowed, "Allow with GET and POST", sorted(allowed))


@clause("§5", "a body that is too large is a problem document, 413 `too_large`")
async def too_large(corner: Corner) -> None:
    token = corner.token("service", "s")
    body = b'{"kind": "' + b"x" * HUGE + b'"}'
    problem(await corner.raw("POST", "/v1/orders", token, content=body, headers=JSON), 413, "too_large")


JSON = {"Content-Type": "application/json"}


@clause("§5", "a body that is no JSON is 400 `invalid`")
async def no_json(corner: Corner) -> None:
    token = corner.token("service", "s")
    problem(await corner.raw("POST", "/v1/orders", token, content=b"{no", headers=JSON), 400, "invalid")


@clause("§5", "a fault in a field is 422 `invalid`, and errors name its path")
async def faulty_field(corner: Corner) -> None:
    kind = await corner.kind()
    body = corner.order(kind) | {"place": {"lat": 91, "lon": 0}}
    told = problem(await corner.raw("POST", "/v1/orders", corner.token("service", "s"), json=body), 422, "invalid")
    same([each["path"] for each in told["errors"]], ["place.lat"], "the paths")


@clause("§5", "401 and 403 are problem documents")
async def who(corner: Corner) -> None:
    problem(await corner.raw("GET", "/v1/orders"), 401, "unauthenticated")
    problem(await corner.raw("GET", "/v1/desk", corner.token("customer", "c")), 403, "forbidden")


@clause("§5", "an order that does not exist is 404, in every route")
async def no_such_order(corner: Corner) -> None:
    for order_id in ("01M8112R2M0000000000000000", "no-ulid"):
        path = f"/v1/orders/{order_id}"
        for ask in (path, f"{path}/timeline", f"{path}/candidates"):
            await refused(corner.dispatcher.get(ask), "not_found", 404)
        for command, body in (("cancel", {"reason": "x"}), ("close", {"outcome": "x"}), ("reopen", {})):
            await refused(corner.dispatcher.post(f"{path}/{command}", body), "not_found", 404)


# --- what a request may say ---------------------------------------------------------------------------


@clause("§1", "a field that the server does not know is refused with `invalid`: in an order", path="mood")
@clause("§1", "a field that the server does not know is refused with `invalid`: in its place", path="place.mood")
@clause("§1", "a field that the server does not know is refused with `invalid`: in its customer", path="customer.mood")
async def unknown_field(corner: Corner, path: str) -> None:
    body = corner.order(await corner.kind())
    *way, name = path.split(".")
    inner = body
    for step in way:
        inner = inner[step]
    inner[name] = "good"
    await invalid(corner.service.post("/v1/orders", body), path)


@clause("§5", "an order without a required field is 422 and names it: kind", path="kind")
@clause("§5", "an order without a required field is 422 and names it: place", path="place")
@clause("§5", "an order without a required field is 422 and names it: customer", path="customer")
async def missing_field(corner: Corner, path: str) -> None:
    body = corner.order(await corner.kind())
    del body[path]
    await invalid(corner.service.post("/v1/orders", body), path)


@clause("§1", "latitudes reach from −85 to 85, longitudes from −180 to 180")
async def latitudes(corner: Corner) -> None:
    kind = await corner.kind()
    for lat, lon, path in ((85.01, 0, "place.lat"), (-85.01, 0, "place.lat"), (0, 180.01, "place.lon")):
        await invalid(corner.service.post("/v1/orders", corner.order(kind, place={"lat": lat, "lon": lon})), path)


@clause("§1", "a kind without a policy is 422, path `kind`")
async def unknown_kind(corner: Corner) -> None:
    await invalid(corner.service.post("/v1/orders", corner.order(corner.name("kind"))), "kind")


@clause("§5", "a customer orders for himself: without `customer.id`, or with his own; never for another")
async def for_himself(corner: Corner) -> None:
    kind, me = await corner.kind(), corner.http("customer", corner.name("c"))
    for customer in ({"name": "Li", "phone": "+8613800000000"}, {"id": corner.name("c")}):
        order = await corner.place(kind, by=me, customer=customer)
        same(order["customer"]["id"], corner.name("c"), "customer.id")
    await refused(corner.place(kind, by=me, customer={"id": corner.name("other")}), "forbidden", 403)


# --- what anyone may read -----------------------------------------------------------------------------


@clause("§5", "`/healthz` and `/readyz` answer 200 without a token; `/readyz` tells each dependency's state")
async def health(corner: Corner) -> None:
    same((await corner.raw("GET", "/healthz")).status_code, 200, "the status of /healthz")
    answer = await corner.raw("GET", "/readyz")
    same(answer.status_code, 200, "the status of /readyz")
    text = answer.text.lower()
    that("redis" in text and "postgres" in text, "the states of Redis and PostgreSQL", answer.text)


@clause("§5", "`/metrics` is in Prometheus' format")
async def metrics(corner: Corner) -> None:
    answer = await corner.raw("GET", "/metrics")
    same(answer.status_code, 200, "status")
    that("# TYPE " in answer.text and "# HELP " in answer.text, "lines of # HELP and # TYPE", answer.text)


@clause("§5", "`/openapi.json` is OpenAPI 3.1, and has every route")
async def openapi(corner: Corner) -> None:
    answer = await corner.raw("GET", "/openapi.json")
    told = orjson.loads(answer.content)
    that(str(told.get("openapi", "")).startswith("3.1"), "openapi 3.1", told.get("openapi"))
    missing = [f"{method} {path}" for method, path in ROUTES if method.lower() not in told["paths"].get(path, {})]
    if missing:
        raise Broken("every route of §5", f"without {', '.join(missing)}")


_ORDER = "/v1/orders/{id}"
ROUTES = (
    ("POST", "/v1/orders"), ("GET", "/v1/orders"), ("GET", _ORDER), ("PATCH", _ORDER),
    *(("GET", f"{_ORDER}/{view}") for view in ("timeline", "candidates")),
    *(("POST", f"{_ORDER}/{act}") for act in (
        "grab", "progress", "release", "assign", "reopen", "close", "cancel",
    )),
    ("POST", "/v1/voice-notes"), ("POST", f"{_ORDER}/voice-notes"), ("GET", "/v1/voice-notes/{id}"),
    ("GET", "/v1/desk"), ("POST", "/v1/desk/{id}/take_up"), ("GET", "/v1/hall"), ("GET", "/v1/jobs"),
    ("PUT", "/v1/agents/{id}"), ("GET", "/v1/agents/{id}"), ("GET", "/v1/agents"),
    ("PUT", "/v1/policies/{kind}"), ("GET", "/v1/policies"),
    ("PUT", "/v1/regions/{id}"), ("DELETE", "/v1/regions/{id}"), ("GET", "/v1/regions"),
    ("GET", "/v1/sessions"), ("DELETE", "/v1/sessions/{id}"),
    ("POST", "/v1/notices"), ("GET", "/v1/notices"),
)  # fmt: skip
