"""One child server: started in a session of its own, waited for, brought back when it dies, ended.

Knows neither Redis nor PostgreSQL: what to run, how to ask whether it answers, and which signal asks it to
end come in a `Plan`. Start, watch and stop belong to one event loop. Invariant: after `stop` has returned,
nothing of the child runs, and nothing starts it again.
"""

import asyncio
import os
import re
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import structlog

from server import leftovers

READY_SECONDS = 120.0  # a long log to replay, a recovery after a crash
STEADY_SECONDS = 30.0  # who lived that long is brought back at once
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 15.0
POLL_SECONDS = 0.01
ONE_OFF_SECONDS = 120.0

REASON = re.compile(r"\b(?:FATAL|PANIC): |: error: ")

log = structlog.get_logger(__name__)


class EmbeddedError(Exception):
    """A child server can not be had. The message is one line that says why, and where it can, what to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`program` and `mark` are what `leftovers` knows the child by, `url` what its clients do.

    `before` clears the way for each start, `after` cleans up behind the last.
    """

    program: str
    mark: str
    url: str
    command: Sequence[str]
    folder: Path
    output: Path
    ending: signal.Signals
    patience_seconds: float
    before: Callable[[], None]
    after: Callable[[], None]
    answers: Callable[[], Awaitable[bool]]


class Child:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._process: Process | None = None
        self._changing = asyncio.Lock()
        self._stopped = False

    @property
    def pid(self) -> int:
        """Of the last start, also after it has died."""
        if self._process is None:
            raise EmbeddedError(f"{self.plan.program} was not started")
        return self._process.pid

    async def start(self) -> None:
        """Returns when it answers."""
        async with self._changing:  # a stop comes before or after the spawning, never within
            if self._stopped:
                raise EmbeddedError(f"{self.plan.program} is stopped")
            await end_left_overs(self.plan)
            clear_way(self.plan)
            written = size(self.plan.output)
            self._process = await spawn(self.plan)
        await self._ready(self._process, written)

    async def _ready(self, process: Process, written: int) -> None:
        ended = asyncio.ensure_future(process.wait())
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not await self.plan.answers():
                    await asyncio.wait({ended}, timeout=POLL_SECONDS)
                    if ended.done():
                        raise EmbeddedError(f"{self.plan.program} did not start: {self._reason(written)}")
        except TimeoutError as exc:
            message = f"{self.plan.program} does not answer; see {self.plan.output}"
            raise EmbeddedError(message) from exc
        except OSError as exc:
            raise EmbeddedError(f"{self.plan.program} can not be asked whether it is ready: {exc}") from exc
        finally:
            ended.cancel()

    def _reason(self, written: int) -> str:
        with self.plan.output.open("rb") as lines:
            lines.seek(written)
            return f"{reason(lines.read())} ({self.plan.output})"

    async def watch(self) -> NoReturn:
        """Starts it again whenever it has died, more slowly when it dies young; idle once it is stopped."""
        clock = asyncio.get_running_loop().time
        pause = 0.0
        while True:
            began = clock()
            await self._ended()
            if clock() - began > STEADY_SECONDS:
                pause = 0.0
            pause = await self._bring_back(pause)

    async def _ended(self) -> None:
        assert self._process is not None, "watched before it was started"
        code = await self._process.wait()
        if self._stopped:
            await asyncio.get_running_loop().create_future()
        log.warning("embedded server died", server=self.plan.program, pid=self.pid, code=code)

    async def _bring_back(self, pause: float) -> float:
        """Tries until it runs. Returns how long to pause before the next time."""
        while not self._stopped:
            await asyncio.sleep(pause)
            pause = longer(pause)
            if await self._runs_again():
                break
        return pause

    async def _runs_again(self) -> bool:
        """True also when it runs but is slow to answer: to kill it for that would begin its work anew."""
        try:
            await self.start()
        except EmbeddedError as exc:
            log.error("embedded server is not back", server=self.plan.program, reason=str(exc))
            return self._process is not None and self._process.returncode is None
        log.info("embedded server is back", server=self.plan.program, pid=self.pid)
        return True

    async def stop(self) -> None:
        async with self._changing:
            self._stopped = True
        if self._process is not None:
            await end(self._process, self.plan.ending, self.plan.patience_seconds)
            await end_left_overs(self.plan)
            self.plan.after()


def longer(pause: float) -> float:
    return min(max(2 * pause, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)


async def end_left_overs(plan: Plan) -> None:
    """Also the children of a PostgreSQL that was killed: while one lives, no other may start."""
    if resisting := await leftovers.end(plan.mark, {plan.program: plan.ending}):
        raise EmbeddedError(f"process {resisting[0].pid}, an old {plan.program}, can not be ended")


def clear_way(plan: Plan) -> None:
    try:
        plan.before()
    except OSError as exc:
        raise EmbeddedError(f"{plan.program} can not be started: {exc}") from exc


async def spawn(plan: Plan) -> Process:
    try:
        output = os.open(plan.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as exc:
        raise EmbeddedError(f"{plan.program} can not write its log: {exc}") from exc
    try:
        return await _execute(plan.command, plan.folder, stdin=DEVNULL, output=output)
    finally:
        os.close(output)


async def run(name: str, command: Sequence[str], folder: Path, told: bytes | None = None) -> str:
    """Runs a command to its end, and returns what it wrote. `name` is for the error's message.

    None: there is nothing to tell. To tell even b"" to one that has ended already is an error on uvloop.
    """
    process = await _execute(command, folder, stdin=DEVNULL if told is None else PIPE, output=PIPE)
    try:
        async with asyncio.timeout(ONE_OFF_SECONDS):
            written, _ = await process.communicate(told)
    except BaseException as exc:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if isinstance(exc, TimeoutError):
            raise EmbeddedError(f"{name} took longer than {ONE_OFF_SECONDS:.0f} s") from exc
        raise
    if process.returncode != 0:
        raise EmbeddedError(f"{name} failed: {reason(written)}")
    return written.decode(errors="replace")


async def _execute(command: Sequence[str], folder: Path, *, stdin: int, output: int) -> Process:
    """In a session of its own, for Ctrl-C; without our environment, which may hold secrets."""
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=stdin,
            stdout=output,
            stderr=STDOUT,
            cwd=folder,
            env=environment(),
            start_new_session=True,
        )
    except OSError as exc:
        raise EmbeddedError(f"{command[0]} can not be executed: {exc.strerror}") from exc


def environment() -> dict[str, str]:
    """English messages, no PG… or PYTHON… variable of the user's shell."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


async def end(process: Process, asking: signal.Signals, patience_seconds: float) -> None:
    for number, seconds in ((asking, patience_seconds), (signal.SIGKILL, leftovers.KILL_SECONDS)):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def reason(written: bytes) -> str:
    """The one line that says most: the last fatal one, else the last one."""
    lines = [line.strip() for line in written.decode(errors="replace").splitlines() if line.strip()]
    fatal = [line for line in lines if REASON.search(line)]
    return (fatal or lines or ["it said nothing"])[-1]
