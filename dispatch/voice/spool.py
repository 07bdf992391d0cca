"""A spool: one upload on its way in, on disk, counted and hashed while it comes.

Owns the file, which has no name: it is gone with the upload, however that ends, and with the process when it crashes.
Knows not what is in it. Invariant: no more than the most bytes are ever written.
"""

import hashlib
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import structlog

from dispatch.errors import Code, Refused, Unavailable

log = structlog.get_logger()


class Spool:
    """`bytes` and `sha256` (hex) are of what came so far."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._hash = hashlib.sha256()
        self._file: BinaryIO | None = None
        self.bytes = 0

    async def __aenter__(self) -> Self:
        """Raises Unavailable."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 – `__aexit__` closes it
        except OSError as exc:
            raise _unavailable(exc) from exc
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()

    @property
    def file(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("the spool is not open")
        return self._file

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, piece: bytes) -> None:
        """Raises Refused (too_large), Unavailable (the disk is full)."""
        if self.bytes + len(piece) > self._most_bytes:
            raise Refused(Code.TOO_LARGE, f"audio: is larger than {self._most_bytes} bytes")
        self.bytes += len(piece)
        self._hash.update(piece)
        left = memoryview(piece)
        try:
            while left:
                left = left[self.file.write(left) :]
        except OSError as exc:
            raise _unavailable(exc) from exc

    def again(self) -> BinaryIO:
        """The same file from its start; it outlives the spool, and is the caller's to close."""
        file = os.fdopen(os.dup(self.file.fileno()), "rb", buffering=0)
        file.seek(0)
        return file


def _unavailable(exc: OSError) -> Unavailable:
    log.warning("upload_not_spooled", error=type(exc).__name__, errno=exc.errno)
    return Unavailable("the server has no room for the upload now")
