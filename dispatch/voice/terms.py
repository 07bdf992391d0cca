"""What a deployment sets of voice notes, as values.

Knows not where the settings come from. Invariant: sizes, times and folders of voice notes are written down here once.
"""

from pathlib import Path

import msgspec

DAY_MS = 24 * 3600 * 1000


class VoiceTerms(msgspec.Struct, frozen=True, kw_only=True):
    """`storage_url` is obstore's (`file:///…`, `s3://bucket/prefix`); '' is a folder beside the spool. `base_url`
    stands before the path of a note's url, '' leaves it relative."""

    storage_url: str = ""
    most_bytes: int = 2 * 1024 * 1024
    most_seconds: float = 120.0
    retention_ms: int = 30 * DAY_MS
    spool_dir: Path = Path(".data") / "voice-spool"
    """On the disk where uploads wait until they are known to be sound; it may grow by as much as arrives at once."""
    base_url: str = ""

    @property
    def storage(self) -> str:
        return self.storage_url or (self.spool_dir.absolute().parent / "voice").as_uri()


DEFAULT_TERMS = VoiceTerms()
