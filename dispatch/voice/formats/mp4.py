"""MP4 and M4A with one AAC track (ISO 14496-12), whole or in fragments, as iOS and browsers record.

Owns the boxes; where the samples must lie is `mp4_samples`. Invariant: what passes has one track, which is audio, and
every sample that its tables name lies inside a box of media within the file. A fragmented file that was cut between two
fragments can not be told from a shorter one.
"""

from typing import Final

from dispatch.voice.formats import mp4_samples
from dispatch.voice.formats.form import Malformed, big, require, take
from dispatch.voice.formats.mp4_boxes import Box, Media, boxes, child, optional

BRANDS: Final = frozenset(
    b"isom,iso2,iso3,iso4,iso5,iso6,iso8,mp41,mp42,M4A ,M4B ,dash,3gp4,3gp5,3gp6,3g2a".split(b","),
)
AT_TOP: Final = frozenset(
    b"ftyp,styp,moov,mdat,free,skip,wide,moof,mfra,sidx,uuid,meta,prft".split(b","),
)


def matches(content: bytes) -> bool:
    """A first box `ftyp` of a brand that may be audio; pictures (HEIC, AVIF) have others."""
    if content[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(content[:4], "big"), 256, len(content))
    named = {content[8:12]} | {content[at : at + 4] for at in range(16, end - 3, 4)}
    return not BRANDS.isdisjoint(named)


def walk(content: bytes) -> float:
    top = list(boxes(content, 0, len(content), "MP4"))
    require(all(box.name in AT_TOP for box in top), "MP4: an unknown box")
    require(sum(box.name == b"moov" for box in top) == 1, "MP4: the list of contents (moov) is missing")
    media = Media([box for box in top if box.name == b"mdat"])
    moov = child(content, Box(b"", 0, 0, len(content)), b"moov")
    track = _track(content, moov)
    seconds = mp4_samples.whole(content, track, media)
    fragments = [box for box in top if box.name == b"moof"]
    if optional(content, moov, b"mvex") is None:
        require(not fragments, "MP4: fragments that nothing announces")
        return _length(content, moov) or seconds
    return seconds + mp4_samples.fragments(content, moov, track, fragments, media)


def _track(content: bytes, moov: Box) -> Box:
    tracks = [box for box in boxes(content, moov.body, moov.end, "MP4") if box.name == b"trak"]
    require(len(tracks) == 1, "MP4: exactly one track is wanted")
    mdia = child(content, tracks[0], b"mdia")
    require(take(content, child(content, mdia, b"hdlr").body + 8, 4) == b"soun", "MP4: the track is no audio")
    table = child(content, child(content, child(content, mdia, b"minf"), b"stbl"), b"stsd")
    require(big(content, table.body + 4, 4) == 1, "MP4: more than one codec")
    for entry in boxes(content, table.body + 8, table.end, "MP4"):
        require(entry.name == b"mp4a", "MP4: the track is not AAC")
        return tracks[0]
    raise Malformed("MP4: no codec")


def _length(content: bytes, moov: Box) -> float:
    """As the head says it, edits included; 0 when it does not."""
    head = child(content, moov, b"mvhd")
    long = big(content, head.body, 1) == 1
    scale = big(content, head.body + (20 if long else 12), 4)
    require(scale > 0, "MP4: an impossible unit of time")
    return big(content, head.body + (24 if long else 16), 8 if long else 4) / scale
