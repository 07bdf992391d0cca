"""The only speaker of Redis.

Gathers the script calls of a loop turn into one batch, one batch in flight: that also keeps one agent's
commands in their order. Compares the server's run id on each new connection: behind another one the data
may have gone back in time, so every region is quarantined until `reconcile` has given it a new epoch.
Knows no rule of dispatch. Invariant: a call is sent only to the server run for which its epoch holds.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from redis.exceptions import NoScriptError, ResponseError
from ulid import ULID

from dispatch import metrics
from dispatch.errors import InvariantBroken, Unavailable
from dispatch.events import Event
from dispatch.link import Command, Link
from dispatch.scripts import Argument, Script, key, scripts

MOST_IN_A_BATCH = 512
_UNAVAILABLE = "unavailable"
_PASSING = ("OOM", "LOADING", "READONLY", "MISCONF", "BUSY", "MASTERDOWN", "NOREPLICAS", "TRYAGAIN")
"""Error replies that say: not now."""

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
    __slots__ = ("args", "future", "keys", "region", "repeated", "run_id", "script")

    def __init__(self, script: Script, region: str, run_id: str, keys: list[str], args: list[Argument]) -> None:
        self.script, self.region, self.run_id = script, region, run_id
        self.keys, self.args = keys, args
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.repeated = False

    @property
    def command(self) -> Command:
        return ("EVALSHA", self.script.sha, len(self.keys), *self.keys, *self.args)

    def fail(self, exc: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(exc)


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
        self._queue: list[_Call] = []
        self._sender: asyncio.Task[None] | None = None
        self._direct = asyncio.Lock()

    # --- scripts ---------------------------------------------------------------------------------------

    async def run(self, name: str, region: str, *, request: str = "", **values: Argument) -> Reply:
        """Run one script in a region. Raises Unavailable (Quarantined), InvariantBroken.

        Without a `request`, one is drawn, so that our own repeat after a lost reply takes no effect twice.
        """
        script = self._scripts[name]
        if script.keeps_requests and not request:
            request = f"d{ULID()}"
        reply = await self._once(script, region, await self._epoch(region), request, values)
        if reply.outcome == _UNAVAILABLE:  # the region was reconciled since: with the new epoch, once
            self._epochs.pop(region, None)
            reply = await self._once(script, region, await self._epoch(region), request, values)
        if reply.outcome == _UNAVAILABLE:
            raise Quarantined(region)
        return reply

    async def run_as(self, epoch: int, name: str, region: str, **values: Argument) -> Reply:
        """For reconciliation, which runs under an epoch of its own. Raises as `run` does."""
        reply = await self._once(self._scripts[name], region, epoch, "", values)
        if reply.outcome == _UNAVAILABLE:
            raise Quarantined(region)
        return reply

    async def _once(
        self, script: Script, region: str, epoch: int, request: str, values: Mapping[str, Argument]
    ) -> Reply:
        keys, args = script.bind(region, epoch, request, values)
        raw = await self._submit(_Call(script, region, self._run_id, keys, args))
        if len(raw) == 1:
            return Reply(_UNAVAILABLE, [], b"")
        return Reply(raw[0].decode(), [Event.of_flat(region, flat) for flat in raw[1]], raw[2])

    async def _epoch(self, region: str) -> int:
        if not self._run_id:
            await self._identify()
        known = self._epochs.get(region)
        if known is not None:
            return known
        found = await self._epoch_source(region)
        if found is None or found[0] != self._run_id:
            raise Quarantined(region)
        self._epochs[region] = found[1]
        return found[1]

    async def _identify(self) -> None:
        async with self._direct:
            await self._admin.ready()

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
        try:
            while self._queue:
                batch, self._queue = self._queue[:MOST_IN_A_BATCH], self._queue[MOST_IN_A_BATCH:]
                await self._send(batch)
        finally:
            self._sender = None

    async def _send(self, batch: list[_Call]) -> None:
        metrics.REDIS_BATCH.observe(len(batch))
        try:
            await self._link.ready()
            for call in batch:
                if call.run_id != self._run_id:
                    call.fail(Quarantined(call.region))
            batch = [call for call in batch if not call.future.done()]
            replies = await self._link.exchange([call.command for call in batch])
        except Unavailable as exc:
            self._again(batch, exc)
            return
        except BaseException as exc:
            for call in batch:
                call.fail(Unavailable("the server is stopping"))
            raise exc
        for call, reply in zip(batch, replies, strict=True):
            self._deliver(call, reply)
        flushed = [call for call, reply in zip(batch, replies, strict=True) if isinstance(reply, NoScriptError)]
        if flushed:  # somebody emptied the script cache: closing makes the next batch load them again
            await self._link.close()
            self._again(flushed, Unavailable("Redis has lost the scripts"))

    def _again(self, batch: list[_Call], exc: Unavailable) -> None:
        """What got no answer is repeated once, in order: every script that writes is safe to repeat."""
        for call in batch:
            if call.repeated:
                call.fail(exc)
        again = [call for call in batch if not call.future.done()]
        for call in again:
            call.repeated = True
        self._queue[:0] = again

    def _deliver(self, call: _Call, reply: Any) -> None:
        if call.future.done():
            return
        match reply:
            case NoScriptError():
                return
            case ResponseError() if str(reply).startswith(_PASSING) or " OOM " in str(reply):
                call.fail(Unavailable(f"Redis refuses writes: {str(reply).split(maxsplit=1)[0]}"))
            case ResponseError():
                call.fail(InvariantBroken(f"script {call.script.name} failed: {reply}"))
            case _:
                call.future.set_result(reply)

    async def _load_scripts(self, link: Link) -> None:
        await self._meet(link)
        self._scripts = scripts(shebang=int(link.version.split(".")[0]) >= 7)
        await link.exchange([("SCRIPT", "LOAD", script.text) for script in self._scripts.values()])

    # --- the log and what is no transition --------------------------------------------------------------

    async def direct(self, commands: Sequence[Command]) -> list[Any]:
        """Plain commands on a connection of their own: reconciliation, log ends, health. Raises Unavailable."""
        async with self._direct:
            await self._admin.ready()
            replies = await self._admin.exchange(commands)
        for reply in replies:
            if isinstance(reply, ResponseError):
                raise InvariantBroken(f"Redis refused a command: {reply}")
        return replies

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
