"""One confined worker process as the server sees it: started, given a file, waited for, ended.

Knows neither the pool nor what a refusal means to a client. Invariant: after `end` its process is gone and waited for;
one that did not answer as it should is of no more use (`Lost`).
"""

import asyncio
import os
import signal
import socket
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress
from typing import Self

import msgspec

from dispatch.voice.confinement import command, end, environment
from dispatch.voice.recording import Answer, Job, encode, read_answer, read_ready

START_S = 30.0
MOST_ANSWER_BYTES = 65_536


class Lost(Exception):
    """`how`: `died`, `hung`, or `garbled` (it said what no worker says)."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class Inspector:
    def __init__(self, process: Process, ours: socket.socket) -> None:
        self._process = process
        self._socket = ours
        self.jobs = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        return self._process.returncode

    @classmethod
    async def start(cls) -> Self:
        """Returns when it is confined. Raises Lost, OSError."""
        ours, theirs = socket.socketpair()
        try:
            ours.setblocking(False)
            with theirs:
                process = await _spawn(theirs)
        except BaseException:
            ours.close()
            raise
        found = cls(process, ours)
        try:
            read_ready(await found._line(START_S))
        except BaseException as exc:
            await found.end()
            if isinstance(exc, msgspec.MsgspecError):
                raise Lost("garbled") from exc
            raise
        return found

    def give(self, file: int, job: Job) -> None:
        """An open descriptor, whose position is neither used nor changed. Raises Lost when the worker is gone."""
        self.jobs += 1
        try:
            socket.send_fds(self._socket, [encode(job)], [file])
        except OSError as exc:
            raise Lost("died") from exc

    async def answer(self, within_s: float) -> Answer:
        """Raises Lost."""
        try:
            return read_answer(await self._line(within_s))
        except msgspec.MsgspecError as exc:
            raise Lost("garbled") from exc

    async def _line(self, within_s: float) -> bytes:
        loop = asyncio.get_running_loop()
        line = b""
        try:
            async with asyncio.timeout(within_s):
                while not line.endswith(b"\n"):
                    part = await loop.sock_recv(self._socket, MOST_ANSWER_BYTES)
                    line += part
                    if not part:
                        raise Lost("died")
                    if len(line) > MOST_ANSWER_BYTES:
                        raise Lost("garbled")
        except TimeoutError as exc:
            raise Lost("hung") from exc
        except ConnectionError as exc:
            raise Lost("died") from exc
        return line

    def kill(self) -> None:
        """Its end shows in its answer, if anybody waits for one."""
        if self.code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def end(self) -> None:
        self._socket.close()
        await end(self._process)


async def _spawn(theirs: socket.socket) -> Process:
    """In a session of its own: Ctrl-C is for the server, which still has notes to look into."""
    return await asyncio.create_subprocess_exec(
        *command("dispatch.voice.worker", str(theirs.fileno()), str(os.getpid())),
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,  # it might quote what is in the file
        pass_fds=(theirs.fileno(),),
        cwd="/",
        env=environment(),
        start_new_session=True,
    )
