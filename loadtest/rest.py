"""The HTTP half of PROTOCOL §5: one connection pool, tokens of several people, safe repetition.

Owns retries and the reading of problem documents. Knows nothing of what a route means. Invariant: a request
is repeated only where that is safe: each POST bears an `Idempotency-Key`, the same one in each repetition,
and a caller who wants to repeat a whole command later passes his own.
"""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin

import httpx
import orjson

from loadtest.wire import Refused, Unavailable, full_jitter

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
PAGE = 200
JSON = "application/json"


class Http:
    """`await http.get("/v1/orders")`; `http.bearing(token)` speaks for somebody else on the same pool."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        patience_seconds: float = 30.0,
        connections: int = 32,
        transport: httpx.AsyncBaseTransport | None = None,
        draw: Callable[[], float] = random.random,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._patience_seconds = patience_seconds
        self._draw = draw
        self._client = client or httpx.AsyncClient(
            timeout=httpx.Timeout(10.0, pool=60.0),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=False,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.aclose()

    def bearing(self, token: str) -> "Http":
        """The same pool with another's token; only the first of them is to be closed."""
        return Http(self.url, token, patience_seconds=self._patience_seconds, draw=self._draw, client=self._client)

    async def get(self, path: str, **params: str | int) -> Any:
        return await self.request("GET", path, params=params)

    async def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None) -> Any:
        return await self.request("POST", path, body=body or {}, key=key or uuid.uuid4().hex)

    async def post_content(self, path: str, content: bytes, media: str, *, key: str | None = None) -> Any:
        """What is no JSON, as it stands."""
        return await self._patiently("POST", path, content, None, self._headers(media, key or uuid.uuid4().hex))

    async def put(self, path: str, body: Mapping[str, Any]) -> Any:
        return await self.request("PUT", path, body=body)

    async def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return await self.request("PATCH", path, body=body)

    async def delete(self, path: str) -> Any:
        return await self.request("DELETE", path)

    async def pages(self, path: str, **params: str | int) -> AsyncIterator[Any]:
        """Every item of a list, page after page."""
        cursor: str | None = None
        while True:
            page = await self.get(path, limit=PAGE, **params, **({} if cursor is None else {"cursor": cursor}))
            for item in page["items"]:
                yield item
            cursor = page.get("next")
            if cursor is None:
                return

    async def fetch(
        self, url: str, *, method: str = "GET", with_token: bool = True, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """The whole answer to one asking, whatever its status. `url` may be of another host."""
        own = self._headers(None, None) if with_token else {}
        try:
            return await self._client.request(method, urljoin(self.url, url), headers=own | dict(headers or {}))
        except httpx.TransportError as exc:
            raise _lost(method, url, exc) from exc

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str | int] | None = None,
        key: str | None = None,
    ) -> Any:
        """The decoded answer; `Refused` with the problem's code, or `Unavailable` when patience ran out."""
        content = None if body is None else orjson.dumps(body)
        headers = self._headers(None if content is None else JSON, key)
        return await self._patiently(method, path, content, params, headers)

    async def _patiently(
        self,
        method: str,
        path: str,
        content: bytes | None,
        params: Mapping[str, str | int] | None,
        headers: Mapping[str, str],
    ) -> Any:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_seconds
        for attempt in range(1_000_000):
            try:
                return await self._once(method, path, content, params, headers)
            except (Unavailable, Refused) as exc:
                if isinstance(exc, Refused) and not exc.retryable:
                    raise
                pause = full_jitter(attempt, self._draw(), FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
                if loop.time() + pause > deadline:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("patience is finite")

    async def _once(
        self,
        method: str,
        path: str,
        content: bytes | None,
        params: Mapping[str, str | int] | None,
        headers: Mapping[str, str],
    ) -> Any:
        try:
            answer = await self._client.request(
                method, self.url + path, content=content, params=params or None, headers=headers
            )
        except httpx.TransportError as exc:
            raise _lost(method, path, exc) from exc
        if answer.status_code >= 500:
            text = f"{method} {path}: HTTP {answer.status_code} {answer.text[:300]}"
            raise Unavailable(text, status=answer.status_code)
        if answer.status_code >= 400:
            raise problem(answer.status_code, answer.content)
        return orjson.loads(answer.content) if answer.content else None

    def _headers(self, media: str | None, key: str | None) -> dict[str, str]:
        headers = {} if self._token is None else {"Authorization": f"Bearer {self._token}"}
        if media is not None:
            headers["Content-Type"] = media
        if key is not None:
            headers["Idempotency-Key"] = key
        return headers


def _lost(method: str, path: str, exc: httpx.TransportError) -> Unavailable:
    return Unavailable(f"{method} {path}: {type(exc).__name__} {exc}")


def problem(status: int, content: bytes) -> Refused:
    """A problem document as a `Refused`; an answer that is none is `internal`: a fault of the server's."""
    try:
        told = orjson.loads(content)
        code = told["code"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return Refused("internal", f"HTTP {status} without a problem document: {content[:200]!r}", status=status)
    paths = tuple(str(each.get("path")) for each in told.get("errors") or ())
    detail = str(told.get("detail") or told.get("title") or "")
    return Refused(code, detail, status=status, retryable=bool(told.get("retryable")), paths=paths)
