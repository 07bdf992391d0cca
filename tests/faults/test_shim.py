"""The shim by itself, under small programs of the system's Python: what it bends, and what it leaves alone."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import needs_compiler
from tests.faults.shim import NoCompiler, Shim, build

pytestmark = needs_compiler

CLOCKS = """
import time, datetime
print(time.time_ns() // 10**6, int(datetime.datetime.now().timestamp() * 1000), time.monotonic_ns() // 10**6)
"""
TELLS_TIME = """
import sys, time
for _ in sys.stdin:
    print(time.time_ns() // 10**6, flush=True)
"""
APPENDS = """
import errno, os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | (os.O_APPEND if sys.argv[2] == "append" else 0))
ways = lambda: os.write(fd, b"12345"), lambda: os.writev(fd, [b"123", b"45"]), lambda: os.pwrite(fd, b"12345", 0)
for write in ways:
    try:
        print(write())
    except OSError as exc:
        print(errno.errorcode[exc.errno])
"""
SYNCS = """
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(fd, b"12345")
getattr(os, sys.argv[2])(fd)
os.write(fd, b"67")
"""
SLACK_MS = 60_000
"""Between two looks at a clock, on the slowest machine."""


@pytest.fixture
def shim(tmp_path: Path) -> Iterator[Shim]:
    shim = Shim(tmp_path)
    yield shim
    shim.close()


def run(shim: Shim, program: str, *arguments: str) -> list[str]:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, env=os.environ | dict(shim.environment), capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("shift_ms", [0, 3_600_000, 3_600_999, -3_600_000, -3_600_999])
def test_real_time_is_shifted_and_monotonic_time_is_not(shim: Shim, shift_ms: int) -> None:
    shim.shift_clock(shift_ms)
    began, monotonic = time.time_ns() // 10**6, time.monotonic_ns() // 10**6
    *real, steady = (int(word) for word in run(shim, CLOCKS))
    assert all(-2 <= told - began - shift_ms < SLACK_MS for told in real)
    assert 0 <= steady - monotonic < SLACK_MS


def test_the_clock_moves_while_the_program_runs(shim: Shim) -> None:
    command, both = [sys.executable, "-c", TELLS_TIME], subprocess.PIPE
    with subprocess.Popen(
        command, env=os.environ | dict(shim.environment), stdin=both, stdout=both, text=True
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        for shift_ms in (0, 7_200_000, -7_200_000):
            shim.shift_clock(shift_ms)
            print(file=program.stdin, flush=True)
            assert -2 <= int(program.stdout.readline()) - time.time_ns() // 10**6 - shift_ms + SLACK_MS < 2 * SLACK_MS
        program.stdin.close()
    assert shim.clock_ms == -7_200_000


def test_a_full_disk_refuses_appends_to_append_only_files_and_nothing_else(shim: Shim, tmp_path: Path) -> None:
    log, other = str(tmp_path / "log.aof"), str(tmp_path / "log.txt")
    assert run(shim, APPENDS, log, "append") == ["5", "5", "5"]
    shim.fill_disk(True)
    assert run(shim, APPENDS, log, "append") == ["ENOSPC", "ENOSPC", "ENOSPC"]
    assert run(shim, APPENDS, other, "append") == ["5", "5", "5"]
    assert run(shim, APPENDS, log, "anywhere") == ["5", "5", "5"]
    shim.fill_disk(False)
    assert run(shim, APPENDS, log, "append") == ["5", "5", "5"]


@pytest.mark.parametrize("sync", ["fsync", "fdatasync"])
def test_the_length_at_the_last_sync_is_told(shim: Shim, tmp_path: Path, sync: str) -> None:
    file, other = tmp_path / "log.aof", tmp_path / "log.txt"
    run(shim, SYNCS, str(file), sync)
    run(shim, SYNCS, str(other), sync)
    assert shim.synced() == {file.stat().st_ino: 5}
    run(shim, SYNCS, str(file), sync)
    assert (shim.synced(), file.stat().st_size) == ({file.stat().st_ino: 12}, 14)
    shim.forget()
    assert shim.synced() == {}


def test_programs_with_files_of_their_own_do_not_share_a_clock(tmp_path: Path) -> None:
    shims = [Shim(tmp_path, name) for name in ("one", "other")]
    shims[0].shift_clock(10_000_000)
    first, second = (int(run(shim, CLOCKS)[0]) for shim in shims)
    assert first - second > 10_000_000 - SLACK_MS
    for shim in shims:
        shim.close()


def test_without_a_compiler_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("cc") is None
    with pytest.raises(NoCompiler, match="no C compiler"):
        build(tmp_path)


def test_what_the_compiler_says_is_in_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cc").write_text("#!/bin/sh\necho 'no headers here' >&2\nexit 1\n")
    (tmp_path / "cc").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoCompiler, match="no headers here"):
        build(tmp_path)
