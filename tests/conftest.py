"""What all tests share: real Redis and PostgreSQL, started once, and a city of its own for each test.

No test sees another's orders: each gets a region that exists for it alone, at a place of its own.
"""

import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ulid import ULID

from dispatch.assembly import Dispatch
from dispatch.identity import Identity, Role, Verifier
from dispatch.order import Customer, Order, Spot
from dispatch.records.agents import Agent
from dispatch.state import Draft
from dispatch.voice.note import Note
from dispatch.voice.terms import VoiceTerms
from geo.point import Point
from server import embedded

SECRET = "a secret for tests, long enough for HS256"
SERVICE = Identity("backend", Role.SERVICE, None, 2**53)
DISPATCHER = Identity("d-1", Role.DISPATCHER, None, 2**53)
_cells: Iterator[int] = itertools.count()


@pytest.fixture(scope="session")
async def services(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[embedded.Embedded]:
    """Redis and PostgreSQL for the whole run."""
    folder: Path = tmp_path_factory.mktemp("services")
    running = await embedded.start(folder)
    yield running
    await running.stop()


@pytest.fixture(scope="session")
async def dispatch(services: embedded.Embedded, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Dispatch]:
    """The use cases on them, without engines: time passes only where a test says so."""
    found = Dispatch(
        redis_url=services.redis_url,
        database_url=services.database_url,
        verifier=Verifier([SECRET]),
        voice=VoiceTerms(spool_dir=tmp_path_factory.mktemp("voice") / "voice-spool"),
    )
    await found.start()
    for slot in found.catalog.slots:
        await found.reconciler.region(slot)
    yield found
    await found.close()


@dataclass(frozen=True)
class City:
    """A region of its own, 20 km wide, with ways to fill it."""

    dispatch: Dispatch
    region: str
    centre: Point

    def at(self, north_m: float = 0.0) -> Point:
        return Point(lat=self.centre.lat + north_m / 111_195, lon=self.centre.lon)

    async def agent(self, name: str, **changes: object) -> Agent:
        """Put an agent; ids are unique to the city."""
        fields: dict[str, object] = {
            "id": f"{self.region}.{name}",
            "role": "valet",
            "region": self.region,
            "name": f"Name of {name}",
            "phone": "+8613900000001",
            "skills": ("maintenance", "towing"),
            "capacity": 1,
            "home": None,
            "suspended": False,
        }
        return await self.dispatch.people.put(Agent(**(fields | changes)))  # type: ignore[arg-type]  # test fields

    async def valet(self, name: str, north_m: float = 0.0, **changes: object) -> Agent:
        """Put a valet and let a session of his enter."""
        agent = await self.agent(name, **changes)
        await self.enter(agent, north_m)
        return agent

    async def enter(self, agent: Agent, north_m: float = 0.0, *, status: str = "available") -> str:
        session_id = str(ULID())
        await self.dispatch.people.enter(agent, session_id, {"sub": agent.id}, status, self.at(north_m))
        return session_id

    async def place(
        self, kind: str = "maintenance", north_m: float = 0.0, *, notes: tuple[Note, ...] = (), **changes: object
    ) -> Order:
        fields: dict[str, object] = {
            "customer": Customer("c-1", "Li", "+8613800000000"),
            "place": Spot(self.at(north_m), "1 Example Road"),
            "destination": None,
            "details": {"plate": "沪A12345", "note": "flat tyre"},
            "price_fen": 18000,
            "bonus_fen": 0,
            "scheduled_at": None,
        }
        draft = Draft(**(fields | changes))  # type: ignore[arg-type]  # test fields
        return await self.dispatch.intake.place(
            SERVICE, kind, draft, region=None, order_id=str(ULID()), request="", notes=notes
        )


async def new_city(dispatch: Dispatch) -> City:
    cell = next(_cells)
    centre = Point(lat=-60 + 0.5 * (cell % 240), lon=-170 + 0.5 * (cell // 240))
    region = f"city-{cell}"
    west, east, south, north = centre.lon - 0.1, centre.lon + 0.1, centre.lat - 0.1, centre.lat + 0.1
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    await dispatch.catalog.put_region(region, feature)
    await dispatch.reconciler.region(region)
    return City(dispatch, region, centre)


@pytest.fixture
async def city(dispatch: Dispatch) -> AsyncIterator[City]:
    """Left open for business: dispatchers of all regions are welcomed only when every region is."""
    found = await new_city(dispatch)
    yield found
    if await dispatch.catalog.has_region(found.region):
        await dispatch.reconciler.ensure(found.region)
