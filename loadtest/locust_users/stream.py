"""A session on the stream of PROTOCOL §4 as greenlets hold it: for locust's users, on `websocket-client`.

Owns the connection, its coming back by the rules for close codes, and the matching of answers to questions; what
is known stands in `view`. Reports what it hears without having asked: each connection, each loss, each pushed
message. Invariant: a question is answered or fails with `Disconnected` or `TimeoutError`; whoever asks reports it.
"""

import itertools
import random
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

import gevent
import websocket
from gevent.event import AsyncResult, Event

from loadtest.connection import Goodbye, Hello
from loadtest.locust_users import naming
from loadtest.view import View
from loadtest.wire import SUBPROTOCOL, Codec, Disconnected, Ended, Message, decode, encode, full_jitter, may_return

ANSWER_SECONDS = 30.0
CONNECT_SECONDS = 20.0
# A connection that lived this long was a good one: the next back-off begins at its shortest again.
SETTLED_SECONDS = 5.0
# The server pings whoever is silent. Whom it hears, it need not ping: so we ask after as long a silence of its own.
HEARTBEAT_SECONDS = 20.0
CONNECTING = "connect → welcome"
# The server drains, or asks to start over: it said so, and we come back.
ANNOUNCED = frozenset({4000, 4003})
UPGRADE_REFUSALS = {401: 4500, 403: 4502}


class Report(Protocol):
    """Milliseconds, none where the time can not be known; bytes; what went wrong, none: nothing."""

    def __call__(self, name: str, milliseconds: float | None, length: int, failure: str | None = None) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    message: Message
    milliseconds: float
    length: int


@dataclass(frozen=True, slots=True)
class _Asked:
    message: Message
    asked_at: float
    answer: "AsyncResult[Answer]"
    hear_interim: Callable[[Answer], None] | None


