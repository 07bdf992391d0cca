"""Every setting is checked before anything starts; a wrong one is one clear line."""

import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from admin_api.console import ConsoleTerms
from dispatch import say
from dispatch.identity import Algorithm
from server import config
from server.config import ConfigError, Role
from server.keys import Trust
from tests.server.publishing import pem

EXTERNAL = {
    "DISPATCH_REDIS_URL": "redis://127.0.0.1:6379/0",
    "DISPATCH_DATABASE_URL": "postgresql://u@127.0.0.1/d",
    "DISPATCH_SECRET": "s" * 32,
}
WITHOUT_SECRET = {name: value for name, value in EXTERNAL.items() if name != "DISPATCH_SECRET"}
JWKS = {"DISPATCH_TOKEN_ALG": "RS256", "DISPATCH_JWKS_URL": "https://login.example.com/keys"}
PUBLIC = pem(Ed25519PrivateKey.generate().public_key()).decode()


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
    assert settings.trust == Trust(Algorithm.HS256, None, secrets=("s" * 32,))


def test_voice_notes(tmp_path: Path) -> None:
    settings = read(tmp_path, EXTERNAL | {"DISPATCH_VOICE_MAX_SECONDS": "30"})
    assert settings.voice.most_seconds == 30
    assert settings.voice.spool_dir == tmp_path / "voice-spool"
    assert settings.say is say.DEFAULT


def test_what_pages_are_told(tmp_path: Path) -> None:
    assert read(tmp_path, EXTERNAL).console == ConsoleTerms()
    told = read(tmp_path, EXTERNAL | {"DISPATCH_STREAM_URL": "wss://desk.example.com/v1/stream"}).console
    assert told.stream_url == "wss://desk.example.com/v1/stream"


def test_ports_for_metrics(tmp_path: Path) -> None:
    assert read(tmp_path, EXTERNAL).metrics_port == 0
    assert read(tmp_path, EXTERNAL | {"DISPATCH_METRICS_PORT": "65534"}, workers=2).metrics_port == 65534


def test_without_urls_a_secret_is_made_once_for_the_owner_only(tmp_path: Path) -> None:
    first, second = read(tmp_path, {}), read(tmp_path, {})
    assert first.embedded
    assert first.trust == second.trust
    assert len(first.trust.secrets[0]) >= config.SHORT_SECRET
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_two_secrets_during_a_rotation(tmp_path: Path) -> None:
    rotating = EXTERNAL | {"DISPATCH_SECRET": "new", "DISPATCH_SECRET_PREVIOUS": "old"}
    assert read(tmp_path, rotating).trust.secrets == ("new", "old")


def test_an_issuer_may_be_asked_for(tmp_path: Path) -> None:
    assert read(tmp_path, EXTERNAL | {"DISPATCH_TOKEN_ISSUER": "https://login"}).trust.issuer == "https://login"


def test_public_keys_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys.pem"
    file.write_bytes(pem(Ed25519PrivateKey.generate().public_key()))
    env = {"DISPATCH_TOKEN_ALG": "EdDSA", "DISPATCH_PUBLIC_KEYS": str(file)}
    assert read(tmp_path, env).trust == Trust(Algorithm.EDDSA, None, key_file=file)
    assert [path.name for path in tmp_path.iterdir()] == ["keys.pem"], "no secret is made"


