"""Every setting is checked before anything starts; a wrong one is one clear line."""

import stat
from pathlib import Path
from typing import Any

import pytest

from server import config
from server.config import ConfigError, Role

EXTERNAL = {
    "DISPATCH_REDIS_URL": "redis://127.0.0.1:6379/0",
    "DISPATCH_DATABASE_URL": "postgresql://u@127.0.0.1/d",
    "DISPATCH_SECRET": "s" * 32,
}


def read(tmp_path: Path, env: dict[str, str], **changes: Any) -> config.Settings:
    options: dict[str, Any] = {
        "host": "127.0.0.1",
        "http_port": 8000,
        "ws_port": 8001,
        "data_dir": tmp_path,
        "role": Role.ALL,
        "workers": 1,
    }
    return config.read(**(options | changes), environment=env)


def test_external_servers(tmp_path: Path) -> None:
    settings = read(tmp_path, EXTERNAL)
    assert not settings.embedded
    assert settings.database_url == "postgresql+asyncpg://u@127.0.0.1/d"
    assert settings.secrets == ("s" * 32,)


def test_without_urls_a_secret_is_made_once_for_the_owner_only(tmp_path: Path) -> None:
    first, second = read(tmp_path, {}), read(tmp_path, {})
    assert first.embedded
    assert first.secrets == second.secrets
    assert len(first.secrets[0]) >= config.SHORT_SECRET
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_two_secrets_during_a_rotation(tmp_path: Path) -> None:
    rotating = EXTERNAL | {"DISPATCH_SECRET": "new", "DISPATCH_SECRET_PREVIOUS": "old"}
    assert read(tmp_path, rotating).secrets == ("new", "old")


@pytest.mark.parametrize(
    ("env", "changes", "named"),
    [
        ({"DISPATCH_REDIS_URL": "redis://x"}, {}, "go together"),
        (EXTERNAL | {"DISPATCH_REDIS_URL": "http://x"}, {}, "DISPATCH_REDIS_URL"),
        (EXTERNAL | {"DISPATCH_DATABASE_URL": "mysql://x"}, {}, "DISPATCH_DATABASE_URL"),
        (EXTERNAL | {"DISPATCH_SECRET": ""}, {}, "DISPATCH_SECRET is required"),
        ({"DISPATCH_SECRET_PREVIOUS": "old"}, {}, "DISPATCH_SECRET_PREVIOUS"),
        (EXTERNAL | {"DISPATCH_DRAIN_SECONDS": "soon"}, {}, "DISPATCH_DRAIN_SECONDS"),
        (EXTERNAL | {"DISPATCH_LOG_FORMAT": "xml"}, {}, "DISPATCH_LOG_FORMAT"),
        (EXTERNAL | {"DISPATCH_ORIGINS": "desk.example.com"}, {}, "DISPATCH_ORIGINS"),
        (EXTERNAL, {"http_port": 70000}, "--http-port"),
        (EXTERNAL, {"ws_port": -1}, "--ws-port"),
        (EXTERNAL, {"http_port": 9000, "ws_port": 9000}, "must differ"),
        (EXTERNAL, {"workers": 0}, "--workers"),
        (EXTERNAL, {"workers": 2, "http_port": 0}, "fixed ports"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, env: dict[str, str], changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        read(tmp_path, env, **changes)


def test_a_data_directory_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="data directory"):
        read(tmp_path / "file" / "data", {})
