"""A session on the stream of PROTOCOL §4, as an app would hold it.

    async with connect("ws://127.0.0.1:8001", token, codec="msgpack", position=(40.72, -73.99)) as session:
        async for offer in session.offers():
            verdict = await session.grab(offer["id"])

Owns the connection, its coming back, and the matching of answers to questions by `ref`; what is known
stands in `session.view`. Invariant: a question is answered, refused (`Refused`), or fails with
`Disconnected` or `Ended`; none is left waiting on a lost connection. A grab alone is asked again after the
return, for its answer never changes for the one who holds the order.
"""

import asyncio
import contextlib
import itertools
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar, cast
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from loadtest.connection import Goodbye, Hello, ended, opening, refused_upgrade
from loadtest.view import View
from loadtest.wire import (
    SUBPROTOCOL,
    Codec,
    Disconnected,
    Ended,
    Message,
    Offer,
    Refused,
    Verdict,
    decode,
    encode,
    full_jitter,
    may_return,
)

T = TypeVar("T")
Observer = Callable[[Message, str | bytes], None]

STREAM_PATH = "/v1/stream"
ANSWER_SECONDS = 30.0
# A connection that lived this long was a good one: the next back-off begins at its shortest again.
SETTLED_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Asked:
    message: Message
    answer: asyncio.Future[Message]


