"""A voice note's bytes decoded as a whole, for what only that tells: how long it really lasts, how loud it is where.

Runs in the confined worker only. Invariant: nothing is decoded past the longest length allowed, whatever the container
claims; and what the container claims is what was decoded.
"""

import io
import wave
from array import array
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import av

from dispatch.voice.formats import Form, Malformed, recognise
from dispatch.voice.recording import PEAKS, Recording

RATE: Final = 16_000
STEP: Final = RATE // 100
"""Samples that share one peak until the whole length is known."""
FULL: Final = 32_768
WHOLE_AMR: Final = "libopencore_amrnb"
SLACK_S: Final = 0.5
SLACK: Final = 0.1
"""How far container and sound may differ: padding of codecs, a recorder's clock."""


def warm_up() -> None:
    """Loads what the library would load with its first file: the confined process may not read where it lies."""
    silence = io.BytesIO()
    with wave.open(silence, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(bytes(RATE))
    inspect(silence.getvalue(), 1.0)


def inspect(content: bytes, most_seconds: float) -> Recording:
    """Raises `Malformed` with the reason for the uploader."""
    form = recognise(content)
    if form is None:
        raise Malformed("not a voice note: Ogg or WebM with Opus, MP4, M4A, AAC, MP3, WAV and AMR are")
    claimed = form.walk(content)
    if claimed - _slack(claimed) > most_seconds:
        raise _too_long(most_seconds)
    try:
        seconds, peaks = _decode(content, form, most_seconds)
    except (av.FFmpegError, ValueError, MemoryError) as exc:
        raise Malformed("the sound can not be decoded") from exc
    if round(seconds, 2) <= 0:
        raise Malformed("there is no sound in it")
    if abs(claimed - seconds) > _slack(max(claimed, seconds)):
        raise Malformed("it does not last as long as it says")
    return Recording(mime=form.mime, seconds=round(seconds, 2), waveform=waveform(peaks))


def _slack(seconds: float) -> float:
    return SLACK_S + SLACK * seconds


def _too_long(most_seconds: float) -> Malformed:
    return Malformed(f"longer than {most_seconds:g} seconds")


def _decode(content: bytes, form: Form, most_seconds: float) -> tuple[float, list[int]]:
    """The length, and the peak of each `STEP` samples."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    seconds, peaks, rest = 0.0, [], array("h")
    for frame in _frames(content, form):
        seconds += frame.samples / frame.sample_rate
        if seconds > most_seconds:
            raise _too_long(most_seconds)
        for part in resampler.resample(frame):
            rest.frombytes(bytes(part.planes[0])[: 2 * part.samples])
        whole = len(rest) - len(rest) % STEP
        peaks += [_peak(rest[at : at + STEP]) for at in range(0, whole, STEP)]
        del rest[:whole]
    for part in resampler.resample(None) if peaks or rest else ():
        rest.frombytes(bytes(part.planes[0])[: 2 * part.samples])
    return seconds, peaks + [_peak(rest[at : at + STEP]) for at in range(0, len(rest), STEP)]


def _frames(content: bytes, form: Form) -> Iterator[av.AudioFrame]:
    with av.open(io.BytesIO(content), "r", format=form.demuxer, metadata_errors="replace") as container:
        streams = container.streams
        if len(streams) != 1 or len(streams.audio) != 1:
            raise Malformed("exactly one track is wanted, of sound")
        codec = _decoder(streams.audio[0].codec_context)
        if codec is None or codec.name not in form.codecs:  # none: one that nobody knows
            raise Malformed("the sound is in another codec than its container should have")
        if codec.channels not in (1, 2):
            raise Malformed("more than two channels")
        codec.thread_count = 1
        for packet in container.demux(streams.audio[0]):
            yield from codec.decode(packet)


def _decoder(found: av.AudioCodecContext | None) -> av.AudioCodecContext | None:
    """libav's own decoder of AMR refuses the frames with which phones fill a pause; another library's reads them."""
    if found is None or found.name != "amrnb" or WHOLE_AMR not in av.codecs_available:
        return found
    codec = av.AudioCodecContext.create(WHOLE_AMR, "r")
    assert isinstance(codec, av.AudioCodecContext)
    codec.sample_rate, codec.layout = 8_000, av.AudioLayout("mono")
    return codec


def _peak(samples: "array[int]") -> int:
    return max(*samples, -min(samples))


def waveform(peaks: list[int]) -> bytes:
    """`PEAKS` parts of the same length, the loudest of each; a part shorter than one peak repeats its neighbour's."""
    ends = [len(peaks) * part // PEAKS for part in range(PEAKS + 1)]
    parts = (max(peaks[start : max(end, start + 1)], default=0) for start, end in pairwise(ends))
    return bytes(min(255, part * 256 // FULL) for part in parts)
