"""The OpenAPI 3.1 document, made of the operations and the structs that validate.

Pure. Owns how an operation is told; writes down no field by itself. Invariant: what is not in the document is
not routed, and the other way round: both come from the same table.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from admin_api import health
from admin_api.endpoint import Operation
from admin_api.fields import Id
from admin_api.idempotency import HEADER
from admin_api.problems import MEDIA, Problem

Schema = dict[str, Any]
_REF = "#/components/schemas/{name}"
_PROBLEMS = {
    400: "`invalid`: the request can not be parsed",
    401: "`unauthenticated`: no valid token",
    403: "`forbidden`: not for this role or region",
    404: "`not_found`: none such, or none that the asker may know of",
    409: "`conflict` or `stale_fence`: not possible as things stand",
    413: "`too_large`: the body is too large",
    422: "`invalid`: a field has a fault",
    500: "`internal`: a fault of the server",
    503: "`unavailable`: a database is away; safe to repeat",
}


def document(operations: Sequence[Operation]) -> Schema:
    paths: dict[str, Schema] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _told(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Valet dispatch",
            "version": "1",
            "description": "Orders, their dispatch to valets and shops, and the desk.",
        },
        "paths": paths | dict(health.PATHS),
        "components": {
            "schemas": _components(operations),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _components(operations: Sequence[Operation]) -> Schema:
    """Requests are strict; an answer may grow, so a client has to accept what it does not know."""
    asked = _named(operation.body for operation in operations if operation.body is not None)
    told = _named([Problem, *(form for operation in operations for form in operation.answer)])
    queries = _named(field.type for operation in operations for field in msgspec.structs.fields(operation.query))
    for name, schema in told.items():
        if name not in asked:
            schema.pop("additionalProperties", None)
    return told | queries | asked


def _named(forms: Iterable[Any]) -> dict[str, Schema]:
    return msgspec.json.schema_components(list(forms), ref_template=_REF)[1]


def _schema(form: Any) -> Schema:
    (schema,), _ = msgspec.json.schema_components([form], ref_template=_REF)
    return schema


def _told(operation: Operation) -> Schema:
    noun, *_ = operation.path.removeprefix("/v1/").split("/")
    told: Schema = {
        "operationId": _id(operation),
        "summary": operation.summary,
        "description": f"Roles: {', '.join(operation.roles)}.",
        "tags": [noun],
        "security": [{"token": []}],
        "parameters": _parameters(operation),
        "responses": _responses(operation),
    }
    if operation.body is not None:
        told["requestBody"] = _request_body(operation)
    return told


def _id(operation: Operation) -> str:
    words = operation.path.removeprefix("/v1/").replace("{", "").replace("}", "").split("/")
    return "_".join([operation.method.lower(), *words])


def _parameters(operation: Operation) -> list[Schema]:
    names = [part.strip("{}") for part in operation.path.split("/") if part.startswith("{")]
    found: list[Schema] = [{"name": name, "in": "path", "required": True, "schema": _schema(Id)} for name in names]
    for field in msgspec.structs.fields(operation.query):
        schema = _schema(field.type)
        if field.default is not msgspec.NODEFAULT and field.default is not msgspec.UNSET:
            schema["default"] = msgspec.to_builtins(field.default)
        found.append({"name": field.encode_name, "in": "query", "required": False, "schema": schema})
    if operation.is_command:
        schema = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[ -~]{1,128}$"}
        found.append({"name": HEADER, "in": "header", "required": False, "schema": schema})
    return found


def _request_body(operation: Operation) -> Schema:
    content: Schema = {"schema": _schema(operation.body)}
    if operation.example is not None:
        content["example"] = operation.example
    required = any(field.required for field in msgspec.structs.fields(operation.body))
    return {"required": required, "content": {"application/json": content}}


def _responses(operation: Operation) -> Mapping[str, Schema]:
    done: Schema = {"description": "Done"}
    if operation.answer:
        schemas = [_schema(form) for form in operation.answer]
        schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        done["content"] = {"application/json": {"schema": schema}}
    problem = {MEDIA: {"schema": _schema(Problem)}}
    return {str(int(operation.status)): done} | {
        str(status): {"description": _PROBLEMS[status], "content": problem} for status in sorted(_problems(operation))
    }


def _problems(operation: Operation) -> set[int]:
    found = {400, 401, 403, 422, 500, 503}
    if operation.body is not None:
        found |= {413}
    if "{" in operation.path:
        found |= {404}
    if operation.is_command or operation.conflicts:
        found |= {409}
    return found
