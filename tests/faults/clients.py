"""The other side: a shop's backend and customers who place orders, change their minds, and look.

Owns the pace of the orders and the seeded choices about each. Knows no agent. Invariant: an order bears a marker of
its own in its details, through every edit; who gives up an unanswered command leaves it open.
"""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

from loadtest.demand import CUSTOMER_DOOR, CUSTOMER_NAME, CUSTOMER_PHONE, PLATE
from tests.faults.callers import Caller
from tests.faults.crew import AUDIENCES, CITIES, spot
from tests.faults.notebook import Notebook, Placed, Spawn
from tests.faults.valets import CHEAP_FEN

CHEAP = 0.3
SCHEDULED, SCHEDULED_SECONDS = 0.06, (3.0, 9.0)
BY_CUSTOMER, BY_DISPATCHER = 0.2, 0.05
CANCELS, EDITS, LOOKS = 0.08, 0.12, 0.3
AFTERWARDS_SECONDS = (0.05, 5.0)
READ_SECONDS = (0.1, 0.6)


class Clients:
    """`customers`: id → who asks for him; `dispatchers` place an order now and then, too."""

    def __init__(
        self,
        backend: Caller,
        customers: Mapping[str, Caller],
        dispatchers: Sequence[Caller],
        notebook: Notebook,
        seed: int,
        spawn: Spawn,
    ) -> None:
        self._backend = backend
        self._customers = customers
        self._dispatchers = dispatchers
        self._notebook = notebook
        self._draw = random.Random(f"{seed}:clients")
        self._spawn = spawn

    async def place_orders(self, rate: float) -> None:
        """`rate` a second, at the moments of a Poisson process: slowness of the server does not slow them down."""
        due = time.monotonic()
        while True:
            due += self._draw.expovariate(rate)
            await asyncio.sleep(due - time.monotonic())
            self._spawn(self._one(), "clients")

    async def read_at_random(self) -> None:
        while True:
            await asyncio.sleep(self._draw.uniform(*READ_SECONDS))
            if self._notebook.recent:
                await self._backend.read(self._draw.choice(self._notebook.recent).order_id)

    async def _one(self) -> None:
        customer_id, city = self._draw.choice(list(self._customers)), self._draw.choice(list(CITIES))
        marker = self._notebook.marker("p")
        placer = self._placer(customer_id)
        order = await placer.place(self._body(customer_id, city, marker), marker, city)
        if order is not None:
            await self._afterwards(Placed(order["id"], customer_id, city, order["details"]))

    def _placer(self, customer_id: str) -> Caller:
        chance = self._draw.random()
        if chance < BY_CUSTOMER:
            return self._customers[customer_id]
        return self._draw.choice(self._dispatchers) if chance < BY_CUSTOMER + BY_DISPATCHER else self._backend

    def _body(self, customer_id: str, city: str, marker: str) -> dict[str, Any]:
        number = int(customer_id.partition("-")[2])
        lat, lon = spot(self._draw, city)
        least_fen = 0 if self._draw.random() < CHEAP else CHEAP_FEN
        body: dict[str, Any] = {
            "kind": self._draw.choice(list(AUDIENCES)),
            "place": {"lat": lat, "lon": lon, "address": f"{CUSTOMER_DOOR} {number}"},
            "customer": {
                "id": customer_id,
                "name": f"{CUSTOMER_NAME} {number}",
                "phone": f"{CUSTOMER_PHONE}{number:05d}",
            },
            "details": {"plate": f"{PLATE}{number:05d}", "note": "flat tyre", "marker": marker},
            "price_fen": least_fen + self._draw.randrange(CHEAP_FEN),
        }
        if self._draw.random() < SCHEDULED:
            body["scheduled_at"] = round((time.time() + self._draw.uniform(*SCHEDULED_SECONDS)) * 1000)
        return body

    async def _afterwards(self, placed: Placed) -> None:
        asker = self._customers[placed.customer_id] if self._draw.random() < 0.5 else self._backend
        for chance, act in ((LOOKS, self._look), (EDITS, self._edit), (CANCELS, self._cancel)):
            if self._draw.random() < chance:
                await asyncio.sleep(self._draw.uniform(*AFTERWARDS_SECONDS))
                await act(asker, placed)

    @staticmethod
    async def _look(asker: Caller, placed: Placed) -> None:
        await asker.read(placed.order_id)

    async def _edit(self, asker: Caller, placed: Placed) -> None:
        marker = self._notebook.marker("e")
        await asker.edit(placed.order_id, edited_parts(placed, marker, self._draw), marker)

    async def _cancel(self, asker: Caller, placed: Placed) -> None:
        marker = self._notebook.marker("x")
        await asker.command(placed.order_id, "cancel", {"reason": marker}, marker=marker)


def edited_parts(placed: Placed, marker: str, draw: random.Random) -> dict[str, Any]:
    """One part of the order, or two, said anew."""
    lat, lon = spot(draw, placed.city)
    parts: dict[str, Any] = {
        "details": {**placed.details, "note": marker},
        "bonus_fen": draw.randrange(1, 30) * 100,
        "price_fen": CHEAP_FEN + draw.randrange(CHEAP_FEN),
        "place": {"lat": lat, "lon": lon, "address": f"{CUSTOMER_DOOR} of {marker}"},
    }
    return {name: parts[name] for name in draw.sample(sorted(parts), draw.choice((1, 1, 2)))}