class Session:
    """Use it through `connect`. `goodbyes` lists how each of its connections ended. After each it goes to the next
    of `others`, where there are any."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        codec: Codec = "json",
        position: tuple[float, float] | None = None,
        status: str | None = None,
        crs: str | None = None,
        token_in_hello: bool = False,
        observe: Observer | None = None,
        draw: Callable[[], float] = random.random,
        patience_seconds: float = 30.0,
        others: Sequence[str] = (),
    ) -> None:
        self._urls = deque(_stream_of(each) for each in (url, *others))
        self.codec: Codec = codec
        self.view = View()
        self.goodbyes: list[Goodbye] = []
        self._hello = Hello(token, token_in_hello, position, status, crs)
        self._observe = observe
        self._draw = draw
        self._patience_seconds = patience_seconds
        self._socket: ClientConnection | None = None
        self._welcomed = False
        self._over: Exception | None = None
        self._return_after_ms: int | None = None
        self._refs = itertools.count(1)
        self._asked: dict[str, _Asked] = {}
        self._fresh: dict[str, None] = {}
        self._watchers: set[asyncio.Future[None]] = set()
        self._living: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._living = asyncio.create_task(self._live())
        try:
            async with asyncio.timeout(self._patience_seconds):
                await self.connected()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
        if kind is None and not isinstance(self._over, Ended):
            raise self._over or AssertionError("a closed session is over")

    # What an app asks for

    async def grab(self, order_id: str) -> Verdict:
        """The final verdict; `pending` is waited out; after a lost connection, and while the server says
        `unavailable`, it is asked again."""
        for attempt in itertools.count():
            with contextlib.suppress(Disconnected):
                verdict = cast(Verdict, await self._ask({"type": "grab", "order_id": order_id}, None))
                if verdict.get("reason") != "unavailable":
                    return verdict
                await asyncio.sleep(full_jitter(attempt, self._draw()))
        raise AssertionError("asked without end")

    async def decline(self, order_id: str, reason: str | None = None) -> None:
        because = {} if reason is None else {"reason": reason}
        await self._ask({"type": "decline", "order_id": order_id, **because})

    async def progress(self, order_id: str, fence: int, step: str) -> None:
        await self._ask({"type": "progress", "order_id": order_id, "fence": fence, "step": step})

    async def release(self, order_id: str, fence: int, reason: str) -> None:
        await self._ask({"type": "release", "order_id": order_id, "fence": fence, "reason": reason})

    async def heard(self, order_id: str, note_id: str) -> None:
        """Says that its voice note was listened to."""
        await self._ask({"type": "heard", "order_id": order_id, "note_id": note_id})

    async def set_status(self, status: str) -> None:
        """Kept for the next `hello`, too."""
        self._hello.status = status
        await self._ask({"type": "status", "status": status})

    async def ping(self) -> None:
        await self._ask({"type": "ping"})

    async def move(self, lat: float, lon: float, **more: float) -> None:
        """Tells the position; while the connection is away it is kept for the next `hello`."""
        self._hello.position = (lat, lon)
        await self._tell({"type": "position", "lat": lat, "lon": lon, **more})

    async def seen(self, order_ids: Sequence[str]) -> None:
        await self._tell({"type": "seen", "order_ids": list(order_ids)})

    async def offers(self) -> AsyncIterator[Offer]:
        """Each offer that still stands, when it is told or told anew. Ends when the session is closed by us;
        raises `Ended` when the server sent us away for good."""
        while True:
            while self._fresh:
                order_id = next(iter(self._fresh))
                del self._fresh[order_id]
                if (offer := self.view.offers.get(order_id)) is not None:
                    yield offer
            try:
                await self._change()
            except Ended as end:
                if end.code == 0:
                    return
                raise

    async def until(self, test: Callable[[View], T], seconds: float | None = None) -> T:
        """The first true answer of `test` about the view; TimeoutError after `seconds`."""
        async with asyncio.timeout(seconds):
            while not (found := test(self.view)):
                await self._change()
            return found

    async def connected(self) -> None:
        while not self._welcomed:
            await self._change()

    @property
    def url(self) -> str:
        return self._urls[0]

    @property
    def is_connected(self) -> bool:
        return self._welcomed

    @property
    def is_over(self) -> bool:
        """It will not come back."""
        return self._over is not None

    def drop(self) -> None:
        """Loses the connection as a tunnel would: no goodbye. The session comes back by itself."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def close(self) -> None:
        self._end(Ended(0, "closed by ourselves"))
        if self._socket is not None:
            await self._socket.close()
        if self._living is not None:
            self._living.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._living

    async def send_raw(self, frame: str | bytes) -> None:
        """A frame of the caller's own, well formed or not."""
        await self._send(frame)

    # Asking and answering

    async def _ask(self, message: Message, seconds: float | None = ANSWER_SECONDS) -> Message:
        """The answer. A refusal that the server calls retryable is tried again while patience lasts."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_seconds
        for attempt in itertools.count():
            try:
                return await self.ask_once(message, seconds)
            except Refused as refusal:
                pause = full_jitter(attempt, self._draw())
                if not refusal.retryable or loop.time() + pause > deadline:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("asked without end")

    async def ask_once(self, message: Message, seconds: float | None = ANSWER_SECONDS) -> Message:
        """The answer to this one asking, for who must know of each: no repetition. `pending` is no answer.

        One that comes after `seconds` (TimeoutError) reaches nobody but the view.
        """
        await self.connected()
        ref = str(next(self._refs))
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._asked[ref] = _Asked(message, answer)
        try:
            await self._send(encode({**message, "ref": ref}, self.codec))
            async with asyncio.timeout(seconds):
                return await answer
        finally:
            if not answer.cancel() and not answer.cancelled():
                # The sending failed with the connection; the same loss stands in the answer: taken note of.
                answer.exception()

    async def _tell(self, message: Message) -> None:
        if self._welcomed:
            with contextlib.suppress(Disconnected):
                await self._send(encode(message, self.codec))

    async def _send(self, frame: str | bytes) -> None:
        if (socket := self._socket) is None:
            raise Disconnected("no connection")
        try:
            await socket.send(frame)
        except ConnectionClosed as exc:
            # A closed connection refuses without waiting: who asks again at once would keep the listener from
            # ever running, and so from noticing the loss.
            while self._socket is socket:
                await self._change()
            raise Disconnected(str(exc)) from exc

    def _hear(self, frame: str | bytes) -> None:
        message = decode(frame)
        self._check_form(message, frame)
        asked = self._answered(message)
        self.view.hear(message, asked.message if asked else None)
        self._note(message)
        if asked is not None and not asked.answer.done():
            self._settle(asked.answer, message)
        if self._observe is not None:
            self._observe(message, frame)
        self._wake()

    def _answered(self, message: Message) -> _Asked | None:
        """The question that this message settles. `pending` settles nothing: the verdict itself follows."""
        if message.get("outcome") == "pending":
            return None
        return self._asked.pop(str(message.get("ref")), None)

    @staticmethod
    def _settle(answer: asyncio.Future[Message], message: Message) -> None:
        if message["type"] == "error":
            retryable = bool(message.get("retryable"))
            answer.set_exception(Refused(message["code"], message.get("message", ""), retryable=retryable))
        else:
            answer.set_result(message)

    def _check_form(self, message: Message, frame: str | bytes) -> None:
        if isinstance(frame, str) != (self.codec == "json"):
            self.view.disorder.append(f"{message['type']} came in a frame of the wrong kind for {self.codec}")
        if not self._welcomed and message["type"] not in ("welcome", "bye"):
            self.view.disorder.append(f"{message['type']} came before welcome")

    def _note(self, message: Message) -> None:
        match message["type"]:
            case "welcome":
                self._welcomed = True
                self._fresh = dict.fromkeys(self.view.offers)
            case "snapshot":
                self._fresh = dict.fromkeys(self.view.offers)
            case "offer":
                self._fresh[message["order"]["id"]] = None
            case "retract":
                self._fresh.pop(message["order_id"], None)
            case "bye":
                self._return_after_ms = message.get("reconnect_after_ms")

    # Waiting

    async def _change(self) -> None:
        if self._over is not None:
            raise self._over
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.add(watcher)
        try:
            await watcher
        finally:
            self._watchers.discard(watcher)

    def _wake(self) -> None:
        watchers, self._watchers = self._watchers, set()
        for watcher in watchers:
            if not watcher.done():
                watcher.set_result(None)

    def _end(self, error: Exception) -> None:
        self._over = self._over or error
        self._lose(self._over)

    def _lose(self, error: Exception) -> None:
        self._welcomed = False
        asked, self._asked = self._asked, {}
        for each in asked.values():
            if not each.answer.done():
                each.answer.set_exception(error)
        self._wake()

    # The connection and its returns

    async def _live(self) -> None:
        try:
            await self._come_back_for_ever()
        except Exception as exc:
            # A fault in here must reach whoever waits, not die with the task.
            self._end(exc)

    async def _come_back_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        attempt = 0
        while self._over is None:
            began = loop.time()
            goodbye = await self._converse()
            self.goodbyes.append(goodbye)
            if not may_return(goodbye.code):
                raise Ended(goodbye.code or 0, goodbye.reason)
            self._lose(Disconnected(f"{goodbye.code} {goodbye.reason}"))
            self._urls.rotate(-1)
            attempt = 0 if loop.time() - began >= SETTLED_SECONDS else attempt + 1
            await asyncio.sleep(self._pause_seconds(attempt))

    def _pause_seconds(self, attempt: int) -> float:
        asked_ms, self._return_after_ms = self._return_after_ms, None
        return full_jitter(attempt, self._draw()) if asked_ms is None else asked_ms / 1000

    async def _converse(self) -> Goodbye:
        """One connection, from the upgrade to its end."""
        try:
            async with opening(self.url, self.codec, self._hello) as socket:
                if socket.subprotocol != SUBPROTOCOL[self.codec]:
                    return Goodbye(4507, f"the server speaks {socket.subprotocol}, not {self.codec}")
                self._socket = socket
                await self._listen(socket)
                return ended(socket)
        except InvalidStatus as exc:
            return refused_upgrade(exc)
        except (InvalidHandshake, OSError) as exc:
            return Goodbye(None, str(exc))
        finally:
            self._socket = None

    async def _listen(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await socket.send(encode(self._hello.message(), self.codec))
            while True:
                self._hear(await socket.recv())


def _stream_of(url: str) -> str:
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + STREAM_PATH


connect = Session
