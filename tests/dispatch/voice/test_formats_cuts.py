"""A file that was cut off is refused, wherever its form can tell.

Four forms can not always: AMR, ADTS, MP3 without a first frame that counts, and what browsers write while they record
(WebM of unknown sizes, MP4 in fragments) say nowhere how long they are. Cut exactly between two frames, they are whole,
shorter files; everywhere else a cut is found.
"""

import pytest

from dispatch.voice.formats import Malformed, adts, mpeg_audio, recognise
from tests import sounds

STEP = 23
AMR_FRAME = 32


def stands(content: bytes) -> bool:
    """Taken for a whole file with sound in it."""
    form = recognise(content)
    if form is None:
        return False
    try:
        return form.walk(content) > 0
    except Malformed:
        return False


def after_frames(content: bytes, start: int, module: object) -> set[int]:
    """Where a frame ends."""
    assert module in (adts, mpeg_audio)
    read = adts.frame if module is adts else mpeg_audio.frame
    ends: set[int] = set()
    while start < len(content):
        start += read(content, start).length
        ends.add(start)
    return ends


def between_blocks(content: bytes) -> set[int]:
    """Ends of a recording browser's elements, from the second block on: one has no length yet."""
    parts = list(sounds.elements(content))
    blocks = [part.end for part in parts if content[part.start] == 0xA3]
    return {part.end for part in parts if part.end >= blocks[1]}


def uncounted_mp3() -> bytes:
    """As small encoders write it: no tag, no frame that counts."""
    content = sounds.speech("mp3")
    start = content.index(b"\xff\xfb")
    return content[start + mpeg_audio.frame(content, start).length :]


@pytest.mark.parametrize("form", ["ogg", "webm", "mp4", "m4a", "mp3", "wav"])
def test_a_form_that_counts_is_refused_wherever_it_was_cut(form: str) -> None:
    content = sounds.speech(form)
    assert stands(content)
    cuts = [*range(0, len(content) - 1, STEP * 7 if form == "wav" else STEP), len(content) - 2, len(content) - 1]
    assert [cut for cut in cuts if stands(content[:cut])] == []


CUT: dict[str, tuple[bytes, set[int]]] = {}


def cuttable(form: str) -> tuple[bytes, set[int]]:
    """A file of a form that does not count, and where it may be cut."""
    if form == "mp3":
        content = uncounted_mp3()
        return content, after_frames(content, 0, mpeg_audio)
    content = sounds.speech(form)
    if form == "adts":
        return content, after_frames(content, 0, adts)
    if form == "amr":
        return content, set(range(6 + AMR_FRAME, len(content) + 1, AMR_FRAME))
    if form == "recorder":
        return content, between_blocks(content)
    ends = {at - 4 for name in (b"moof", b"mfra") for at in range(len(content)) if content.startswith(name, at)}
    return content, {end for end in ends if end > min(ends)} | {len(content)}


@pytest.mark.parametrize("form", ["mp3", "adts", "amr", "recorder", "fragments"])
def test_a_form_that_does_not_count_is_refused_unless_cut_between_frames(form: str) -> None:
    content, whole = cuttable(form)
    assert stands(content) and len(whole) > 3
    cuts = sorted({*range(1, len(content), STEP), *whole, *(end - 1 for end in whole), *(end + 1 for end in whole)})
    assert {cut for cut in cuts if cut <= len(content) and stands(content[:cut])} == whole
