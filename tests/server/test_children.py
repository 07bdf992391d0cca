"""Pauses, reasons, and commands that run to their end."""

from itertools import accumulate
from pathlib import Path

import pytest

from server import children
from server.children import EmbeddedError


def test_pauses_grow_to_a_limit() -> None:
    pauses = list(accumulate(range(9), lambda pause, _: children.longer(pause), initial=0.0))
    assert pauses == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]


@pytest.mark.parametrize(
    ("written", "line"),
    [
        (b"", "it said nothing"),
        (b"first\n\n  last \n\n", "last"),
        (b"x FATAL:  no space\nDETAIL: disk\nHINT: buy one\n", "x FATAL:  no space"),
        (b"initdb: error: directory exists\ninitdb: hint: empty it\n", "initdb: error: directory exists"),
        (b"\xff broken", "\ufffd broken"),
    ],
)
def test_the_reason_is_the_line_that_says_most(written: bytes, line: str) -> None:
    assert children.reason(written) == line


async def test_a_command_is_told_and_tells(tmp_path: Path) -> None:
    assert await children.run("cat", ["/bin/cat"], tmp_path, b"told") == "told"


async def test_a_command_may_be_told_nothing(tmp_path: Path) -> None:
    """To tell one that has ended already is an error on uvloop."""
    assert await children.run("readlink", ["/bin/readlink", "/proc/self/fd/0"], tmp_path) == "/dev/null\n"


async def test_a_command_that_fails_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"^sh failed: no$"):
        await children.run("sh", ["/bin/sh", "-c", "echo why; echo no >&2; exit 3"], tmp_path)


async def test_a_command_that_is_none_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"^/bin/none can not be executed: No such file or directory$"):
        await children.run("none", ["/bin/none"], tmp_path)


async def test_a_command_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "ONE_OFF_SECONDS", 0.05)
    with pytest.raises(EmbeddedError, match=r"^sh took longer than"):
        await children.run("sh", ["/bin/sh", "-c", "sleep 600 & wait"], tmp_path)


async def test_secrets_of_our_environment_are_not_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPATCH_SECRET", "secret")
    monkeypatch.setenv("PGDATA", "/elsewhere")
    written = await children.run("env", ["/usr/bin/env"], tmp_path)
    assert "secret" not in written
    assert "PGDATA" not in written
