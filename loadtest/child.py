"""A server of our own: `valet-dispatch serve` as a child process on free ports and a data directory.

Owns its start, the wait for `/readyz`, and its end. Knows nothing of the server but its command line
(PROTOCOL §8). Invariant: whoever leaves the `with` block, by whatever way, leaves no child behind. The
child is in a process session of its own: Ctrl-C in the terminal reaches us alone, and we decide when it
drains.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

READY_SECONDS = 120.0
DRAIN_SECONDS = 30.0
MARKER = ".made-by-loadtest"
LOG = "serve.log"
# A server on a directory of ours never touches the Redis, PostgreSQL and storage that the environment may name, takes
# the tokens that are signed with the secret which we give it, and is reached where it listens.
ELSEWHERE = frozenset(
    {
        "DISPATCH_REDIS_URL",
        "DISPATCH_DATABASE_URL",
        "DISPATCH_TOKEN_ALG",
        "DISPATCH_TOKEN_ISSUER",
        "DISPATCH_PUBLIC_KEYS",
        "DISPATCH_JWKS_URL",
        "DISPATCH_SECRET_PREVIOUS",
        "DISPATCH_VOICE_STORAGE",
        "DISPATCH_ORIGINS",
        "DISPATCH_PUBLIC_URL",
        "DISPATCH_STREAM_URL",
    }
)


class StartFailed(Exception):
    """The server did not become ready; the text says why."""


class Child:
    def __init__(self, data_dir: Path) -> None:
        self.secret = secrets.token_hex(32)
        self.data_dir = data_dir
        http_port, ws_port = free_ports(2)
        self.http_url = f"http://127.0.0.1:{http_port}"
        self.ws_url = f"ws://127.0.0.1:{ws_port}"
        self.log = data_dir / LOG
        self._arguments = [
            "--http-port",
            str(http_port),
            "--ws-port",
            str(ws_port),
            "--data-dir",
            str(data_dir),
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self.exit_code: int | None = None

    def __enter__(self) -> Self:
        self._process = self._start()
        try:
            self._wait_ready(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait(self) -> None:
        """Until it ends by itself, or Ctrl-C does not wait any longer."""
        assert self._process is not None
        self._process.wait()

    def stop(self) -> None:
        """SIGTERM, and `exit_code`: 0 after a clean drain. An impatient Ctrl-C is not heard meanwhile."""
        assert self._process is not None
        heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._process.terminate()
            self.exit_code = self._process.wait(DRAIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.exit_code = self._process.wait()
        finally:
            signal.signal(signal.SIGINT, heard)

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
        environment["DISPATCH_SECRET"] = self.secret
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [command(), "serve", *self._arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        with httpx.Client(base_url=self.http_url, trust_env=False, timeout=2.0) as http:
            while not is_ready(http):
                if process.poll() is not None:
                    raise StartFailed(f"the server ended with {process.returncode}:\n{self._last_lines()}")
                if time.monotonic() > deadline:
                    raise StartFailed(f"not ready within {READY_SECONDS:.0f} s:\n{self._last_lines()}")
                time.sleep(0.1)

    def _last_lines(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


def is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def command() -> str:
    """The command that was installed beside the interpreter that runs us, else the one on PATH."""
    beside = Path(sys.executable).parent / "valet-dispatch"
    found = str(beside) if beside.exists() else shutil.which("valet-dispatch")
    if found is None:
        raise StartFailed("no `valet-dispatch` beside the interpreter or on PATH: run `make install`")
    return found


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def prepare(data_dir: Path, fresh: bool) -> None:
    """An empty directory of ours. What was not made by us is never wiped."""
    marker = data_dir / MARKER
    if fresh and data_dir.exists() and any(data_dir.iterdir()):
        if not marker.exists():
            raise StartFailed(f"{data_dir} is not empty and was not made by a replay: name another --data-dir")
        shutil.rmtree(data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    marker.touch()
