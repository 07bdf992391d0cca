"""How a person without an account comes into the pages: a link that bears his token, and a picture of it to scan.

Pure. Knows no claims. Invariant: the token stands behind the `#`, which no browser sends and no server logs.
"""

import io
from urllib.parse import urlsplit

import segno

from admin_api.console import FIRST, is_host


class LinkFault(Exception):
    """One line that says what is wrong with the command."""


def login_link(root: str, token: str) -> str:
    """`root` is where the pages are, as `http://host:8000`. Raises LinkFault."""
    address = root.rstrip("/")
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if (
        parts.scheme not in ("http", "https")
        or address != f"{parts.scheme}://{parts.netloc}"
        or not is_host(parts.netloc)
    ):
        raise LinkFault(f"--url must be the root of HTTP, like https://dispatch.example.com, not {root!r}")
    return f"{address}{FIRST}#token={token}"


def picture(text: str) -> str:
    """A QR code out of half blocks, two modules a character, light ones drawn: for a terminal that is dark.
    Raises LinkFault."""
    try:
        code = segno.make_qr(text, error="l")
    except segno.DataOverflowError as exc:
        raise LinkFault("--qr: the token has too many regions for a QR code") from exc
    out = io.StringIO()
    code.terminal(out, compact=True)
    return out.getvalue().rstrip("\n")
