"""The pool of confined workers, with real sound, real processes, and real ends of them."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO

import pytest
import uvloop

from dispatch import metrics
from dispatch.errors import Code, Refused, Unavailable
from dispatch.voice import places, sound
from dispatch.voice.sound import Recording, Sound
from tests import sounds

MOST_SECONDS = 30.0


def opened(content: bytes) -> BinaryIO:
    """As an upload is spooled: a file without a name."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the caller closes it
    file.write(content)
    file.flush()
    return file


async def inspected(pool: Sound, content: bytes) -> Recording:
    with opened(content) as file:
        return await pool.inspect(file)


async def reason(pool: Sound, content: bytes) -> str:
    """Why it is refused."""
    with pytest.raises(Refused) as caught:
        await inspected(pool, content)
    assert caught.value.code is Code.INVALID
    assert [fault.path for fault in caught.value.faults] == ["audio"]
    return caught.value.message


def told(result: str) -> float:
    """How many inspections ended so."""
    return float(metrics.VOICE_INSPECTIONS.labels(result)._value.get())


def gone(pid: int) -> bool:
    """Ended; who has waited for it is not asked, for a container's first process may never do so."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return True


async def ended(pid: int) -> None:
    async with asyncio.timeout(60):
        while not gone(pid):  # noqa: ASYNC110  # another process' end tells nobody but its parent
            await asyncio.sleep(0.01)


def of_process(pid: int, what: str) -> list[str]:
    """The lines of one of its files below /proc."""
    return Path(f"/proc/{pid}/{what}").read_text().splitlines()


@pytest.fixture(scope="module")
async def pool() -> AsyncIterator[Sound]:
    found = Sound(MOST_SECONDS, 2)
    yield found
    pids = found.pids
    await found.close()
    assert all(map(gone, pids))


@pytest.fixture
async def alone() -> AsyncIterator[Sound]:
    """One worker, whose end shows in the next answer."""
    found = Sound(MOST_SECONDS, 1)
    yield found
    await found.close()


# --- what is accepted -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", sounds.ENCODINGS)
async def test_each_form_is_accepted(pool: Sound, form: str) -> None:
    found = await inspected(pool, sounds.speech(form))
    assert found.mime == sounds.ENCODINGS[form].mime
    assert found.seconds == pytest.approx(2.0, abs=0.15)
    assert len(found.waveform) == 64
    assert max(found.waveform) > 100


@pytest.mark.parametrize("form", sounds.ENCODINGS)
async def test_the_waveform_is_loud_where_the_sound_is(pool: Sound, form: str) -> None:
    found = await inspected(pool, sounds.silence_then_tone(form))
    assert max(found.waveform[:28]) < 10
    assert min(found.waveform[36:60]) > 100


@pytest.mark.parametrize("form", ["ogg", "wav"])
async def test_silence_is_a_note_of_zeros(pool: Sound, form: str) -> None:
    assert (await inspected(pool, sounds.silence(form))).waveform == bytes(64)


async def test_a_file_shorter_than_its_waveform_is_a_note(pool: Sound) -> None:
    found = await inspected(pool, sounds.silence_then_tone("wav", 0.0, 0.1))
    assert found.seconds == 0.1
    assert min(found.waveform) > 150


async def test_the_file_s_position_does_not_matter(pool: Sound) -> None:
    with opened(sounds.speech("ogg")) as file:
        file.seek(100)
        assert (await pool.inspect(file)).mime == "audio/ogg"
        assert file.tell() == 100


async def test_many_at_once_need_no_more_workers(pool: Sound) -> None:
    forms = [*sounds.FORMS] * 3
    found = await asyncio.gather(*(inspected(pool, sounds.speech(form)) for form in forms))
    assert [one.mime for one in found] == [sounds.ENCODINGS[form].mime for form in forms]
    assert len(pool.pids) <= 2


# --- what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n" + bytes(500), b"%PDF-1.7\n"], ids=["empty", "png", "pdf"]
)
async def test_what_is_no_sound_is_refused(pool: Sound, content: bytes) -> None:
    assert "not a voice note" in await reason(pool, content)


async def test_no_sound_at_all_is_refused(pool: Sound) -> None:
    await reason(pool, sounds.silence("wav", 0.0))
    await reason(pool, b"#!AMR\n")


@pytest.mark.parametrize("form", sounds.FORMS)
async def test_one_second_too_many_is_refused(form: str) -> None:
    short = Sound(1.0, 1)
    try:
        assert "longer than 1 seconds" in await reason(short, sounds.speech(form))
        assert (await inspected(short, sounds.speech(form, 0.5))).seconds < 0.7
    finally:
        await short.close()


async def test_a_bomb_is_not_decoded_to_its_end(pool: Sound) -> None:
    """Nothing but frames that hold nothing: 2 MiB of them would last for hours."""
    assert "longer than" in await reason(pool, b"#!AMR\n" + b"\x7c" * (2 << 20))


async def test_a_length_that_the_sound_does_not_have_is_refused(pool: Sound) -> None:
    content = sounds.speech("mp4")
    at = content.index(b"mvhd") + 4 + 16
    scale = int.from_bytes(content[at - 4 : at], "big")
    assert "as long as it says" in await reason(
        pool, content[:at] + (10 * scale).to_bytes(4, "big") + content[at + 4 :]
    )


async def test_sound_that_is_not_what_its_container_says_is_refused(pool: Sound) -> None:
    """The container of an MP4 is whole; what should be AAC is noise."""
    content = sounds.speech("mp4")
    start = content.index(b"mdat") + 4
    noise = bytes(n * 167 % 256 for n in range(8000))
    assert "decoded" in await reason(pool, content[:start] + noise + content[start + 8000 :])


# --- workers that end -----------------------------------------------------------------------------------


def of_one(pool: Sound) -> int:
    (pid,) = pool.pids
    return pid


async def busy(pool: Sound) -> "tuple[asyncio.Task[Recording], int]":
    """An inspection that can not end: its worker sleeps. Also that worker."""
    await inspected(pool, sounds.speech("ogg"))
    pid = of_one(pool)
    os.kill(pid, signal.SIGSTOP)
    task = asyncio.create_task(inspected(pool, sounds.speech("wav")))
    await asyncio.sleep(0)  # it is sent within one turn
    return task, pid


async def test_a_worker_that_dies_of_a_file_takes_only_the_file_along(alone: Sound) -> None:
    before = told("died")
    task, pid = await busy(alone)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Refused):
        await task
    assert told("died") == before + 1
    assert (await inspected(alone, sounds.speech("ogg"))).mime == "audio/ogg"
    assert gone(pid) and of_one(alone) != pid


async def test_a_worker_that_hangs_is_ended(alone: Sound, monkeypatch: pytest.MonkeyPatch) -> None:
    before = told("hung")
    await inspected(alone, sounds.speech("ogg"))
    pid = of_one(alone)
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(sound, "JOB_S", 0.2)
    with pytest.raises(Refused):
        await inspected(alone, sounds.speech("wav"))
    assert told("hung") == before + 1
    assert gone(pid) and not alone.pids


async def test_a_worker_that_died_between_two_files_refuses_none(alone: Sound) -> None:
    await inspected(alone, sounds.speech("ogg"))
    pid = of_one(alone)
    os.kill(pid, signal.SIGKILL)
    await ended(pid)
    assert (await inspected(alone, sounds.speech("ogg"))).mime == "audio/ogg"


async def test_a_client_that_goes_away_leaves_no_answer_to_the_next(alone: Sound) -> None:
    task, pid = await busy(alone)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await inspected(alone, sounds.speech("mp3"))).mime == "audio/mpeg"
    assert gone(pid)


async def test_workers_are_renewed(alone: Sound, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "MOST_JOBS", 2)
    await inspected(alone, sounds.speech("ogg"))
    pid = of_one(alone)
    await inspected(alone, sounds.speech("ogg"))
    assert not alone.pids and gone(pid)


async def test_closing_ends_what_is_busy(alone: Sound) -> None:
    task, pid = await busy(alone)
    await alone.close()
    with pytest.raises(Unavailable):
        await task
    assert gone(pid) and not alone.pids
    with pytest.raises(Unavailable):
        await inspected(alone, sounds.speech("ogg"))


async def test_who_gets_no_worker_hears_it(alone: Sound, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PATIENCE_S", 0.05)
    task, pid = await busy(alone)
    with pytest.raises(Unavailable):
        await inspected(alone, sounds.speech("ogg"))
    os.kill(pid, signal.SIGCONT)
    assert (await task).mime == "audio/wav"


async def test_without_a_worker_notes_are_unavailable(alone: Sound, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatch.voice.confinement.sys.executable", "/nowhere/python")
    with pytest.raises(Unavailable):
        await inspected(alone, sounds.speech("ogg"))


# --- confinement ----------------------------------------------------------------------------------------


async def test_a_worker_is_confined(alone: Sound) -> None:
    await inspected(alone, sounds.speech("ogg"))
    pid = of_one(alone)
    rows = {line[:25].strip(): line[25:].split()[:2] for line in of_process(pid, "limits")}
    assert rows["Max file size"] == rows["Max core file size"] == ["0", "0"]
    assert rows["Max open files"] == ["16", "16"]
    assert int(rows["Max address space"][1]) <= 1 << 30
    status = dict(line.split(":\t") for line in of_process(pid, "status") if ":\t" in line)
    assert status["NoNewPrivs"] == "1"
    assert int(status["CapEff"], 16) == 0
    assert "0" not in status["Uid"].split()
    assert os.getsid(pid) == pid


async def test_no_worker_outlives_a_server_that_was_killed() -> None:
    """Also one that is in the middle of a file: it sleeps here, and hears nothing of its socket."""
    program = (
        "import asyncio, sys, tempfile\n"
        "from dispatch.voice.sound import Sound\n"
        "async def main():\n"
        "    pool = Sound(30.0, 1)\n"
        "    with tempfile.TemporaryFile() as file:\n"
        "        file.write(sys.stdin.buffer.read())\n"
        "        file.flush()\n"
        "        await pool.inspect(file)\n"
        "    print(*pool.pids, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert server.stdin is not None and server.stdout is not None
    server.stdin.write(sounds.speech("ogg"))
    server.stdin.write_eof()
    worker = int(await server.stdout.readline())
    os.kill(worker, signal.SIGSTOP)
    server.kill()
    await server.wait()
    await ended(worker)


@pytest.mark.parametrize("new_loop", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def test_it_works_on_both_loops(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def inspect_and_close() -> None:
        pool = Sound(MOST_SECONDS, 1)
        assert (await inspected(pool, sounds.speech("ogg"))).mime == "audio/ogg"
        pid = of_one(pool)
        await pool.close()
        assert gone(pid)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(inspect_and_close())
