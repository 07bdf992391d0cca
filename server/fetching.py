"""One small document by HTTP, with every limit that a fetch from elsewhere needs.

Blocking: for a thread. Knows nothing of what it fetches. Invariant: it ends soon after its time is up, keeps no
more than it was told to, and goes to no other place than it was sent to (a redirect is a fault).
"""

import http.client
import time
import urllib.request
from typing import Any
from urllib.error import HTTPError, URLError

from server.key_forms import KeysFault

_CHUNK = 64 * 1024


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *said: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def fetch(url: str, within_s: float, most_bytes: int) -> bytes:
    """Raises KeysFault; what it says holds nothing of the URL."""
    deadline = time.monotonic() + within_s
    request = urllib.request.Request(url, headers={"Accept": "application/jwk-set+json, application/json"})
    try:
        with _OPENER.open(request, timeout=within_s) as answer:
            return _read(answer, deadline, most_bytes)
    except HTTPError as exc:
        exc.close()
        raise KeysFault(f"the answer was HTTP {exc.code}") from exc
    except URLError as exc:
        raise KeysFault(f"the server can not be reached: {_why(exc.reason)}") from exc
    except (OSError, http.client.HTTPException, ValueError) as exc:
        raise KeysFault(f"the answer could not be read: {_why(exc)}") from exc


def _read(answer: http.client.HTTPResponse, deadline: float, most_bytes: int) -> bytes:
    body = bytearray()
    while chunk := answer.read1(_CHUNK):
        body += chunk
        if len(body) > most_bytes:
            raise KeysFault(f"the answer is larger than {most_bytes} bytes")
        if time.monotonic() > deadline:
            raise KeysFault("the answer took too long")
    return bytes(body)


def _why(exc: BaseException | str) -> str:
    return getattr(exc, "strerror", None) or type(exc).__name__
