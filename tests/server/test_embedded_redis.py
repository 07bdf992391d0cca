"""Which Redis is chosen, and what is said when there is none."""

import importlib.util
from pathlib import Path

import pytest

from server import embedded_redis
from server.children import EmbeddedError

MARK = "valet-dispatch-0123456789abcdef"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "redis"


def put_on_path(folder: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Only its version is asked: it is never started."""
    binary = folder / "bin" / "redis-server"
    binary.parent.mkdir()
    binary.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0:0 malloc=libc bits=64'\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", f"{binary.parent}:/usr/bin:/bin")
    return binary


def without_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


async def test_the_one_on_path_is_preferred(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = put_on_path(tmp_path, "7.2.4", monkeypatch)
    planned = await embedded_redis.plan(home, MARK)
    assert planned.command[0] == str(binary)
    assert planned.url == f"unix://{home}/redis.sock"


async def test_one_that_is_too_old_is_passed_over(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_path(tmp_path, "6.0.16", monkeypatch)
    without_wheel(monkeypatch)
    with pytest.raises(EmbeddedError, match=r"no Redis: install redis-server 6\.2 or newer"):
        await embedded_redis.plan(home, MARK)


async def test_without_any_the_error_says_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    without_wheel(monkeypatch)
    with pytest.raises(EmbeddedError, match=r"on PATH, .* Python 3\.11 or 3\.12 .* DISPATCH_REDIS_URL$"):
        await embedded_redis.plan(home, MARK)


async def test_files_of_a_newer_redis_are_not_taken_for_none(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(tmp_path, "6.2.14", monkeypatch)
    (home / "appendonlydir").mkdir(parents=True)
    with pytest.raises(EmbeddedError, match="was written by Redis 7 or newer"):
        await embedded_redis.plan(home, MARK)


async def test_without_a_socket_it_does_not_answer(tmp_path: Path) -> None:
    assert not await embedded_redis.answers(tmp_path / "redis.sock")
