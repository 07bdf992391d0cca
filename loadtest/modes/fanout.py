"""Fan-out: one event told to every session, against the floor that writes the same bytes to as many.

Owns the events that concern all: notices first, then offers to all and their retraction. Invariant: floor and server
take turns in one run, so that what disturbs one disturbs the other; the server's CPU is counted whole, the request
that made the event included.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from loadtest.modes.options import Options, Progress
from loadtest.results import Figure, Result, Table
from loadtest.rig import cast
from loadtest.rig.herds import FLOOR, SERVER, Herds, herds
from loadtest.rig.posting import Posting
from loadtest.rig.usage import Part, Usage
from loadtest.rig.venue import Venue

DEFAULTS = Options(agents=2_000, seconds=20.0)
ROLES = ("hub", "api", "engine")
LIMIT = 1.15
TURN_SECONDS = 1.0
WARM_UP_EVENTS = 3


@dataclass(slots=True)
class Spent:
    """`hub`: the processes that hold the sessions, of the server's whole."""

    usage: Usage = field(default_factory=Usage)
    hub: Usage = field(default_factory=Usage)
    messages: int = 0

    def us(self, part: Part) -> float:
        """Of one message."""
        return 1e6 * self.usage.of(part) / max(self.messages, 1)

    @property
    def hub_us(self) -> float:
        return 1e6 * self.hub.server / max(self.messages, 1)


Event = Callable[[], Awaitable[None]]


class Fanout:
    def __init__(self, venue: Venue, crowd: Herds, posting: Posting, people: list[cast.Agent]) -> None:
        self._venue = venue
        self._herds = crowd
        self._posting = posting
        self._people = people
        self._shares = crowd.shares(people)
        self._offered: list[str] = []

    async def notice(self) -> None:
        body = {
            "title": "Heavy rain", "body": "The tunnel is closed; expect long ways round. " * 3, "level": "warning",
            "roles": ["valet"], "region": cast.REGION, "until_at": int(time.time() * 1000) + 1000,
        }  # fmt: skip
        await self._posting.ask("POST", "/v1/notices", self._venue.token("admin", cast.ADMIN), body)

    async def offer(self) -> None:
        token = self._venue.token("service", cast.BACKEND)
        lat, lon = cast.place(0)
        told = await self._posting.ask("POST", "/v1/orders", token, cast.order(lat, lon))
        self._offered.append(told["id"])

    async def retract(self) -> None:
        token = self._venue.token("service", cast.BACKEND)
        path = f"/v1/orders/{self._offered.pop()}/cancel"
        await self._posting.ask("POST", path, token, {"reason": "measured"})

    async def told(self, type: str, event: Event) -> int:
        """One event, until everybody has heard of it; how many messages that were."""
        await event()
        await self._herds.heard(SERVER, type, self._shares)
        counted = await self._herds.counted(SERVER)
        return counted.counts[type]

    async def floor(self, type: str, payload: str) -> int:
        messages = await self._herds.floor_tells_all(payload)
        await self._herds.heard(FLOOR, type, self._shares)
        await self._herds.counted(FLOOR)
        return messages

    async def compare(self, seconds: float) -> dict[str, tuple[Spent, Spent]]:
        """Server and floor, in turns: notices half of the time, then offers and their retraction."""
        found = {name: (Spent(), Spent()) for name in ("notice", "offer", "retract")}
        await self._in_turns({"notice": self.notice}, seconds / 2, found)
        await self._in_turns({"offer": self.offer, "retract": self.retract}, seconds / 2, found)
        return found

    async def _in_turns(
        self, events: Mapping[str, Event], seconds: float, found: dict[str, tuple[Spent, Spent]]
    ) -> None:
        payloads = await self._warm_up(events)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for type, event in events.items():
                server, floor = found[type]
                times = await self._server_turn(type, event, server)
                await self._floor_turn(type, payloads[type], times, floor)

    async def _warm_up(self, events: Mapping[str, Event]) -> dict[str, str]:
        """Returns each message as the floor is to repeat it."""
        for _ in range(WARM_UP_EVENTS):
            for type, event in events.items():
                await self.told(type, event)
        return {type: await self._herds.sample(SERVER, type) for type in events}

    async def _server_turn(self, type: str, event: Event, spent: Spent) -> int:
        """For a while, or, where something is taken back, until nothing is left of it. Returns how many events."""
        before, hub_before, times = self._venue.usage(), self._venue.hub_usage(), 0
        until = time.monotonic() + TURN_SECONDS
        while self._offered if type == "retract" else time.monotonic() < until:
            spent.messages += await self.told(type, event)
            times += 1
        spent.usage = spent.usage.plus(self._venue.usage().since(before))
        spent.hub = spent.hub.plus(self._venue.hub_usage().since(hub_before))
        return times

    async def _floor_turn(self, type: str, payload: str, times: int, spent: Spent) -> None:
        before = self._herds.floor_usage()
        for _ in range(times):
            spent.messages += await self.floor(type, payload)
        spent.usage = spent.usage.plus(self._herds.floor_usage().since(before))


async def run(venue: Venue, options: Options, progress: Progress) -> Result:
    began = time.monotonic()
    people = [replace(each, lat=cast.place(0)[0]) for each in cast.agents(options.agents, options.agents)]
    progress("agents", 0.05)
    await cast.set_up(venue, people, limit=options.agents)
    async with herds(options.processes, options.codec) as crowd, Posting(venue.http_url) as posting:
        progress("sessions", 0.1)
        await crowd.connect(venue, people)
        await crowd.connect_floor(people)
        progress("events", 0.3)
        found = await Fanout(venue, crowd, posting, people).compare(options.seconds)
    return Result(
        "fanout",
        figures=(_figure(found["notice"], options),),
        tables=(_table(found),),
        notes=("A message is counted with all that led to it: the request over HTTP, the log, the writes.",),
        seconds=time.monotonic() - began,
    )


def _figure(both: tuple[Spent, Spent], options: Options) -> Figure:
    server, floor = both
    return Figure(
        key="fanout",
        title=f"Fan-out of one event to {options.agents} sessions: server CPU a message",
        unit="µs",
        value=server.us("server"),
        floor=floor.us("server"),
        limit=LIMIT,
        limit_kind="ratio",
        detail={"messages": server.messages, "codec": options.codec, "hub_alone": round(server.hub_us, 2)},
    )


def _table(found: dict[str, tuple[Spent, Spent]]) -> Table:
    rows = tuple(
        (
            type, str(server.messages), f"{floor.us('server'):.2f}", f"{server.us('server'):.2f}",
            f"{server.us('server') / max(floor.us('server'), 1e-9):.2f}", f"{server.hub_us:.2f}",
            f"{server.us('redis'):.2f}", f"{server.us('postgres'):.2f}",
        )
        for type, (server, floor) in found.items()
    )  # fmt: skip
    columns = ("message", "messages", "floor", "server", "ratio", "hub alone", "Redis", "PostgreSQL")
    return Table("CPU a message, µs", columns, rows)
