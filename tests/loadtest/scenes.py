"""A real WebSocket server that follows a script, one scene a connection."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from loadtest.client import Session, connect
from loadtest.wire import Codec, Message, decode, encode

SOON_ENOUGH = 5.0
WELCOME: Message = {
    "type": "welcome",
    "session_id": "s1",
    "server_at": 1,
    "heartbeat_seconds": 20,
    "more": [],
}
OFFER: Message = {"id": "o1", "kind": "towing", "status": "open", "version": 2, "round": 1}
JOB: Message = {"id": "o1", "status": "assigned", "version": 3, "assignment": {"agent_id": "v-1", "fence": 1}}


class Line:
    """The server's end of one connection, in messages."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.codec: Codec = "msgpack" if socket.subprotocol == "dispatch.v1.msgpack" else "json"

    async def hear(self, expected: str) -> Message:
        message = decode(await self.socket.recv())
        assert message["type"] == expected
        return message

    async def say(self, **message: Any) -> None:
        await self.socket.send(encode(message, self.codec))

    async def welcome(self, **lists: Any) -> Message:
        hello = await self.hear("hello")
        await self.say(**WELCOME, **lists)
        return hello


SceneOf = Callable[[Line], Awaitable[None]]


@asynccontextmanager
async def playing(*scenes: SceneOf) -> AsyncIterator[str]:
    """The URL of a server that plays one scene a connection. A scene that fails, fails the test."""
    left = list(scenes)
    failures: list[BaseException] = []

    async def handle(socket: ServerConnection) -> None:
        try:
            await left.pop(0)(Line(socket))
        except BaseException as exc:
            failures.append(exc)
            raise

    protocols = [Subprotocol("dispatch.v1.json"), Subprotocol("dispatch.v1.msgpack")]
    async with serve(handle, "127.0.0.1", 0, subprotocols=protocols, close_timeout=1) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}"
    assert failures == []
    assert left == []


def session(url: str, **options: Any) -> Session:
    return connect(url, "token", draw=lambda: 0.0, patience_seconds=SOON_ENOUGH, **options)
