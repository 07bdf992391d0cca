"""Left-overs: child servers that outlived a server which was killed.

Owns how one is recognised: each child bears in its command line the mark of the data directory's inode,
so that a reused pid, a copy of the directory or a container with the same path is never taken for ours.
Knows nothing of locks or files. Invariant: only a process that bears the mark now is signalled.
"""

import asyncio
import hashlib
import os
import re
import signal
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import structlog

POLITE_SECONDS = 15.0
ORPHAN_SECONDS = 2.0
KILL_SECONDS = 5.0
POLL_SECONDS = 0.02

# argv[0], or the title that the process gave itself: "/…/redis-server valet-dispatch-…", "postgres: valet-…"
TITLE = re.compile(rb"(?:[^\0]*/)?(initdb|postgres|redis-server)(?![\w./-])(:?)")
# `initdb` runs its `postgres` through a shell, which bears its arguments before it becomes it.
SHELL = re.compile(rb"(?:[^\0]*/)?sh\0-c\0\"?[^\0]*/(postgres)\"? (--)(?:boot|check|single)\b")

log = structlog.get_logger(__name__)


class LeftOver(NamedTuple):
    pid: int
    program: str
    leads: bool  # false: one of PostgreSQL's own children, which end with their postmaster, or of its maker's


def mark_of(folder: Path) -> str:
    """Of fixed length, so that no mark begins another one."""
    status = folder.stat()
    digest = hashlib.sha256(f"{status.st_dev}:{status.st_ino}".encode()).hexdigest()
    return f"valet-dispatch-{digest[:16]}"


def find(mark: str, programs: Iterable[str]) -> list[LeftOver]:
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    found = (_recognise(pid, mark) for pid in pids)
    return [one for one in found if one is not None and one.program in programs]


def _recognise(pid: int, mark: str) -> LeftOver | None:
    line = command_line(pid)
    title = TITLE.match(line) or SHELL.match(line)
    if title is None or mark.encode() not in line:
        return None
    return LeftOver(pid, title[1].decode(), leads=not title[2])


def command_line(pid: int) -> bytes:
    """Empty when the process has ended, is a zombie, or is hidden from us."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def end(mark: str, programs: Mapping[str, signal.Signals]) -> list[LeftOver]:
    """Ends all that bears `mark`, by each program's own signal, then by force. Returns what resisted."""
    if not (left := find(mark, programs)):
        return []
    leaders = [one for one in left if one.leads]
    for leader in leaders:
        log.warning("left-over of a crash is ended", server=leader.program, pid=leader.pid)
        _signal(leader, programs[leader.program])
    await _gone(left, mark, POLITE_SECONDS if leaders else ORPHAN_SECONDS)
    return await _killed(mark, programs)


async def _killed(mark: str, programs: Iterable[str]) -> list[LeftOver]:
    """Again and again, for one that is killed may have started another in the meantime."""
    deadline = asyncio.get_running_loop().time() + KILL_SECONDS
    while left := find(mark, programs):
        if asyncio.get_running_loop().time() > deadline:
            return left
        for one in left:
            _signal(one, signal.SIGKILL)
        await _gone(left, mark, KILL_SECONDS)
    return []


def _signal(one: LeftOver, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(one.pid, number)


async def _gone(left: list[LeftOver], mark: str, seconds: float) -> None:
    """Waits until none of them lives, or the time is over. Not our children: the kernel does not tell us."""
    deadline = asyncio.get_running_loop().time() + seconds
    while any(_recognise(one.pid, mark) for one in left):
        if asyncio.get_running_loop().time() > deadline:
            return
        await asyncio.sleep(POLL_SECONDS)
