"""The app in somebody's hand: one session after the other on the stream, at one node or another.

Owns the connection for as long as its owner lives: it goes to the next node after a loss, is opened anew when the
server sent it away as one that was replaced, and looks by `ping` whether anybody still answers. Knows no behaviour.
Invariant: an end that PROTOCOL §4 does not foresee for an honest client is a surprise, and never the last.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from loadtest.client import Session
from loadtest.connection import Goodbye
from loadtest.view import View
from loadtest.wire import Codec, Disconnected, Ended, Message, Refused
from tests.faults.hearing import Ear
from tests.faults.notebook import Notebook

T = TypeVar("T")

HEARTBEAT_SECONDS = 5.0
DEAF_AFTER_SECONDS = 5.0
OPENED_AGAIN_AFTER_SECONDS = 0.5
PATIENCE_SECONDS = 86_400.0
# No code: lost. 4504: an older hello of ours was read late, by a node that had hung. 4506: ours came too late.
FORESEEN = frozenset({None, 0, 1000, 1001, 1005, 1012, 4000, 4001, 4002, 4003, 4504, 4506})


class Unanswered(Exception):
    """Whether what was asked took effect is not known."""


class App:
    def __init__(
        self,
        who: str,
        token: str,
        urls: Sequence[str],
        notebook: Notebook,
        draw: random.Random,
        *,
        device: int = 1,
        codec: Codec = "json",
        position: tuple[float, float] | None = None,
    ) -> None:
        self.who = who
        self.ear = Ear(who if device == 1 else f"{who}#{device}", notebook)
        self.position = position
        self.status = "available"
        self._disorder: list[str] = []
        self._token = token
        self._urls = draw.sample(list(urls), len(urls))
        self._notebook = notebook
        self._draw = draw
        self._codec: Codec = codec
        self._renewed = asyncio.Event()
        self.session = self._another()

    @property
    def view(self) -> View:
        return self.session.view

    async def live(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._use()
                await asyncio.sleep(OPENED_AGAIN_AFTER_SECONDS)
                renewed, self._renewed = self._renewed, asyncio.Event()
                self.session = self._another()
                renewed.set()
        finally:
            self._look_back()

    def drop(self) -> None:
        self.session.drop()

    async def ask(self, message: Message, seconds: float) -> Message:
        """One asking, while the gate is open. Raises Unanswered, Refused."""
        with self._notebook.gate.passage():
            return await self._ask(message, seconds)

    async def say_status(self, status: str) -> None:
        """Until it is heard; a new connection says it in its `hello`."""
        self.status = status
        while True:
            try:
                with self._notebook.gate.passage():
                    async with asyncio.timeout(DEAF_AFTER_SECONDS):
                        await self.session.set_status(status)
                return
            except (Disconnected, Ended, TimeoutError):
                await self.connected()
            except Refused as refusal:  # the session is over, and will be told so
                if not refusal.retryable:
                    raise
                await self.connected()

    async def move(self, position: tuple[float, float]) -> None:
        self.position = position
        await self.session.move(*position)

    async def until(self, test: Callable[[View], T], seconds: float | None = None) -> T:
        """The first true answer about the view, of this session or of one that follows; TimeoutError."""
        async with asyncio.timeout(seconds):
            while True:
                renewed = self._renewed
                try:
                    return await self.session.until(test)
                except Ended:
                    await renewed.wait()

    async def connected(self, seconds: float | None = None) -> None:
        """TimeoutError after `seconds`."""
        await self.until(lambda _: self.session.is_connected, seconds)

    async def answers(self) -> None:
        """Everything that was told before has come, for a `pong` has come after it."""
        while True:
            try:
                await self._ask({"type": "ping"}, DEAF_AFTER_SECONDS)
                return
            except Unanswered:
                self.session.drop()

    async def _ask(self, message: Message, seconds: float) -> Message:
        try:
            async with asyncio.timeout(seconds):
                return await self.session.ask_once(message, None)
        except (Disconnected, Ended, TimeoutError) as exc:
            raise Unanswered(f"{message['type']}: {type(exc).__name__} {exc}") from exc

    def disorder_so_far(self) -> list[str]:
        return [*self._disorder, *(f"{self.who}: {text}" for text in self.view.disorder)]

    def _another(self) -> Session:
        first, *others = self._urls
        self._urls.append(self._urls.pop(0))
        return Session(
            first,
            self._token,
            codec=self._codec,
            position=self.position,
            status=self.status,
            token_in_hello=self._draw.random() < 0.5,
            observe=self.ear.hear,
            draw=self._draw.random,
            patience_seconds=PATIENCE_SECONDS,
            others=others,
        )

    async def _use(self) -> None:
        """One session, until it is over."""
        try:
            async with self.session as session, asyncio.TaskGroup() as group:
                beating = group.create_task(self._beat(session))
                try:
                    await session.until(lambda _: False)
                finally:
                    beating.cancel()
        except* Ended:
            pass  # its code stands among the goodbyes
        except* Exception as faults:
            self._notebook.failed(self.who, faults)
        finally:
            self._look_back()

    async def _beat(self, session: Session) -> None:
        """Half-open connections look alive; only the want of an answer tells."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS * (0.8 + 0.4 * self._draw.random()))
            try:
                await session.connected()
                await session.ask_once({"type": "ping"}, DEAF_AFTER_SECONDS)
            except TimeoutError:
                session.drop()
            except Disconnected:
                continue  # it comes back by itself

    def _look_back(self) -> None:
        goodbyes, self.session.goodbyes = self.session.goodbyes, []
        for goodbye in goodbyes:
            self._judge(goodbye)
        self._disorder, self.view.disorder = self.disorder_so_far(), []

    def _judge(self, goodbye: Goodbye) -> None:
        if goodbye.code not in FORESEEN:
            self._notebook.surprise(f"{self.who} was sent away: {goodbye.code} {goodbye.reason}")
