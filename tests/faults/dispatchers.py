"""Simulated dispatchers: they clear the desk, and meddle with orders that are in other hands.

Owns the seeded behaviour of one dispatcher, over HTTP, by what his desk shows on the stream. Knows no agent but by
id. Invariant: each command that has a free text bears a marker of its own.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from loadtest.view import View, holder
from loadtest.wire import HELD, STEPS, Order
from tests.faults.app import App
from tests.faults.callers import Caller
from tests.faults.clients import edited_parts
from tests.faults.crew import city_of_agent
from tests.faults.notebook import Notebook, Spawn

HANDS = 2
THINK_SECONDS = (0.2, 1.5)
MEDDLE_SECONDS = (0.5, 2.0)
AGAIN_AFTER_SECONDS = 3.0
LOOK_SECONDS = 1.0
TAKES_UP = 0.4
# Nobody touches these at the desk: they expire.
LEFT_ALONE = 10


class Dispatcher:
    def __init__(
        self, app: App, caller: Caller, agents: Sequence[str], notebook: Notebook, seed: int, spawn: Spawn
    ) -> None:
        self.app = app
        self._caller = caller
        self._agents = agents
        self._notebook = notebook
        self._draw = random.Random(f"{seed}:desk:{app.who}")
        self._spawn = spawn
        self._not_before: dict[str, float] = {}

    def act(self) -> None:
        for _ in range(HANDS):
            self._spawn(self._clear(), self.app.who)
        self._spawn(self._meddle(), self.app.who)

    # The desk

    async def _clear(self) -> None:
        while True:
            try:
                order = await self.app.until(self._waiting, LOOK_SECONDS)
            except TimeoutError:
                continue  # nothing changed, but somebody's time may be over
            assert order is not None
            self._not_before[order["id"]] = asyncio.get_running_loop().time() + AGAIN_AFTER_SECONDS
            await asyncio.sleep(self._draw.uniform(*THINK_SECONDS))
            if self._draw.random() < TAKES_UP:
                await self._caller.take_up(order["id"])
            await (self._settle(order) if order["status"] == "escalated" else self._hurry(order))

    def _waiting(self, view: View) -> Order | None:
        now = asyncio.get_running_loop().time()
        for order in view.desk.values():
            if self._not_before.get(order["id"], 0.0) <= now and not _is_left_alone(order):
                return order
        return None

    async def _settle(self, order: Order) -> None:
        order_id, chance = order["id"], self._draw.random()
        if chance < 0.4:
            await self._assign_eligible(order_id)
        elif chance < 0.5:
            await self._assign(order_id, self._somebody(order), force=True)
        elif chance < 0.75:
            bonus_fen = order["bonus_fen"] + 100
            await self._caller.command(order_id, "reopen", {"bonus_fen": bonus_fen}, bonus_fen=bonus_fen)
        elif chance < 0.9:
            marker = self._notebook.marker("c")
            await self._caller.command(order_id, "close", {"outcome": marker}, marker=marker)
        else:
            await self._cancel(order_id)

    async def _hurry(self, order: Order) -> None:
        """It stalls in somebody's hands."""
        chance = self._draw.random()
        if chance < 0.5:
            await self._assign(order["id"], self._somebody(order), force=self._draw.random() < 0.5)
        elif chance < 0.8:
            await self._release(order)

    async def _assign_eligible(self, order_id: str) -> None:
        eligible = [each["agent_id"] for each in await self._caller.candidates(order_id) if each["eligible"]]
        if eligible:
            await self._assign(order_id, eligible[0], force=False)

    # What is none of his business, strictly

    async def _meddle(self) -> None:
        while True:
            await asyncio.sleep(self._draw.uniform(*MEDDLE_SECONDS))
            if not self._notebook.recent:
                continue
            placed = self._draw.choice(self._notebook.recent)
            answer = await self._caller.read(placed.order_id)
            if answer is None or answer.outcome != "ok":
                continue
            order, chance = answer.body, self._draw.random()
            if chance < 0.3:
                await self._assign(order["id"], self._somebody(order), force=self._draw.random() < 0.5)
            elif chance < 0.5 and order["status"] in HELD:
                await self._release(order)
            elif chance < 0.7 and order["status"] in HELD:
                await self._progress(order)
            elif chance < 0.8:
                marker = self._notebook.marker("e")
                await self._caller.edit(order["id"], edited_parts(placed, marker, self._draw), marker)
            elif chance < 0.85:
                await self._cancel(order["id"])

    async def _assign(self, order_id: str, agent_id: str, *, force: bool) -> None:
        body: dict[str, Any] = {"agent_id": agent_id, "force": force}
        await self._caller.command(order_id, "assign", body, **body)

    async def _release(self, order: Order) -> None:
        marker, fence = self._notebook.marker("r"), _fence(order)
        body = {"fence": fence, "reason": marker}
        await self._caller.command(order["id"], "release", body, fence=fence, marker=marker)

    async def _progress(self, order: Order) -> None:
        body: dict[str, Any] = {"fence": _fence(order), "step": self._draw.choice(STEPS)}
        await self._caller.command(order["id"], "progress", body, **body)

    async def _cancel(self, order_id: str) -> None:
        marker = self._notebook.marker("x")
        await self._caller.command(order_id, "cancel", {"reason": marker}, marker=marker)

    def _somebody(self, order: Order) -> str:
        """Of the order's city, and not the holder."""
        others = [each for each in self._agents if city_of_agent(each) == order["region"] and each != holder(order)]
        return self._draw.choice(others)


def _fence(order: Order) -> int:
    assignment = order["assignment"]
    assert assignment is not None
    return assignment["fence"]


def _is_left_alone(order: Order) -> bool:
    return order["status"] == "escalated" and (order["price_fen"] or 0) % LEFT_ALONE == 0
