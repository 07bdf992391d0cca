"""Where the embedded servers' Unix sockets lie.

Beside their files when the path fits into a socket address and needs no quoting in a URL or a
configuration value; else in a private folder below the system's folder for temporary files. Invariant:
only the owner (and root) may enter the folder, so that the socket needs no password.
"""

import os
import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from server.children import EmbeddedError

LONGEST_PATH = 107  # sockaddr_un holds 108 bytes with the closing NUL
PLAIN = re.compile(r"[A-Za-z0-9/._-]+")


def fits(path: Path) -> bool:
    return PLAIN.fullmatch(str(path)) is not None and len(str(path)) <= LONGEST_PATH


@dataclass(frozen=True, slots=True)
class SocketFolder:
    """`temporary`: made by us for the sockets alone."""

    path: Path
    owner: int
    temporary: bool

    def prepare(self) -> None:
        """Makes it, or makes sure that nobody else did: others may write to the folder above it."""
        if not self.temporary:
            return
        with suppress(FileExistsError):
            self.path.mkdir(mode=0o700)
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if os.fstat(descriptor).st_uid not in {self.owner, os.geteuid()}:
                raise EmbeddedError(f"{self.path} belongs to another user")
            os.fchmod(descriptor, 0o700)
            os.fchown(descriptor, self.owner, -1)
        finally:
            os.close(descriptor)

    def discard(self) -> None:
        """What lies in it after a crash stays for the next start."""
        if self.temporary:
            with suppress(OSError):
                self.path.rmdir()


def choose(home: Path, socket_name: str, name: str, owner: int) -> SocketFolder:
    """For a server whose files lie in `home`; `name` is unique on the machine."""
    if fits(home / socket_name):
        return SocketFolder(home, owner, temporary=False)
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):
        if fits(parent / name / socket_name):
            return SocketFolder(parent / name, owner, temporary=True)
    raise EmbeddedError(f"no folder's path is short enough for a socket: {home}, {tempfile.gettempdir()}")
