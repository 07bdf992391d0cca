"""MP3 made by the machine's own ffmpeg; the tests of its absence need none."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatch.errors import Code, Refused, Unavailable
from dispatch.voice import transcoding
from dispatch.voice.decoding import inspect
from dispatch.voice.transcoding import Transcoder
from tests import sounds


@pytest.fixture(scope="module")
def transcoder() -> Transcoder:
    found = Transcoder()
    assert found.available, "the tests convert with ffmpeg, which is not installed: apt-get install ffmpeg"
    return found


def program(folder: Path, body: str) -> Path:
    """What calls itself ffmpeg and is none."""
    path = folder / "ffmpeg"
    path.write_text(f'#!/bin/sh\nif [ "$1" = -version ]; then echo "ffmpeg version 9.9 of a test"; exit; fi\n{body}\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def folder() -> Iterator[Path]:
    """Open to all, as pytest's own is not: where the tests are root, the program runs as nobody."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def of(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> Transcoder:
    monkeypatch.setenv("PATH", f"{program(folder, body).parent}:{os.environ['PATH']}")
    found = Transcoder()
    assert found.version == "9.9"
    return found


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@pytest.mark.parametrize("form", sounds.ENCODINGS)
async def test_each_form_becomes_mp3(transcoder: Transcoder, form: str) -> None:
    found = inspect(await transcoder.mp3(sounds.speech(form)), 30.0)
    assert found.mime == "audio/mpeg"
    assert found.seconds == pytest.approx(2.0, abs=0.2)
    assert max(found.waveform) > 100


async def test_it_says_its_version(transcoder: Transcoder) -> None:
    assert transcoder.version


async def test_what_is_no_sound_is_refused(transcoder: Transcoder) -> None:
    for content in (b"", b"\x89PNG\r\n\x1a\n" + bytes(100), sounds.speech("ogg")[:200]):
        with pytest.raises(Refused) as caught:
            await transcoder.mp3(content)
        assert caught.value.code is Code.INVALID


async def test_many_at_once(transcoder: Transcoder) -> None:
    made = await asyncio.gather(*(transcoder.mp3(sounds.speech("ogg")) for _ in range(5)))
    assert len(set(made)) == 1


async def test_a_machine_without_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = Transcoder()
    assert not found.available and found.version is None
    with pytest.raises(Unavailable):
        await found.mp3(sounds.speech("ogg"))


async def test_a_program_that_can_not_run_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ffmpeg").write_text("no program")
    (tmp_path / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not Transcoder().available


async def test_one_that_takes_too_long_is_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = of(folder, monkeypatch, "exec sleep 600")
    monkeypatch.setattr(transcoding, "TIME_S", 0.5)
    before = children()
    with pytest.raises(Unavailable):
        await slow.mp3(sounds.speech("ogg"))
    assert children() <= before


async def test_one_that_never_stops_writing_is_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = of(folder, monkeypatch, "exec cat /dev/zero")
    monkeypatch.setattr(transcoding, "MOST_BYTES", 1 << 20)
    before = children()
    with pytest.raises(Refused):
        await endless.mp3(sounds.speech("ogg"))
    assert children() <= before


async def test_it_is_told_nothing_but_the_bytes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by arguments nor by our environment; nor can it write a file or reach a network of ours."""
    monkeypatch.setenv("DISPATCH_DATABASE_URL", "postgresql://user:hush@nowhere/x")
    telling = of(folder, monkeypatch, 'echo "$@"; env; cat /proc/self/limits; cat')
    made = await telling.mp3(sounds.speech("wav"))
    told = made.removesuffix(sounds.speech("wav")).decode()
    assert len(told) < len(made)
    assert "hush" not in told and "DISPATCH" not in told
    assert "-f wav -i file:/proc/self/fd/0" in told
    (row,) = (line for line in told.splitlines() if line.startswith("Max file size"))
    assert row.split()[3:5] == ["0", "0"]


async def test_a_client_that_goes_away_leaves_no_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = of(folder, monkeypatch, "exec sleep 600")
    before = children()
    task = asyncio.create_task(slow.mp3(sounds.speech("ogg")))
    while children() <= before:  # noqa: ASYNC110  # a process that was started tells nobody
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() <= before
