"""Finds out whether a file is a voice note: a pool of confined workers, started when the first file comes.

Owns how many there are, how long one may take, what becomes of a file that ends its worker. Knows no format. Invariant:
whatever the bytes do to a worker, the server goes on and the file is refused; after `close` no worker is left.
"""

from typing import BinaryIO, Final

import structlog

from dispatch import metrics
from dispatch.errors import Unavailable, invalid
from dispatch.voice.inspector import Inspector, Lost
from dispatch.voice.places import Places
from dispatch.voice.recording import Answer, Job, Recording, Refusal

JOB_S: Final = 10.0
MOST_JOBS: Final = 500
"""Then a worker is renewed: what a decoder forgets to free does not add up."""
PART: Final = "audio"

log = structlog.get_logger()


class Sound:
    def __init__(self, most_seconds: float, workers: int = 2) -> None:
        self._job = Job(most_seconds=most_seconds)
        self._places = Places(workers)
        self._running: set[Inspector] = set()
        self._idle: list[Inspector] = []
        self._closed = False

    @property
    def pids(self) -> frozenset[int]:
        """Of the workers there are now."""
        return frozenset(worker.pid for worker in self._running)

    async def inspect(self, file: BinaryIO) -> Recording:
        """The file needs a descriptor. Raises Refused (path `audio`) or Unavailable."""
        async with self._places.one():
            answer = await self._ask(file.fileno())
        outcome = "accepted" if isinstance(answer, Recording) else "refused"
        metrics.VOICE_INSPECTIONS.labels(outcome).inc()
        if isinstance(answer, Refusal):
            raise invalid(PART, answer.reason)
        return answer

    async def _ask(self, file: int) -> Answer:
        worker = await self._given(file)
        spare = False
        try:
            answer = await worker.answer(JOB_S)
            spare = worker.jobs < MOST_JOBS and not self._closed
            return answer
        except Lost as exc:
            await worker.end()
            if self._closed:
                raise Unavailable("the server is stopping") from exc
            metrics.VOICE_INSPECTIONS.labels(exc.how).inc()
            log.warning("voice_worker_lost", how=exc.how, code=worker.code)
            raise invalid(PART, "the sound can not be decoded") from exc
        finally:
            await self._give_back(worker, spare)

    async def _give_back(self, worker: Inspector, spare: bool) -> None:
        """One that was left in the middle of a file is not asked again: its answer would be taken for the next."""
        if spare:
            self._idle.append(worker)
            return
        self._running.discard(worker)
        await worker.end()

    async def _given(self, file: int) -> Inspector:
        """A worker that has the file. One that has died since its last file is no fault of this one."""
        while not self._closed and self._idle:
            worker = self._idle.pop()
            try:
                worker.give(file, self._job)
                return worker
            except Lost:
                await self._give_back(worker, spare=False)
        if self._closed:
            raise Unavailable("the server is stopping")
        return await self._started(file)

    async def _started(self, file: int) -> Inspector:
        try:
            worker = await Inspector.start()
        except (Lost, OSError) as exc:
            log.error("voice_worker_not_started", reason=str(exc))
            raise _unavailable() from exc
        self._running.add(worker)
        try:
            worker.give(file, self._job)
        except Lost as exc:
            await self._give_back(worker, spare=False)
            raise _unavailable() from exc
        return worker

    async def close(self) -> None:
        """Also in the middle of a file, whose sender hears that the server is unavailable."""
        self._closed = True
        for worker in self._running:
            worker.kill()
        async with self._places.all():  # then nobody has a worker, or is starting one
            while self._idle:
                await self._give_back(self._idle.pop(), spare=False)


def _unavailable() -> Unavailable:
    return Unavailable("voice notes can not be looked into now")


__all__ = ["Recording", "Sound"]
