"""Real audio for all tests: speech from espeak-ng, encoded in every format that a voice note may have.

Owns how the audio is made; knows nothing of the server. Nothing binary stands in the repository: each test run speaks
anew, once for each text, length and format, and keeps the bytes in memory.
"""

import functools
import io
import itertools
import math
import shutil
import subprocess
import tempfile
import wave
from array import array
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

import av
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

RATE: Final = 16_000
SENTENCES: Final = (
    "Hello, my car does not start, and I am standing at the roadside. "
    "The left front tyre is flat. The lamp of the battery is red. Please send somebody who can help me soon. "
)


class Encoding(NamedTuple):
    """How PyAV writes a form, and what the server must call it."""

    mime: str
    muxer: str
    codec: str
    rate: int
    bits: int
    options: dict[str, str] = {}  # noqa: RUF012  # never written
    codec_options: dict[str, str] = {}  # noqa: RUF012  # never written


ENCODINGS: Final[dict[str, Encoding]] = {
    "ogg": Encoding("audio/ogg", "ogg", "libopus", 48_000, 24_000),
    "webm": Encoding("audio/webm", "webm", "libopus", 48_000, 24_000),
    "recorder": Encoding("audio/webm", "webm", "libopus", 48_000, 24_000, {"live": "1", "cluster_time_limit": "500"}),
    "mp4": Encoding("audio/mp4", "mp4", "aac", 44_100, 48_000),
    "m4a": Encoding("audio/mp4", "ipod", "aac", 44_100, 48_000, {"movflags": "+faststart"}),
    "fragments": Encoding(
        "audio/mp4",
        "mp4",
        "aac",
        44_100,
        48_000,
        {"movflags": "empty_moov+default_base_moof", "frag_duration": "500000"},
    ),
    "adts": Encoding("audio/aac", "adts", "aac", 44_100, 48_000),
    "mp3": Encoding("audio/mpeg", "mp3", "libmp3lame", 44_100, 48_000),
    "wav": Encoding("audio/wav", "wav", "pcm_s16le", RATE, 256_000),
    "amr": Encoding("audio/amr", "amr", "libopencore_amrnb", 8_000, 12_200),
    "pausing": Encoding("audio/amr", "amr", "libopencore_amrnb", 8_000, 12_200, codec_options={"dtx": "1"}),
}
FORMS: Final = ("ogg", "webm", "mp4", "m4a", "adts", "mp3", "wav", "amr")
"""What people upload; beside them `recorder`, a browser's WebM of unknown sizes, `fragments`, a browser's
MP4, and `pausing`, AMR as a phone that sends next to nothing while nobody speaks."""


@functools.cache
def speech(form: str, seconds: float = 2.0, text: str = SENTENCES) -> bytes:
    """A voice note of exactly that length (but for the padding of a codec's last frame)."""
    spoken = _spoken(text)
    wanted = round(seconds * RATE)
    return encoded(form, array("h", itertools.islice(itertools.cycle(spoken), wanted)))


@functools.cache
def silence_then_tone(form: str, silent_s: float = 1.0, loud_s: float = 1.0) -> bytes:
    """What makes a waveform judgeable: nothing at all, then 440 Hz at four fifths of the full scale."""
    tone = (round(26_000 * math.sin(2 * math.pi * 440 * n / RATE)) for n in range(round(loud_s * RATE)))
    return encoded(form, array("h", itertools.chain(bytes(round(silent_s * RATE)), tone)))


@functools.cache
def silence(form: str, seconds: float = 1.0) -> bytes:
    """Digital silence."""
    return encoded(form, array("h", bytes(2 * round(seconds * RATE))))


