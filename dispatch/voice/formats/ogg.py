"""Ogg with one Opus stream (RFC 3533, RFC 7845), as messengers and Firefox record.

Invariant: what passes is one logical stream from its first page to its last, each page with a right checksum.
"""

import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from dispatch.voice.formats.form import Malformed, little, require, take

MAGIC: Final = b"OggS"
FIRST: Final = 0x02
LAST: Final = 0x04
GRANULES_A_SECOND: Final = 48_000
NO_GRANULE: Final = (1 << 64) - 1
_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class Page(NamedTuple):
    flags: int
    granule: int
    serial: int
    number: int
    body: bytes


def matches(content: bytes) -> bool:
    return content.startswith(MAGIC)


def walk(content: bytes) -> float:
    pages = _pages(content)
    head = next(pages)
    skipped = _skipped(head)
    tags = next(pages, None)
    require(tags is not None and tags.body.startswith(b"OpusTags"), "Ogg: the Opus tags are missing")
    last, granule = head, 0
    for page in (tags, *pages):
        assert page is not None
        require(page.serial == head.serial, "Ogg: more than one stream")
        require(not page.flags & FIRST and not last.flags & LAST, "Ogg: more than one stream")
        require(page.number == last.number + 1, "Ogg: a page is missing")
        if page.granule != NO_GRANULE:
            require(granule <= page.granule, "Ogg: time goes back")
            granule = page.granule
        last = page
    require(bool(last.flags & LAST), "Ogg: the last page is missing")
    return (granule - skipped) / GRANULES_A_SECOND


def _skipped(head: Page) -> int:
    """How many samples at the begin are not for the ear."""
    require(bool(head.flags & FIRST) and head.body.startswith(b"OpusHead"), "Ogg: not an Opus stream")
    require(take(head.body, 8, 1)[0] >> 4 == 0, "Ogg: an unknown version of Opus")
    require(take(head.body, 9, 1)[0] in (1, 2), "Ogg: more than two channels")
    return little(head.body, 10, 2)


def _pages(content: bytes) -> Iterator[Page]:
    position = 0
    while position < len(content) or position == 0:
        head = take(content, position, 27)
        require(head[:5] == MAGIC + b"\x00", "Ogg: a page is damaged")
        segments = take(content, position + 27, head[26])
        end = position + 27 + len(segments) + sum(segments)
        page = take(content, position, end - position)
        if checksum(page[:22] + bytes(4) + page[26:]) != little(page, 22, 4):
            raise Malformed("Ogg: a page's checksum is wrong")
        body = page[27 + len(segments) :]
        yield Page(head[5], little(head, 6, 8), little(head, 14, 4), little(head, 18, 4), body)
        position = end


def checksum(page: bytes) -> int:
    """CRC-32 by Ogg's rules: zlib's polynomial, but begun with 0 and with the highest bit first."""
    mirrored = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
