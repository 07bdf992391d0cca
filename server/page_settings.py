"""What a deployment says of the pages: where they find the stream and voice notes, and the tiles of their map.

Pure. Knows nothing of what the values do. Invariant: what is returned may stand in a page's Content-Security-Policy as
it is; a wrong value has named itself (`PageFault`).
"""

import re
from collections.abc import Mapping
from typing import cast, get_args
from urllib.parse import SplitResult, urlsplit

from admin_api.console import ConsoleTerms, Crs, Tiles, is_host

STREAM_URL = "DISPATCH_STREAM_URL"
TILES_URL = "DISPATCH_TILES_URL"
TILES_ATTRIBUTION = "DISPATCH_TILES_ATTRIBUTION"
TILES_CRS = "DISPATCH_TILES_CRS"
MOST_CHARACTERS = 200
_HOLES = ("{z}", "{x}", "{y}")


class PageFault(Exception):
    """One line that says which variable is wrong and what would be right."""


def terms(env: Mapping[str, str], sounds_url: str) -> ConsoleTerms:
    """`sounds_url` is where the addresses of voice notes begin, as `voice_settings` has it. Raises PageFault."""
    return ConsoleTerms(
        stream_url=_stream_url(env.get(STREAM_URL, "")),
        sounds_url=sounds_url,
        tiles=_tiles(env),
    )


def _stream_url(url: str) -> str:
    parts = _split(url)
    if url and (parts is None or parts.scheme not in ("ws", "wss") or not parts.path or parts.query or parts.fragment):
        raise PageFault(f"{STREAM_URL} must be an address like wss://dispatch.example.com/v1/stream, not {url!r}")
    return url


def _tiles(env: Mapping[str, str]) -> Tiles | None:
    url = env.get(TILES_URL, "")
    if not url:
        for name in (TILES_ATTRIBUTION, TILES_CRS):
            if env.get(name):
                raise PageFault(f"{name} does nothing without {TILES_URL}")
        return None
    return Tiles(_tiles_url(url), _attribution(env.get(TILES_ATTRIBUTION, "")), _crs(env.get(TILES_CRS, "") or "wgs84"))


def _tiles_url(url: str) -> str:
    parts = _split(url)
    holes = sorted(re.findall(r"\{[^}]*\}?|\}", url))
    if parts is None or parts.scheme not in ("http", "https") or parts.fragment or holes != sorted(_HOLES):
        raise PageFault(
            f"{TILES_URL} must be an address like https://tiles.example.com/{{z}}/{{x}}/{{y}}.png, not {url!r}"
        )
    return url


def _split(url: str) -> SplitResult | None:
    """None where it is no address, names credentials, or holds what a header must not."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts if is_host(parts.netloc) else None


def _attribution(text: str) -> str:
    if len(text) > MOST_CHARACTERS or not text.isprintable():
        raise PageFault(f"{TILES_ATTRIBUTION} must be one line of plain text, at most {MOST_CHARACTERS} characters")
    return text


def _crs(text: str) -> Crs:
    if text not in get_args(Crs):
        raise PageFault(f"{TILES_CRS} must be {' or '.join(get_args(Crs))}, not {text!r}")
    return cast(Crs, text)
