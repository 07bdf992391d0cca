"""What every container module shares: the shape of a form, the one error, and reads that can not pass the end.

Knows no container. Invariant: whatever the bytes are, a walk ends with the seconds that they claim or with `Malformed`,
after work that grows with their length only.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

Mime = Literal["audio/ogg", "audio/webm", "audio/mp4", "audio/mpeg", "audio/wav", "audio/amr", "audio/aac"]


class Malformed(Exception):
    """The bytes are not a whole file of their form; the reason is for the uploader, and quotes nothing of theirs."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Form(NamedTuple):
    """A container that a voice note may come in, and what must be inside."""

    mime: Mime
    demuxer: str
    """libav's name of it, so that nothing else is ever tried on the bytes."""
    codecs: frozenset[str]
    matches: Callable[[bytes], bool]
    walk: Callable[[bytes], float]
    """The seconds that the container claims; raises `Malformed`."""


def require(truth: bool, reason: str) -> None:
    if not truth:
        raise Malformed(reason)


def take(content: bytes, start: int, length: int) -> bytes:
    """Exactly that many bytes."""
    require(start >= 0 and start + length <= len(content), "the file is cut off")
    return content[start : start + length]


def big(content: bytes, start: int, length: int) -> int:
    return int.from_bytes(take(content, start, length), "big")


def little(content: bytes, start: int, length: int) -> int:
    return int.from_bytes(take(content, start, length), "little")
