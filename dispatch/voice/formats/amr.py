"""AMR narrow-band, one channel (RFC 4867 §5), as older phones record.

Invariant: what passes is nothing but whole frames. The container counts nothing: a file that was cut between two frames
can not be told from a shorter one.
"""

from typing import Final

from dispatch.voice.formats.form import require, take

MAGIC: Final = b"#!AMR\n"
FRAME_S: Final = 0.02
BYTES: Final = {0: 12, 1: 13, 2: 15, 3: 17, 4: 19, 5: 20, 6: 26, 7: 31, 8: 5, 15: 0}
"""Of each type of frame, after its head; 8 is comfort noise, 15 nothing at all."""
PADDING: Final = 0x83


def matches(content: bytes) -> bool:
    return content.startswith(MAGIC)


def walk(content: bytes) -> float:
    position, frames = len(MAGIC), 0
    while position < len(content):
        head = content[position]
        size = BYTES.get(head >> 3 & 15)
        require(not head & PADDING and size is not None, "AMR: a frame is damaged")
        take(content, position + 1, size or 0)
        position += 1 + (size or 0)
        frames += 1
    return frames * FRAME_S
