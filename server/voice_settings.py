"""What a deployment says of voice notes and of what apps say aloud, as the environment has it.

Pure but for the file of templates, read once. Knows nothing of what the values do. Invariant: what is returned is
usable; a wrong value has named itself (`VoiceFault`).
"""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from admin_api.console import is_host
from dispatch import say
from dispatch.say import SayFault, Sayings
from dispatch.voice.storage import checked
from dispatch.voice.terms import DAY_MS, VoiceTerms

SPOOL = "voice-spool"
MOST_BYTES = 64 * 1024 * 1024
"""An upload is inspected, and stored, by processes that hold it in memory."""
MOST_SECONDS = 3600
MOST_DAYS = 36_500


class VoiceFault(Exception):
    """One line that says which variable is wrong and what would be right."""


def terms(env: Mapping[str, str], data_dir: Path) -> VoiceTerms:
    """Raises VoiceFault."""
    default = VoiceTerms()
    return VoiceTerms(
        storage_url=_storage(env),
        most_bytes=_whole(env, "DISPATCH_VOICE_MAX_BYTES", default.most_bytes, MOST_BYTES),
        most_seconds=_whole(env, "DISPATCH_VOICE_MAX_SECONDS", int(default.most_seconds), MOST_SECONDS),
        retention_ms=DAY_MS * _whole(env, "DISPATCH_VOICE_RETENTION_DAYS", default.retention_ms // DAY_MS, MOST_DAYS),
        spool_dir=data_dir / SPOOL,
        base_url=_base_url(env.get("DISPATCH_PUBLIC_URL", "")),
    )


def sayings(env: Mapping[str, str]) -> Sayings:
    """Raises VoiceFault."""
    file = env.get("DISPATCH_SAY", "")
    if not file:
        return say.DEFAULT
    try:
        return say.parse(Path(file).read_bytes())
    except OSError as exc:
        raise VoiceFault(f"DISPATCH_SAY: {file}: {exc.strerror}") from exc
    except SayFault as exc:
        raise VoiceFault(f"DISPATCH_SAY: {file}: {exc}") from exc


def _storage(env: Mapping[str, str]) -> str:
    url = env.get("DISPATCH_VOICE_STORAGE", "")
    try:
        return checked(url) if url else ""
    except ValueError as exc:
        raise VoiceFault(f"DISPATCH_VOICE_STORAGE {exc}") from exc


def _whole(env: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = env.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise VoiceFault(f"{name} must be a number from 1 to {most}, not {text!r}")
    return int(text)


def _base_url(url: str) -> str:
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and is_host(parts.netloc)  # it stands in the pages' policy, too
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or not url.isascii() or any(char.isspace() for char in url):
        raise VoiceFault("DISPATCH_PUBLIC_URL must be a URL like https://dispatch.example.com, the root of HTTP")
    return url.rstrip("/")
