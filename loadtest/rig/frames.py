"""WebSocket framing by hand (RFC 6455), for both ends: as little as a frame can cost in Python.

Owns bytes only: the upgrade, masks, lengths, joining what comes in pieces. Knows no sockets and no messages.
Takes whole messages only: neither the server nor the clients here send fragments; a fragment is a fault.
"""

import base64
import hashlib
import os
from typing import Final

TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FIN: Final = 0x80
_MASKED: Final = 0x80
HEAD_END: Final = b"\r\n\r\n"

Frame = tuple[int, bytes]
"""Opcode and payload."""


class FramingFault(Exception):
    """The other side does not keep to what both ends here agree on."""


def upgrade(host: str, path: str, subprotocol: str | None) -> bytes:
    """The request of a client."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
    ]  # fmt: skip
    if subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def acceptance(head: bytes) -> bytes:
    """The server's answer to a request's head."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"sec-websocket-key":
            accept = base64.b64encode(hashlib.sha1(value.strip() + _GUID, usedforsecurity=False).digest())
            return (
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
    raise FramingFault("no Sec-WebSocket-Key")


def plain(payload: bytes, opcode: int = TEXT) -> bytes:
    """A frame as a server sends it."""
    return _head(opcode, len(payload), 0) + payload


def masked(payload: bytes, mask: bytes, opcode: int = TEXT) -> bytes:
    """A frame as a client sends it."""
    return _head(opcode, len(payload), _MASKED) + mask + xor(payload, mask)


def xor(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")


def _head(opcode: int, size: int, flag: int) -> bytes:
    if size < 126:
        return bytes((_FIN | opcode, flag | size))
    if size < 65536:
        return bytes((_FIN | opcode, flag | 126)) + size.to_bytes(2, "big")
    return bytes((_FIN | opcode, flag | 127)) + size.to_bytes(8, "big")


class Joiner:
    """Frames out of a stream of bytes; `feed` returns those that are whole."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = b""

    def feed(self, received: bytes) -> list[Frame]:
        if self._left:
            received = self._left + received
        frames: list[Frame] = []
        at, end = 0, len(received)
        while end - at >= 2:
            first, second = received[at], received[at + 1]
            start, size = at + 2, second & 0x7F
            if size > 125:
                width = 2 if size == 126 else 8
                if end - start < width:
                    break
                size = int.from_bytes(received[start : start + width], "big")
                start += width
            if second & _MASKED:
                mask, start = received[start : start + 4], start + 4
            if end - start < size:
                break
            at = start + size
            payload = received[start:at]
            frames.append((_opcode(first), xor(payload, mask) if second & _MASKED else payload))
        self._left = received[at:]
        return frames


def _opcode(first: int) -> int:
    if not first & _FIN:
        raise FramingFault("a fragment")
    return first & 0x0F
