"""The way of every request: who asks, may he, what does he say, once, answer.

Owns the order of these steps. Knows no noun. Invariant: a handler sees a verified identity of an allowed role,
an agent that an operator has put, and values of the forms that its operation declares.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import orjson
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from admin_api import idempotency
from admin_api.auth import identify
from admin_api.idempotency import Once
from admin_api.paging import Query
from admin_api.problems import Rendered
from admin_api.reading import MOST_BYTES, convert, parse, read_body, read_query
from dispatch.access import require_role
from dispatch.assembly import Dispatch
from dispatch.errors import Code, Refused, invalid
from dispatch.identity import AGENTS, ID_PATTERN, Identity, Role
from dispatch.records.agents import Agent
from geo.crs import Crs

Q_co = TypeVar("Q_co", bound=Query, covariant=True)
B_co = TypeVar("B_co", covariant=True)
LONG_BYTES = 64 * 1024
"""Longer bodies are checked beside the loop: a region's outline takes a tenth of a second."""
ROLE = "dispatch.role"
"""The scope's key under which the log finds who asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Generic[Q_co, B_co]):
    """One request, as a handler sees it. `raw` is the body as decoded; `request` is '' without a key."""

    dispatch: Dispatch
    who: Identity
    profile: Agent | None
    path: Mapping[str, str]
    query: Q_co
    body: B_co
    raw: Any
    order_id: str
    request: str

    @property
    def crs(self) -> Crs:
        return self.query.crs

    @property
    def agent(self) -> Agent:
        """Of operations that only agents may use."""
        assert self.profile is not None
        return self.profile


class Passing(NamedTuple):
    """A handler's answer that is not the last word: it is not remembered for the key."""

    value: object


Handler = Callable[[Any], Awaitable[object]]
"""Takes an `Ask` of the operation's forms; returns what is sent as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One line of PROTOCOL §5, for the router and for the OpenAPI document alike.

    `answer` names the forms an answer may have; none: 204 without content. `example` is one of the body,
    `answer_example` of the answer where that of its form says too little. `conflicts`: it may be refused with 409,
    as every command may.
    """

    method: str
    path: str
    summary: str
    roles: Sequence[Role]
    handler: Handler
    query: type[Query] = Query
    body: Any = None
    answer: Sequence[Any] = ()
    status: int = HTTPStatus.OK
    most_bytes: int = MOST_BYTES
    example: object = None
    answer_example: object = None
    conflicts: bool = False

    @property
    def is_command(self) -> bool:
        return self.method == "POST"


class Resource:
    """One path with its operations: an ASGI application behind a route."""

    def __init__(self, dispatch: Dispatch, operations: Sequence[Operation]) -> None:
        self._dispatch = dispatch
        self._once = Once(dispatch.records.requests)
        self._operations = {operation.method: operation for operation in operations}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        operation = self._operations.get(method)
        if operation is None:
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": self._allowed()})
        response = await self._answer(operation, scope, receive)
        await response(scope, receive, send)

    def _allowed(self) -> str:
        also = ["HEAD"] if "GET" in self._operations else []
        return ", ".join(sorted([*self._operations, *also]))

    async def _answer(self, operation: Operation, scope: Scope, receive: Receive) -> Response:
        headers = Headers(scope=scope)
        who = identify(headers, self._dispatch.verifier)
        scope[ROLE] = who.role.value
        require_role(who, *operation.roles)
        _check_ids(operation, scope["path_params"])
        profile = await self._dispatch.people.profile(who) if who.role in AGENTS else None
        query = read_query(scope["query_string"], operation.query)
        raw, body = await _body(operation, scope, receive)
        ask = partial(
            Ask,
            dispatch=self._dispatch,
            who=who,
            profile=profile,
            path=scope["path_params"],
            query=query,
            body=body,
            raw=raw,
        )

        async def work(order_id: str, request: str) -> Rendered:
            return _rendered(operation, await operation.handler(ask(order_id=order_id, request=request)))

        key = headers.get(idempotency.HEADER) if operation.is_command else None
        if key is None:
            answer = await work(idempotency.draw(), "")
        else:
            said = idempotency.digest(msgspec.to_builtins(query), raw)
            route = f"{operation.method} {scope['path']}"
            answer = await self._once.run(who.actor, route, idempotency.checked(key), said, work)
        return answer.response({"Cache-Control": "no-store"})


async def _body(operation: Operation, scope: Scope, receive: Receive) -> tuple[Any, Any]:
    """The document and its struct; a body may be absent where every field may."""
    if operation.body is None:
        return None, None
    encoded = await read_body(scope, receive, operation.most_bytes)
    if len(encoded) > LONG_BYTES:
        return await asyncio.to_thread(_checked, operation, encoded)
    return _checked(operation, encoded)


def _checked(operation: Operation, encoded: bytes) -> tuple[Any, Any]:
    raw = {} if not encoded and not _needs_body(operation.body) else parse(encoded)
    return raw, convert(raw, operation.body)


def _needs_body(form: type[msgspec.Struct]) -> bool:
    return any(field.required for field in msgspec.structs.fields(form))


def _check_ids(operation: Operation, path: Mapping[str, str]) -> None:
    """What is no id names nothing, and nothing can be put under it."""
    for name, text in path.items():
        if not ID_PATTERN.fullmatch(text):
            if operation.method == "PUT":
                raise invalid(name, "must match [A-Za-z0-9._:-]{1,64}")
            raise Refused(Code.NOT_FOUND, "there is nothing of this id")


def _rendered(operation: Operation, value: object) -> Rendered:
    final = not isinstance(value, Passing)
    value = value.value if isinstance(value, Passing) else value
    if operation.status == HTTPStatus.NO_CONTENT:
        return Rendered(operation.status, b"", final)
    return Rendered(operation.status, orjson.dumps(value, default=msgspec.to_builtins), final)
