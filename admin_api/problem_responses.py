"""Problem documents in the words of OpenAPI: one response a status, with the codes that it may bear.

Pure. Which operation may answer which is `openapi`'s. Invariant: every example was made by the code that refuses
(`problems.rendered`), so it can not differ from what is sent.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from admin_api.problems import MEDIA, NotParseable, OutOfRange, rendered
from dispatch.errors import Code, DispatchError, Refused, Unavailable, invalid
from dispatch.json_schemas import Schema


class _Kind(NamedTuple):
    """`cases` has one refusal for each code that the status may have."""

    name: str
    description: str
    cases: tuple[DispatchError, ...]


_KINDS: Mapping[int, _Kind] = {
    400: _Kind(
        "not_parseable",
        "`invalid`: the request can not be parsed",
        (NotParseable("the body is no JSON: Input data was truncated"),),
    ),
    401: _Kind(
        "unauthenticated",
        "`unauthenticated`: no valid token",
        (Refused(Code.UNAUTHENTICATED, "the token has expired"),),
    ),
    403: _Kind(
        "forbidden",
        "`forbidden`: not for this role or region",
        (Refused(Code.FORBIDDEN, "the token is not for this region"),),
    ),
    404: _Kind(
        "not_found",
        "`not_found`: none such, or none that the asker may know of",
        (Refused(Code.NOT_FOUND, "there is no such order"),),
    ),
    406: _Kind(
        "not_acceptable",
        "`not_acceptable`: it can not be had in the form that was asked for",
        (Refused(Code.NOT_ACCEPTABLE, "format: this server can not make MP3: ffmpeg is not installed"),),
    ),
    409: _Kind(
        "conflict",
        "`conflict` or `stale_fence`: not possible as things stand",
        (
            Refused(Code.CONFLICT, "the order is already cancelled"),
            Refused(Code.STALE_FENCE, "fence: the order was assigned anew since"),
        ),
    ),
    413: _Kind(
        "too_large",
        "`too_large`: the body is too large",
        (Refused(Code.TOO_LARGE, "the body is larger than 262144 bytes"),),
    ),
    416: _Kind(
        "out_of_range",
        "`invalid`: the range begins behind the end",
        (OutOfRange(48_211),),
    ),
    422: _Kind(
        "invalid",
        "`invalid`: a field has a fault",
        (invalid("place.lat", "expected number <= 85.0"),),
    ),
    429: _Kind(
        "rate_limited",
        "`rate_limited`: enough uploads of this party are under way",
        (Refused(Code.RATE_LIMITED, "4 uploads of yours are under way: wait", retryable=True),),
    ),
    500: _Kind(
        "internal",
        "`internal`: a fault of the server",
        (DispatchError(Code.INTERNAL, ""),),
    ),
    503: _Kind(
        "unavailable",
        "`unavailable`: a database is away; safe to repeat",
        (Unavailable("PostgreSQL can not be reached"),),
    ),
}
_HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": "The scheme that is asked for: Bearer"},
    416: {"Content-Range": "How many bytes there are: bytes */48211"},
    429: {"Retry-After": "In so many seconds"},
    503: {"Retry-After": "In so many seconds"},
}


def reference(status: int) -> Schema:
    return {"$ref": f"#/components/responses/{_KINDS[status].name}"}


def components(problem: Schema) -> Schema:
    """`problem` is the schema of all of them."""
    return {kind.name: _told(status, kind, problem) for status, kind in _KINDS.items()}


def _told(status: int, kind: _Kind, problem: Schema) -> Schema:
    codes = [case.code.value for case in kind.cases]
    narrowed = {"properties": {"status": {"const": status}, "code": {"enum": codes}}}
    told: Schema = {
        "description": kind.description,
        "content": {
            MEDIA: {
                "schema": {"allOf": [problem, narrowed]},
                "examples": {
                    case.code.value: {"value": msgspec.json.decode(rendered(case).body)} for case in kind.cases
                },
            }
        },
    }
    if status in _HEADERS:
        told["headers"] = {
            name: {"description": text, "required": True, "schema": {"type": "string"}}
            for name, text in _HEADERS[status].items()
        }
    return told
