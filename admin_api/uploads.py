"""Bodies of the type multipart/form-data: a file and a document beside it, taken apart while they arrive.

Owns how parts are told apart, how many uploads a process takes at a time, and how long one may last. Knows no sound
and no order. Invariants: of a file no more than a piece is in memory; what is refused, is so before the rest is read.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple

from multipart import (  # type: ignore[import-untyped]  # it bears no types
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from admin_api.problems import NotParseable
from admin_api.reading import too_large
from dispatch.errors import Code, Refused, Unavailable, invalid
from dispatch.voice.notes import Notes
from dispatch.voice.spool import Spool

MEDIA = "multipart/form-data"
AT_ONCE = 64
"""Uploads of a process, from the first byte to the answer. TCP holds the others back: they cost a socket's buffer."""
MOST_OF_ONE = 4
"""Of these, of one party: so no single one can keep the others out."""
MOST_SECONDS = 120.0
"""For the bytes to arrive."""
SILENT_SECONDS = 15.0
"""Without any of them: a client that is gone without a word must not keep its place."""
MOST_DOCUMENT_BYTES = 64 * 1024
_FRAME_BYTES = 64 * 1024
"""For boundaries and the headers of parts."""
_PIECE_BYTES = 64 * 1024
_MOST_NAME = 200
_BOUNDARY = re.compile(r"[\x20-\x7e]{0,69}[\x21-\x7e]")


class Parts(NamedTuple):
    """The names of what a body consists of; `document` is JSON, and there may be none."""

    file: str
    document: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return (self.file,) if self.document is None else (self.file, self.document)


class Upload(NamedTuple):
    document: bytes
    spool: Spool


class Uploads:
    """Those of one process."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._places = asyncio.Semaphore(AT_ONCE)
        self._of_one: Counter[str] = Counter()

    @asynccontextmanager
    async def arriving(
        self, parts: Parts, scope: Scope, receive: Receive, party: str | None = None
    ) -> AsyncIterator[Upload]:
        """What arrived, whole, for as long as the block lasts. `party`: of whom no more than a few are taken at a time;
        None: one who uploads for many. Raises Refused, Unavailable, ClientDisconnect."""
        headers = Headers(scope=scope)
        boundary = _boundary(headers.get("content-type", ""))
        most_bytes = self._notes.terms.most_bytes + MOST_DOCUMENT_BYTES + _FRAME_BYTES
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > most_bytes:
            raise too_large(most_bytes)
        with self._counted(party):
            async with self._places, self._notes.spool() as spool:
                body = _Body(parts, boundary, spool.write)
                await _read(receive, body, most_bytes)
                yield Upload(body.end(), spool)

    @contextmanager
    def _counted(self, party: str | None) -> Iterator[None]:
        if party is None:
            yield
            return
        if self._of_one[party] >= MOST_OF_ONE:
            raise Refused(Code.RATE_LIMITED, f"{MOST_OF_ONE} uploads of yours are under way: wait", retryable=True)
        self._of_one[party] += 1
        try:
            yield
        finally:
            self._of_one[party] -= 1
            if not self._of_one[party]:
                del self._of_one[party]


def _boundary(content_type: str) -> str:
    media, options = parse_options_header(content_type)
    boundary: str = options.get("boundary", "")
    if media != MEDIA or not _BOUNDARY.fullmatch(boundary):
        raise NotParseable(f"Content-Type must be {MEDIA} with a boundary")
    return boundary


async def _read(receive: Receive, body: "_Body", most_bytes: int) -> None:
    arrived = 0
    try:
        async with asyncio.timeout(MOST_SECONDS):
            while True:
                async with asyncio.timeout(SILENT_SECONDS):
                    message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunk = message.get("body", b"")
                arrived += len(chunk)
                if arrived > most_bytes:
                    raise too_large(most_bytes)
                for start in range(0, len(chunk), _PIECE_BYTES):
                    body.feed(chunk[start : start + _PIECE_BYTES])
                if not message.get("more_body", False):
                    return
    except TimeoutError as exc:
        raise Unavailable("the body did not arrive in time") from exc


class _Body:
    """Without I/O of its own: `keep` gets the file's bytes. Everything raises Refused.

    `keep` may write to the disk without leaving the loop: 64 KiB into the page cache cost less than to hand them to
    a thread.
    """

    def __init__(self, parts: Parts, boundary: str, keep: Callable[[bytes], object]) -> None:
        self._parser = PushMultipartParser(boundary)
        self._parts = parts
        self._keep = keep
        self._seen: list[str] = []
        self._document = bytearray()

    def feed(self, piece: bytes) -> None:
        try:
            for event in self._parser.parse(piece):
                if isinstance(event, MultipartSegment):
                    self._begin(event.name or "")
                elif event is not None:
                    self._take(event)
        except MultipartError as exc:
            raise _malformed(exc) from exc

    def end(self) -> bytes:
        """The document."""
        try:
            self._parser.close()
        except MultipartError as exc:
            raise _malformed(exc) from exc
        for name in self._parts.names:
            if name not in self._seen:
                raise invalid(name, "is required")
        return bytes(self._document)

    def _begin(self, name: str) -> None:
        if not name:
            raise NotParseable("a part of the body has no name")
        if name not in self._parts.names:
            raise invalid(name[:_MOST_NAME], "is not a known part")
        if name in self._seen:
            raise invalid(name, "is given twice")
        self._seen.append(name)

    def _take(self, piece: bytes | bytearray) -> None:
        if self._seen[-1] == self._parts.file:
            self._keep(bytes(piece))
            return
        self._document += piece
        if len(self._document) > MOST_DOCUMENT_BYTES:
            raise too_large(MOST_DOCUMENT_BYTES, f"{self._seen[-1]}:")


def _malformed(exc: MultipartError) -> NotParseable:
    return NotParseable(f"the body is no {MEDIA}: {exc.args[0]}")


# --- the same in the words of OpenAPI -----------------------------------------------------------------


def told(parts: Parts, document: Mapping[str, Any] | None, example: object) -> dict[str, Any]:
    """`document` is the schema of that part, `example` one of it."""
    properties: dict[str, Any] = {parts.file: {"type": "string", "contentMediaType": "application/octet-stream"}}
    shown: dict[str, Any] = {parts.file: f"the bytes of the {parts.file}"}
    encoding: dict[str, Any] = {}
    if parts.document is not None:
        properties[parts.document] = document
        shown[parts.document] = example
        encoding[parts.document] = {"contentType": "application/json"}
    form = {"type": "object", "properties": properties, "required": [*parts.names], "additionalProperties": False}
    content: dict[str, Any] = {"schema": form, "example": shown}
    return {"required": True, "content": {MEDIA: content | ({"encoding": encoding} if encoding else {})}}
