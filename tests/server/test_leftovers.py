"""Whom we would end, and whom never: processes that bear any name, any mark."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from server import leftovers

Pretend = Callable[..., subprocess.Popen[bytes]]

ENDINGS = {"redis-server": signal.SIGTERM, "postgres": signal.SIGINT}
WAITS = "echo; read line"
WAITS_STUBBORNLY = "trap '' TERM; echo; read line"


@pytest.fixture
def mark(tmp_path: Path) -> str:
    return leftovers.mark_of(tmp_path)


@pytest.fixture
def pretend() -> Iterator[Pretend]:
    """A shell that was called by another name, and bears its arguments in its command line."""
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, *arguments: str, script: str = WAITS) -> subprocess.Popen[bytes]:
        command = [name, "-c", script, *arguments]
        process = subprocess.Popen(command, executable="/bin/sh", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_mark_belongs_to_the_directory_not_to_its_path(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    mark = leftovers.mark_of(first)
    first.rename(second)
    first.mkdir()
    assert leftovers.mark_of(second) == mark
    assert leftovers.mark_of(first) != mark


@pytest.mark.parametrize(
    ("title", "program", "leads"),
    [
        ("/a b/redis-server", "redis-server", True),
        ("redis-server", "redis-server", True),
        ("/usr/lib/postgres", "postgres", True),
        ("postgres: MARK: walwriter ", "postgres", False),
        ("/x/initdb", "initdb", True),
    ],
)
def test_a_child_is_recognised(pretend: Pretend, mark: str, title: str, program: str, leads: bool) -> None:
    process = pretend(title.replace("MARK", mark), f"cluster_name={mark}")
    assert leftovers.find(mark, [program]) == [leftovers.LeftOver(process.pid, program, leads)]


@pytest.mark.parametrize("title", ["grep", "redis-server-exporter", "/redis-server/tail", "mypostgres", "psql"])
def test_another_program_is_not(pretend: Pretend, mark: str, title: str) -> None:
    pretend(title, mark, "/bin/redis-server", "postgres")
    assert leftovers.find(mark, ["redis-server", "postgres", "initdb"]) == []


def test_the_same_program_of_another_directory_is_not(pretend: Pretend, mark: str) -> None:
    pretend("redis-server", mark[:-1] + ("0" if mark[-1] != "0" else "1"))
    assert leftovers.find(mark, ["redis-server"]) == []


async def test_only_the_programs_asked_for_are_ended(pretend: Pretend, mark: str) -> None:
    redis, postgres = pretend("redis-server", mark), pretend("postgres", mark)
    assert await leftovers.end(mark, {"redis-server": signal.SIGTERM}) == []
    assert redis.wait() == -signal.SIGTERM
    assert postgres.poll() is None


async def test_one_that_resists_is_killed(pretend: Pretend, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "POLITE_SECONDS", 0.05)
    process = pretend("redis-server", mark, script=WAITS_STUBBORNLY)
    assert await leftovers.end(mark, ENDINGS) == []
    assert process.wait() == -signal.SIGKILL


async def test_children_of_a_dead_postmaster_are_given_time_then_killed(
    pretend: Pretend, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "ORPHAN_SECONDS", 0.05)
    process = pretend(f"postgres: {mark}: dispatch dispatch [local] SELECT")
    assert await leftovers.end(mark, ENDINGS) == []
    assert process.wait() == -signal.SIGKILL


async def test_one_that_can_not_be_killed_is_named(
    pretend: Pretend, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("POLITE_SECONDS", "KILL_SECONDS"):
        monkeypatch.setattr(leftovers, name, 0.05)
    process = pretend("redis-server", mark)
    monkeypatch.setattr(os, "kill", lambda pid, number: None)
    assert await leftovers.end(mark, ENDINGS) == [leftovers.LeftOver(process.pid, "redis-server", True)]


def test_a_shell_that_is_to_become_a_postgres_of_initdb_is_recognised(pretend: Pretend, mark: str) -> None:
    script = f'"/no/bin/postgres" --boot -F -c cluster_name={mark} 2>/dev/null; {WAITS}'
    shell = pretend("sh", script=script)
    assert leftovers.find(mark, ["postgres"]) == [leftovers.LeftOver(shell.pid, "postgres", False)]


async def test_what_a_killed_one_had_just_started_is_ended_too(
    pretend: Pretend, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, younger = pretend("redis-server", mark), None
    kill = os.kill

    def kill_late(pid: int, number: int) -> None:
        nonlocal younger
        younger = younger or pretend("redis-server", mark)
        kill(pid, number)

    monkeypatch.setattr(os, "kill", kill_late)
    assert await leftovers.end(mark, {"redis-server": signal.SIGKILL}) == []
    assert older.wait() == -signal.SIGKILL
    assert younger is not None
    assert younger.wait() == -signal.SIGKILL


async def test_nothing_to_end(mark: str) -> None:
    assert await leftovers.end(mark, ENDINGS) == []
