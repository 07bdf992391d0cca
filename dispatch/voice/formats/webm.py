"""WebM with one Opus track (EBML, RFC 8794), as Chrome's and Firefox's MediaRecorder write it.

Sizes of the segment and its clusters may be unknown: a browser that records does not know them yet. Such a file that
was cut between two blocks can not be told from a shorter one. Invariant: what passes consists of known elements that
end where they say, with one track, which is audio.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from dispatch.voice.formats.form import big, require, take

MAGIC: Final = b"\x1a\x45\xdf\xa3"
EBML: Final = 0x1A45DFA3
DOC_TYPE: Final = 0x4282
SEGMENT: Final = 0x18538067
INFO: Final = 0x1549A966
SCALE: Final = 0x2AD7B1
DURATION: Final = 0x4489
TRACKS: Final = 0x1654AE6B
TRACK: Final = 0xAE
TRACK_NUMBER: Final = 0xD7
TRACK_TYPE: Final = 0x83
AUDIO: Final = 2
CODEC: Final = 0x86
CLUSTER: Final = 0x1F43B675
TIMESTAMP: Final = 0xE7
SIMPLE_BLOCK: Final = 0xA3
BLOCK_GROUP: Final = 0xA0
BLOCK: Final = 0xA1
SEEK_HEAD: Final = 0x114D9B74
CUES: Final = 0x1C53BB6B
TAGS: Final = 0x1254C367
FILLING: Final = frozenset((0xEC, 0xBF))
IN_SEGMENT: Final = frozenset((SEEK_HEAD, INFO, TRACKS, CLUSTER, CUES, TAGS)) | FILLING
IN_CLUSTER: Final = frozenset((TIMESTAMP, 0xA7, 0xAB, SIMPLE_BLOCK, BLOCK_GROUP)) | FILLING


class Element(NamedTuple):
    name: int
    start: int
    end: int
    """That of its parent where the size is unknown."""
    sized: bool


class Times(NamedTuple):
    """The length as the head says it (0 when it does not), and the unit of all timestamps."""

    duration_s: float
    unit_s: float


def matches(content: bytes) -> bool:
    """EBML whose document type is WebM; `matroska` is somebody else's."""
    if not content.startswith(MAGIC):
        return False
    return b"\x42\x82\x84webm" in content[:64]


def walk(content: bytes) -> float:
    head = _element(content, 0, len(content))
    require(head.name == EBML and head.sized, "WebM: the head is damaged")
    types = [content[part.start : part.end] for part in _parts(content, head) if part.name == DOC_TYPE]
    require(types == [b"webm"], "WebM: another document type")
    segment = _element(content, head.end, len(content))
    require(segment.name == SEGMENT, "WebM: the segment is missing")
    require(segment.end == len(content), "WebM: something follows the segment")
    return _segment(content, segment)


def _segment(content: bytes, segment: Element) -> float:
    times: Times | None = None
    track: int | None = None
    stamps: list[int] = []
    position = segment.start
    while position < segment.end:
        part = _element(content, position, segment.end)
        require(part.name in IN_SEGMENT, "WebM: an unknown element")
        require(part.sized or part.name == CLUSTER, "WebM: an element without a size")
        position = part.end
        if part.name == INFO:
            require(times is None, "WebM: two heads")
            times = _times(content, part)
        elif part.name == TRACKS:
            require(track is None, "WebM: two lists of tracks")
            track = _track(content, part)
        elif part.name == CLUSTER:
            require(track is not None, "WebM: sound before its track")
            position = _cluster(content, part, track or 0, stamps)
    require(times is not None and track is not None and bool(stamps), "WebM: nothing recorded")
    assert times is not None
    return times.duration_s or (max(stamps) - min(stamps)) * times.unit_s


def _times(content: bytes, info: Element) -> Times:
    scale, units = 1_000_000, 0.0
    for part in _parts(content, info):
        if part.name == SCALE:
            scale = big(content, part.start, part.end - part.start)
        elif part.name == DURATION:
            units = _float(content[part.start : part.end])
    require(0 < scale <= 1_000_000_000, "WebM: an impossible unit of time")
    require(0 <= units < 1e12, "WebM: an impossible length")
    return Times(units * scale / 1e9, scale / 1e9)


def _float(content: bytes) -> float:
    require(len(content) in (4, 8), "WebM: an impossible length")
    (number,) = struct.unpack(">f" if len(content) == 4 else ">d", content)
    return float(number)


def _track(content: bytes, tracks: Element) -> int:
    """The number of the one track, which must be Opus."""
    entries = [part for part in _parts(content, tracks) if part.name not in FILLING]
    require(len(entries) == 1 and entries[0].name == TRACK, "WebM: exactly one track is wanted")
    values = {part.name: content[part.start : part.end] for part in _parts(content, entries[0])}
    kind, codec = values.get(TRACK_TYPE, b""), values.get(CODEC, b"")
    require(int.from_bytes(kind, "big") == AUDIO, "WebM: the track is no audio")
    require(codec.rstrip(b"\x00") == b"A_OPUS", "WebM: the track is not Opus")
    return int.from_bytes(values.get(TRACK_NUMBER, b""), "big")


def _cluster(content: bytes, cluster: Element, track: int, stamps: list[int]) -> int:
    """Note the times of its blocks; where it ends."""
    position, begin = cluster.start, 0
    while position < cluster.end:
        part = _element(content, position, cluster.end)
        if not cluster.sized and part.name in IN_SEGMENT - FILLING:
            break
        require(part.name in IN_CLUSTER and part.sized, "WebM: an unknown element in a cluster")
        if part.name == TIMESTAMP:
            begin = big(content, part.start, part.end - part.start)
        elif part.name == SIMPLE_BLOCK:
            stamps.append(begin + _block(content, part, track))
        elif part.name == BLOCK_GROUP:
            blocks = [inner for inner in _parts(content, part) if inner.name == BLOCK]
            require(len(blocks) == 1, "WebM: a block is damaged")
            stamps.append(begin + _block(content, blocks[0], track))
        position = part.end
    return position


def _block(content: bytes, block: Element, track: int) -> int:
    """Its time, in the cluster's units after the cluster's begin."""
    length = _length(content, block.start)
    number = big(content, block.start, length) & ((1 << 7 * length) - 1)
    require(number == track, "WebM: a block of an unknown track")
    require(block.end - block.start > length + 3, "WebM: an empty block")
    return int.from_bytes(take(content, block.start + length, 2), "big", signed=True)


def _parts(content: bytes, parent: Element) -> Iterator[Element]:
    position = parent.start
    while position < parent.end:
        part = _element(content, position, parent.end)
        require(part.sized, "WebM: an element without a size")
        yield part
        position = part.end


def _element(content: bytes, position: int, end: int) -> Element:
    named = _length(content, position)
    require(named <= 4, "WebM: an unknown element")
    sized = _length(content, position + named)
    start = position + named + sized
    unknown = (1 << 7 * sized) - 1
    size = big(content, position + named, sized) & unknown
    require(start <= end and (size == unknown or start + size <= end), "the file is cut off")
    return Element(
        big(content, position, named), start, end if size == unknown else start + size, sized=size != unknown
    )


def _length(content: bytes, position: int) -> int:
    """How many bytes the number there takes: one more than its leading zero bits."""
    first = take(content, position, 1)[0]
    require(first != 0, "WebM: an unknown element")
    return 9 - first.bit_length()
