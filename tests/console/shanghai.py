"""An evening in Shanghai, for the pictures: who is on the road, which shops are open, who called and why.

Owns how the people of `shanghai.json` come about on a real server: every state is reached by the steps of people, none
is written. Knows nothing of pages. Invariant: the same people at the same places each time.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

from loadtest import voice
from loadtest.client import Session
from tests import sounds
from tests.console.house import SKILLS, Town

REGION = "shanghai"
DATA: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text())
PHONE = "+8613900000001"
SPOKEN_S = 7
STEPS = ("en_route", "arrived", "working", "completed")
WAIT_S = 20.0
_SOON = [{"radius_m": 16_000, "limit": 50, "seconds": 3}]
_LATER = [
    {"radius_m": 16_000, "limit": 20, "seconds": 180},
    {"radius_m": 16_000, "limit": 50, "seconds": 180, "bonus_fen": 1_500},
]
_DESK_SECONDS = {"towing": 420, "parts": 1_500, "beauty": 900}
_TERMS = {"audience": ["valet", "shop"], "hall_radius_m": 15_000, "private_details": ["plate"], "listen": "before"}

Call = dict[str, Any]


class Evening:
    """Everybody is there, and every call has come as far as it says. `orders` is the caller's name → order id."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.orders: dict[str, str] = {}
        self._sessions: dict[str, Session] = {}

    async def begin(self) -> None:
        await asyncio.gather(*(self._hire(agent) for agent in DATA["agents"]))
        desk = await self.town.connect("dispatcher", self.town.sub("observer"))
        await self._set_terms(_SOON)
        left = [call for call in DATA["calls"] if call["until"] == "escalated"]
        for call in left:
            await self._ring(call)
        await asyncio.gather(*(self._decline(self.orders[left[0]["name"]], **each) for each in DATA["declines"]))
        await desk.until(lambda view: len(view.desk) == len(left), WAIT_S)
        await self._set_terms(_LATER)
        others = [call for call in DATA["calls"] if call not in left]
        for call in others:
            await self._ring(call)
        valets = [agent["id"] for agent in DATA["agents"] if agent["role"] == "valet"]
        for number, call in enumerate(call for call in others if call["until"] != "open"):
            await self._serve(call, call.get("by") or valets[-1 - number % 7])

    async def _hire(self, agent: dict[str, Any]) -> None:
        sub, role, place = self.town.sub(agent["id"]), agent["role"], {"lat": agent["lat"], "lon": agent["lon"]}
        profile = {"role": role, "region": self.town.region, "name": agent["name"], "phone": PHONE}
        home = {"home": place} if role == "shop" else {}
        await self.town.admin.put(f"/v1/agents/{sub}", profile | home | {"skills": SKILLS, "capacity": 3})
        self._sessions[agent["id"]] = await self.town.connect(role, sub, (place["lat"], place["lon"]))

    async def _set_terms(self, rounds: list[dict[str, Any]]) -> None:
        for kind in SKILLS:
            terms = _TERMS | {"rounds": rounds, "desk_seconds": _DESK_SECONDS.get(kind, 900)}
            await self.town.admin.put(f"/v1/policies/{kind}", terms)

    async def _ring(self, call: Call) -> None:
        said = {name: call[name] for name in ("kind", "place", "details", "price_fen")}
        said["bonus_fen"] = call.get("bonus_fen", 0)
        customer = {"id": f"c-{len(self.orders)}", "name": call["name"], "phone": call["phone"]}
        order_id = (await self.town.order(**said, customer=customer))["id"]
        self.orders[call["name"]] = order_id
        if call.get("spoken"):
            caller = self.town.anybody.bearing(self.town.token("customer", customer["id"]))
            await voice.add(caller, order_id, sounds.speech("wav", SPOKEN_S))

    async def _decline(self, order_id: str, agent: str, reason: str) -> None:
        session = self._sessions[agent]
        await session.until(lambda view: order_id in view.offers, WAIT_S)
        await session.decline(order_id, reason)

    async def grab(self, order_id: str, agent: str) -> dict[str, Any]:
        """The verdict, by which he has it."""
        session = self._sessions[agent]
        await session.until(lambda view: order_id in view.offers, WAIT_S)
        verdict = await session.grab(order_id)
        assert verdict["outcome"] == "won", verdict
        return dict(verdict)

    async def _serve(self, call: Call, agent: str) -> None:
        order_id, session = self.orders[call["name"]], self._sessions[agent]
        verdict = await self.grab(order_id, agent)
        for step in STEPS[: STEPS.index(call["until"]) + 1] if call["until"] in STEPS else ():
            await session.progress(order_id, verdict["fence"], step)
