"""The OpenAPI 3.1 document, made of the operations and the structs that validate.

Pure. Owns how an operation is told; writes down no field by itself. Invariant: what is not in the document is
not routed, and the other way round: both come from the same table.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from admin_api import examples, health, playback, problem_responses, uploads
from admin_api.endpoint import Operation
from admin_api.fields import Id
from admin_api.health import Document
from admin_api.idempotency import HEADER
from admin_api.problems import Problem
from dispatch.json_schemas import Schema, components, schema

_ABOUT = """Orders, their dispatch to valets and shops, and the desk.

Positions are WGS-84 unless `crs` says otherwise, for the request and its answer. No string may hold the character
U+0000; integers fit 53 bits; bodies are at most 256 KiB (a region's 4 MiB) and 32 levels deep. A client ignores
fields that it does not know; the server refuses them. The stream is described by `/asyncapi.json`."""
_TOKEN = """A JWT with the claims `sub` (the id), `role`, `aud` = `valet-dispatch`, `exp`, `iat`, and optionally
`regions` (absent: all). Which roles an operation is for stands in its `x-roles`."""

_ADDRESS = """The address of a voice note, as its order bears it, is signed and needs no token, for a player can send
none. `reader` and `until` belong to it."""


def document(operations: Sequence[Operation], documents: Sequence[Document] = ()) -> Schema:
    """`documents` are those that are served beside this one."""
    paths: dict[str, Schema] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _told(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Valet dispatch", "version": "1", "description": _ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths | health.paths(documents),
        "components": {
            "schemas": _components(operations),
            "responses": problem_responses.components(schema(Problem)),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": _TOKEN},
                "address": {"type": "apiKey", "in": "query", "name": "signature", "description": _ADDRESS},
            },
        },
    }


def _components(operations: Sequence[Operation]) -> Schema:
    asked = [operation.body for operation in operations if operation.body is not None]
    told = [Problem, *(form for operation in operations for form in operation.answer)]
    queries = [field.type for operation in operations for field in msgspec.structs.fields(operation.query)]
    return components([*queries, *asked], told)


def _told(operation: Operation) -> Schema:
    told: Schema = {
        "operationId": _id(operation),
        "summary": operation.summary,
        "description": f"Roles: {', '.join(operation.roles)}.",
        "tags": [examples.noun(operation.path)],
        "security": [{"token": []}, {"address": []}] if operation.signed else [{"token": []}],
        "parameters": _parameters(operation),
        "responses": _responses(operation),
        "x-roles": [role.value for role in operation.roles],
    }
    if operation.parts is not None:
        document = None if operation.body is None else schema(operation.body)
        told["requestBody"] = uploads.told(operation.parts, document, operation.example)
    elif operation.body is not None:
        told["requestBody"] = _request_body(operation)
    return told


_AS_WORDS = str.maketrans({"{": "", "}": "", "-": "_"})


def _id(operation: Operation) -> str:
    words = operation.path.removeprefix("/v1/").translate(_AS_WORDS).split("/")
    return "_".join([operation.method.lower(), *words])


# --- requests -----------------------------------------------------------------------------------------


def _parameters(operation: Operation) -> list[Schema]:
    names = [part.strip("{}") for part in operation.path.split("/") if part.startswith("{")]
    found = [_parameter(name, "path", schema(Id), examples.of_path(operation.path)) for name in names]
    for field in msgspec.structs.fields(operation.query):
        form, name = schema(field.type), field.encode_name
        if field.default is not msgspec.NODEFAULT and field.default is not msgspec.UNSET:
            form["default"] = msgspec.to_builtins(field.default)
        found.append(_parameter(name, "query", form, examples.of_query(operation.path, name)))
    if operation.is_command:
        form = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[ -~]{1,128}$"}
        told = "The same key with the same body takes effect once and is answered alike for 24 h"
        found.append(_parameter(HEADER, "header", form, None) | {"description": told})
    return found


def _parameter(name: str, place: str, form: Schema, example: object) -> Schema:
    found: Schema = {"name": name, "in": place, "required": place == "path", "schema": form}
    return found if example is None else found | {"example": example}


def _request_body(operation: Operation) -> Schema:
    required = any(field.required for field in msgspec.structs.fields(operation.body))
    example = operation.example
    if example is None and not required:
        example = {}
    content: Schema = {"schema": schema(operation.body)}
    if example is not None:
        content["example"] = example
    return {"required": required, "content": {"application/json": content}}


# --- responses ----------------------------------------------------------------------------------------


def _responses(operation: Operation) -> Schema:
    done = playback.told(operation.media) if operation.media else {str(int(operation.status)): _done(operation)}
    return done | {str(status): problem_responses.reference(status) for status in sorted(_problems(operation))}


def _done(operation: Operation) -> Schema:
    if not operation.answer:
        return {"description": "Done"}
    schemas = [schema(form) for form in operation.answer]
    content: Schema = {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}
    shown = _answer_examples(operation)
    if shown:
        content["examples"] = {name: {"value": value} for name, value in shown.items()}
    return {"description": "Done", "content": {"application/json": content}}


def _answer_examples(operation: Operation) -> dict[str, object]:
    if operation.answer_example is not None:
        return {"answer": operation.answer_example}
    told = {_title(form): examples.of_answer(form) for form in operation.answer}
    return {name: value for name, value in told.items() if value is not None}


def _title(form: Any) -> str:
    reference = schema(form).get("$ref", "answer")
    return str(reference).rpartition("/")[2]


def _problems(operation: Operation) -> set[int]:
    found = {400, 401, 403, 422, 500, 503}
    if operation.body is not None or operation.parts is not None:
        found |= {413}
    if operation.parts is not None:
        found |= {429}
    if operation.media:
        found |= {406, 416}
    if "{" in operation.path:
        found |= {404}
    if operation.is_command or operation.conflicts:
        found |= {409}
    return found
