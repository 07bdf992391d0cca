"""Runs a command as an unprivileged user: `python unprivileged.py UID GID FOLDER COMMAND…`, started by root.

PostgreSQL refuses to run as root, yet root's data directory and virtual environment often lie below
folders that nobody else may enter. So one capability is kept, to read and to enter (CAP_DAC_READ_SEARCH),
none to write; where the container does not grant it, the ordinary permissions decide. Stands alone:
standard library only, run by path. Invariant: after `drop` no way leads back to root.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

CAP_DAC_READ_SEARCH = 2
CAP_SETPCAP = 8
CAPABILITY_VERSION_3 = 0x20080522
PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 1 << 2

libc = ctypes.CDLL(None, use_errno=True)


class Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class Half(ctypes.Structure):
    """32 capabilities; the kernel takes two of these."""

    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _done(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _prctl(option: int, *arguments: int) -> None:
    padded = [*arguments, 0, 0, 0, 0][:4]
    _done(libc.prctl(option, *map(ctypes.c_ulong, padded)))


def permitted(capability: int) -> bool:
    halves = (Half * 2)()
    _done(libc.capget(ctypes.byref(Header(CAPABILITY_VERSION_3, 0)), halves))
    return bool(halves[0].permitted & 1 << capability)


def _set(*capabilities: int) -> None:
    """Exactly these remain; all of them below 32."""
    bits = sum(1 << capability for capability in capabilities)
    halves = (Half * 2)()
    halves[0] = Half(bits, bits, bits)
    _done(libc.capset(ctypes.byref(Header(CAPABILITY_VERSION_3, 0)), halves))


def keep_reading(setting: bool) -> None:
    """Hands the one capability on to the command that is executed, and drops all others.

    `access(2)`, with which PostgreSQL looks for its own programs, heeds it only under a flag. Where that may
    not be set, the programs must lie where everybody may go; `main` finds out.
    """
    if setting:
        _set(CAP_DAC_READ_SEARCH, CAP_SETPCAP)
        with suppress(PermissionError):
            _prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    _set(CAP_DAC_READ_SEARCH)
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH)


def drop(uid: int, gid: int) -> None:
    reading, setting = permitted(CAP_DAC_READ_SEARCH), permitted(CAP_SETPCAP)
    if reading:
        _prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if reading:
        keep_reading(setting)
    _prctl(PR_SET_NO_NEW_PRIVS, 1)


def enters(folder: Path) -> bool:
    try:
        os.stat(f"{folder}/.")
    except PermissionError:
        return False
    return True


def finds(folder: Path) -> bool:
    """As `access(2)` says, which may be stricter."""
    return os.access(folder, os.X_OK)


def first_closed(folder: Path, may: Callable[[Path], bool]) -> Path | None:
    """The topmost folder on the way where this process may not go."""
    return next((step for step in (*reversed(folder.parents), folder) if not may(step)), None)


def main(arguments: list[str]) -> None:
    uid, gid, folder, *command = arguments
    try:
        drop(int(uid), int(gid))
    except OSError as exc:
        sys.exit(f"can not become user {uid}: {exc.strerror}")
    if closed := first_closed(Path(folder), enters) or first_closed(Path(command[0]).parent, finds):
        sys.exit(
            f"user {uid}, who runs PostgreSQL because root may not, is not allowed to enter {closed}:"
            " open it, choose a folder that everybody may enter, or start as an ordinary user"
        )
    try:
        os.execv(command[0], command)
    except OSError as exc:
        sys.exit(f"user {uid} can not execute {command[0]}: {exc.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
