"""A shop's own backend: posts the day's orders at their moments, some by voice, cancels a few, repeats a few.

Owns the pacing by the clock and what may be answered to a POST. Knows HTTP, the area and the ledger.
Invariant: an order is due at a moment of the clock, not some seconds after the last, so slowness never adds
up; at most `AT_ONCE` POSTs are on their way. Whether a pick-up lies outside is judged here, too: the server
must agree.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Any, cast

from loadtest import voice
from loadtest.demand import Area, Pickup, order_body
from loadtest.ledger import Ledger
from loadtest.rest import Http
from loadtest.wire import Order, Refused, Unavailable

AT_ONCE = 24
REPEATS = 0.02
CANCELS = 0.03
CANCELLED_AFTER_SECONDS = (0.5, 6.0)
SPOKEN_SECONDS = 2.0


class Backend:
    """`run` sets the idempotency keys of this replay apart from those of another."""

    def __init__(self, http: Http, area: Area, ledger: Ledger, seed: int, run: str) -> None:
        self._http = http
        self._area = area
        self._ledger = ledger
        self._seed = seed
        self._run = run
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def post_all(self, pickups: Sequence[Pickup], due: Sequence[float]) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with asyncio.TaskGroup() as group:
            for pickup, seconds in zip(pickups, due, strict=True):
                await asyncio.sleep(start + seconds - loop.time())
                await self._slots.acquire()
                group.create_task(self._one(pickup))

    async def _one(self, pickup: Pickup) -> None:
        draw = random.Random(f"{self._seed}:backend:{pickup.number}")
        try:
            order = await self._post_expecting(pickup)
        finally:
            self._slots.release()
        if order is None:
            return
        if draw.random() < REPEATS:
            await self._repeat(pickup, order)
        if draw.random() < CANCELS:
            await asyncio.sleep(draw.uniform(*CANCELLED_AFTER_SECONDS))
            await self.cancel(order["id"])

    async def _post_expecting(self, pickup: Pickup) -> Order | None:
        """None where the place lies outside, as it should be answered there."""
        inside = self._area.contains(pickup.lat, pickup.lon)
        try:
            order = await self.post(pickup)
        except Refused as refusal:
            if refusal.status == 422 and refusal.paths == ("place",) and not inside:
                self._ledger.outside += 1
            else:
                self._ledger.refused("backend", f"order at {pickup.lat}, {pickup.lon}", refusal)
            return None
        except Unavailable as exc:
            self._ledger.surprise(f"backend: {exc}")
            return None
        if not inside:
            self._ledger.surprise(f"backend: an order outside at {pickup.lat}, {pickup.lon} was taken")
        return order

    async def post(self, pickup: Pickup, kind: str | None = None) -> Order:
        key, body = f"{self._run}:{pickup.number}:{kind or ''}", order_body(pickup, self._seed, kind)
        if body["kind"] == voice.KIND:
            order = await voice.place(self._http, body, voice.noise(SPOKEN_SECONDS, seed=pickup.number), key=key)
        else:
            order = cast(Order, await self._http.post("/v1/orders", body, key=key))
        self._ledger.posted.add(order["id"])
        self._ledger.answered(order)
        return order

    async def _repeat(self, pickup: Pickup, order: Order) -> None:
        """The same key and body: the first answer again, and no second order."""
        self._ledger.acts["repeated"] += 1
        again = await self.post(pickup)
        if again["id"] != order["id"]:
            self._ledger.surprise(f"backend: a repeated POST made {again['id']} beside {order['id']}")

    async def cancel(self, order_id: str) -> None:
        try:
            answer: Any = await self._http.post(f"/v1/orders/{order_id}/cancel", {"reason": "changed my mind"})
        except Refused as refusal:
            self._ledger.acts["cancelled too late"] += 1
            if refusal.code != "conflict":
                self._ledger.refused("backend", f"cancel of {order_id}", refusal)
            return
        except Unavailable as exc:
            self._ledger.surprise(f"backend: {exc}")
            return
        self._ledger.acts["cancelled by customer"] += 1
        self._ledger.answered(cast(Order, answer))
