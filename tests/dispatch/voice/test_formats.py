"""What the bytes are told to be, and which lies of theirs are found out without decoding them."""

import io
import struct
import zipfile
from collections.abc import Callable

import av
import pytest

from dispatch.voice.formats import Form, Malformed, adts, mpeg_audio, ogg, recognise
from tests import sounds

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde"
JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xdb\x00C\x00" + bytes(64) + b"\xff\xd9"
)


def form_of(content: bytes) -> Form:
    found = recognise(content)
    assert found is not None
    return found


def refused(content: bytes) -> str:
    """Why."""
    with pytest.raises(Malformed) as caught:
        form_of(content).walk(content)
    return caught.value.reason


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("voice.ogg", sounds.speech("ogg"))
    return file.getvalue()


@pytest.mark.parametrize("form", sounds.ENCODINGS)
def test_each_form_is_recognised_and_says_how_long_it_is(form: str) -> None:
    content = sounds.speech(form)
    found = form_of(content)
    assert found.mime == sounds.ENCODINGS[form].mime
    assert found.walk(content) == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 4096,
        PNG,
        JPEG,
        b'<svg xmlns="http://www.w3.org/2000/svg"></svg>',
        b"%PDF-1.7\n1 0 obj <<>> endobj\n",
        b"<!doctype html><html><body>hello</body></html>",
        archive(),
        b"#!AMR-WB\n" + bytes(100),
        b"ID3\x04\x00\x00\x00\x00\x00\x08" + bytes(8) + JPEG,
    ],
    ids=["empty", "zeros", "png", "jpeg", "svg", "pdf", "html", "zip", "wide-amr", "picture-in-a-tag"],
)
def test_nothing_else_is_recognised(content: bytes) -> None:
    assert recognise(content) is None


@pytest.mark.parametrize(("muxer", "codec"), [("mp4", "mpeg4"), ("webm", "libvpx")])
def test_a_film_is_no_voice_note(muxer: str, codec: str) -> None:
    assert "one track" in refused(sounds.film(muxer, codec))


def packed(muxer: str, codec: str) -> bytes:
    """A moment of silence in another codec than a voice note has."""
    file = io.BytesIO()
    with av.open(file, "w", format=muxer) as container:
        stream = container.add_stream(codec, rate=48_000)
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame(format=stream.codec_context.format, layout="stereo", samples=960)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(("muxer", "codec"), [("ogg", "flac"), ("mp4", "libopus"), ("wav", "pcm_alaw")])
def test_another_codec_in_the_right_container_is_refused(muxer: str, codec: str) -> None:
    refused(packed(muxer, codec))


def test_another_codec_in_a_webm_is_refused() -> None:
    assert "not Opus" in refused(sounds.speech("webm").replace(b"A_OPUS", b"A_FLAC"))


def test_matroska_is_not_webm() -> None:
    assert recognise(packed("matroska", "libopus")) is None


