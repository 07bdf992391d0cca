"""Hubs on real sockets, and the clients that talk to them."""

import asyncio
import gc
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import jwt
import msgpack  # type: ignore[import-untyped]  # it has no types
import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from dispatch import metrics
from dispatch.assembly import Dispatch
from dispatch.clock import now_ms
from dispatch.events import Event
from dispatch.identity import AUDIENCE
from dispatch.order import Customer, Order
from dispatch.policy import terms
from dispatch.records.agents import Agent
from dispatch.scripts import key
from dispatch.voice.note import Note
from realtime.answers import ServerMessage
from realtime.connection import Connection
from realtime.hub import Hub
from realtime.limits import DEFAULT_RATES, Rates
from realtime.listener import Listener
from tests.conftest import SECRET, City
from tests.dispatch.voice.saying import note
from tests.realtime.gate import Hold
from tests.realtime.stream import PATIENCE

Message = dict[str, Any]


def token(sub: str, role: str, *, regions: list[str] | None = None, ttl_s: int = 3600, secret: str = SECRET) -> str:
    now = int(time.time())
    claims: dict[str, Any] = {"sub": sub, "role": role, "aud": AUDIENCE, "iat": now - 7200, "exp": now + ttl_s}
    if regions is not None:
        claims["regions"] = regions
    return jwt.encode(claims, secret, algorithm="HS256")


class Client:
    """Reads one message at a time, so that whatever was not expected fails the test."""

    def __init__(self, stream: ClientConnection) -> None:
        self.stream = stream
        self.welcome: Message = {}

    async def say(self, kind: str, **fields: Any) -> None:
        message = {"type": kind} | fields
        packed = self.stream.subprotocol == "dispatch.v1.msgpack"
        await self.stream.send(msgpack.packb(message) if packed else json.dumps(message))

    async def next(self) -> Message:
        """The next message, which must have one of the forms that the AsyncAPI document tells of."""
        async with asyncio.timeout(PATIENCE):
            frame = await self.stream.recv()
        message: Message = json.loads(frame) if isinstance(frame, str) else msgpack.unpackb(frame)
        msgspec.convert(message, ServerMessage)
        return message

    async def hear(self, kind: str) -> Message:
        """The next message, which must be of this type."""
        message = await self.next()
        assert message["type"] == kind, message
        return message

    async def hello(self, **fields: Any) -> Message:
        await self.say("hello", **fields)
        self.welcome = await self.hear("welcome")
        return self.welcome

    async def ask(self, kind: str, answer: str, **fields: Any) -> Message:
        await self.say(kind, ref="r", **fields)
        message = await self.hear(answer)
        assert message.get("ref") == "r", message
        return message

    async def grab(self, order: Order) -> Message:
        return await self.ask("grab", "verdict", order_id=order.id)

    async def rest(self) -> list[Message]:
        """Everything that waits to be read."""
        await self.say("ping", ref="rest?")
        found = []
        while (message := await self.next()).get("ref") != "rest?":
            found.append(message)
        return found

    async def quiet(self) -> None:
        """Nothing waits to be read."""
        assert await self.rest() == []

    async def farewell(self) -> Message:
        """`bye`, then the close frame with the same code."""
        goodbye = await self.hear("bye")
        with pytest.raises(ConnectionClosed) as closed:
            async with asyncio.timeout(PATIENCE):
                await self.stream.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == goodbye["code"]
        return goodbye

    async def vanish(self) -> None:
        """Without a good-bye."""
        self.stream.transport.abort()
        await self.stream.wait_closed()


class WatchedHub(Hub):
    """Says what it has heard, and whom it has lost."""

    def __init__(self, dispatch: Dispatch, rates: Rates) -> None:
        super().__init__(dispatch, heartbeat_seconds=20.0, rates=rates)
        self.heard: set[str] = set()
        self.losses: set[str] = set()
        self.changed = asyncio.Event()
        self.lost_count = 0

    def hear(self, events: list[Event]) -> None:
        super().hear(events)
        self.heard.update(event.order_id for event in events)
        self._tell_watchers()

    def _lost(self, slot: str) -> None:
        super()._lost(slot)
        self.losses.add(slot)
        self._tell_watchers()

    def lost(self, conn: Connection) -> None:
        super().lost(conn)
        self.lost_count += 1
        self._tell_watchers()

    def _tell_watchers(self) -> None:
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


