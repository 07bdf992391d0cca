"""What the simulated people write down while they act: their calls, what they were told, and what surprised them.

Owns the facts that are judged later, and the gate that ends all asking. Knows no socket and no behaviour. Invariant:
it only listens; a fact, once written, stays, but a call that was never answered may still learn its order's id.
"""

import asyncio
import itertools
import traceback
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from loadtest.view import holder
from loadtest.wire import Order
from tests.faults.history import Call, History

Spawn = Callable[[Coroutine[Any, Any, None], str], None]
"""Lets somebody do something in the background, under his name, until nothing is asked any more."""

MOST_SURPRISES = 1000
RECENT = 80


class Heard(NamedTuple):
    """One message, or one entry of a list in a `welcome` or `snapshot` (type `welcome:offers` and so on).

    `who` is the app: the agent's id, or that, `#` and a number for his other devices.

    `at` in ns of the monotonic clock; `session` counts the connections of one app from 1, a verdict by HTTP has 0.
    `word`: outcome and reason of a verdict, reason of `retract`, `unjob` and `bye`, event of `desk`, status of a full
    order, round of an offer.
    """

    at: int
    who: str
    session: int
    type: str
    order_id: str = ""
    version: int | None = None
    fence: int | None = None
    word: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """An order as its client knows it. What an edit does not change is said again as it was."""

    order_id: str
    customer_id: str
    city: str
    details: Mapping[str, Any]


class Over(Exception):
    """The gate is closed: nothing is asked any more."""


class Gate:
    """Lets askings through until it is closed; then waits for those that are on their way."""

    def __init__(self) -> None:
        self._inside = 0
        self._closed = False
        self._empty = asyncio.Event()
        self._empty.set()

    def check(self) -> None:
        """Raises Over."""
        if self._closed:
            raise Over

    @contextmanager
    def passage(self) -> Iterator[None]:
        """Raises Over."""
        self.check()
        self._inside += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._inside -= 1
            if self._inside == 0:
                self._empty.set()

    async def close(self) -> None:
        self._closed = True
        await self._empty.wait()


@dataclass(slots=True)
class Notebook:
    run: str
    """Sets the idempotency keys of this run apart from those of another."""
    history: History = field(default_factory=History)
    told: list[Heard] = field(default_factory=list)
    acknowledged: dict[str, int] = field(default_factory=dict)
    """Order → the highest version that an answer showed."""
    placed: dict[str, str] = field(default_factory=dict)
    """Marker → the order that was answered 201."""
    surprises: list[str] = field(default_factory=list)
    gate: Gate = field(default_factory=Gate)
    recent: deque[Placed] = field(default_factory=lambda: deque(maxlen=RECENT))
    _placing: dict[str, Call] = field(default_factory=dict)
    _markers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def marker(self, letter: str) -> str:
        """A text that no other command of this run bears."""
        return f"{letter}-{next(self._markers)}"

    def key(self) -> str:
        return f"{self.run}:{next(self._markers)}"

    def surprise(self, text: str) -> None:
        if len(self.surprises) < MOST_SURPRISES:
            self.surprises.append(text)

    def failed(self, who: str, error: BaseException) -> None:
        """A fault of the simulation itself, or of the server, that nobody foresaw."""
        self.surprise(f"{who}: {''.join(traceback.format_exception(error))}")

    def ask(self, order_id: str, op: str, actor: str, **args: Any) -> Call:
        """A call that begins now, if anything may still be asked. Raises Over."""
        self.gate.check()
        return self.history.ask(order_id, op, actor, **args)

    def asks_to_place(self, marker: str, actor: str) -> Call:
        """Until it is known which order came of it the call bears the marker in place of the order's id."""
        call = self._placing[marker] = self.ask(marker, "place", actor, marker=marker)
        return call

    def saw(self, order: Mapping[str, Any]) -> None:
        """Any view of an order: an unanswered placing may learn from it what it did."""
        marker = (order.get("details") or {}).get("marker")
        if marker in self._placing:
            self._placing.pop(marker).order_id = order["id"]

    def answered(self, call: Call, order: Order, **result: Any) -> None:
        """The answer shows the order: it must never be at a lower version again."""
        self.saw(order)
        call.answer("ok", **shown(order), **result)
        self.acknowledge(order)

    def acknowledge(self, order: Order) -> None:
        known = self.acknowledged.get(order["id"], 0)
        self.acknowledged[order["id"]] = max(known, order["version"])

    def entered(self, marker: str, order: Order, city: str) -> None:
        """A placing was answered."""
        if self.placed.setdefault(marker, order["id"]) != order["id"]:
            self.surprise(f"one POST was answered with {self.placed[marker]} and with {order['id']}")
        self.recent.append(Placed(order["id"], order["customer"]["id"], city, order["details"]))


def shown(order: Order) -> dict[str, Any]:
    """What a full view says, in the history's words; fence 0: never assigned."""
    assignment = order.get("assignment")
    return {
        "status": order["status"],
        "holder": holder(order),
        "fence": assignment["fence"] if assignment else 0,
        "version": order["version"],
        "reason": order.get("reason"),
    }
