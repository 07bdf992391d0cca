"""Settings of one process: the command line and the environment, checked and made into values.

The only reader of the environment. Knows nothing of what the values do. Invariant: a `Settings` that exists is
usable; a wrong value has stopped the start with one clear line (`ConfigError`) before.
"""

import os
import re
import resource
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import jwt

from admin_api.console import ConsoleTerms
from dispatch.identity import Algorithm
from dispatch.say import Sayings
from dispatch.voice.terms import VoiceTerms
from realtime.admission import Room
from realtime.limits import Rates
from server import bounds, page_settings, voice_settings
from server.key_forms import KeysFault
from server.keys import Trust

SHORT_SECRET = 32
"""Bytes; RFC 7518 §3.2 wants a key at least as long as HS256's hash. A shorter one is taken, with a warning."""
_SECRET_FILE = "secret"


class ConfigError(Exception):
    """One line that says which setting is wrong and what would be right."""


class Role(StrEnum):
    ALL = "all"
    HUB = "hub"
    API = "api"
    ENGINE = "engine"

    @property
    def streams(self) -> bool:
        return self in (Role.ALL, Role.HUB)

    @property
    def answers(self) -> bool:
        return self in (Role.ALL, Role.API)

    @property
    def works(self) -> bool:
        return self in (Role.ALL, Role.ENGINE)


@dataclass(frozen=True, slots=True)
class Settings:
    """`redis_url` and `database_url` are '' for the embedded servers."""

    host: str
    http_port: int
    ws_port: int
    data_dir: Path
    role: Role
    workers: int
    redis_url: str
    database_url: str
    trust: Trust
    drain_seconds: float
    rates: Rates
    room: Room
    origins: frozenset[str] | None
    log_format: str
    voice: VoiceTerms
    say: Sayings
    console: ConsoleTerms
    shared_ports: bool
    """Whether sibling workers listen on the same ports."""
    metrics_port: int
    """Of a process for itself, counted up by its number among the workers; 0: none."""

    @property
    def embedded(self) -> bool:
        return not self.redis_url

    def on(self, redis_url: str, database_url: str) -> "Settings":
        return replace(self, redis_url=redis_url, database_url=normalised(database_url))


