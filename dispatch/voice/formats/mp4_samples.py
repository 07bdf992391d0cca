"""Where an MP4's tables say that its samples lie, and how long they last.

Knows nothing of codecs. Invariant: no loop is longer than the table that it reads; counts alone are never believed.
"""

from itertools import pairwise
from typing import Final, NamedTuple

from dispatch.voice.formats.form import big, require
from dispatch.voice.formats.mp4_boxes import Box, Media, boxes, child, optional

HAS_BASE: Final = 0x1
HAS_DESCRIPTION: Final = 0x2
HAS_DURATION: Final = 0x8
HAS_SIZE: Final = 0x10
BASE_IS_MOOF: Final = 0x20000
RUN_HAS_OFFSET: Final = 0x1
RUN_HAS_FIRST_FLAGS: Final = 0x4
RUN_FIELDS: Final = (0x100, 0x200, 0x400, 0x800)


class Defaults(NamedTuple):
    duration: int
    size: int


class Fragment(NamedTuple):
    """A track's part of a fragment: where its first sample lies, and what its runs need not repeat."""

    base: int
    defaults: Defaults


def scale(content: bytes, track: Box) -> int:
    """Units of time a second."""
    head = child(content, child(content, track, b"mdia"), b"mdhd")
    found = big(content, head.body + (20 if big(content, head.body, 1) == 1 else 12), 4)
    require(found > 0, "MP4: an impossible unit of time")
    return found


def whole(content: bytes, track: Box, media: Media) -> float:
    """The seconds of the samples outside fragments, each of which lies in `media`."""
    minf = child(content, child(content, track, b"mdia"), b"minf")
    table = child(content, minf, b"stbl")
    sizes = _sizes(content, child(content, table, b"stsz"))
    times = _rows(content, child(content, table, b"stts"), 2)
    require(sum(count for count, _ in times) == len(sizes), "MP4: the tables contradict each other")
    wide = optional(content, table, b"co64")
    chunks = [row[0] for row in _rows(content, wide or child(content, table, b"stco"), 1, 8 if wide else 4)]
    done = 0
    for chunk, count in zip(chunks, _counts(content, child(content, table, b"stsc"), len(chunks)), strict=True):
        require(done + count <= len(sizes), "MP4: the tables contradict each other")
        media.require_inside(chunk, sum(sizes[done : done + count]))
        done += count
    require(done == len(sizes), "MP4: the tables contradict each other")
    return sum(count * delta for count, delta in times) / scale(content, track)


def _sizes(content: bytes, box: Box) -> list[int]:
    one, count = big(content, box.body + 4, 4), big(content, box.body + 8, 4)
    if one == 0:
        require(box.body + 12 + 4 * count == box.end, "MP4: a table is cut off")
        return [row[0] for row in _read(content, box.body + 12, count, 1, 4)]
    require(one * count <= len(content), "MP4: sound is missing")
    return [one] * count


def _counts(content: bytes, box: Box, chunks: int) -> list[int]:
    """How many samples each chunk has."""
    rows = _rows(content, box, 3)
    firsts = [row[0] for row in rows]
    require(not rows or firsts[0] == 1, "MP4: the tables contradict each other")
    ends = [*firsts[1:], chunks + 1] if rows else []
    found: list[int] = []
    for (first, count, _), end in zip(rows, ends, strict=True):
        require(first < end <= chunks + 1, "MP4: the tables contradict each other")
        found += [count] * (end - first)
    require(len(found) == chunks, "MP4: the tables contradict each other")
    return found


def _rows(content: bytes, box: Box, wide: int, size: int = 4) -> list[tuple[int, ...]]:
    """A table after its version and its count, which must fill the box."""
    count = big(content, box.body + 4, 4)
    require(box.body + 8 + count * wide * size == box.end, "MP4: a table is cut off")
    return _read(content, box.body + 8, count, wide, size)


def _read(content: bytes, start: int, count: int, wide: int, size: int) -> list[tuple[int, ...]]:
    numbers = [big(content, at, size) for at in range(start, start + count * wide * size, size)]
    return [tuple(numbers[at : at + wide]) for at in range(0, len(numbers), wide)]


def fragments(content: bytes, moov: Box, track: Box, found: list[Box], media: Media) -> float:
    """The seconds of all fragments, whose samples lie in `media`."""
    trex = child(content, child(content, moov, b"mvex"), b"trex")
    general = Defaults(big(content, trex.body + 12, 4), big(content, trex.body + 16, 4))
    for before, after in pairwise(found):
        require(_number(content, before) < _number(content, after), "MP4: a fragment is missing")
    units = 0
    for moof in found:
        traf = child(content, moof, b"traf")
        units += _fragment(content, traf, _head(content, moof, traf, general), media)
    return units / scale(content, track)


def _number(content: bytes, moof: Box) -> int:
    return big(content, child(content, moof, b"mfhd").body + 4, 4)


def _head(content: bytes, moof: Box, traf: Box, general: Defaults) -> Fragment:
    tfhd = child(content, traf, b"tfhd")
    flags, at = big(content, tfhd.body + 1, 3), tfhd.body + 8
    base = big(content, at, 8) if flags & HAS_BASE else moof.start
    at += (8 if flags & HAS_BASE else 0) + (4 if flags & HAS_DESCRIPTION else 0)
    duration = big(content, at, 4) if flags & HAS_DURATION else general.duration
    at += 4 if flags & HAS_DURATION else 0
    size = big(content, at, 4) if flags & HAS_SIZE else general.size
    return Fragment(base, Defaults(duration, size))


def _fragment(content: bytes, traf: Box, fragment: Fragment, media: Media) -> int:
    units, at = 0, fragment.base
    for run in boxes(content, traf.body, traf.end, "MP4"):
        if run.name != b"trun":
            continue
        flags, count, row = big(content, run.body + 1, 3), big(content, run.body + 4, 4), run.body + 8
        if flags & RUN_HAS_OFFSET:
            at = fragment.base + int.from_bytes(content[row : row + 4], "big", signed=True)
            row += 4
        row += 4 if flags & RUN_HAS_FIRST_FLAGS else 0
        wide = sum(1 for field in RUN_FIELDS if flags & field)
        require(row + 4 * wide * count == run.end, "MP4: a table is cut off")
        durations, sizes = _run(content, row, count if wide else 0, flags)
        length = sum(sizes) if flags & RUN_FIELDS[1] else count * fragment.defaults.size
        media.require_inside(at, length)
        units += sum(durations) if flags & RUN_FIELDS[0] else count * fragment.defaults.duration
        at += length
    return units


def _run(content: bytes, start: int, count: int, flags: int) -> tuple[list[int], list[int]]:
    """Each sample's duration and size; an empty list where the run does not say it."""
    wide = sum(1 for field in RUN_FIELDS if flags & field)
    rows = _read(content, start, count, wide, 4) if count else []
    has_duration, has_size = bool(flags & RUN_FIELDS[0]), bool(flags & RUN_FIELDS[1])
    durations = [row[0] for row in rows] if has_duration else []
    return durations, [row[int(has_duration)] for row in rows] if has_size else []