class Node:
    def __init__(self, dispatch: Dispatch, hub: WatchedHub, listener: Listener, port: int) -> None:
        self.dispatch = dispatch
        self.hub = hub
        self.listener = listener
        self.url = f"ws://127.0.0.1:{port}/v1/stream"
        self._clients = AsyncExitStack()

    async def connect(self, codec: str = "json", **options: Any) -> Client:
        subprotocols = [Subprotocol(f"dispatch.v1.{codec}")]
        connecting = connect(self.url, subprotocols=subprotocols, compression=None, ping_interval=None, **options)
        return Client(await self._clients.enter_async_context(connecting))

    async def enter(self, sub: str, role: str, codec: str = "json", **hello: Any) -> Client:
        client = await self.connect(codec)
        await client.hello(**({"token": token(sub, role)} | hello))
        return client

    async def agent(self, city: City, agent: Agent, north_m: float = 0.0, codec: str = "json", **hello: Any) -> Client:
        position = city.at(north_m)
        at = {"position": {"lat": position.lat, "lon": position.lon}} if agent.role == "valet" else {}
        return await self.enter(agent.id, agent.role, codec, **(at | hello))

    async def valet(self, city: City, name: str, **changes: Any) -> tuple[Agent, Client]:
        agent = await city.agent(name, **changes)
        return agent, await self.agent(city, agent)

    async def dispatcher(self, city: City, sub: str = "d-1") -> Client:
        return await self.enter(sub, "dispatcher", token=token(sub, "dispatcher", regions=[city.region]))

    async def until(self, true: Callable[[], bool]) -> None:
        """Asked again whenever the hub has heard of something or lost somebody."""
        async with asyncio.timeout(PATIENCE):
            while not true():
                await self.hub.changed.wait()

    async def heard(self, city: City) -> Order:
        """The hub has heard everything that stands in the city's log by now, the order that is returned last."""
        marker = await city.place("voice", north_m=10_000, customer=Customer("nobody"))
        await self.until(lambda: marker.id in self.hub.heard)
        return marker

    async def settled(self, city: City) -> Order:
        """… and told it, PostgreSQL has it, and nothing is under way."""
        marker = await self.heard(city)
        async with asyncio.timeout(PATIENCE):
            while tasks := self.hub._tasks:
                await asyncio.wait(tasks)
        return marker

    async def close(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.listener.close_all(spread_ms=0)
            await self._clients.aclose()
            await self.hub.close()


@asynccontextmanager
async def node(
    dispatch: Dispatch, *, bugs: int = 0, rates: Rates = DEFAULT_RATES, **limits: Any
) -> AsyncIterator[Node]:
    """At the end nothing of it is left, and no bug was met but those that the test has made."""
    hub = WatchedHub(dispatch, rates)
    listener = Listener(hub, **({"sweep_seconds": 0.02, "close_seconds": 5.0} | limits))
    sock = socket.create_server(("127.0.0.1", 0))
    faults: list[str] = []
    loop = asyncio.get_running_loop()
    gc.collect()  # what an earlier test has left is told now, and not counted as this one's fault
    loop.set_exception_handler(lambda _, context: faults.append(str(context)))
    broken = metrics.BROKEN._value.get()
    hub.start()
    await listener.start(sock)
    made = Node(dispatch, hub, listener, sock.getsockname()[1])
    try:
        yield made
    finally:
        await made.close()
        loop.set_exception_handler(None)
    assert faults == [], faults
    assert metrics.BROKEN._value.get() == broken + bugs
    assert list(hub._registry) == []
    assert hub._registry.book._sessions == {}


async def reached(held: Hold) -> None:
    async with asyncio.timeout(PATIENCE):
        await held.reached.wait()


async def spoken(city: City, kind: str = "maintenance", **changes: Any) -> tuple[Order, Note]:
    """An order with a voice note, whose audio nobody keeps."""
    said = note(at=now_ms())
    return await city.place(kind, notes=(said,), **changes), said


async def widen(city: City, order: Order) -> None:
    """Its round is over, and there is another."""
    policy = await city.dispatch.catalog.policy(order.kind)
    packed = msgspec.msgpack.encode(terms(policy, order.round + 1))
    await city.dispatch.store.run("widen", city.region, order_id=order.id, due_at=str(order.due_at), terms=packed)


async def escalate(city: City, order: Order) -> Order:
    """Its rounds are over."""
    reply = await city.dispatch.store.run(
        "escalate", city.region, order_id=order.id, due_at=str(order.due_at), desk_ms=900_000
    )
    await city.dispatch.records.ledger.apply(reply.events)
    return reply.events[-1].order


async def known_sessions(city: City, member: str, slot: str | None = None) -> list[str]:
    """What Redis knows."""
    slot = slot or city.region
    both = [("ZRANGE", key(slot, "sessions", member), 0, -1), ("HGETALL", key(slot, "session"))]
    sessions, flat = await city.dispatch.store.direct(both)
    assert set(sessions) <= set(flat[::2])
    return [session_id.decode() for session_id in sessions]
