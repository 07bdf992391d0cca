"""One connection to the stream, and everything that was heard on it, in its order.

Owns waiting for messages, asking and answering by `ref`, and the end of the connection. Unlike an app's session it
neither comes back nor asks again: each answer is what the server said to one message. Invariant: every message is
held against its form and against what was heard before; what is wrong stands in `faults`.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Mapping
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from loadtest.checks.expect import PATIENCE_SECONDS, Broken, error, has, same
from loadtest.checks.forms import fault_of
from loadtest.connection import Goodbye, Hello, ended, opening
from loadtest.view import View
from loadtest.wire import TERMINAL, Assignment, Codec, Message, Offer, Order, decode, encode

NORMAL = 1000
_refs = itertools.count(1)


def order_id_of(message: Message) -> str | None:
    """Which order a message is about."""
    about = message.get("order") or message.get("job")
    found = about["id"] if isinstance(about, dict) else message.get("order_id")
    return found if isinstance(found, str) else None


class Line:
    """Made by `Corner`. `sub` is who speaks on it."""

    def __init__(self, url: str, sub: str, codec: Codec, hello: Hello) -> None:
        self.sub = sub
        self.codec: Codec = codec
        self.heard: list[Message] = []
        self.heard_at: list[float] = []
        self.frames: list[bytes] = []
        self.faults: list[str] = []
        self.view = View()
        self.hello = hello
        self.url = url
        self._socket: ClientConnection | None = None
        self._listening: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._goodbye: Goodbye | None = None

    # The connection

    async def open(self) -> None:
        """The upgrade, without `hello`."""
        self._socket = await opening(self.url, self.codec, self.hello)
        self._listening = asyncio.create_task(self._listen(self._socket))

    async def greet(self) -> Message:
        """`hello`; the `welcome`."""
        await self.send(self.hello.message())
        return await self.hear("welcome")

    async def close(self) -> None:
        if self._socket is not None and self._listening is not None:
            await self._socket.close()
            await self._listening

    async def drop(self) -> None:
        """Lost, as in a tunnel: no close frame."""
        assert self._socket is not None
        self._socket.transport.abort()
        await self.goodbye()

    async def goodbye(self, seconds: float = PATIENCE_SECONDS) -> Goodbye:
        """How the connection ended."""
        await self._until(lambda: self._goodbye, "the end of the connection", seconds)
        assert self._goodbye is not None
        return self._goodbye

    async def closed(self, code: int, seconds: float = PATIENCE_SECONDS) -> None:
        """Ended by the server with this code, and with a `bye` that says so."""
        goodbye = await self.goodbye(seconds)
        same(goodbye.code, code, "close code")
        byes = [each for each in self.heard if each["type"] == "bye"]
        if not byes or byes[-1] is not self.heard[-1]:
            raise Broken("bye as the last message", [each["type"] for each in self.heard])
        has(byes[-1], {"code": code}, "a bye")

    @property
    def over(self) -> bool:
        return self._goodbye is not None

    @property
    def is_open(self) -> bool:
        return self._socket is not None and self._goodbye is None

    # Saying

    async def send(self, message: Mapping[str, Any]) -> None:
        await self.send_raw(encode(message, self.codec))

    async def send_raw(self, frame: Any) -> None:
        """A frame, or its fragments. What is said after the end is lost, as on any line."""
        assert self._socket is not None
        with contextlib.suppress(ConnectionClosed):
            await self._socket.send(frame)

    async def ask(self, message: Mapping[str, Any]) -> Message:
        """The message that answers by the `ref`; `pending` is no answer."""
        ref = f"r{next(_refs)}"
        await self.send({**message, "ref": ref})
        return await self.hear(where=lambda each: each.get("ref") == ref and each.get("outcome") != "pending")

    async def ok(self, message: Mapping[str, Any]) -> None:
        same((await self.ask(message))["type"], "ok", f"the answer to {message['type']}")

    async def refused(self, message: Mapping[str, Any], code: str) -> None:
        error(await self.ask(message), code)

    async def ping(self) -> None:
        """Everything that the server had said on this line before is heard then."""
        same((await self.ask({"type": "ping"}))["type"], "pong", "the answer to ping")

    async def grab(self, order_id: str) -> Message:
        return await self.ask({"type": "grab", "order_id": order_id})

    async def win(self, order_id: str) -> Order:
        """Grabs what was offered; the job."""
        await self.offer(order_id)
        verdict = await self.grab(order_id)
        same(verdict["outcome"], "won", "the verdict")
        job: Order = verdict["job"]
        return job

    async def progress(self, job: Order, step: str) -> None:
        await self.ok({"type": "progress", "order_id": job["id"], "fence": fence(job), "step": step})

    async def release(self, job: Order, reason: str = "no tools") -> None:
        await self.ok({"type": "release", "order_id": job["id"], "fence": fence(job), "reason": reason})

    async def set_status(self, status: str) -> None:
        await self.ok({"type": "status", "status": status})

    async def move(self, place: Mapping[str, float], **more: Any) -> None:
        await self.send({"type": "position", "lat": place["lat"], "lon": place["lon"], **more})

    # Hearing

    def mark(self) -> int:
        """A place in what was heard; `after=mark` looks only at what comes later."""
        return len(self.heard)

    def about(self, order_id: str, kind: str | None = None, after: int = 0) -> list[Message]:
        """What was said of an order so far."""
        return [
            each
            for each in self.heard[after:]
            if order_id_of(each) == order_id and (kind is None or each["type"] == kind)
        ]

    def ended(self) -> list[Order]:
        """The orders of which it was told that they are over."""
        told: list[Order] = [each["order"] for each in self.heard if each["type"] in ("order", "job", "desk")]
        return [order for order in told if order["status"] in TERMINAL]

    async def hear(
        self,
        kind: str | None = None,
        order_id: str | None = None,
        *,
        where: Callable[[Message], object] = bool,
        after: int = 0,
        seconds: float = PATIENCE_SECONDS,
    ) -> Message:
        """The first message of that type, about that order, that `where` accepts."""

        def find() -> Message | None:
            for message in self.heard[after:]:
                if (kind in (None, message["type"])) and (order_id in (None, order_id_of(message))) and where(message):
                    return message
            return None

        found = await self._until(find, f"{self.sub} to hear {kind or 'an answer'} of {order_id or 'this'}", seconds)
        assert isinstance(found, dict)
        return found

    async def offer(self, order_id: str, *, after: int = 0, **expected: Any) -> Offer:
        """The first offer of the order with these values, told by itself or in a list of offers."""

        def find() -> Offer | None:
            for message in self.heard[after:]:
                for each in _offers(message):
                    if each["id"] == order_id and _matches(each, expected):
                        return each
            return None

        expecting = f"{self.sub} to be offered {order_id} with {expected}"
        offer: Offer = await self._until(find, expecting, PATIENCE_SECONDS)
        return offer

    async def desk(self, event: str, order_id: str, *, after: int = 0) -> Order:
        message = await self.hear("desk", order_id, where=lambda each: each["event"] == event, after=after)
        order: Order = message["order"]
        return order

    async def told(self, order_id: str, *, seconds: float = PATIENCE_SECONDS, **expected: Any) -> Order:
        """The order with these values, as its customer is first told of it."""

        def find() -> Order | None:
            for message in self.heard:
                for each in _orders(message):
                    if each["id"] == order_id and _matches(each, expected):
                        return each
            return None

        order: Order = await self._until(find, f"{self.sub} to be told of {order_id} with {expected}", seconds)
        return order

    async def _until(self, find: Callable[[], Any], expected: str, seconds: float) -> Any:
        try:
            async with asyncio.timeout(seconds):
                while not (found := find()):
                    if self._goodbye is not None:
                        raise Broken(expected, f"the end, {self._goodbye}, after {self._heard_types()}")
                    self._changed.clear()
                    await self._changed.wait()
                return found
        except TimeoutError as exc:
            raise Broken(f"{expected} within {seconds:.0f} s", self._heard_types()) from exc

    def _heard_types(self) -> str:
        return ", ".join(_brief(each) for each in self.heard[-12:]) or "nothing"

    # Listening

    async def _listen(self, socket: ClientConnection) -> None:
        try:
            while True:
                self._hear(await socket.recv())
        except ConnectionClosed:
            self._goodbye = ended(socket)
        finally:
            self._changed.set()

    def _hear(self, frame: str | bytes) -> None:
        self.frames.append(frame.encode() if isinstance(frame, str) else frame)
        try:
            message = decode(frame)
        except ValueError as exc:
            self.faults.append(f"a frame that can not be read: {exc}")
            return
        if isinstance(frame, str) != (self.codec == "json"):
            self.faults.append(f"{message['type']} in a frame of the wrong kind for {self.codec}")
        if not self.heard and message["type"] not in ("welcome", "bye"):
            self.faults.append(f"{message['type']} before welcome")
        fault = fault_of(message)
        if fault is not None:
            self.faults.append(fault)
        else:
            self.view.hear(message)
        self.heard.append(message)
        self.heard_at.append(asyncio.get_running_loop().time())
        self._changed.set()


def _offers(message: Message) -> list[Offer]:
    return [message["order"]] if message["type"] == "offer" else message.get("offers") or []


def _orders(message: Message) -> list[Order]:
    return [message["order"]] if message["type"] == "order" else message.get("orders") or []


def _matches(view: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    return all(view.get(name) == value for name, value in expected.items())


def _brief(message: Message) -> str:
    words = [message["type"]]
    words += [str(message[name]) for name in ("event", "outcome", "reason", "code") if name in message]
    about = message.get("order") or message.get("job")
    if isinstance(about, dict):
        words += [str(about.get("status")), f"v{about.get('version')}"]
    return " ".join(words)


def assignment(order: Order) -> Assignment:
    found = order["assignment"]
    if found is None:
        raise Broken("an order with an assignment", order)
    return found


def fence(job: Order) -> int:
    return assignment(job)["fence"]
