"""AAC in ADTS frames (ISO 13818-7), as Android records.

Invariant: what passes is nothing but whole frames that all say the same of the sound. Nothing counts them: a file that
was cut between two frames can not be told from a shorter one.
"""

from typing import Final, NamedTuple

from dispatch.voice.formats.form import Malformed, big, require, take

RATES: Final = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
SYNC: Final = 0xFFF
SAMPLES: Final = 1024
SOUND: Final = ~(1 << 10 | 1 << 3)
"""Of a head's first 26 bits, those that all frames must share: not the checksum's and the private one."""


class Frame(NamedTuple):
    said: int
    """Of the sound: what is equal in all frames."""
    rate: int
    length: int
    blocks: int


def matches(content: bytes) -> bool:
    """Two frames in a row, or one that fills the file."""
    try:
        first = frame(content, 0)
        return first.length == len(content) or frame(content, first.length).said == first.said
    except Malformed:
        return False


def walk(content: bytes) -> float:
    first, position, blocks = frame(content, 0), 0, 0
    while position < len(content):
        found = frame(content, position)
        require(found.said == first.said, "AAC: the sound changes its form")
        take(content, position, found.length)
        position += found.length
        blocks += found.blocks
    return blocks * SAMPLES / first.rate


def frame(content: bytes, position: int) -> Frame:
    head = big(content, position, 7)
    rate, channels, length = head >> 34 & 15, head >> 30 & 7, head >> 13 & 0x1FFF
    bare = bool(head >> 40 & 1)
    require(head >> 44 == SYNC and head >> 41 & 3 == 0, "AAC: a frame is damaged")
    require(rate < len(RATES) and channels in (1, 2), "AAC: an unknown form of sound")
    require(length > (7 if bare else 9), "AAC: a frame is damaged")
    return Frame(head >> 30 & SOUND, RATES[rate], length, (head & 3) + 1)
