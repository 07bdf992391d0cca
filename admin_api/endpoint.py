"""The way of every request: who asks, may he, what does he say, once, answer.

Owns the order of these steps. Knows no noun. Invariant: a handler sees a verified identity of an allowed role,
an agent that an operator has put, and values of the forms that its operation declares.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import orjson
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from admin_api import idempotency
from admin_api.auth import identify
from admin_api.idempotency import Once
from admin_api.paging import Query
from admin_api.playback import Playback
from admin_api.problems import Rendered
from admin_api.reading import MOST_BYTES, convert, parse, read_body, read_query
from admin_api.uploads import Parts, Uploads
from dispatch.access import require_role
from dispatch.assembly import Dispatch
from dispatch.clock import now_ms
from dispatch.errors import Code, Refused, invalid
from dispatch.identity import AGENTS, ID_PATTERN, Identity, Role
from dispatch.reader import Reader
from dispatch.records.agents import Agent
from dispatch.voice.spool import Spool
from geo.crs import Crs

Q_co = TypeVar("Q_co", bound=Query, covariant=True)
B_co = TypeVar("B_co", covariant=True)
LONG_BYTES = 64 * 1024
"""Longer bodies are checked beside the loop: a region's outline takes a tenth of a second."""
ROLE = "dispatch.role"
"""The scope's key under which the log finds who asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Generic[Q_co, B_co]):
    """One request, as a handler sees it. `raw` is the body as decoded; `request` is '' without a key; `asker` is None
    only where a signed address may stand for a token."""

    dispatch: Dispatch
    asker: Identity | None
    profile: Agent | None
    path: Mapping[str, str]
    query: Q_co
    body: B_co
    raw: Any
    upload: Spool | None
    order_id: str
    request: str

    @property
    def who(self) -> Identity:
        assert self.asker is not None
        return self.asker

    @property
    def crs(self) -> Crs:
        return self.query.crs

    @property
    def reader(self) -> Reader:
        """The asker, now."""
        return Reader(self.crs, self.who.actor, self.dispatch.links, now_ms())

    @property
    def agent(self) -> Agent:
        """Of operations that only agents may use."""
        assert self.profile is not None
        return self.profile

    @property
    def spool(self) -> Spool:
        """Of operations with an upload: what arrived, as long as the handler runs."""
        assert self.upload is not None
        return self.upload


class _Said(NamedTuple):
    """What a request's body says: `raw` as it counts for an idempotency key, `body` of the operation's form."""

    raw: Any
    body: Any
    spool: Spool | None = None


class Passing(NamedTuple):
    """A handler's answer that is not the last word: it is not remembered for the key."""

    value: object


Handler = Callable[[Any], Awaitable[Any]]
"""Takes an `Ask` of the operation's forms; returns what is sent as JSON, or the `Audio` that is played."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One line of PROTOCOL §5, for the router and for the OpenAPI document alike.

    `answer` names the forms an answer may have; none: 204 without content. `example` is one of the body,
    `answer_example` of the answer where that of its form says too little. `conflicts`: it may be refused with 409,
    as every command may. `parts`: the body is a form with a file, and `body` is what its document says. `media`: the
    answer is played, the handler returns an `Audio`. `signed`: a signed address may stand for the token; the handler
    sees to it.
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
    parts: Parts | None = None
    media: Sequence[str] = ()
    signed: bool = False

    @property
    def is_command(self) -> bool:
        return self.method == "POST"


class Resource:
    """One path with its operations: an ASGI application behind a route."""

    def __init__(self, dispatch: Dispatch, uploads: Uploads, operations: Sequence[Operation]) -> None:
        self._dispatch = dispatch
        self._uploads = uploads
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

    async def _answer(self, operation: Operation, scope: Scope, receive: Receive) -> ASGIApp:
        headers = Headers(scope=scope)
        asker = self._asker(operation, headers)
        if asker is not None:
            scope[ROLE] = asker.role.value
            require_role(asker, *operation.roles)
        _check_ids(operation, scope["path_params"])
        profile = await self._dispatch.people.profile(asker) if asker and asker.role in AGENTS else None
        query = read_query(scope["query_string"], operation.query)
        async with self._said(operation, asker, scope, receive) as said:
            ask: Ask[Any, Any] = Ask(
                dispatch=self._dispatch,
                asker=asker,
                profile=profile,
                path=scope["path_params"],
                query=query,
                body=said.body,
                raw=said.raw,
                upload=said.spool,
                order_id="",
                request="",
            )
            if operation.media:
                return Playback(await operation.handler(ask))
            answer = await self._done(operation, f"{operation.method} {scope['path']}", headers, ask)
        return answer.response({"Cache-Control": "no-store"})

    def _asker(self, operation: Operation, headers: Headers) -> Identity | None:
        if operation.signed and "authorization" not in headers:
            return None
        return identify(headers, self._dispatch.verifier)

    @asynccontextmanager
    async def _said(
        self, operation: Operation, asker: Identity | None, scope: Scope, receive: Receive
    ) -> AsyncIterator[_Said]:
        if operation.parts is None:
            yield await _body(operation, scope, receive)
            return
        party = None if asker is None or asker.role is Role.SERVICE else asker.actor
        async with self._uploads.arriving(operation.parts, scope, receive, party) as upload:
            said = _Said(None, None) if operation.body is None else _checked(operation, upload.document)
            yield _Said([said.raw, upload.spool.sha256], said.body, upload.spool)

    async def _done(self, operation: Operation, route: str, headers: Headers, ask: Ask[Any, Any]) -> Rendered:
        """The answer: with a key, that of its first request."""

        async def work(order_id: str, request: str) -> Rendered:
            return _rendered(operation, await operation.handler(replace(ask, order_id=order_id, request=request)))

        key = headers.get(idempotency.HEADER) if operation.is_command else None
        if key is None:
            return await work(idempotency.draw(), "")
        said = idempotency.digest(msgspec.to_builtins(ask.query), ask.raw)
        return await self._once.run(ask.who.actor, route, idempotency.checked(key), said, work)


async def _body(operation: Operation, scope: Scope, receive: Receive) -> _Said:
    """The document and its struct; a body may be absent where every field may."""
    if operation.body is None:
        return _Said(None, None)
    encoded = await read_body(scope, receive, operation.most_bytes)
    if len(encoded) > LONG_BYTES:
        return await asyncio.to_thread(_checked, operation, encoded)
    return _checked(operation, encoded)


def _checked(operation: Operation, encoded: bytes) -> _Said:
    raw = {} if not encoded and not _needs_body(operation.body) else parse(encoded)
    return _Said(raw, convert(raw, operation.body))


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
