"""The world of the documents' examples on a live server: its city, its agents, its people.

Owns nothing that the documents do not tell: everything is put by their examples. Invariant: every order that it
gives is a new one, in the state that was asked for.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from admin_api.examples import OUTLINE, PROFILE, TOWING
from dispatch.view_examples import CUSTOMER, DISPATCHER, KIND, OPEN, OTHER_VALET, REGION, SHOP, VALET, full
from loadtest import voice
from loadtest.client import Session
from loadtest.rest import Http
from loadtest.tokens import mint
from loadtest.wire import Message
from realtime.answers import ServerMessage
from tests.journeys.cluster import SECRET, Cluster, cluster

SUBJECTS: Mapping[str, str] = {
    "service": "backend",
    "admin": "root",
    "dispatcher": DISPATCHER,
    "customer": CUSTOMER,
    "valet": VALET,
    "shop": SHOP,
}
"""Role → who has it in the examples."""

_AGENTS = (("valet", VALET), ("valet", OTHER_VALET), ("shop", SHOP))
HERE = (OPEN.place.point.lat, OPEN.place.point.lon)
_ROUND = {"radius_m": 10_000, "limit": 100, "seconds": 3600}
SOUND = voice.noise(1.0)
_ORDER = {name: full(OPEN)[name] for name in ("kind", "customer", "place", "details", "price_fen")}


def held_against_the_document(message: Message, _: str | bytes) -> None:
    msgspec.convert(message, ServerMessage)


class World:
    def __init__(self, city: Cluster, anybody: Http, stack: AsyncExitStack) -> None:
        self.city = city
        self._stack = stack
        self.url = anybody.url
        self.tokens = {role: mint(SECRET, role, sub) for role, sub in SUBJECTS.items()}
        self.http = {role: anybody.bearing(token) for role, token in self.tokens.items()}
        self._sessions: list[Session] = []

    async def furnish(self) -> None:
        admin = self.http["admin"]
        await admin.put(f"/v1/regions/{REGION}", OUTLINE)
        await admin.put(f"/v1/policies/{KIND}", msgspec.to_builtins(TOWING) | {"rounds": [_ROUND]})
        await self.hire()
        for role, agent in _AGENTS:
            self._sessions.append(await self._connect(role, agent))

    async def hire(self) -> None:
        """The agents of the examples, with room for all jobs of all tests."""
        for role, agent in _AGENTS:
            home = {"home": dict(zip(("lat", "lon"), HERE, strict=True))} if role == "shop" else {}
            await self.http["admin"].put(f"/v1/agents/{agent}", PROFILE | {"role": role, "capacity": 1000} | home)

    async def _connect(self, role: str, agent: str) -> Session:
        """Every message that it hears is held against the AsyncAPI document's forms."""
        position = HERE if role == "valet" else None
        session = self.city.session(role, agent, position=position, observe=held_against_the_document)
        return await self._stack.enter_async_context(session)

    async def another_session(self) -> str:
        """The id of one more session of the shop."""
        session_id = (await self._connect("shop", SHOP)).view.session_id
        assert session_id is not None
        return session_id

    async def opened(self, **changes: object) -> str:
        """An order that all agents are offered; its id."""
        placed = await self.http["service"].post("/v1/orders", _ORDER | changes)
        order_id: str = placed["id"]
        for session in self._sessions:
            assert await session.until(lambda view: order_id in view.offers, 20)
        return order_id

    async def fit_for(self, command: str, role: str) -> str:
        """An order in the state that a command of this role wants; any other word than a command's: an open one."""
        match command:
            case "progress" | "release" | "voice-notes":
                return await self.held(role if role == "shop" else "valet")
            case "reopen" | "close" | "take_up":
                return await self.escalated()
            case _:
                return await self.opened()

    async def held(self, role: str = "valet") -> str:
        order_id = await self.opened()
        verdict = await self.http[role].post(f"/v1/orders/{order_id}/grab")
        assert verdict["outcome"] == "won"
        return order_id

    async def noted(self, role: str = "valet") -> str:
        """A voice note that the role may listen to; its id."""
        order_id = await self.held(role if role == "shop" else "valet")
        order = await voice.add(self.http["customer"], order_id, SOUND)
        note_id: str = order["voice_notes"][-1]["id"]
        return note_id

    async def escalated(self) -> str:
        """Given back when the car may have been in the holder's hands."""
        order_id = await self.held()
        told: dict[str, Any] = {"fence": 1}
        await self.http["valet"].post(f"/v1/orders/{order_id}/progress", told | {"step": "arrived"})
        await self.http["valet"].post(f"/v1/orders/{order_id}/release", told | {"reason": "my own car broke down"})
        return order_id


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    async with cluster(folder) as city, AsyncExitStack() as stack:
        anybody = await stack.enter_async_context(Http(city.servers[0].http_url))
        found = World(city, anybody, stack)
        await found.furnish()
        yield found
