"""A simulated dispatcher: watches the desk on a WebSocket and clears it over HTTP.

Carries out what `behaviour.rule` decides. Knows its session, HTTP and the ledger, no agent. Invariant: an
order is in one of its hands at a time; a refusal because the order or the agent changed meanwhile
(`conflict`) is ordinary, any other is entered in the ledger as unexpected. Guests are left alone: it neither gives
them work nor takes theirs away.
"""

import asyncio
import random
from collections import Counter
from typing import Any

from loadtest.behaviour import Ruling, rule
from loadtest.client import Session
from loadtest.guests import AGENTS
from loadtest.ledger import Ledger
from loadtest.rest import Http
from loadtest.view import View, holder
from loadtest.wire import Ended, Order, Refused, Unavailable

HANDS = 3
THINK_SECONDS = (0.4, 1.5)
BONUS_FEN = 2000
# What stalls is left to its holder for a while, real seconds after it was first seen.
STALL_PATIENCE_SECONDS = 6.0
# The desk hears of its own ruling within this.
AFTERWARDS_SECONDS = 1.0


class Desk:
    def __init__(self, dispatcher_id: str, token: str, ws_url: str, http: Http, ledger: Ledger, seed: int) -> None:
        self.dispatcher_id = dispatcher_id
        self._http = http.bearing(token)
        self._ledger = ledger
        self._draw = random.Random(f"{seed}:desk:{dispatcher_id}")
        self._reopened: Counter[str] = Counter()
        self._in_hand: set[str] = set()
        self._not_before: dict[str, float] = {}
        self.session = Session(
            ws_url, token, observe=ledger.hears(dispatcher_id), draw=self._draw.random, patience_seconds=60.0
        )

    async def act(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(HANDS):
                    group.create_task(self._clear())
        except* Ended as ends:
            self._ledger.sent_away(self.dispatcher_id, ends.exceptions[0])

    async def _clear(self) -> None:
        while True:
            order = await self._next()
            await asyncio.sleep(self._draw.uniform(*THINK_SECONDS))
            seconds = await self._settle(order["id"])
            self._not_before[_entry(order)] = asyncio.get_running_loop().time() + seconds
            self._in_hand.discard(order["id"])

    async def _next(self) -> Order:
        """The longest waiting that nobody has in hand; looks again when the desk changes or patience ends."""
        while True:
            try:
                order = await self.session.until(self._waiting, seconds=1.0)
            except TimeoutError:
                continue
            assert order is not None
            self._in_hand.add(order["id"])
            return order

    def _waiting(self, view: View) -> Order | None:
        now = asyncio.get_running_loop().time()
        for order in view.desk.values():
            patience = 0.0 if order["status"] == "escalated" else STALL_PATIENCE_SECONDS
            due = self._not_before.setdefault(_entry(order), now + patience)
            if order["id"] not in self._in_hand and due <= now and holder(order) not in AGENTS:
                return order
        return None

    async def _settle(self, order_id: str) -> float:
        """Seconds for which the order needs no second look."""
        order = self.session.view.desk.get(order_id)
        if order is None:
            return 0.0
        try:
            candidates = await self._read_candidates(order_id)
            ruling = rule(order["status"], holder(order), candidates, self._reopened[order_id])
            await self._carry_out(order, ruling)
            return STALL_PATIENCE_SECONDS if ruling.act == "leave" else AFTERWARDS_SECONDS
        except Refused as refusal:
            self._overtaken(order_id, refusal)
        except Unavailable as exc:
            self._ledger.surprise(f"{self.dispatcher_id}: {exc}")
        return AFTERWARDS_SECONDS

    def _overtaken(self, order_id: str, refusal: Refused) -> None:
        self._ledger.acts["desk overtaken"] += 1
        if refusal.code != "conflict":
            self._ledger.refused(self.dispatcher_id, f"ruling on {order_id}", refusal)

    async def _read_candidates(self, order_id: str) -> list[dict[str, Any]]:
        found = [each async for each in self._http.pages(f"/v1/orders/{order_id}/candidates")]
        return [each for each in found if each["agent_id"] not in AGENTS]

    async def _carry_out(self, order: Order, ruling: Ruling) -> None:
        path = f"/v1/orders/{order['id']}"
        match ruling.act:
            case "assign":
                answer = await self._http.post(f"{path}/assign", {"agent_id": ruling.agent_id})
            case "reopen":
                self._reopened[order["id"]] += 1
                answer = await self._http.post(f"{path}/reopen", {"bonus_fen": order["bonus_fen"] + BONUS_FEN})
            case "cancel":
                answer = await self._http.post(f"{path}/cancel", {"reason": "nobody near"})
            case "leave":
                return
        self._ledger.acts[f"desk: {ruling.act}"] += 1
        self._ledger.answered(answer)

    async def assign_nearest(self, order: Order) -> None:
        """By hand, at once, from whatever status; where nobody is eligible it is left as it is."""
        try:
            candidates = await self._read_candidates(order["id"])
            await self._carry_out(order, rule("assigned", holder(order), candidates, 0))
        except Refused as refusal:
            self._overtaken(order["id"], refusal)


def _entry(order: Order) -> str:
    return f"{order['id']}:{order['status']}"
