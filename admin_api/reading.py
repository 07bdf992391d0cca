"""From bytes to checked values: bodies and query strings.

Owns the limits that no field declares (size, depth, integers, NUL) and the wording of faults. Knows no
routes. Invariant: a value that left here is finite, fits PostgreSQL and JSON's 53 bits, and has its struct's form.
"""

import json
import math
import re
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from admin_api.problems import NotParseable
from dispatch.errors import Code, Fault, Refused, invalid

T = TypeVar("T")
MOST_BYTES = 256 * 1024
MOST_DEPTH = 32
MOST_INT = 2**53 - 1
MOST_PARAMETERS = 50
_MOST_PATH = 200
_JSON_MEDIA = re.compile(r"application/(json|[a-z0-9.-]+\+json)", re.IGNORECASE)
_AT = re.compile(r"(?P<what>.*?)(?: - at `(?:key` in `)?\$(?P<path>.*)`)?", re.DOTALL)
_FIELD = re.compile(r"Object (?P<fault>missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL)
_WORDS = {"int": "integer", "float": "number", "str": "string", "bool": "boolean"}


async def read_body(scope: Scope, receive: Receive, most: int) -> bytes:
    """Raises Refused (too_large) without reading on."""
    headers = Headers(scope=scope)
    media = headers.get("content-type", "").partition(";")[0].strip()
    if media and not _JSON_MEDIA.fullmatch(media):
        raise NotParseable("Content-Type must be application/json")
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most:
        raise too_large(most)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > most:
            raise too_large(most)
        if not message.get("more_body", False):
            return bytes(body)


def parse(body: bytes) -> Any:
    """The document of a body, within our limits. Raises Refused: 400 when it is no JSON, else 422."""
    try:
        value = msgspec.json.decode(body)
    except msgspec.ValidationError as exc:
        raise _invalid(_unfit(body) or "", "is a number out of range") from exc
    except RecursionError as exc:
        raise NotParseable("the body is nested too deeply") from exc
    except UnicodeDecodeError as exc:
        raise NotParseable("the body is not UTF-8") from exc
    except msgspec.DecodeError as exc:
        raise _no_json(body, exc) from exc
    fault = _fault(value, 0)
    if fault is not None:
        raise invalid(_joined(fault.path), fault.message)
    return _with_integers(value)


def convert(value: Any, form: type[T]) -> T:
    """Raises Refused (invalid) naming the field."""
    try:
        return msgspec.convert(value, form)
    except msgspec.ValidationError as exc:
        raise refusal(exc) from exc


def read_query(query: bytes, form: type[T]) -> T:
    """Each parameter once, none unknown. Raises Refused (invalid)."""
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError as exc:
        raise NotParseable("the query has too many parameters") from exc
    given: dict[str, str] = {}
    for name, text in pairs:
        if name in given:
            raise invalid(name, "is given twice")
        if "\0" in text:
            raise invalid(name, "holds a NUL character")
        given[name] = text
    try:
        return msgspec.convert(given, form, strict=False)
    except msgspec.ValidationError as exc:
        raise refusal(exc) from exc


def refusal(exc: msgspec.ValidationError) -> Refused:
    """msgspec's words as ours: `Expected `float` <= 85.0 - at `$.place.lat`` names `place.lat`."""
    found = _AT.fullmatch(str(exc))
    assert found is not None  # every text matches
    path = (found["path"] or "").removeprefix(".").replace("[...]", "")
    what = found["what"]
    field = _FIELD.fullmatch(what)
    if field:
        path = f"{path}.{field['name']}" if path else field["name"]
        what = "is required" if field["fault"].startswith("missing") else "is not a known field"
    elif what.startswith("Invalid enum value"):
        what = "is not one of the allowed values"
    else:
        what = re.sub(r"`(\w+)`", lambda word: _WORDS.get(word[1], word[1]), what)
        what = what[:1].lower() + what[1:]
    return _invalid(path[:_MOST_PATH], what)


def _invalid(path: str, message: str) -> Refused:
    if path:
        return invalid(path, message)
    return Refused(Code.INVALID, f"the body: {message}", faults=(Fault("", message),))


def too_large(most: int, what: str = "the body") -> Refused:
    return Refused(Code.TOO_LARGE, f"{what} is larger than {most} bytes")


class _Found(msgspec.Struct):
    """A fault on its way up: the path is put together only when there is one."""

    message: str
    path: list[str | int] = []


def _fault(value: Any, depth: int) -> _Found | None:
    if isinstance(value, float):  # first, for outlines of regions are made of them
        return None
    if isinstance(value, str):
        return _Found("holds a NUL character") if "\0" in value else None
    if isinstance(value, int):
        return _Found("is an integer beyond 53 bits") if abs(value) > MOST_INT else None
    if not isinstance(value, dict | list):
        return None
    if depth == MOST_DEPTH:
        return _Found(f"is nested deeper than {MOST_DEPTH} levels")
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
        found = _fault(inner, depth + 1) or (_fault(name, depth) if isinstance(name, str) else None)
        if found is not None:
            found.path.insert(0, name)
            return found
    return None


def _with_integers(value: Any) -> Any:
    """JSON has one kind of number, and `1.0` is the integer 1 (JSON Schema, 6.1.1): some clients write it so."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= MOST_INT else value
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(inner, float | dict | list):
                value[name] = _with_integers(inner)
    return value


def _joined(path: list[str | int]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")[:_MOST_PATH]


_UNFIT = object()


def _no_json(body: bytes, exc: Exception) -> NotParseable:
    """NaN and Infinity are no JSON, but a client whose arithmetic failed is told where they stand."""
    where = _unfit(body) if b"NaN" in body or b"Infinity" in body else None
    if where:
        return NotParseable(f"{where}: must be a finite number", where)
    return NotParseable(f"the body is no JSON: {exc}" if body else "the body is empty")


def _unfit(body: bytes) -> str | None:
    """Where the first number stands that is none or that no double holds; None when that can not be told."""
    try:
        value = json.loads(body, parse_constant=lambda _: _UNFIT, parse_float=_float, parse_int=_int)
        return _joined(_path_of(value) or [])
    except (ValueError, RecursionError):
        return None


def _float(text: str) -> object:
    number = float(text)
    return number if math.isfinite(number) else _UNFIT


def _int(text: str) -> object:
    return int(text) if len(text) < 20 else _UNFIT


def _path_of(value: Any) -> list[str | int] | None:
    if value is _UNFIT:
        return []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        path = _path_of(each)
        if path is not None:
            return [name, *path]
    return None
