"""The pages for people: which address gives which file, and `settings.json`, what a page must be told of a deployment.

Owns the headers that confine a page, caching, and where a page finds the stream. Reads no environment; knows nothing of
what a page does. Invariants: whatever is served bears the whole policy, and nothing a client sent stands in a header
before it was found to be a plain host.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from admin_api.page_files import PAGES, PageFile, PageFiles

ROOT = "/console"
ASSETS = ROOT + "/{path:path}"
SETTINGS = "settings.json"
FIRST = ROOT + "/login"
STREAM_PATH = "/v1/stream"

Crs = Literal["wgs84", "gcj02"]

_HOST = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": ", ".join(
        [f"{each}=(self)" for each in ("camera", "geolocation", "microphone", "screen-wake-lock")]
        + [
            f"{each}=()"
            for each in (
                "accelerometer",
                "display-capture",
                "encrypted-media",
                "gyroscope",
                "hid",
                "magnetometer",
                "midi",
                "payment",
                "serial",
                "usb",
                "xr-spatial-tracking",
            )
        ]
    ),
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class Tiles:
    """Of the map. `attribution` is plain text; `crs` is what the tiles were drawn in."""

    url: str
    attribution: str = ""
    crs: Crs = "wgs84"


@dataclass(frozen=True, slots=True)
class ConsoleTerms:
    """What a deployment says of the pages. `stream_url` is '' where it follows from the request, `sounds_url` where the
    addresses of voice notes do."""

    stream_url: str = ""
    sounds_url: str = ""
    tiles: Tiles | None = None


class Console:
    """`stream_port` is where the stream is, on the host that the pages come from."""

    def __init__(self, folder: Path, terms: ConsoleTerms, stream_port: int) -> None:
        self._files = PageFiles(folder)
        self._terms = terms
        self._stream_port = stream_port

    def routes(self) -> list[BaseRoute]:
        return [*(Route(path, _to_login) for path in ("/", ROOT, ROOT + "/")), Route(ASSETS, self._serve)]

    async def _serve(self, request: Request) -> Response:
        path = request.path_params["path"]
        policy = self._policy(request)
        headers = {**_HEADERS, "Content-Security-Policy": policy}
        if path == SETTINGS:
            return _told(request, headers, "application/json", self._settings(request, policy))
        file = self._files.find(PAGES.get(path, path))
        if file is None or file.address != path:
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such page or file")
        return _told(request, headers, file.media, file.body, file)

    def _settings(self, request: Request, policy: str) -> bytes:
        """An installed page keeps its policy with its files, so another policy is another version."""
        files = self._files.all()
        version = hashlib.sha256(f"{self._files.version(files)} {policy}".encode())
        return orjson.dumps(
            {
                "stream": self._stream(request),
                "tiles": asdict(self._terms.tiles) if self._terms.tiles else None,
                "version": version.hexdigest()[:16],
                "files": [f"{ROOT}/{each.address}" for each in files if each.of_the_shell],
            }
        )

    def _stream(self, request: Request) -> str:
        """Over https there is a proxy in front, for we speak no TLS: it has the stream on the pages' own origin."""
        if self._terms.stream_url:
            return self._terms.stream_url
        host, port = _host(request)
        if request.url.scheme == "https":
            return f"wss://{host}{port}{STREAM_PATH}"
        return f"ws://{host}:{self._stream_port}{STREAM_PATH}"

    def _policy(self, request: Request) -> str:
        images = f" {origin(self._terms.tiles.url)}" if self._terms.tiles else ""
        sounds = f" {origin(self._terms.sounds_url)}" if self._terms.sounds_url else ""
        return "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                f"img-src 'self' data:{images}",
                f"connect-src 'self' {origin(self._stream(request))}",
                f"media-src 'self' blob:{sounds}",
                "manifest-src 'self'",
                "worker-src 'self'",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
            )
        )


def origin(url: str) -> str:
    """Of an address that was checked."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def is_host(netloc: str) -> bool:
    """A host name or an address, with or without a port, and nothing else: it may stand in a policy."""
    match = _HOST.fullmatch(netloc)
    return match is not None and (match[2] is None or 0 < int(match[2][1:]) <= 65535)


async def _to_login(request: Request) -> RedirectResponse:
    return RedirectResponse(FIRST)


def _host(request: Request) -> tuple[str, str]:
    """As the client named us: the host, and `:port` or nothing."""
    said = request.headers.get("host", "")
    match = _HOST.fullmatch(said)
    if match is None or not is_host(said):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the header Host names no host")
    return match[1], match[2] or ""


def _told(request: Request, headers: dict[str, str], media: str, body: bytes, file: PageFile | None = None) -> Response:
    """Compressed where that was prepared and is wanted; 304 where the asker has it already; no body to a HEAD."""
    digest = file.digest if file else hashlib.sha256(body).hexdigest()[:32]
    if file is not None and file.zipped is not None:
        headers["Vary"] = "Accept-Encoding"
        if _takes_gzip(request.headers.get("accept-encoding", "")):
            headers["Content-Encoding"], body, digest = "gzip", file.zipped, f"{digest}-gzip"
    headers["ETag"] = f'"{digest}"'
    if _is_known(request.headers.get("if-none-match", ""), digest):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers["Content-Length"] = str(len(body))
    return Response(b"" if request.method == "HEAD" else body, headers=headers, media_type=media)


def _takes_gzip(accepted: str) -> bool:
    for part in accepted.split(","):
        name, _, weight = part.strip().lower().partition(";")
        if name.strip() == "gzip":
            return not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight)
    return False


def _is_known(given: str, digest: str) -> bool:
    """RFC 9110 §13.1.2, compared weakly: a proxy may have made our tag a weak one."""
    return any(part.strip().removeprefix("W/") in ("*", f'"{digest}"') for part in given.split(","))
