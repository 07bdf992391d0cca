"""WAV: uncompressed sound in RIFF chunks.

Invariant: what passes has sizes that are those of the file, and plain samples of one or two channels.
"""

from typing import Final

from dispatch.voice.formats.form import Malformed, little, require, take

PCM: Final = 1
FLOAT: Final = 3
EXTENSIBLE: Final = 0xFFFE
BITS: Final = {PCM: (8, 16, 24, 32), FLOAT: (32,)}
RATES: Final = range(4_000, 192_001)


def matches(content: bytes) -> bool:
    return content[:4] == b"RIFF" and content[8:12] == b"WAVE"


def walk(content: bytes) -> float:
    take(content, 0, 12)
    size = little(content, 4, 4)
    require(size <= len(content) - 8, "the file is cut off")
    require(size + size % 2 >= len(content) - 8, "WAV: something follows the sound")
    position, a_second, sound = 12, 0, None
    while position < len(content):
        name, length = take(content, position, 4), little(content, position + 4, 4)
        take(content, position + 8, length)
        if name == b"fmt ":
            require(a_second == 0, "WAV: two formats")
            a_second, block = _format(content, position + 8, length)
        elif name == b"data":
            require(sound is None and a_second > 0, "WAV: the format is missing")
            require(length % block == 0, "the file is cut off")
            sound = length
        position += 8 + length + length % 2
    if sound is None:
        raise Malformed("WAV: the sound is missing")
    return sound / a_second


def _format(content: bytes, start: int, length: int) -> tuple[int, int]:
    """Bytes a second, and of a sample of all channels."""
    require(length in (16, 18, 40), "WAV: an unknown format")
    code, bits = little(content, start, 2), little(content, start + 14, 2)
    if code == EXTENSIBLE and length == 40:
        code = little(content, start + 24, 2)
    channels, rate = little(content, start + 2, 2), little(content, start + 4, 4)
    require(bits in BITS.get(code, ()), "WAV: the samples are not plain")
    require(channels in (1, 2) and rate in RATES, "WAV: an unknown format")
    block = channels * bits // 8
    require(little(content, start + 12, 2) == block, "WAV: the format contradicts itself")
    require(little(content, start + 8, 4) == rate * block, "WAV: the format contradicts itself")
    return rate * block, block