def test_ogg_checks_every_page() -> None:
    content = bytearray(sounds.speech("ogg"))
    content[len(content) // 2] ^= 1
    assert "checksum" in refused(bytes(content))
    page = ogg.MAGIC + bytes(18) + bytes(4) + b"\x01\x00"
    assert ogg.checksum(page) != ogg.checksum(page[:-1] + b"\x01")


def test_two_oggs_in_a_row_are_refused() -> None:
    assert "more than one stream" in refused(sounds.speech("ogg") * 2)


@pytest.mark.parametrize("form", ["webm", "mp4", "wav"])
def test_what_follows_a_whole_file_is_refused(form: str) -> None:
    refused(sounds.speech(form) + sounds.speech(form))


def changed(content: bytes, at: int, put: bytes) -> bytes:
    return content[:at] + put + content[at + len(put) :]


def mp4_field(content: bytes, name: bytes, offset: int, put: bytes) -> bytes:
    """The content of the first box of that name, changed after so many bytes."""
    return changed(content, content.index(name) + 4 + offset, put)


@pytest.mark.parametrize(
    "lie",
    [
        lambda c: mp4_field(c, b"stsz", 8, b"\xff\xff\xff\xff"),
        lambda c: mp4_field(c, b"stsz", 4, b"\x00\x00\xff\xff"),
        lambda c: mp4_field(c, b"stts", 8, b"\x00\xff\xff\xff"),
        lambda c: mp4_field(c, b"stco", 8, b"\xff\xff\xff\xf0"),
        lambda c: mp4_field(c, b"stsc", 8, b"\x00\x00\x00\x02"),
        lambda c: mp4_field(c, b"mdhd", 12, bytes(4)),
        lambda c: mp4_field(c, b"hdlr", 8, b"vide"),
        lambda c: c.replace(b"mp4a", b"alac", 1),
        lambda c: c.replace(b"moov", b"free", 1),
    ],
    ids=["samples", "size", "times", "place", "chunks", "scale", "video", "alac", "moov"],
)
def test_an_mp4_s_tables_must_agree(lie: Callable[[bytes], bytes]) -> None:
    lied = lie(sounds.speech("mp4"))
    assert lied != sounds.speech("mp4")
    refused(lied)


def test_an_mp4_without_a_fragment_is_refused() -> None:
    """Its number is missing in the row, or what it names lies elsewhere."""
    content = sounds.speech("fragments")
    starts = [part - 4 for part in range(len(content)) if content.startswith(b"moof", part)]
    assert len(starts) > 2
    assert recognise(content[: starts[1]] + content[starts[2] :]) is not None
    twice = content[: starts[1]] + content[starts[0] : starts[1]] + content[starts[1] :]
    assert "fragment is missing" in refused(twice)


@pytest.mark.parametrize(
    ("at", "put"),
    [
        (4, struct.pack("<I", 2**32 - 1)),
        (4, struct.pack("<I", 36)),
        (20, struct.pack("<H", 6)),
        (22, struct.pack("<H", 8)),
        (24, struct.pack("<I", 0)),
        (28, struct.pack("<I", 1)),
        (34, struct.pack("<H", 13)),
        (40, struct.pack("<I", 2**32 - 1)),
        (40, struct.pack("<I", 0)),
    ],
    ids=["riff-long", "riff-short", "a-law", "channels", "rate", "byte-rate", "bits", "data-long", "data-empty"],
)
def test_a_wav_s_numbers_must_agree(at: int, put: bytes) -> None:
    refused(changed(sounds.speech("wav"), at, put))


def test_an_mp3_has_as_many_frames_as_it_counts() -> None:
    content = sounds.speech("mp3")
    mark = content.index(b"Info") if b"Info" in content else content.index(b"Xing")
    assert "frames are missing" in refused(changed(content, mark + 8, b"\x00\x00\xff\xff"))


def test_tags_of_an_mp3_are_not_sound() -> None:
    tag = b"TAG" + bytes(125)
    content = sounds.speech("mp3")
    assert form_of(content + tag).walk(content + tag) == form_of(content).walk(content)
    assert form_of(b"ID3\x04\x00\x00\x00\x00\x00\x08" + bytes(8) + content).mime == "audio/mpeg"


def test_frames_that_change_their_form_are_refused() -> None:
    content = bytearray(sounds.speech("adts"))
    second = adts.frame(bytes(content), 0).length
    third = second + adts.frame(bytes(content), second).length
    content[third + 2] ^= 0x04  # another rate
    assert "changes" in refused(bytes(content))


def test_a_webm_with_its_neighbours_document_type_is_not_one() -> None:
    assert recognise(sounds.speech("webm").replace(b"\x42\x82\x84webm", b"\x42\x82\x84webp")) is None


def test_an_endless_element_of_another_kind_is_refused() -> None:
    """Only a segment and its clusters may have no size."""
    content = sounds.speech("recorder")
    block = next(part for part in sounds.elements(content) if content[part.start] == 0xA3)
    refused(content[: block.start] + b"\xa3\xff" + content[block.start + 2 :])


def test_a_frame_of_mp3_knows_its_length() -> None:
    assert mpeg_audio.frame(b"\xff\xfb\x90\x00", 0) == mpeg_audio.Frame(3, 44_100, mono=False, length=417)
    assert mpeg_audio.frame(b"\xff\xf3\x40\xc0", 0) == mpeg_audio.Frame(2, 22_050, mono=True, length=104)
