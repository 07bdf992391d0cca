"""The preloaded library that makes clocks wrong and disks full, and knows what a power cut leaves.

Owns its building and the control file through which running programs are told. Knows no Redis. Invariant: a program
that runs under it sees a change at its next call, without being asked.
"""

import mmap
import os
import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
VARIABLE = "SHIM_CONTROL"
BUILD_SECONDS = 60.0
_NUMBER = struct.Struct("=q")
_FILE = struct.Struct("=Qq")
_CLOCK, _DISK, _TABLE = 0, 8, 16
_FILES = 512  # shim.c: FILES
_SIZE = _TABLE + _FILES * _FILE.size


class NoCompiler(Exception):
    """The shim can not be built here. The message says what is missing."""


class Shim:
    """`folder` must exist; the library and the control file lie there. `name`: one control file for each program, or
    for all that share a clock and a disk."""

    def __init__(self, folder: Path, name: str = "shim") -> None:
        self._library = build(folder)
        self._control = folder / f"{name}.control"
        self._control.write_bytes(bytes(_SIZE))
        with self._control.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _SIZE)

    @property
    def environment(self) -> Mapping[str, str]:
        """Of whoever is to run under it."""
        return {"LD_PRELOAD": str(self._library), VARIABLE: str(self._control)}

    @property
    def clock_ms(self) -> int:
        """By how much the clock is wrong."""
        return self._number(_CLOCK)

    def shift_clock(self, ms: int) -> None:
        """Against the true time, not against the last shift."""
        _NUMBER.pack_into(self._map, _CLOCK, ms)

    def fill_disk(self, full: bool) -> None:
        """Appends to append-only files fail with ENOSPC from now on, or go through again."""
        _NUMBER.pack_into(self._map, _DISK, int(full))

    def synced(self) -> dict[int, int]:
        """Inode of each append-only file → its length at its last sync."""
        table = _FILE.iter_unpack(self._map[_TABLE:_SIZE])
        return {inode: size for inode, size in table if inode}

    def forget(self) -> None:
        """Inodes are given anew; only while nothing runs under it."""
        self._map[_TABLE:_SIZE] = bytes(_SIZE - _TABLE)

    def close(self) -> None:
        self._map.close()

    def _number(self, at: int) -> int:
        return int(_NUMBER.unpack_from(self._map, at)[0])


def found_compiler() -> str | None:
    return next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)


def build(folder: Path) -> Path:
    """The library; built once a folder. Raises NoCompiler."""
    library = (folder / "shim.so").resolve()
    if library.exists():
        return library
    compiler = found_compiler()
    if compiler is None:
        raise NoCompiler("no C compiler (cc, gcc or clang) on PATH: the faults of clock, disk and power need one")
    new = library.with_suffix(f".{os.getpid()}")
    command = [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(new), str(SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    if done.returncode != 0:
        raise NoCompiler(f"{compiler} can not build the shim: {done.stderr.strip()}")
    new.rename(library)
    return library
