"""Two thousand damaged files: each is refused, or is still what it is taken for; nothing else happens.

Seeded, so that each run sees the same ones.
"""

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from dispatch.errors import Code, Refused
from dispatch.voice.sound import Recording, Sound
from tests import sounds

FILES: Final = 2_000
WORKERS: Final = 2
SECONDS: Final = 1.0
MOST_SECONDS: Final = 1.8
FORMS: Final = tuple(sounds.ENCODINGS)

MAGIC: Final[dict[str, Callable[[bytes], bool]]] = {
    "audio/ogg": lambda content: content[:4] == b"OggS" and b"OpusHead" in content[:64],
    "audio/webm": lambda content: content[:4] == b"\x1a\x45\xdf\xa3" and b"webm" in content[:64],
    "audio/mp4": lambda content: content[4:8] == b"ftyp" and b"mp4a" in content,
    "audio/aac": lambda content: content[0] == 0xFF and content[1] & 0xF6 == 0xF0,
    "audio/mpeg": lambda content: content[:3] == b"ID3" or (content[0] == 0xFF and content[1] & 0xE6 == 0xE2),
    "audio/wav": lambda content: content[:4] == b"RIFF" and content[8:12] == b"WAVE",
    "audio/amr": lambda content: content[:6] == b"#!AMR\n",
}
"""What a file of each type must begin with, said anew."""


def source(chance: random.Random) -> bytes:
    return sounds.speech(chance.choice(FORMS), SECONDS)


def flipped(chance: random.Random) -> bytes:
    content = bytearray(source(chance))
    for _ in range(chance.choice((1, 2, 8, 64))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


def flipped_in_front(chance: random.Random) -> bytes:
    """Where the sizes and names are."""
    content = bytearray(source(chance))
    for _ in range(chance.choice((1, 2, 4))):
        content[chance.randrange(min(512, len(content)))] = chance.randrange(256)
    return bytes(content)


def cut(chance: random.Random) -> bytes:
    content = source(chance)
    return content[: chance.randrange(len(content))]


def beheaded(chance: random.Random) -> bytes:
    content = source(chance)
    return content[chance.randrange(len(content)) :]


def holed(chance: random.Random) -> bytes:
    content = source(chance)
    start = chance.randrange(len(content))
    return content[:start] + content[start + chance.choice((1, 4, 32, 1000)) :]


def spliced(chance: random.Random) -> bytes:
    one, other = source(chance), source(chance)
    return one[: chance.randrange(len(one))] + other[chance.randrange(len(other)) :]


def glued(chance: random.Random) -> bytes:
    return source(chance) + source(chance)


def other_head(chance: random.Random) -> bytes:
    length = chance.choice((4, 8, 12, 16, 64))
    return source(chance)[:length] + source(chance)[length:]


def extreme(chance: random.Random) -> bytes:
    """A length field, or what may be one, as large or as small as it gets."""
    content = source(chance)
    value = chance.choice(
        (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4), b"\x00\x00\x00\x01", b"\x80\x00\x00\x00")
    )
    at = chance.randrange(min(chance.choice((64, 1024, len(content))), len(content) - 4))
    return content[:at] + value + content[at + 4 :]


WAYS: Final = (flipped, flipped_in_front, cut, beheaded, holed, spliced, glued, other_head, extreme)


def damaged() -> Iterator[tuple[str, bytes]]:
    chance = random.Random(20_261_122)
    for number in range(FILES):
        way = WAYS[number % len(WAYS)]
        yield way.__name__, way(chance)


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def inspected(pool: Sound, content: bytes) -> Recording | None:
    """None: refused, as an upload is."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        try:
            return await pool.inspect(file)
        except Refused as exc:
            assert exc.code is Code.INVALID
            return None


async def test_two_thousand_damaged_files_harm_nobody() -> None:
    pool = Sound(MOST_SECONDS, WORKERS)
    files = damaged()
    ends: Counter[tuple[str, bool]] = Counter()
    seen: set[int] = set()

    async def inspect_the_rest() -> None:
        for way, content in files:
            found = await inspected(pool, content)
            ends[way, found is not None] += 1
            seen.update(pool.pids)
            if found is not None:
                assert MAGIC[found.mime](content), way
                assert 0 < found.seconds <= MOST_SECONDS
                assert len(found.waveform) == 64

    try:
        await asyncio.gather(*(inspect_the_rest() for _ in range(WORKERS)))
        assert ends.total() == FILES
        assert all(ends[way.__name__, False] > 20 for way in WAYS)
        assert sum(ends[way.__name__, True] for way in WAYS) > 50, "the damage was too great to prove anything"
        for form in FORMS:
            found = await inspected(pool, sounds.speech(form, SECONDS))
            assert found is not None and found.mime == sounds.ENCODINGS[form].mime
    finally:
        await pool.close()
    assert not any(map(lives, seen))


@pytest.mark.parametrize("mime", MAGIC)
def test_the_judge_can_say_no(mime: str) -> None:
    others = [form for form in FORMS if sounds.ENCODINGS[form].mime != mime]
    assert not any(MAGIC[mime](sounds.speech(form, SECONDS)) for form in others)
    assert any(MAGIC[mime](sounds.speech(form, SECONDS)) for form in FORMS)
