"""The files of the pages as they stand on disk: found, hashed, compressed.

Owns which kinds of files are served and under what media type. Knows no HTTP and no page. Invariant: nothing outside
of the folder is found, no hidden file, no file of another kind; what is found is what the file holds now.
"""

import gzip
import hashlib
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

PAGES: Mapping[str, str] = {name: f"{name}.html" for name in ("desk", "valet", "shop", "login")}
"""Each page's name in the address, and its file."""
_NAME = "[A-Za-z0-9_-][A-Za-z0-9._-]*"
_PATH = re.compile(f"{_NAME}(?:/{_NAME})*")
_TEXTS: Mapping[str, str] = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    "": "text/plain",  # a LICENSE
}
_OTHERS: Mapping[str, str] = {".png": "image/png", ".ico": "image/x-icon"}
_PAPERS = frozenset({"", ".txt"})
_ABOUT = "libraries.json"
_SMALL = 1024
"""Bytes; below, compressing is not worth its header."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """`path` is below the folder; `zipped` is None where it is of no use; `stamp` changes when the file does."""

    path: str
    media: str
    body: bytes
    zipped: bytes | None
    digest: str
    stamp: tuple[int, int, int]

    @property
    def is_page(self) -> bool:
        return self.path in PAGES.values()

    @property
    def address(self) -> str:
        """Below `/console/`."""
        return self.path.removesuffix(".html") if self.is_page else self.path

    @property
    def of_the_shell(self) -> bool:
        """Whether a browser needs it to show the pages; licences and lists of libraries are for people."""
        name = PurePosixPath(self.path)
        return name.suffix not in _PAPERS and name.name != _ABOUT


class PageFiles:
    """Read once; a file that was edited since is read again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve(strict=True)
        self._kept: dict[str, PageFile] = {}
        self.all()

    def all(self) -> Sequence[PageFile]:
        """In order of their paths."""
        root = f"{self._folder}{os.sep}"
        paths = (f"{folder}{os.sep}{name}" for folder, _, names in os.walk(self._folder) for name in names)
        below = sorted(path.removeprefix(root) for path in paths)
        return [found for path in below if (found := self.find(path)) is not None]

    def find(self, path: str) -> PageFile | None:
        """`path` may be anything that somebody asked for."""
        media = _media(path)
        if media is None:
            return None
        file = f"{self._folder}{os.sep}{path}"
        try:
            status = os.stat(file)
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            kept = self._kept.get(path)
            if kept is not None and kept.stamp == stamp:
                return kept
            if not stat.S_ISREG(status.st_mode) or not self._contains(file):
                return None
            kept = self._kept[path] = _read(path, media, Path(file).read_bytes(), stamp)
        except (FileNotFoundError, NotADirectoryError):
            self._kept.pop(path, None)
            return None
        return kept

    def _contains(self, file: str) -> bool:
        """Also where a link leads."""
        return Path(file).resolve().is_relative_to(self._folder)

    @staticmethod
    def version(files: Sequence[PageFile]) -> str:
        """Another one when a name or a byte is another; the same on every node that serves the same files."""
        told = "\n".join(f"{each.path} {each.digest}" for each in files)
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def _media(path: str) -> str | None:
    if len(path) > 200 or not _PATH.fullmatch(path):
        return None
    suffix = os.path.splitext(path)[1]
    text = _TEXTS.get(suffix)
    return f"{text}; charset=utf-8" if text else _OTHERS.get(suffix)


def _read(path: str, media: str, body: bytes, stamp: tuple[int, int, int]) -> PageFile:
    zipped = gzip.compress(body, 6, mtime=0) if "charset" in media and len(body) >= _SMALL else None
    return PageFile(path, media, body, zipped, hashlib.sha256(body).hexdigest()[:32], stamp)
