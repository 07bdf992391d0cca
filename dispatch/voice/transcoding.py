"""MP3 for apps that can play nothing else, made by the machine's ffmpeg, where it has one.

Owns the command and its limits; knows no note and no cache. Invariant: the program is confined, ends within its time,
and sees of a note its bytes only: no name, no id, no place stands in its arguments.
"""

import asyncio
import os
import shutil
import subprocess
from asyncio.subprocess import DEVNULL, PIPE, Process
from functools import cache
from typing import BinaryIO, Final

import structlog

from dispatch import metrics
from dispatch.errors import Refused, Unavailable, invalid
from dispatch.voice.confinement import command, end, environment
from dispatch.voice.formats import recognise
from dispatch.voice.places import Places

TIME_S: Final = 20.0
AT_ONCE: Final = 2
MOST_BYTES: Final = 16 << 20
"""Three quarters of an hour at the rate below."""
CHUNK_BYTES: Final = 65_536
QUIET: Final = ("-hide_banner", "-nostdin", "-nostats", "-loglevel", "quiet")
INPUT: Final = "file:/proc/self/fd/0"
"""Not `pipe:0`: an MP4's list of contents may stand at its end, and a pipe can not be read backwards."""
SOUND_ONLY: Final = ("-map", "0:a:0", "-map_metadata", "-1", "-map_chapters", "-1")
PAUSES: Final = ("-af", "aresample=async=1:first_pts=0")
"""Silence for what it can not decode (a phone's AMR in a pause), instead of leaving it out."""
MP3: Final = ("-threads", "1", "-ac", "1", "-ar", "24000", "-c:a", "libmp3lame", "-b:a", "48k", "-f", "mp3", "pipe:1")

log = structlog.get_logger()


class Transcoder:
    def __init__(self) -> None:
        program = shutil.which("ffmpeg")
        self.version = version(program) if program else None
        self._program = program if self.version else None
        self._places = Places(AT_ONCE)

    @property
    def available(self) -> bool:
        return self._program is not None

    async def mp3(self, source: bytes) -> bytes:
        """Mono, 48 kbit/s. Raises Refused (path `audio`) when it is no sound, Unavailable."""
        if self._program is None:
            raise Unavailable("ffmpeg is not installed")
        form = recognise(source)
        if form is None:
            raise invalid("audio", "not a voice note")
        arguments = (*QUIET, "-protocol_whitelist", "file", "-f", form.demuxer, "-i", INPUT, *SOUND_ONLY, *PAUSES, *MP3)
        async with self._places.one():
            outcome = "failed"
            try:
                made = await _run((self._program, *arguments), source)
                outcome = "made"
            finally:
                metrics.VOICE_TRANSCODINGS.labels(outcome).inc()
        return made


@cache
def version(program: str) -> str | None:
    """What the program calls itself; None when it can not be run as confined as it will be."""
    confined = command("dispatch.voice.confinement", str(os.getpid()), program, "-version")
    try:
        told = subprocess.run(confined, capture_output=True, env=environment(), cwd="/", timeout=TIME_S, check=True)
    except (OSError, subprocess.SubprocessError):
        log.warning("ffmpeg_unusable", program=program)
        return None
    words = told.stdout.decode(errors="replace").split()
    return words[2] if words[:2] == ["ffmpeg", "version"] and len(words) > 2 else None


async def _run(program: tuple[str, ...], source: bytes) -> bytes:
    with _in_memory(source) as given:
        try:
            process = await asyncio.create_subprocess_exec(
                *command("dispatch.voice.confinement", str(os.getpid()), *program),
                stdin=given,
                stdout=PIPE,
                stderr=DEVNULL,
                cwd="/",
                env=environment(),
                start_new_session=True,
            )
        except OSError as exc:
            raise Unavailable("voice notes can not be converted now") from exc
        try:
            return await _told(process)
        finally:
            await end(process)


def _in_memory(source: bytes) -> BinaryIO:
    """A file that no disk and no folder has, to be read from its begin."""
    file = os.fdopen(os.memfd_create("voice-note"), "w+b")
    file.write(source)
    file.seek(0)
    return file


async def _told(process: Process) -> bytes:
    """All that it writes until it ends well."""
    assert process.stdout is not None
    made = bytearray()
    try:
        async with asyncio.timeout(TIME_S):
            while part := await process.stdout.read(CHUNK_BYTES):
                made += part
                if len(made) > MOST_BYTES:
                    raise _unfit()
            if await process.wait() != 0 or not made:
                raise _unfit()
    except TimeoutError as exc:
        raise Unavailable("the voice note takes too long to convert") from exc
    return bytes(made)


def _unfit() -> Refused:
    return invalid("audio", "the sound can not be converted")
