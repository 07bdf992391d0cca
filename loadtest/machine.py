"""What a measurement ran on: the machine, and the versions of what was measured.

Owns the facts that a reader needs in order to compare two runs. Redis and PostgreSQL are asked for their versions
by the executables of the running server's own children, so that what is named is what ran. Invariant: nothing
here tells which machine it was: no host name, no user, no path.
"""

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types

from loadtest.rig.usage import trees

PACKAGES = ("uvloop", "websockets", "redis", "hiredis", "asyncpg", "orjson", "msgspec")
DATABASES = {"redis-server": "Redis", "postgres": "PostgreSQL"}
ANSWER_SECONDS = 10.0
UNKNOWN = "unknown"
# `Redis server v=6.2.14 sha=…`, `postgres (PostgreSQL) 18.0`
_TOLD = re.compile(r"(?:v=|\)\s+)(\d+(?:\.\d+)*)")


@dataclass(frozen=True, slots=True)
class Machine:
    """`load` is the mean number of runnable processes of the last minute, before the run added its own."""

    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    load: float


def look() -> Machine:
    return Machine(
        cpu=cpu_model(Path("/proc/cpuinfo").read_text()),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=psutil.virtual_memory().total / 2**30,
        kernel=f"{platform.system()} {kernel_version(platform.release())}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        load=os.getloadavg()[0],
    )


def cpu_model(cpuinfo: str) -> str:
    """The first processor's; ARM kernels tell none, then the architecture has to do."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def kernel_version(release: str) -> str:
    """Without what the builder of the kernel appended: it may name a machine."""
    found = re.match(r"\d+(\.\d+)*", release)
    return found[0] if found else UNKNOWN


def package_versions() -> dict[str, str]:
    return {name: installed(name) for name in PACKAGES}


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return UNKNOWN


def database_versions(roots: Iterable[int]) -> dict[str, str]:
    """Of the Redis and PostgreSQL in the trees of living processes below `roots`, by their usual names."""
    found: dict[str, str] = {}
    for each in trees(roots):
        executable = executable_of(each)
        name = DATABASES.get(executable.name) if executable else None
        if executable and name and name not in found:
            found[name] = told_version(asked(executable))
    return found


def executable_of(process: psutil.Process) -> Path | None:
    """None: it has ended meanwhile, or belongs to somebody who does not let us look."""
    try:
        return Path(process.exe())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def asked(executable: Path) -> str:
    answer = subprocess.run(
        [str(executable), "--version"], capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
    )
    return answer.stdout


def told_version(line: str) -> str:
    found = _TOLD.search(line)
    return found[1] if found else UNKNOWN


def as_rows(machine: Machine, versions: Mapping[str, str]) -> list[tuple[str, str]]:
    """What a table of it shows, without anything that would tell the machine."""
    return [
        ("CPU", machine.cpu),
        ("cores", str(machine.cores)),
        ("memory", f"{machine.memory_gib:.1f} GiB"),
        ("kernel", machine.kernel),
        ("load before the run", f"{machine.load:.2f}"),
        ("Python", machine.python),
        *((name, versions[name]) for name in versions),
    ]
