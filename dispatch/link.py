"""One Redis connection, driven in batches.

Owns the socket, the run id of the server behind it, and the translation of redis-py's errors into ours.
Knows no keys and no scripts. redis-py's own retries are off: it repeated one `evalsha` eleven times by
default; who may repeat, and when, is decided in `store`. Invariant: a reply is never left for another
caller: a connection that failed in the middle is closed.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from dispatch import metrics
from dispatch.errors import Unavailable

Command = Sequence[str | bytes | int | float]
SOCKET_TIMEOUT = 5.0
"""Seconds; longer than any BLOCK that is used with it."""
_BROKEN = (RedisError, OSError, RuntimeError)
"""What redis-py raises for a connection that is gone; RuntimeError is uvloop's, for a write on one just cut."""


class Link:
    """`opened` is awaited after each connect with the link itself: scripts are loaded there."""

    def __init__(self, url: str, opened: Callable[["Link"], Awaitable[None]] | None = None) -> None:
        pool = ConnectionPool.from_url(
            url,
            protocol=2,
            decode_responses=False,
            socket_timeout=SOCKET_TIMEOUT,
            socket_connect_timeout=SOCKET_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        self._connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]  # redis-py
        self._opened = opened
        self.run_id = ""
        self.version = ""

    async def ready(self) -> None:
        """Connect if need be; raises Unavailable. Afterwards `run_id` is that of the server at the other end."""
        if self._connection.is_connected:
            return
        try:
            await self._open()
        except BaseException:  # half open, its next reply would be taken for another's
            await self.close()
            raise

    async def _open(self) -> None:
        try:
            await self._connection.connect()  # type: ignore[no-untyped-call]  # redis-py
        except _BROKEN as exc:
            metrics.UNAVAILABLE.labels("redis").inc()
            raise Unavailable(f"Redis can not be reached: {_reason(exc)}") from exc
        info = (await self.exchange([("INFO", "server")]))[0]
        if isinstance(info, ResponseError):
            raise Unavailable(f"Redis refuses to tell who it is: {info}") from info
        facts = dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
        self.run_id, self.version = facts["run_id"], facts["redis_version"]
        if self._opened:
            await self._opened(self)

    async def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """Send all, then read all. An error reply is a value in the list; a broken link raises Unavailable."""
        connection = self._connection
        try:
            await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            return [await self._reply() for _ in commands]
        except _BROKEN as exc:
            metrics.UNAVAILABLE.labels("redis").inc()
            await self.close()
            raise Unavailable(f"Redis did not answer: {_reason(exc)}") from exc
        except BaseException:  # cancelled in the middle: the replies to come belong to nobody
            await self.close()
            raise

    async def close(self) -> None:
        await self._connection.disconnect(nowait=True)

    async def _reply(self) -> Any:
        try:
            return await self._connection.read_response()
        except ResponseError as exc:
            return exc


def _reason(exc: Exception) -> str:
    """A reason without the URL's password."""
    return "wrong password" if isinstance(exc, AuthenticationError) else type(exc).__name__
