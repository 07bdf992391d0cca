"""What a process that touches strangers' sound gives up before it does, for itself and for whatever it becomes.

Knows nothing of sound. `python -m dispatch.voice.confinement PARENT PROGRAM ARGUMENT…` confines itself, then becomes
the program. Invariant: after `confine` the process dies with its parent, has a bounded memory, writes no file, leaves
no core behind, and reaches no network where the kernel lets it say so.
"""

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from asyncio.subprocess import Process  # the program waits for no import that it does not need

NEW_USER: Final = 0x10000000
NEW_NETWORK: Final = 0x40000000
SET_DEATH_SIGNAL: Final = 1
SET_NO_NEW_PRIVILEGES: Final = 38
CAPABILITIES_VERSION_3: Final = 0x20080522
NOBODY: Final = 65_534
KEPT: Final = ("PATH", "LD_LIBRARY_PATH")


def confine(parent: int, *, most_memory: int, most_files: int) -> None:
    """For good. `parent` is who must live; when he is gone already, this process ends at once."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    resource.setrlimit(resource.RLIMIT_AS, (most_memory, most_memory))
    if sys.platform == "linux":
        _isolate()
        _die_with(parent)


def _isolate() -> None:
    """No network; not root. A kernel or a container may forbid the first: then the other walls must do."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_NETWORK) != 0:  # allowed to root
        libc.unshare(NEW_USER | NEW_NETWORK)
    if os.getuid() == 0:
        with suppress(PermissionError):  # a root without capabilities has nothing to give up
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    # In its own network it would be its own root: the kernel's least tried doors.
    libc.capset((ctypes.c_uint32 * 2)(CAPABILITIES_VERSION_3, 0), (ctypes.c_uint32 * 6)())
    libc.prctl(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)


def _die_with(parent: int) -> None:
    """Last of all: a change of user makes the kernel forget it."""
    ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def command(module: str, *arguments: str) -> tuple[str, ...]:
    """How to start one of our modules; `-P`: whatever lies in the current folder is not ours."""
    return (sys.executable, "-P", "-m", module, *arguments)


def environment() -> dict[str, str]:
    """What such a process may know of ours, which may hold secrets; and where our modules are."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "LC_ALL": "C", "PYTHONPATH": str(Path(__file__).parents[2])}


async def end(process: "Process") -> None:
    """Returns when it is gone. Not by `Process.kill`, which may wait for a dead child before asyncio's watcher does."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    await process.wait()


def main() -> None:
    confine(int(sys.argv[1]), most_memory=1 << 30, most_files=64)
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
