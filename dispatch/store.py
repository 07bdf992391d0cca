"""The only speaker of Redis.

Gathers the script calls of a loop turn into one batch, one batch in flight: that also keeps one agent's
commands in their order, through an absence of Redis, too. Compares the server's run id on each new connection:
behind another one the data may have gone back in time, so every region is quarantined until `reconcile` has given it
a new epoch. Knows no rule of dispatch. Invariant: a call is sent only to the server run for which its epoch holds.
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import structlog
from redis.exceptions import ResponseError
from ulid import ULID

from dispatch import metrics
from dispatch.errors import DispatchError, InvariantBroken, Unavailable
from dispatch.events import Event
from dispatch.link import Command, Link
from dispatch.scripts import Argument, Script, key, scripts

log = structlog.get_logger()
MOST_IN_A_BATCH = 512
PATIENCE_S = 2.0
"""How long a call waits for a Redis that is away or a region that is being put right, before it is an error."""
LONGEST_PAUSE_S = 0.3
"""Between two attempts."""
_UNAVAILABLE = "unavailable"
_PASSING = {"OOM", "LOADING", "READONLY", "MISCONF", "BUSY", "MASTERDOWN", "NOREPLICAS", "TRYAGAIN", "CLUSTERDOWN"}
"""Codes of error replies that say: not now."""
_OF_A_COMMAND = re.compile(r": -([A-Z]+) ")
"""Redis 6 wraps the error of a command that a script called: `ERR Error running script …: -OOM command not …`."""

_CALLS = {name: metrics.SCRIPT_CALLS.labels(name) for name in scripts()}

EpochSource = Callable[[str], Awaitable[tuple[str, int] | None]]
"""Region → (run id, epoch) as PostgreSQL has it."""


class Reply(NamedTuple):
    """`extra` is MessagePack or text, as the script's header says."""

    outcome: str
    events: list[Event]
    extra: bytes

    def unpacked(self) -> Any:
        return msgspec.msgpack.decode(self.extra)

    @property
    def text(self) -> str:
        return self.extra.decode()


class Quarantined(Unavailable):
    """Redis is another one than when the region's epoch was set; it must be reconciled first."""

    def __init__(self, region: str) -> None:
        super().__init__(f"region {region} is being reconciled")


