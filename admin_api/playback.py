"""An answer that is played: sent in pieces as they come from the storage, whole or in part.

Owns the headers that such an answer bears. Knows not who may listen. Invariants: no more than a piece of it is in
memory; nothing between us and the listener keeps it, and no browser takes it for anything but sound.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from admin_api.problems import OutOfRange
from admin_api.ranges import BehindTheEnd, Span, has_already, span, wants_span
from dispatch.errors import DispatchError
from dispatch.voice.playback import Audio

log = structlog.get_logger()
_FIXED: Mapping[str, str] = {
    "Accept-Ranges": "bytes",
    # Whether he may listen is judged at each request; what a phone kept would outlive his right.
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox",
}


class Playback:
    """An ASGI application that answers one request. Raises Refused (416), and Unavailable before the answer began."""

    def __init__(self, audio: Audio) -> None:
        self._audio = audio

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked, tag = Headers(scope=scope), f'"{self._audio.sha256}"'
        headers = {**_FIXED, "ETag": tag}
        if has_already(asked.get("if-none-match"), tag):
            await Response(None, HTTPStatus.NOT_MODIFIED, headers)(scope, receive, send)
            return
        headers["Content-Disposition"] = f'inline; filename="{self._audio.filename}"'
        part = self._part(scope["method"], asked, tag)
        start, end = part or Span(0, self._audio.size)
        headers["Content-Length"] = str(end - start)
        if part is not None:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{self._audio.size}"
        status = HTTPStatus.OK if part is None else HTTPStatus.PARTIAL_CONTENT
        if scope["method"] == "HEAD":
            await Response(None, status, headers, self._audio.mime)(scope, receive, send)
        else:
            await self._play(start, end, status, headers, send)

    def _part(self, method: str, asked: Headers, tag: str) -> Span | None:
        if method != "GET" or not wants_span(asked.get("if-range"), tag):
            return None
        try:
            return span(asked.get("range"), self._audio.size)
        except BehindTheEnd as exc:
            raise OutOfRange(self._audio.size) from exc

    async def _play(self, start: int, end: int, status: int, headers: Mapping[str, str], send: Send) -> None:
        pieces = self._audio.read(start, end)
        first = await anext(pieces)  # before the head: a storage that is away is a clear answer
        head = MutableHeaders({**headers, "Content-Type": self._audio.mime})
        await send({"type": "http.response.start", "status": int(status), "headers": head.raw})
        await send({"type": "http.response.body", "body": first, "more_body": True})
        try:
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except DispatchError as exc:
            log.warning("playback_cut_off", error=exc.message)
            return  # without an end: the connection is closed, so the listener knows that something is missing
        await send({"type": "http.response.body", "body": b"", "more_body": False})


# --- the same in the words of OpenAPI -----------------------------------------------------------------


def told(media: Sequence[str]) -> dict[str, Any]:
    """The good answers; what is sent is no JSON and has no schema."""
    content: dict[str, Any] = {each: {} for each in media}
    tag, ranges = _header("Of these bytes, for If-None-Match and If-Range"), _header("bytes")
    whole = {"ETag": tag, "Accept-Ranges": ranges, "Content-Disposition": _header("A name made by the server")}
    place = {"Content-Range": _header("Which bytes these are, of how many")}
    return {
        "200": {"description": "The whole", "headers": whole, "content": content},
        "206": {"description": "The part that Range asked for", "headers": whole | place, "content": content},
        "304": {"description": "What If-None-Match names is still what it is", "headers": {"ETag": tag}},
    }


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "required": True, "schema": {"type": "string"}}
