"""The launcher, run as it is run in earnest: by path, by root."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from server import unprivileged

NOBODY = pwd.getpwnam("nobody")

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def launch(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    who = (str(NOBODY.pw_uid), str(NOBODY.pw_gid))
    launcher = [sys.executable, "-I", "-S", unprivileged.__file__, *who, str(folder), *command]
    return subprocess.run(launcher, capture_output=True, text=True, check=False)


@as_root
def test_the_command_runs_as_the_user_without_groups_and_without_a_way_back() -> None:
    ran = launch(Path("/"), "/bin/cat", "/proc/self/status")
    status = dict(line.split(":", 1) for line in ran.stdout.splitlines())
    assert status["Uid"].split() == [str(NOBODY.pw_uid)] * 4
    assert status["Gid"].split() == [str(NOBODY.pw_gid)] * 4
    assert status["Groups"].strip() == ""
    assert status["NoNewPrivs"].strip() == "1"
    kept = 1 << unprivileged.CAP_DAC_READ_SEARCH
    assert int(status["CapEff"], 16) in {0, kept}
    assert int(status["CapPrm"], 16) in {0, kept}


@as_root
def test_what_it_may_read_it_may_not_write(tmp_path: Path) -> None:
    if not unprivileged.permitted(unprivileged.CAP_DAC_READ_SEARCH):
        pytest.skip("this container does not grant CAP_DAC_READ_SEARCH")
    private = tmp_path / "private"
    private.write_text("secret")
    private.chmod(0o600)
    assert launch(tmp_path, "/bin/cat", str(private)).stdout == "secret"
    refused = launch(tmp_path, "/bin/sh", "-c", f"echo more >> {private}")
    assert refused.returncode != 0
    assert private.read_text() == "secret"


@as_root
def test_a_command_that_is_none_is_one_line() -> None:
    ran = launch(Path("/"), "/bin/no-such-command")
    assert ran.returncode == 1
    assert ran.stderr == f"user {NOBODY.pw_uid} can not execute /bin/no-such-command: No such file or directory\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may become anybody")
def test_without_the_right_to_change_it_says_so() -> None:
    ran = launch(Path("/"), "/bin/true")
    assert ran.stderr == f"can not become user {NOBODY.pw_uid}: Operation not permitted\n"


@as_root
def test_a_closed_folder_can_be_entered_and_access_says_so(tmp_path: Path) -> None:
    if not all(map(unprivileged.permitted, (unprivileged.CAP_DAC_READ_SEARCH, unprivileged.CAP_SETPCAP))):
        pytest.skip("this container does not grant CAP_DAC_READ_SEARCH and CAP_SETPCAP")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "file").write_text("")
    (closed / "file").chmod(0o600)
    assert launch(closed, "/usr/bin/test", "-r", str(closed / "file")).returncode == 0
    assert launch(closed, "/usr/bin/test", "-w", str(closed / "file")).returncode == 1


def test_the_topmost_closed_folder_is_found() -> None:
    folder = Path("/a/b/c/d")
    assert unprivileged.first_closed(folder, lambda step: step in {Path("/"), Path("/a")}) == Path("/a/b")
    assert unprivileged.first_closed(folder, lambda step: step != folder) == folder
    assert unprivileged.first_closed(folder, lambda step: True) is None


def test_the_rights_are_those_that_the_kernel_grants(tmp_path: Path) -> None:
    assert unprivileged.enters(tmp_path)
    assert unprivileged.finds(tmp_path)