class _Call:
    __slots__ = ("deadline", "future", "name", "region", "repeated", "run_id", "words")

    def __init__(
        self, name: str, region: str, run_id: str, keys: list[str], args: list[Argument], deadline: float
    ) -> None:
        """What can not be encoded fails here, before it stands in a batch with others."""
        self.name, self.region, self.run_id, self.deadline = name, region, run_id, deadline
        self.words: list[int | bytes] = [len(keys), *(key.encode() for key in keys), *map(_encoded, args)]
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.repeated = False

    def fail(self, exc: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(exc)


def _encoded(value: Argument) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


class Store:
    """One process' access to one Redis."""

    def __init__(self, url: str, epoch_source: EpochSource) -> None:
        self._url = url
        self._epoch_source = epoch_source
        self._link = Link(url, self._load_scripts)
        self._admin = Link(url, self._meet)
        self._scripts = scripts()
        self._run_id = ""
        self._epochs: dict[str, int] = {}
        self._asking: dict[str, asyncio.Future[tuple[str, int] | None]] = {}
        self._pauses: dict[str, asyncio.Future[None]] = {}
        self._queue: list[_Call] = []
        self._sender: asyncio.Task[None] | None = None
        self._direct = asyncio.Lock()

    # --- scripts ---------------------------------------------------------------------------------------

    async def run(self, name: str, region: str, *, request: str = "", **values: Argument) -> Reply:
        """Run one script in a region. Raises Unavailable (Quarantined) after `PATIENCE_S`, InvariantBroken.

        Without a `request`, one is drawn, so that our own repeat after a lost reply takes no effect twice.
        """
        script = self._scripts[name]
        if script.keeps_requests and not request:
            request = f"d{ULID()}"
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            if pause := self._pauses.get(region):  # whoever waits for the region already goes first
                await asyncio.shield(pause)
            try:
                return await self._attempt(script, region, request, values, deadline)
            except Quarantined:
                if asyncio.get_running_loop().time() > deadline:
                    raise
            await self._pause(region)

    async def run_now(self, name: str, region: str, **values: Argument) -> Reply:
        """The same without patience, for those who can mend what is wrong."""
        return await self._attempt(self._scripts[name], region, "", values, 0.0)

    async def run_as(self, epoch: int | str, name: str, region: str, **values: Argument) -> Reply:
        """For reconciliation, which runs under an epoch of its own ('': there is none). Raises as `run_now` does."""
        reply = await self._once(self._scripts[name], region, epoch, "", values, 0.0)
        if reply.outcome == _UNAVAILABLE:
            raise Quarantined(region)
        return reply

    async def _attempt(
        self, script: Script, region: str, request: str, values: Mapping[str, Argument], deadline: float
    ) -> Reply:
        for _ in range(2):  # the region may have been reconciled since: with the new epoch, once
            reply = await self._once(script, region, await self._epoch(region), request, values, deadline)
            if reply.outcome != _UNAVAILABLE:
                return reply
            self._epochs.pop(region, None)
        raise Quarantined(region)

    async def _once(
        self,
        script: Script,
        region: str,
        epoch: int | str,
        request: str,
        values: Mapping[str, Argument],
        deadline: float,
    ) -> Reply:
        keys, args = script.bind(region, epoch, request, values)
        raw = await self._submit(_Call(script.name, region, self._run_id, keys, args, deadline))
        if len(raw) == 1:
            return Reply(_UNAVAILABLE, [], b"")
        return Reply(raw[0].decode(), [Event.of_flat(region, flat) for flat in raw[1]], raw[2])

    async def _epoch(self, region: str) -> int:
        if not self._run_id:
            await self._identify()
        known = self._epochs.get(region)
        if known is not None:
            return known
        asking = self._asking.get(region)
        if asking is None:  # however many wait for it, the question is asked once at a time
            asking = self._asking[region] = asyncio.ensure_future(self._epoch_source(region))
            asking.add_done_callback(lambda _: self._asking.pop(region))
        found = await asyncio.shield(asking)
        if found is None or found[0] != self._run_id:
            raise Quarantined(region)
        self._epochs[region] = found[1]
        return found[1]

    async def _pause(self, region: str) -> None:
        """All who wait for one region go on together, in the order in which they came."""
        pause = self._pauses.get(region)
        if pause is None:
            loop = asyncio.get_running_loop()
            pause = self._pauses[region] = loop.create_future()
            loop.call_later(random.uniform(0.02, LONGEST_PAUSE_S), self._go_on, region)
        await asyncio.shield(pause)

    def _go_on(self, region: str) -> None:
        self._pauses.pop(region).set_result(None)

    async def _identify(self) -> None:
        async with self._direct:
            await self._connect(self._admin)

    async def _connect(self, link: Link) -> None:
        """Both links lead to the same server: the one that last connected says which."""
        await link.ready()
        if link.run_id != self._run_id:
            await link.close()
            await link.ready()

    async def _meet(self, link: Link) -> None:
        if link.run_id != self._run_id:
            self._run_id = link.run_id
            self._epochs.clear()

    async def _submit(self, call: _Call) -> Any:
        self._queue.append(call)
        if self._sender is None:
            self._sender = asyncio.get_running_loop().create_task(self._send_all())
        return await call.future

    async def _send_all(self) -> None:
        batch: list[_Call] = []
        pause = 0.0
        try:
            while self._queue:
                batch, self._queue = self._queue[:MOST_IN_A_BATCH], self._queue[MOST_IN_A_BATCH:]
                if await self._send(batch):
                    pause = 0.0
                else:  # at first at once: a connection that died while it was idle shows only when it is used
                    await asyncio.sleep(random.uniform(0, pause))
                    pause = min(2 * pause + 0.01, LONGEST_PAUSE_S)
        finally:
            self._sender = None
            left, self._queue = [*batch, *self._queue], []
            _fail(left, Unavailable("the server is stopping"))

    async def _send(self, batch: list[_Call]) -> bool:
        """Whether all were answered; those that were not stand at the head of the queue again."""
        metrics.REDIS_BATCH.observe(len(batch))
        try:
            await self._connect(self._link)
            for call in batch:
                if call.run_id != self._run_id:
                    call.fail(Quarantined(call.region))
            batch = [call for call in batch if not call.future.done()]
            with metrics.REDIS_TIME.time():
                replies = await self._link.exchange([self._command(call) for call in batch]) if batch else []
        except Unavailable as exc:
            self._again(batch, exc)
            return False
        except Exception as exc:  # a bug of ours: these callers hear of it, those who come next are served
            metrics.BROKEN.inc()
            log.error("batch_failed", exc_info=exc)
            _fail(batch, InvariantBroken(f"a batch could not be sent: {type(exc).__name__}"))
            return True
        unserved = [call for call, reply in zip(batch, replies, strict=True) if not _deliver(call, reply)]
        if unserved:
            await self._link.close()  # connecting again loads the scripts, and finds the new master
            self._again(unserved, Unavailable("Redis has lost the scripts, or is no master any more"))
        return not unserved

    def _command(self, call: _Call) -> Command:
        _CALLS[call.name].inc()
        return ("EVALSHA", self._scripts[call.name].sha, *call.words)

    def _again(self, batch: list[_Call], exc: Unavailable) -> None:
        """What got no answer is repeated, in order, at least once: every script that writes is safe to repeat."""
        now = asyncio.get_running_loop().time()
        _fail((call for call in batch if call.repeated and now >= call.deadline), exc)
        again = [call for call in batch if not call.future.done()]
        for call in again:
            call.repeated = True
        self._queue[:0] = again

    async def _load_scripts(self, link: Link) -> None:
        await self._meet(link)
        self._scripts = scripts(shebang=int(link.version.split(".")[0]) >= 7)
        for reply in await link.exchange([("SCRIPT", "LOAD", script.text) for script in self._scripts.values()]):
            if isinstance(reply, ResponseError):
                raise Unavailable(f"Redis does not take the scripts: {reply}")

    # --- the log and what is no transition --------------------------------------------------------------

    async def direct(self, commands: Sequence[Command]) -> list[Any]:
        """Plain commands on a connection of their own: reconciliation, log ends, health. Raises Unavailable."""
        async with self._direct:
            replies = await self._exchange_twice(commands)
        for reply in replies:
            if isinstance(reply, ResponseError):
                raise _fault(reply, "a command")
        return replies

    async def _exchange_twice(self, commands: Sequence[Command]) -> list[Any]:
        """A connection that died while it was idle shows only when it is used; all our commands are idempotent."""
        await self._connect(self._admin)
        try:
            return await self._admin.exchange(commands)
        except Unavailable:
            await self._connect(self._admin)
            return await self._admin.exchange(commands)

    @property
    def run_id(self) -> str:
        """Of the server last met; '' before the first connection."""
        return self._run_id

    def known_epoch(self, region: str) -> int | None:
        return self._epochs.get(region)

    async def ping(self) -> None:
        """Raises Unavailable."""
        await self.direct([("PING",)])

    async def log_end(self, region: str) -> tuple[str, int]:
        """The id of the log's last entry and the region's `n`; ('0-0', n) when it is empty."""
        both = [("XREVRANGE", key(region, "log"), "+", "-", "COUNT", 1), ("GET", key(region, "n"))]
        last, n = (await self.direct([("MULTI",), *both, ("EXEC",)]))[-1]
        return (last[0][0].decode() if last else "0-0"), int(n or 0)

    def reader(self, region: str, after: str) -> "LogReader":
        return LogReader(self._url, region, after)

    async def close(self) -> None:
        if self._sender:
            await asyncio.wait([self._sender])
        await self._link.close()
        await self._admin.close()


def _deliver(call: _Call, reply: Any) -> bool:
    """False when the call was not carried out for want of the script, or of a master."""
    if not isinstance(reply, ResponseError):
        if not call.future.done():
            call.future.set_result(reply)
        return True
    if _code(reply) in ("NOSCRIPT", "READONLY"):
        return False
    call.fail(_fault(reply, f"script {call.name}"))
    return True


def _fail(calls: Iterable[_Call], exc: Exception) -> None:
    for call in calls:
        call.fail(exc)


def _code(reply: ResponseError) -> str:
    inner = _OF_A_COMMAND.search(str(reply))
    return inner[1] if inner else reply.status_code or str(reply).split(maxsplit=1)[0]


def _fault(reply: ResponseError, what: str) -> DispatchError:
    code = _code(reply)
    if code in _PASSING:
        metrics.UNAVAILABLE.labels("redis").inc()
        return Unavailable(f"Redis refuses {what} for now: {code}")
    return InvariantBroken(f"Redis refused {what}: {reply}")


class LogReader:
    """Reads one region's log from a place of its own, on a connection of its own (it blocks there)."""

    def __init__(self, url: str, region: str, after: str) -> None:
        self._link = Link(url)
        self._region = region
        self.cursor = after

    @property
    def run_id(self) -> str:
        return self._link.run_id

    async def read(self, most: int, block_ms: int) -> list[Event]:
        """The entries after the cursor, at most `most`; waits up to `block_ms` for one. Raises Unavailable."""
        await self._link.ready()
        blocking = ("BLOCK", block_ms) if block_ms else ()
        command = ("XREAD", "COUNT", most, *blocking, "STREAMS", key(self._region, "log"), self.cursor)
        reply = (await self._link.exchange([command]))[0]
        if isinstance(reply, ResponseError):
            raise Unavailable(f"the log can not be read: {reply}") from reply
        if not reply:
            return []
        entries = reply[0][1]
        self.cursor = entries[-1][0].decode()
        return [Event.of_flat(self._region, flat) for _, flat in entries]

    async def close(self) -> None:
        await self._link.close()
