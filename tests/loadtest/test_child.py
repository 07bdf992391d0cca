"""What is wiped and what never is; what is said when the server does not start."""

import socket
from pathlib import Path

import pytest

from loadtest.child import Child, StartFailed, free_ports, prepare


def test_a_directory_of_our_own_is_wiped(tmp_path: Path) -> None:
    ours = tmp_path / "demo"
    prepare(ours, fresh=True)
    (ours / "old").touch()
    prepare(ours, fresh=True)
    assert not (ours / "old").exists()


def test_a_directory_of_somebody_else_is_never_wiped(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(StartFailed, match="not made by a replay"):
        prepare(tmp_path, fresh=True)
    assert (tmp_path / "thesis.txt").exists()


def test_what_is_kept_is_kept(tmp_path: Path) -> None:
    prepare(tmp_path, fresh=True)
    (tmp_path / "old").touch()
    prepare(tmp_path, fresh=False)
    assert (tmp_path / "old").exists()


def test_free_ports_are_different_and_free() -> None:
    ports = free_ports(3)
    assert len(set(ports)) == 3
    for port in ports:
        with socket.socket() as each:
            each.bind(("127.0.0.1", port))


def test_a_server_that_ends_at_once_is_reported_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = tmp_path / "valet-dispatch"
    stub.write_text("#!/bin/sh\necho no room for $1\nexit 3\n")
    stub.chmod(0o700)
    monkeypatch.setattr("loadtest.child.command", lambda: str(stub))
    with pytest.raises(StartFailed, match=r"(?s)ended with 3.*no room for serve"), Child(tmp_path):
        pass


def test_a_server_of_our_own_is_kept_from_the_databases_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = tmp_path / "valet-dispatch"
    stub.write_text("#!/bin/sh\nenv\n")
    stub.chmod(0o700)
    monkeypatch.setattr("loadtest.child.command", lambda: str(stub))
    monkeypatch.setenv("DISPATCH_DATABASE_URL", "postgresql://live")
    monkeypatch.setenv("DISPATCH_REDIS_URL", "redis://live")
    monkeypatch.setenv("DISPATCH_JWKS_URL", "https://live/keys")
    child = Child(tmp_path)
    with pytest.raises(StartFailed), child:
        pass
    environment = (tmp_path / "serve.log").read_text()
    assert f"DISPATCH_SECRET={child.secret}" in environment
    assert "://live" not in environment
