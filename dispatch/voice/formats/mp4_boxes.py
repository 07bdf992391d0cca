"""The boxes of ISO 14496-12: a size, a name, and what is inside.

Knows no meaning of any box. Invariant: no box that it returns passes the end of its parent.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from dispatch.voice.formats.form import Malformed, big, require, take


class Box(NamedTuple):
    name: bytes
    start: int
    body: int
    end: int


class Media:
    """The boxes of media, in the order of the file; asked for each run of samples."""

    def __init__(self, found: list[Box]) -> None:
        self._found = found
        self._bodies = [box.body for box in found]

    def require_inside(self, start: int, length: int) -> None:
        at = bisect_right(self._bodies, start) - 1
        require(at >= 0 and start + length <= self._found[at].end, "MP4: sound is missing")


def boxes(content: bytes, start: int, end: int, form: str) -> Iterator[Box]:
    """One after the other until `end`; a size of 0 means: to the end of the file."""
    while start < end:
        size, name, body = big(content, start, 4), take(content, start + 4, 4), start + 8
        if size == 1:
            size, body = big(content, start + 8, 8), start + 16
        elif size == 0:
            require(name == b"mdat" and end == len(content), f"{form}: a box without a size")
            size = end - start
        require(body <= start + size <= end, "the file is cut off")
        yield Box(name, start, body, start + size)
        start += size


def optional(content: bytes, parent: Box, name: bytes) -> Box | None:
    found = [box for box in boxes(content, parent.body, parent.end, "MP4") if box.name == name]
    require(len(found) <= 1, "MP4: a box stands there twice")
    return found[0] if found else None


def child(content: bytes, parent: Box, name: bytes) -> Box:
    found = optional(content, parent, name)
    if found is None:
        raise Malformed("MP4: a box is missing")
    return found
