"""The stage of the journeys by voice: a city served by three processes, ten shops, a desk, callers at the roadside.

Owns who is there, and every byte that each of them was sent, on the stream and over HTTP. Invariant: no two callers
share a name, a phone, a plate, an address or a place, so whatever somebody received shows whose it is.
"""

import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

import httpx

from loadtest import voice
from loadtest.checks.privacy import leaks
from loadtest.client import Session
from loadtest.rest import Http
from loadtest.tokens import mint
from loadtest.wire import Codec, Message, Note, Order
from tests.journeys.cluster import CENTRE, SECRET, SQUARE, Cluster, cluster, feature

SHOPS = 10
WAIT_S = 30.0


class Caller(NamedTuple):
    """One who stands at the roadside. All that is private has his number in it."""

    number: int

    @property
    def id(self) -> str:
        return f"c-{self.number}"

    @property
    def lat(self) -> float:
        return CENTRE[0] + 0.00123457 + self.number * 1.37e-5

    @property
    def lon(self) -> float:
        return CENTRE[1] - 0.00234569 - self.number * 1.73e-5

    @property
    def name(self) -> str:
        return f"李小龙{self.number:02}"

    @property
    def phone(self) -> str:
        return f"+861381234{self.number:04}"

    @property
    def plate(self) -> str:
        return f"沪A{12300 + self.number}"

    @property
    def address(self) -> str:
        return f"{350 + self.number} Fifth Avenue"

    def order(self) -> dict[str, Any]:
        return {
            "place": {"lat": self.lat, "lon": self.lon, "address": self.address},
            "customer": {"id": self.id, "name": self.name, "phone": self.phone},
            "details": {"plate": self.plate, "note": "flat tyre"},
            "price_fen": 18_000,
        }

    def found_in(self, received: Iterable[bytes]) -> list[str]:
        """What is private of him there: plainly, in JSON's escapes, as MessagePack's doubles, cut to five decimals."""
        everything = b"\n".join(received)
        texts = [self.name, self.phone, self.phone[3:], self.plate, self.address, *self._places()]
        doubles = [repr(value) for value in (self.lat, self.lon) if struct.pack(">d", value) in everything]
        return leaks([everything], texts) + doubles

    def _places(self) -> list[str]:
        return [str(value)[: str(value).index(".") + 6] for value in (self.lat, self.lon)]


class Party:
    """A session and the HTTP side of one person, and all that they were sent."""

    def __init__(self, http_url: str, ws_url: str, role: str, sub: str, codec: Codec = "json") -> None:
        self.sub = sub
        self.received: list[bytes] = []
        token = mint(SECRET, role, sub)
        self.session = Session(ws_url, token, codec=codec, observe=self._told)
        client = httpx.AsyncClient(timeout=30.0, trust_env=False, event_hooks={"response": [self._answered]})
        self.http = Http(http_url, token, client=client)

    async def __aenter__(self) -> Self:
        await self.session.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.close()
        await self.session.__aexit__(kind, error, trace)

    def _told(self, message: Message, frame: str | bytes) -> None:
        self.received.append(frame.encode() if isinstance(frame, str) else frame)

    async def _answered(self, answer: httpx.Response) -> None:
        await answer.aread()
        self.received += [b"%s: %s" % header for header in answer.headers.raw]
        self.received.append(answer.content)

    async def offered(self, order_id: str) -> Note:
        """The note of the offer, as soon as there is one."""
        offer = await self.session.until(lambda view: view.offers.get(order_id), WAIT_S)
        assert offer is not None
        (note,) = offer["voice_notes"]
        return note

    async def shown(self, order_id: str, notes: int) -> Order:
        """His own order, once it has so many notes."""

        def found(view: Any) -> Order | None:
            order: Order | None = view.orders.get(order_id)
            return order if order is not None and len(order["voice_notes"]) == notes else None

        order = await self.session.until(found, WAIT_S)
        assert order is not None
        return order

    async def listen(self, order_id: str, note: Note) -> bytes:
        """Plays the note and says so."""
        sound = await voice.download(self.http, note)
        await self.session.heard(order_id, note["id"])
        return sound


@dataclass
class Roadside:
    city: Cluster
    logs: Path
    admin: Http
    desk: Party
    shops: list[Party]
    stack: AsyncExitStack
    callers: list[Caller] = field(default_factory=list)
    winners: dict[Caller, Party] = field(default_factory=dict)

    @property
    def urls(self) -> tuple[str, str]:
        """Of the process that answers HTTP, and of the one that has the stream."""
        _, api, hub = self.city.servers
        return api.http_url, hub.ws_url

    async def calls(self) -> tuple[Caller, Party]:
        """Somebody new, connected."""
        caller = Caller(len(self.callers))
        self.callers.append(caller)
        return caller, await self.stack.enter_async_context(Party(*self.urls, "customer", caller.id))

    async def set_policy(self, seconds: float) -> None:
        rounds = [{"radius_m": 5000, "limit": 20, "seconds": seconds}]
        terms = {"audience": ["shop"], "rounds": rounds, "private_details": ["plate"]}
        await self.admin.put("/v1/policies/voice", terms)

    async def left_behind(self) -> list[bytes]:
        """Every line that the processes wrote, all their metrics, every name in their folders."""
        found = [path.read_bytes() for path in sorted(self.logs.iterdir())]
        assert all(found), "each process has a log"
        async with httpx.AsyncClient(trust_env=False) as http:
            for server in self.city.servers:
                found.append((await http.get(f"{server.http_url}/metrics")).content)
        names = [str(path.relative_to(self.city.data_dir)) for path in self.city.data_dir.rglob("*")]
        assert any(name.startswith("voice/") for name in names)
        return [*found, "\n".join(names).encode()]


def signature(note: Note) -> str:
    return parse_qs(urlsplit(str(note["url"])).query)["signature"][0]


@asynccontextmanager
async def roadside(folder: Path) -> AsyncIterator[Roadside]:
    logs = folder / "logs"
    logs.mkdir()
    async with cluster(folder, servers=0) as city, AsyncExitStack() as stack:
        for role in ("engine", "api", "hub"):
            await city.add(role, log=logs / role)
        _, api, hub = city.servers
        admin = await stack.enter_async_context(Http(api.http_url, mint(SECRET, "admin", "root")))
        await admin.put("/v1/regions/nyc", feature(SQUARE))
        await admin.delete("/v1/regions/default")
        for number in range(SHOPS):
            await admin.put(f"/v1/agents/s-{number}", _shop(number))
        parties = [Party(api.http_url, hub.ws_url, "shop", f"s-{n}", ("json", "msgpack")[n % 2]) for n in range(SHOPS)]
        shops = [await stack.enter_async_context(each) for each in parties]
        desk = await stack.enter_async_context(Party(api.http_url, hub.ws_url, "dispatcher", "d-1"))
        yield Roadside(city, logs, admin, desk, shops, stack)


def _shop(number: int) -> dict[str, Any]:
    home = {"lat": CENTRE[0] + 0.001 * number, "lon": CENTRE[1]}
    card = {"role": "shop", "region": "nyc", "name": f"Garage {number}", "phone": f"+86139000{number:05}"}
    return card | {"skills": ["voice"], "capacity": 5, "home": home}