@functools.cache
def film(muxer: str = "mp4", codec: str = "mpeg4") -> bytes:
    """A second of moving pictures with sound: nothing that a voice note may be."""
    file = io.BytesIO()
    with av.open(file, "w", format=muxer) as container:
        pictures = container.add_stream(codec, rate=10)
        assert isinstance(pictures, VideoStream)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sound = _stream(container, ENCODINGS["webm" if muxer == "webm" else "mp4"])
        for number in range(10):
            picture = av.VideoFrame(64, 48, "yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, 10)
            for plane in picture.planes:
                plane.update(bytes([number * 20]) * plane.buffer_size)
            container.mux(pictures.encode(picture))
        container.mux(pictures.encode())
        _fill(container, sound, array("h", bytes(2 * RATE)))
    return file.getvalue()


def encoded(form: str, samples: "array[int]") -> bytes:
    """Any mono sound at `RATE` in that form."""
    if form == "wav":
        return _wav(samples)
    encoding = ENCODINGS[form]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound"  # a real file: the muxer of m4a reads again what it has written
        with av.open(str(path), "w", format=encoding.muxer, options=dict(encoding.options)) as container:
            _fill(container, _stream(container, encoding), samples)
        content = path.read_bytes()
    return unsized(content) if form == "recorder" else content


class Element(NamedTuple):
    """One of a WebM: where it, its content, and what follows it begin."""

    start: int
    body: int
    end: int
    holds_others: bool


def elements(webm: bytes) -> Iterator[Element]:
    """In the order of the file, with those inside the segment and inside clusters."""
    position = 0
    while position < len(webm):
        named = _size_bytes(webm, position)
        body = position + named + _size_bytes(webm, position + named)
        holds = webm[position : position + named] in (b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75")
        found = Element(position, body, body if holds else body + _size(webm, position + named), holds)
        yield found
        position = found.end


def unsized(webm: bytes) -> bytes:
    """The same WebM with the sizes of its segment and clusters unknown, as a browser that is still recording has it."""
    return b"".join(
        webm[part.start : part.start + 4] + b"\x01" + b"\xff" * 7 if part.holds_others else webm[part.start : part.end]
        for part in elements(webm)
    )


def _size_bytes(content: bytes, position: int) -> int:
    return 9 - content[position].bit_length()


def _size(content: bytes, position: int) -> int:
    length = _size_bytes(content, position)
    return int.from_bytes(content[position : position + length], "big") & ((1 << 7 * length) - 1)


def _stream(container: av.container.OutputContainer, encoding: Encoding) -> AudioStream:
    stream = container.add_stream(encoding.codec, rate=encoding.rate)
    assert isinstance(stream, AudioStream)
    stream.codec_context.layout = "mono"
    stream.codec_context.bit_rate = encoding.bits
    stream.codec_context.options = dict(encoding.codec_options)
    return stream


def _fill(container: av.container.OutputContainer, stream: AudioStream, samples: "array[int]") -> None:
    """Encode in frames of a fiftieth of a second, in the encoder's own rate, so that its timestamps begin with 0."""
    resampler = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=stream.codec_context.rate)
    step = RATE // 50
    for start in range(0, len(samples), step):
        part = samples[start : start + step]
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(part))
        frame.planes[0].update(part.tobytes())
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        for resampled in resampler.resample(frame):
            container.mux(stream.encode(resampled))
    for resampled in resampler.resample(None):
        container.mux(stream.encode(resampled))
    container.mux(stream.encode(None))


def _wav(samples: "array[int]") -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())
    return file.getvalue()


@functools.cache
def _spoken(text: str) -> "array[int]":
    """The text as espeak-ng says it, mono, at `RATE`."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise RuntimeError("the tests speak with espeak-ng, which is not installed: apt-get install espeak-ng")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        subprocess.run([program, "-w", str(path), text], check=True, capture_output=True, timeout=60)
        samples = array("h")
        with av.open(str(path)) as container:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            for frame in itertools.chain(container.decode(audio=0), [None]):
                for resampled in resampler.resample(frame):
                    samples.frombytes(bytes(resampled.planes[0])[: 2 * resampled.samples])
    return samples