@pytest.mark.parametrize("url", ["https://login.example.com/keys", "http://[::1]:8080/k?a=b"])
def test_public_keys_of_a_url(tmp_path: Path, url: str) -> None:
    env = WITHOUT_SECRET | {"DISPATCH_TOKEN_ALG": "RS256", "DISPATCH_JWKS_URL": url}
    assert read(tmp_path, env).trust == Trust(Algorithm.RS256, None, key_set_url=url)


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"DISPATCH_TOKEN_ALG": "none"}, "DISPATCH_TOKEN_ALG must be HS256 or RS256 or EdDSA"),
        ({"DISPATCH_TOKEN_ALG": "HS512"}, "DISPATCH_TOKEN_ALG must be"),
        ({"DISPATCH_TOKEN_ALG": "RS256"}, "needs DISPATCH_PUBLIC_KEYS or DISPATCH_JWKS_URL"),
        ({"DISPATCH_TOKEN_ALG": "RS256", "DISPATCH_SECRET": "s" * 32}, "needs DISPATCH_PUBLIC_KEYS"),
        ({"DISPATCH_PUBLIC_KEYS": "/keys"}, "must be RS256 or EdDSA with DISPATCH_PUBLIC_KEYS"),
        ({"DISPATCH_JWKS_URL": "https://x/keys"}, "must be RS256 or EdDSA with DISPATCH_JWKS_URL"),
        (JWKS | {"DISPATCH_TOKEN_ALG": "HS256"}, "must be RS256 or EdDSA with"),
        (JWKS | {"DISPATCH_PUBLIC_KEYS": "/keys"}, "exclude each other"),
        (JWKS | {"DISPATCH_SECRET": "s" * 32}, "DISPATCH_SECRET does nothing"),
        (JWKS | {"DISPATCH_SECRET_PREVIOUS": "s" * 32}, "DISPATCH_SECRET_PREVIOUS does nothing"),
        (JWKS | {"DISPATCH_JWKS_URL": "file:///etc/passwd"}, "DISPATCH_JWKS_URL must be a URL"),
        (JWKS | {"DISPATCH_JWKS_URL": "https:///keys"}, "DISPATCH_JWKS_URL must be a URL"),
        (JWKS | {"DISPATCH_JWKS_URL": "https://x:70000/"}, "DISPATCH_JWKS_URL must be a URL"),
        (JWKS | {"DISPATCH_JWKS_URL": "https://u:p@x/keys"}, "without credentials"),
        (JWKS | {"DISPATCH_JWKS_URL": "https://x/a key"}, "DISPATCH_JWKS_URL must be a URL"),
        ({"DISPATCH_TOKEN_ALG": "EdDSA", "DISPATCH_PUBLIC_KEYS": "/nowhere/keys"}, "/nowhere/keys: No such file"),
        ({"DISPATCH_TOKEN_ALG": "EdDSA", "DISPATCH_PUBLIC_KEYS": __file__}, "no PEM public key"),
        ({"DISPATCH_SECRET": PUBLIC}, "DISPATCH_SECRET is a key"),
        ({"DISPATCH_SECRET": "s" * 32, "DISPATCH_SECRET_PREVIOUS": PUBLIC}, "DISPATCH_SECRET_PREVIOUS is a key"),
    ],
)
def test_a_wrong_trust_is_one_line(tmp_path: Path, env: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as fault:
        read(tmp_path, WITHOUT_SECRET | env)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("env", "changes", "named"),
    [
        ({"DISPATCH_REDIS_URL": "redis://x"}, {}, "go together"),
        (EXTERNAL | {"DISPATCH_REDIS_URL": "http://x"}, {}, "DISPATCH_REDIS_URL"),
        (EXTERNAL | {"DISPATCH_DATABASE_URL": "mysql://x"}, {}, "DISPATCH_DATABASE_URL"),
        (EXTERNAL | {"DISPATCH_SECRET": ""}, {}, "DISPATCH_SECRET is required"),
        ({"DISPATCH_SECRET_PREVIOUS": "old"}, {}, "DISPATCH_SECRET_PREVIOUS"),
        (EXTERNAL | {"DISPATCH_DRAIN_SECONDS": "soon"}, {}, "DISPATCH_DRAIN_SECONDS"),
        (EXTERNAL | {"DISPATCH_METRICS_PORT": "-1"}, {}, "DISPATCH_METRICS_PORT must be the first of 1 port"),
        (EXTERNAL | {"DISPATCH_METRICS_PORT": "many"}, {}, "DISPATCH_METRICS_PORT"),
        (EXTERNAL | {"DISPATCH_METRICS_PORT": "65535"}, {"workers": 2}, "DISPATCH_METRICS_PORT must be the first of 2"),
        (EXTERNAL | {"DISPATCH_METRICS_PORT": "7999"}, {"workers": 2}, "must differ"),
        (EXTERNAL | {"DISPATCH_METRICS_PORT": "8001"}, {}, "must differ"),
        (EXTERNAL | {"DISPATCH_LIMIT_MESSAGES": "fast"}, {}, "DISPATCH_LIMIT_MESSAGES"),
        (EXTERNAL | {"DISPATCH_LIMIT_CONNECTIONS": "-1"}, {}, "DISPATCH_LIMIT_CONNECTIONS"),
        (EXTERNAL | {"DISPATCH_VOICE_MAX_BYTES": "much"}, {}, "DISPATCH_VOICE_MAX_BYTES"),
        (EXTERNAL | {"DISPATCH_SAY": "/nowhere/say.json"}, {}, "DISPATCH_SAY"),
        (EXTERNAL | {"DISPATCH_LOG_FORMAT": "xml"}, {}, "DISPATCH_LOG_FORMAT"),
        (EXTERNAL | {"DISPATCH_ORIGINS": "desk.example.com"}, {}, "DISPATCH_ORIGINS"),
        (EXTERNAL | {"DISPATCH_STREAM_URL": "desk.example.com"}, {}, "DISPATCH_STREAM_URL"),
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
