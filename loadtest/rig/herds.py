"""The client processes of one measurement, and the floor beside them, as one.

Owns starting them, sharing the members out (a group stays together), adding up what they counted, ending them.
Invariant: the floor and the server hear the same clients: each process has the same members on both.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # the package ships no types

from loadtest.results import Percentiles, histogram
from loadtest.rig.cast import Agent
from loadtest.rig.frames import BINARY, TEXT
from loadtest.rig.line import ChildFailed, Line, Told
from loadtest.rig.usage import Usage, measured
from loadtest.rig.venue import Venue, address

SERVER = "server"
FLOOR = "floor"
HANDSHAKES_AT_ONCE = 32
WITHIN_SECONDS = 120.0


@dataclass(slots=True)
class Counted:
    """What all processes heard since they were last asked."""

    counts: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    times: dict[str, HdrHistogram] = field(default_factory=dict)

    def add(self, told: Told) -> None:
        self.counts.update(told["counts"])
        self.outcomes.update(told["outcomes"])
        self.lost.update(told["lost"])
        for name, encoded in told["times"].items():
            self.times.setdefault(name, histogram()).decode_and_add(encoded)

    @property
    def faults(self) -> list[str]:
        """What no session should have heard, and those that it did not survive."""
        found = [f"{self.counts['error']} messages were answered by an error"] if self.counts["error"] else []
        return found + [f"{count} sessions were lost: {why}" for why, count in self.lost.items()]

    def percentiles(self, name: str) -> Percentiles:
        return Percentiles.of(self.times.get(name) or histogram())


class Herds:
    """`codec` is that of all sessions. `heard` gets the processes' events."""

    def __init__(self, lines: Sequence[Line], floor: Line, floor_port: int, codec: str) -> None:
        self._lines = lines
        self._floor = floor
        self._floor_port = floor_port
        self.codec = codec
        self.opcode = TEXT if codec == "json" else BINARY

    async def connect(self, venue: Venue, people: Sequence[Agent], crowd: str = SERVER) -> None:
        """Sessions of these agents, shared out over the processes and the venue's hubs."""
        hellos = [(each, each.hello(venue.token(each.role, each.id))) for each in people]
        hubs = [address(part.ws_url) for part in venue.hubs]
        await self._connect(crowd, hubs, [(each.id, each.group, hello) for each, hello in hellos], speaks=True)

    async def connect_floor(self, people: Sequence[Agent]) -> None:
        members = [(each.id, each.group, {"type": "hello"}) for each in people]
        await self._connect(FLOOR, [("127.0.0.1", self._floor_port)], members, speaks=False)

    async def connect_staff(self, venue: Venue, count: int, crowd: str) -> None:
        """Dispatchers, who hear of the desk."""
        members = [(f"{crowd}-{number}", number, _greeting(venue, f"{crowd}-{number}")) for number in range(count)]
        await self._connect(crowd, [address(part.ws_url) for part in venue.hubs], members, speaks=True)

    async def _connect(
        self, crowd: str, addresses: Sequence[tuple[str, int]], members: Sequence[tuple[str, int, Any]], *, speaks: bool
    ) -> None:
        async def one(number: int, line: Line) -> None:
            ours = [each for each in members if each[1] % len(self._lines) == number]
            for at, (host, port) in enumerate(addresses):
                share = ours[at :: len(addresses)]
                await line.ask(
                    "connect", crowd=crowd, host=host, port=port, codec=self.codec, speaks=speaks, members=share,
                    at_once=HANDSHAKES_AT_ONCE,
                )  # fmt: skip

        await asyncio.gather(*(one(number, line) for number, line in enumerate(self._lines)))

    async def tell(self, do: str, crowd: str, **fields: object) -> list[Told]:
        """The same to each process."""
        return await asyncio.gather(*(line.ask(do, crowd=crowd, **fields) for line in self._lines))

    async def counted(self, crowd: str = SERVER) -> Counted:
        """And from now on they count anew."""
        found = Counted()
        for told in await self.tell("tally", crowd):
            found.add(told)
        return found

    async def heard(self, crowd: str, type: str, shares: Sequence[int]) -> None:
        """Until each process has heard its share of messages of that type."""
        await asyncio.gather(
            *(
                line.ask("wait", crowd=crowd, type=type, count=count, within=WITHIN_SECONDS)
                for line, count in zip(self._lines, shares, strict=True)
            )
        )

    def shares(self, people: Sequence[Agent]) -> list[int]:
        """How many of them each process has."""
        found = Counter(each.group % len(self._lines) for each in people)
        return [found[number] for number in range(len(self._lines))]

    async def sample(self, crowd: str, type: str) -> str:
        """The last message of that type, one character a byte."""
        for told in await self.tell("sample", crowd, type=type):
            if told["payload"]:
                payload: str = told["payload"]
                return payload
        raise ChildFailed(f"no {type} was heard")

    async def ask_all(self, crowd: str, payload: str, times: int, at_once: int) -> int:
        """Requests of whole groups at once, each group again when it was answered; returns how many there were."""
        each = max(1, at_once // len(self._lines))
        told = await self.tell("ask", crowd, payload=payload, times=times, at_once=each, within=WITHIN_SECONDS)
        return sum(one["asked"] for one in told)

    async def pace(self, crowd: str, people: Sequence[Agent], seconds: float) -> int:
        """Positions, one a second from each; returns how many were said."""
        homes = {each.id: (each.lat, each.lon) for each in people}
        told = await self.tell("pace", crowd, homes=homes, seconds=seconds, answered=crowd == FLOOR)
        return sum(one["said"] for one in told)

    async def floor_answers(self, payload: str) -> None:
        await self._floor.ask("answer", payload=payload, opcode=self.opcode)

    async def floor_tells_all(self, payload: str) -> int:
        told = await self._floor.ask("fan", payload=payload, opcode=self.opcode)
        messages: int = told["messages"]
        return messages

    def floor_usage(self) -> Usage:
        return measured([self._floor.pid])


def _greeting(venue: Venue, name: str) -> dict[str, Any]:
    return {"type": "hello", "token": venue.token("dispatcher", name)}


@asynccontextmanager
async def herds(
    processes: int, codec: str = "json", heard: Callable[[Mapping[str, Any]], None] = lambda _: None
) -> AsyncIterator[Herds]:
    async with AsyncExitStack() as stack:
        lines = []
        for _ in range(processes):
            line, _ = await Line.start("loadtest.rig.herd", heard)
            stack.push_async_callback(line.close)
            lines.append(line)
        floor, told = await Line.start("loadtest.rig.floor")
        stack.push_async_callback(floor.close)
        yield Herds(lines, floor, told["port"], codec)