class Stream:
    """`heard` is called after `view` has taken note, in the greenlet that reads: it must not block."""

    def __init__(
        self,
        url: str,
        codec: Codec,
        hello: Hello,
        skew: naming.Skew,
        report: Report,
        heard: Callable[[Message], None],
    ) -> None:
        self.view = View()
        self.hello = hello
        self.over: Ended | None = None
        self._url = url
        self._codec: Codec = codec
        self._skew = skew
        self._report = report
        self._heard = heard
        self._socket: websocket.WebSocket | None = None
        # Set also when there is nothing more to wait for.
        self._welcomed = Event()
        self._said_hello = 0.0
        self._began = 0.0
        self._return_after_ms: int | None = None
        self._refs = itertools.count(1)
        self._asked: dict[str, _Asked] = {}
        self.living = gevent.spawn(self._live)

    def close(self) -> None:
        """First nobody may ask any more, for what is asked from now on is never answered."""
        self._welcomed.clear()
        self.living.kill()

    def await_change(self, seconds: float) -> None:
        """Until there was a `welcome`, or none will come any more, or the time is over."""
        self._welcomed.wait(seconds)

    @property
    def is_connected(self) -> bool:
        return self._welcomed.is_set() and self.over is None

    # Asking and telling

    def ask(
        self,
        message: Message,
        hear_interim: Callable[[Answer], None] | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> Answer:
        """The answer, or the `error`. `pending` is no answer: it is told to `hear_interim`."""
        ref = str(next(self._refs))
        answer: AsyncResult[Answer] = AsyncResult()
        frame = encode({**message, "ref": ref}, self._codec)
        self._asked[ref] = _Asked(message, time.perf_counter(), answer, hear_interim)
        try:
            self._send(frame)
            with gevent.Timeout(seconds, TimeoutError(f"no answer within {seconds:g} s")):
                return cast(Answer, answer.get())
        finally:
            self._asked.pop(ref, None)

    def tell(self, message: Message, name: str) -> None:
        """Reported with the time that the sending took. While the connection is away, nothing is told."""
        if not self.is_connected:
            return
        frame = encode(message, self._codec)
        began = time.perf_counter()
        try:
            self._send(frame)
        except Disconnected as lost:
            self._report(name, None, 0, f"lost: {lost}")
        else:
            self._report(name, (time.perf_counter() - began) * 1000, len(frame))

    def _send(self, frame: str | bytes) -> None:
        if self._socket is None:
            raise Disconnected("no connection")
        try:
            if isinstance(frame, str):
                self._socket.send(frame)
            else:
                self._socket.send_binary(frame)
        except (OSError, websocket.WebSocketException) as exc:
            raise Disconnected(type(exc).__name__) from exc

    # The connection and its returns

    def _live(self) -> None:
        attempt = 0
        while self.over is None:
            began = time.monotonic()
            goodbye = self._converse()
            self._lose(goodbye)
            if not may_return(goodbye.code):
                self.over = Ended(goodbye.code or 0, goodbye.reason)
                self._welcomed.set()
                return
            attempt = 0 if time.monotonic() - began >= SETTLED_SECONDS else attempt + 1
            gevent.sleep(self._pause_seconds(attempt))

    def _pause_seconds(self, attempt: int) -> float:
        asked_ms, self._return_after_ms = self._return_after_ms, None
        return full_jitter(attempt, random.random()) if asked_ms is None else asked_ms / 1000

    def _converse(self) -> Goodbye:
        """One connection, from the upgrade to its end."""
        self._began = time.perf_counter()
        opened: Any = None
        try:
            opened = self._open()
            self._said_hello = time.time() * 1000
            self._socket = opened
            self._send(encode(self.hello.message(), self._codec))
            return self._listen(opened)
        except websocket.WebSocketBadStatusException as refused:
            return Goodbye(UPGRADE_REFUSALS.get(refused.status_code), f"HTTP {refused.status_code} on the upgrade")
        except (OSError, websocket.WebSocketException, Disconnected) as exc:
            return Goodbye(None, type(exc).__name__)
        finally:
            self._socket = None
            if opened is not None:
                opened.shutdown()

    def _open(self) -> websocket.WebSocket:
        """Without an `Origin`: we are no browser."""
        return websocket.create_connection(
            self._url,
            timeout=CONNECT_SECONDS,
            header=[f"{name}: {value}" for name, value in self.hello.headers().items()],
            subprotocols=[SUBPROTOCOL[self._codec]],
            suppress_origin=True,
            skip_utf8_validation=True,
            sockopt=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
        )

    def _listen(self, opened: websocket.WebSocket) -> Goodbye:
        has_pinged = False
        while True:
            try:
                opcode, content = opened.recv_data(control_frame=True)
            except websocket.WebSocketTimeoutException:
                if has_pinged or not self._welcomed.is_set():
                    raise
                opened.ping()
                has_pinged = True
                continue
            has_pinged = False
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return _goodbye(content)
            if opcode in (websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY):
                self._take(opcode, content)

    def _take(self, opcode: int, content: bytes) -> None:
        heard_at, heard_ms = time.perf_counter(), time.time() * 1000
        frame = content.decode() if opcode == websocket.ABNF.OPCODE_TEXT else content
        self._hear(decode(frame), len(content), heard_at, heard_ms)

    def _lose(self, goodbye: Goodbye) -> None:
        """Whoever waits for an answer hears of it; a connection that was never welcomed failed as such."""
        was_welcomed = self._welcomed.is_set()
        self._welcomed.clear()
        text = f"{goodbye.code or 'lost'} {goodbye.reason}".strip()
        if not was_welcomed:
            self._report(CONNECTING, (time.perf_counter() - self._began) * 1000, 0, text)
        else:
            self._report(f"closed {goodbye.code or ''}".strip(), None, 0, None if goodbye.code in ANNOUNCED else text)
        asked, self._asked = self._asked, {}
        for each in asked.values():
            each.answer.set_exception(Disconnected(text))

    # Hearing

    def _hear(self, message: Message, length: int, heard_at: float, heard_ms: float) -> None:
        asked = self._asked_for(message)
        self.view.hear(message, asked.message if asked else None)
        while self.view.disorder:
            self._report("order of messages", None, 0, self.view.disorder.pop())
        if asked is not None:
            _settle(asked, Answer(message, (heard_at - asked.asked_at) * 1000, length))
        elif message["type"] == "welcome":
            self._welcome(message, length, heard_at, heard_ms)
        else:
            self._pushed(message, length, heard_ms)
        self._heard(message)

    def _asked_for(self, message: Message) -> _Asked | None:
        return self._asked.get(str(message["ref"])) if "ref" in message else None

    def _welcome(self, message: Message, length: int, heard_at: float, heard_ms: float) -> None:
        assert self._socket is not None
        self._socket.settimeout(self.view.heartbeat_seconds or HEARTBEAT_SECONDS)
        self._skew.learn(self._said_hello, message["server_at"], heard_ms)
        self._report(CONNECTING, (heard_at - self._began) * 1000, length)
        self._welcomed.set()

    def _pushed(self, message: Message, length: int, heard_ms: float) -> None:
        if message["type"] == "bye":
            self._return_after_ms = message.get("reconnect_after_ms")
        name, happened_at = naming.pushed(message)
        code = naming.failure(message)
        self._report(name, None if happened_at is None else self._skew.since(happened_at, heard_ms), length, code)


def _settle(asked: _Asked, answer: Answer) -> None:
    """`pending` settles nothing: the verdict itself follows."""
    if answer.message.get("outcome") == "pending":
        if asked.hear_interim is not None:
            asked.hear_interim(answer)
    elif not asked.answer.ready():
        asked.answer.set(answer)


def _goodbye(content: bytes) -> Goodbye:
    if len(content) < 2:
        return Goodbye(None, "closed without a code")
    return Goodbye(struct.unpack("!H", content[:2])[0], content[2:].decode(errors="replace"))