def read(
    *,
    host: str,
    http_port: int,
    ws_port: int,
    data_dir: Path,
    role: Role,
    workers: int,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Check everything; raises ConfigError."""
    env = os.environ if environment is None else environment
    redis_url, database_url = env.get("DISPATCH_REDIS_URL", ""), env.get("DISPATCH_DATABASE_URL", "")
    if bool(redis_url) != bool(database_url):
        raise ConfigError("DISPATCH_REDIS_URL and DISPATCH_DATABASE_URL go together: give both or neither")
    if redis_url and not redis_url.startswith(("redis://", "rediss://", "unix://")):
        raise ConfigError("DISPATCH_REDIS_URL must begin with redis://, rediss:// or unix://")
    for name, port in (("--http-port", http_port), ("--ws-port", ws_port)):
        if not 0 <= port <= 65535:
            raise ConfigError(f"{name} must be between 0 and 65535, not {port}")
    if http_port == ws_port != 0:
        raise ConfigError("--http-port and --ws-port must differ")
    if not 1 <= workers <= 64:
        raise ConfigError(f"--workers must be between 1 and 64, not {workers}")
    if workers > 1 and 0 in (http_port, ws_port):
        raise ConfigError("--workers above 1 needs fixed ports: they are shared")
    rates, room = _bounds(env)
    voice, say = _voice(env, data_dir)
    return Settings(
        host=host,
        http_port=http_port,
        ws_port=ws_port,
        data_dir=data_dir,
        role=role,
        workers=workers,
        redis_url=redis_url,
        database_url=normalised(database_url) if database_url else "",
        trust=trust(data_dir, embedded=not redis_url, environment=env),
        drain_seconds=_seconds(env, "DISPATCH_DRAIN_SECONDS", 20.0),
        rates=rates,
        room=room,
        origins=_origins(env.get("DISPATCH_ORIGINS", "")),
        log_format=_choice(env, "DISPATCH_LOG_FORMAT", ("json", "console")),
        voice=voice,
        say=say,
        console=_console(env, voice.base_url),
        shared_ports=env.get("DISPATCH_SHARED_PORTS", "") == "1",
        metrics_port=_metrics_port(env, workers, {http_port, ws_port}),
    )


def _bounds(env: Mapping[str, str]) -> tuple[Rates, Room]:
    try:
        return bounds.rates(env), bounds.room(env, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    except bounds.BoundsFault as exc:
        raise ConfigError(str(exc)) from exc


def _voice(env: Mapping[str, str], data_dir: Path) -> tuple[VoiceTerms, Sayings]:
    try:
        return voice_settings.terms(env, data_dir), voice_settings.sayings(env)
    except voice_settings.VoiceFault as exc:
        raise ConfigError(str(exc)) from exc


def _console(env: Mapping[str, str], sounds_url: str) -> ConsoleTerms:
    try:
        return page_settings.terms(env, sounds_url)
    except page_settings.PageFault as exc:
        raise ConfigError(str(exc)) from exc


def _metrics_port(env: Mapping[str, str], workers: int, others: set[int]) -> int:
    text = env.get("DISPATCH_METRICS_PORT", "0")
    port = int(text) if re.fullmatch(r"\d{1,5}", text) else -1
    if not 0 <= port <= 65536 - workers:
        raise ConfigError(f"DISPATCH_METRICS_PORT must be the first of {workers} port(s) up to 65535, not {text!r}")
    if port and not others.isdisjoint(range(port, port + workers)):
        raise ConfigError("DISPATCH_METRICS_PORT and the ports of the next workers must differ from the other two")
    return port


def normalised(url: str) -> str:
    """`postgres://` and `postgresql://` mean the same driver here. Raises ConfigError."""
    for prefix in ("postgresql+asyncpg://", "postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+asyncpg://" + url.removeprefix(prefix)
    raise ConfigError("DISPATCH_DATABASE_URL must begin with postgresql://")


def trust(data_dir: Path, *, embedded: bool, environment: Mapping[str, str] | None = None) -> Trust:
    """Which tokens are believed: signed with a secret, or with the private part of a public key. Raises ConfigError."""
    env = os.environ if environment is None else environment
    algorithm = Algorithm(_choice(env, "DISPATCH_TOKEN_ALG", tuple(Algorithm)))
    issuer = env.get("DISPATCH_TOKEN_ISSUER") or None
    file, url = env.get("DISPATCH_PUBLIC_KEYS", ""), env.get("DISPATCH_JWKS_URL", "")
    if file and url:
        raise ConfigError("DISPATCH_PUBLIC_KEYS and DISPATCH_JWKS_URL exclude each other")
    if algorithm is Algorithm.HS256:
        if file or url:
            name = "DISPATCH_PUBLIC_KEYS" if file else "DISPATCH_JWKS_URL"
            raise ConfigError(f"DISPATCH_TOKEN_ALG must be RS256 or EdDSA with {name}")
        return Trust(algorithm, issuer, secrets=_secrets(data_dir, env, embedded=embedded))
    if not (file or url):
        raise ConfigError(f"DISPATCH_TOKEN_ALG={algorithm} needs DISPATCH_PUBLIC_KEYS or DISPATCH_JWKS_URL")
    for name in ("DISPATCH_SECRET", "DISPATCH_SECRET_PREVIOUS"):
        if env.get(name):
            raise ConfigError(f"{name} does nothing with DISPATCH_TOKEN_ALG={algorithm}: take it away")
    return _readable(Trust(algorithm, issuer, key_file=Path(file))) if file else _fetchable(algorithm, issuer, url)


def _readable(trust: Trust) -> Trust:
    try:
        trust.source()
    except KeysFault as exc:
        raise ConfigError(f"DISPATCH_PUBLIC_KEYS: {exc}") from exc
    return trust


def _fetchable(algorithm: Algorithm, issuer: str | None, url: str) -> Trust:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        usable = False
    if not usable or not url.isascii() or any(char.isspace() for char in url):
        raise ConfigError("DISPATCH_JWKS_URL must be a URL like https://login.example.com/keys, without credentials")
    return Trust(algorithm, issuer, key_set_url=url)


def _secrets(data_dir: Path, env: Mapping[str, str], *, embedded: bool) -> tuple[str, ...]:
    """From DISPATCH_SECRET and, during a rotation, DISPATCH_SECRET_PREVIOUS; with embedded servers one is made once
    and kept in the data directory."""
    given, previous = env.get("DISPATCH_SECRET", ""), env.get("DISPATCH_SECRET_PREVIOUS", "")
    if previous and not given:
        raise ConfigError("DISPATCH_SECRET_PREVIOUS needs DISPATCH_SECRET beside it")
    for name in ("DISPATCH_SECRET", "DISPATCH_SECRET_PREVIOUS"):
        _require_no_key(name, env.get(name, ""))
    if given:
        return (given, previous) if previous else (given,)
    if not embedded:
        raise ConfigError("DISPATCH_SECRET is required when Redis and PostgreSQL are external")
    return (_kept_secret(data_dir),)


def _require_no_key(name: str, secret: str) -> None:
    """Whoever knows a public key could sign with it."""
    try:
        jwt.get_algorithm_by_name("HS256").prepare_key(secret)
    except jwt.InvalidKeyError as exc:
        if secret:
            raise ConfigError(f"{name} is a key, not a secret: public keys go into DISPATCH_PUBLIC_KEYS") from exc


def _kept_secret(data_dir: Path) -> str:
    """Made by whoever comes first; readable by the owner only from its first byte on."""
    path = data_dir / _SECRET_FILE
    try:
        data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)  # PostgreSQL's user passes through it
        draft = data_dir / f".{_SECRET_FILE}.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return path.read_text().strip()
    except OSError as exc:
        raise ConfigError(f"the data directory {data_dir} can not be used: {exc.strerror}") from exc


def _seconds(env: Mapping[str, str], name: str, default: float) -> float:
    try:
        value = float(env.get(name, default))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 3600:
        raise ConfigError(f"{name} must be a number of seconds between 0 and 3600")
    return value


def _choice(env: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = env.get(name, choices[0])
    if value not in choices:
        raise ConfigError(f"{name} must be {' or '.join(choices)}, not {value!r}")
    return value


def _origins(text: str) -> frozenset[str] | None:
    """The browsers' pages that may open the stream; none given: any (tokens are no cookies)."""
    found = frozenset(part.strip() for part in text.split(",") if part.strip())
    for origin in found:
        if not origin.startswith(("http://", "https://")) or origin.endswith("/"):
            raise ConfigError(f"DISPATCH_ORIGINS: {origin!r} is no origin like https://desk.example.com")
    return found or None
