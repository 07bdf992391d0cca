"""Addresses of voice notes: signed, bound to one note and one reader, good for five minutes.

Pure. Knows neither notes nor who may listen: a good address says who asks and that we gave it to him not long ago,
his right is checked beside it. Invariant: no address counts for another note, another reader or a later end than it
was made for; how long a refusal takes tells nothing of the signature.
"""

import base64
import hashlib
import hmac
from typing import Final
from urllib.parse import urlencode

from dispatch.errors import Code, Refused

KEY_BYTES: Final = 32
LIFE_MS: Final = 5 * 60 * 1000


class Links:
    """`reader` is an actor, as events name him: `customer:c-9`. All nodes of a deployment share the key."""

    def __init__(self, key: bytes, base_url: str = "") -> None:
        if len(key) < KEY_BYTES:
            raise ValueError(f"the key has less than {KEY_BYTES} bytes")
        self._keyed = hmac.new(key, digestmod=hashlib.sha256)
        self._base_url = base_url.rstrip("/")

    def url(self, note_id: str, reader: str, now_ms: int) -> str:
        """Where this reader hears the note, from now on for five minutes."""
        until_at = now_ms + LIFE_MS
        signature = self._signature(note_id, reader, until_at).decode()
        query = urlencode({"reader": reader, "until": until_at, "signature": signature}, safe=":")
        return f"{self._base_url}/v1/voice-notes/{note_id}?{query}"

    def check(self, note_id: str, reader: str, until_at: int, signature: str, now_ms: int) -> None:
        """Raises Refused (forbidden)."""
        given = signature.encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._signature(note_id, reader, until_at)):
            raise Refused(Code.FORBIDDEN, "the address of the note is not one of ours")
        if now_ms >= until_at:
            raise Refused(Code.FORBIDDEN, "the address of the note has run out; the next message brings another")

    def _signature(self, note_id: str, reader: str, until_at: int) -> bytes:
        keyed = self._keyed.copy()
        # None of the parts that we sign holds a line's end, so no other three make the same text.
        keyed.update(f"voice-note\n{note_id}\n{reader}\n{until_at}".encode("utf-8", "replace"))
        return base64.urlsafe_b64encode(keyed.digest()).rstrip(b"=")
