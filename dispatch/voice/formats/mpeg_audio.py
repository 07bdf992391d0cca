"""MP3: frames of MPEG layer III (ISO 11172-3, 13818-3), between ID3 tags that people's recorders add.

Invariant: what passes is nothing but whole frames of one rate, as many as the first frame's count (Xing, Info) names,
where it names one. Without that count a file that was cut between two frames can not be told from a shorter one.
"""

from typing import Final, NamedTuple

from dispatch.voice.formats.form import Malformed, big, require, take

ID3: Final = b"ID3"
OLD_TAG: Final = b"TAG"
OLD_TAG_BYTES: Final = 128
LAYER_3: Final = 1
BIT_RATES: Final = {
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES: Final = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
"""By version: 1, 2, 2.5."""


class Frame(NamedTuple):
    version: int
    rate: int
    mono: bool
    length: int

    @property
    def samples(self) -> int:
        return 1152 if self.version == 3 else 576

    @property
    def side_bytes(self) -> int:
        """Between the head and the sound."""
        if self.version == 3:
            return 17 if self.mono else 32
        return 9 if self.mono else 17


def matches(content: bytes) -> bool:
    """Two frames in a row, after a tag or at once."""
    try:
        start = _after_tags(content)
        first = frame(content, start)
        return start + first.length == len(content) or frame(content, start + first.length).rate == first.rate
    except Malformed:
        return False


def walk(content: bytes) -> float:
    position = start = _after_tags(content)
    end = len(content) - OLD_TAG_BYTES if content[-OLD_TAG_BYTES:].startswith(OLD_TAG) else len(content)
    first = frame(content, start)
    frames = 0
    while position < end:
        found = frame(content, position)
        require((found.version, found.rate) == (first.version, first.rate), "MP3: the sound changes its rate")
        require(position + found.length <= end, "the file is cut off")
        position += found.length
        frames += 1
    counted = _counted(content, start, first)
    if counted is not None:
        frames -= 1  # the frame that counts has no sound
        require(counted in (frames, frames + 1), "MP3: frames are missing")
    return frames * first.samples / first.rate


def frame(content: bytes, position: int) -> Frame:
    """What the head there says."""
    head = big(content, position, 4)
    require(head >> 21 == 0x7FF, "MP3: a frame is damaged")
    version, layer = head >> 19 & 3, head >> 17 & 3
    bits, rate = head >> 12 & 15, head >> 10 & 3
    require(version != 1 and layer == LAYER_3 and 0 < bits < 15 and rate < 3, "MP3: a frame is damaged")
    per_second = RATES[version][rate]
    per_frame = 144_000 if version == 3 else 72_000
    length = per_frame * BIT_RATES[version == 3][bits - 1] // per_second + (head >> 9 & 1)
    return Frame(version, per_second, head >> 6 & 3 == 3, length)


def _counted(content: bytes, start: int, first: Frame) -> int | None:
    """How many frames the first one says that there are."""
    at = start + 4 + first.side_bytes
    if take(content, at, 4) in (b"Xing", b"Info") and big(content, at + 4, 4) & 1:
        return big(content, at + 8, 4)
    if content[start + 36 : start + 40] == b"VBRI":
        return big(content, start + 50, 4)
    return None


def _after_tags(content: bytes) -> int:
    """Where the frames begin."""
    position = 0
    while content.startswith(ID3, position):
        size = take(content, position + 6, 4)
        require(max(size) < 0x80, "MP3: the tag is damaged")
        length = size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3]
        position += 10 + length + (10 if content[position + 5] & 0x10 else 0)
    return position
