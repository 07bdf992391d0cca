"""A client process with thousands of sessions, driven by the measurer over its line.

    python -m loadtest.rig.herd

Owns the commands: connect, grab, ask, pace, wait, tally, sample, leave. What members do with a message is `crowd`'s.
Invariant: it does nothing that it was not told to, and every command is bounded in time.
"""

import asyncio
import gc
import time
from typing import Any

from loadtest.results import histogram, record_ns
from loadtest.rig.crowd import Grabbers, Tally
from loadtest.rig.frames import BINARY, TEXT
from loadtest.rig.line import Told, run, serve, tell
from loadtest.rig.member import Member, opening
from loadtest.wire import SUBPROTOCOL

TICK_SECONDS = 0.02
CONNECT_SECONDS = 60.0


class Herd:
    """Crowds by name: `server`, `floor`, and what else a mode calls them."""

    def __init__(self) -> None:
        self._crowds: dict[str, Grabbers] = {}

    async def hear(self, command: Told) -> Told:
        acts = {
            "connect": self._connect, "grab": self._grab, "ask": self._ask, "pace": self._pace, "wait": self._wait,
            "tally": self._tally, "sample": self._sample, "leave": self._leave,
        }  # fmt: skip
        return await acts[command["do"]](command)

    async def _connect(self, command: Told) -> Told:
        """`members`: [name, group, hello]. With `at_once` handshakes in flight."""
        codec = command["codec"]
        crowd = self._crowds.setdefault(command["crowd"], Grabbers(codec, tell))
        host, port = command["host"], command["port"]
        head = opening(f"{host}:{port}", SUBPROTOCOL[codec] if command["speaks"] else None)
        free = asyncio.Semaphore(command["at_once"])
        loop = asyncio.get_running_loop()

        async def connect(name: str, group: int, hello: dict[str, Any]) -> None:
            member = Member(crowd, name, group, head, crowd.encoded(hello))
            crowd.add(member)
            async with free, asyncio.timeout(CONNECT_SECONDS):
                ready = member.ready
                await loop.create_connection(lambda: member, host, port)
                assert ready is not None
                await ready

        async with asyncio.TaskGroup() as group:
            for each in command["members"]:
                group.create_task(connect(*each))
        gc.collect()
        gc.freeze()  # thousands of sessions that live on need not be looked through again and again
        return {"connected": len(crowd.members)}

    async def _grab(self, command: Told) -> Told:
        self._crowds[command["crowd"]].grabbing = command["on"]
        return {}

    async def _ask(self, command: Told) -> Told:
        """All of a group ask at once, and again when all were answered: `times` over, `at_once` groups at a time."""
        crowd = self._crowds[command["crowd"]]
        free = asyncio.Semaphore(command["at_once"])
        payload = command["payload"].encode("latin-1")
        rounds = {group: _Round(members, payload) for group, members in crowd.groups.items()}
        crowd.on_verdict = lambda member: rounds[member.group].answered()

        async def repeat(one: "_Round") -> None:
            async with free:
                for _ in range(command["times"]):
                    await one.ask()

        try:
            async with asyncio.timeout(command["within"]), asyncio.TaskGroup() as all_groups:
                for one in rounds.values():
                    all_groups.create_task(repeat(one))
        finally:
            crowd.on_verdict = None
        return {"asked": command["times"] * len(crowd.members)}

    async def _pace(self, command: Told) -> Told:
        """Each member says one `position` each second, spread evenly over it; he goes to and fro at 8 m/s."""
        crowd = self._crowds[command["crowd"]]
        members, said = crowd.members, 0
        if command["answered"]:
            crowd.on_verdict = lambda member: None
        began = time.monotonic()
        due_each_second = len(members)
        try:
            while (passed := time.monotonic() - began) < command["seconds"]:
                due = int(passed * due_each_second)
                for number in range(said, due):
                    member = members[number % due_each_second]
                    member.asked_ns = time.monotonic_ns()
                    member.say(crowd.encoded(_position(command["homes"][member.name], number // due_each_second)))
                said = max(said, due)
                await asyncio.sleep(TICK_SECONDS)
        finally:
            crowd.on_verdict = None
        return {"said": said}

    async def _wait(self, command: Told) -> Told:
        """Until so many messages of a type were heard since the last tally."""
        async with asyncio.timeout(command["within"]):
            await self._crowds[command["crowd"]].heard_so_many(command["type"], command["count"])
        return {}

    async def _tally(self, command: Told) -> Told:
        crowd = self._crowds[command["crowd"]]
        found, crowd.tally = crowd.tally, Tally()
        return {
            "counts": dict(found.counts), "outcomes": dict(found.outcomes), "lost": dict(found.lost),
            "times": {name: _encoded(times) for name, times in found.times.items() if times},
        }  # fmt: skip

    async def _sample(self, command: Told) -> Told:
        """The payload of the last message of a type."""
        crowd = self._crowds[command["crowd"]]
        return {"payload": crowd.samples.get(command["type"], b"").decode("latin-1")}

    async def _leave(self, command: Told) -> Told:
        for member in self._crowds.pop(command["crowd"]).members:
            member.leave()
        return {}


class _Round:
    """One group's questions: all at once, then all answers."""

    def __init__(self, members: list[Member], payload: bytes) -> None:
        self._members = members
        self._payload = payload
        self._open = 0
        self._done: asyncio.Future[None] | None = None

    async def ask(self) -> None:
        self._done = asyncio.get_running_loop().create_future()
        self._open = len(self._members)
        for member in self._members:
            member.asked_ns = time.monotonic_ns()
            member.say(self._payload)
        await self._done

    def answered(self) -> None:
        self._open -= 1
        if not self._open and self._done is not None:
            self._done.set_result(None)


def _position(home: tuple[float, float], second: int) -> dict[str, Any]:
    step = second % 120
    metres = 8 * (step if step < 60 else 120 - step)
    return {"type": "position", "lat": round(home[0] + metres / 111_320, 7), "lon": home[1], "accuracy_m": 5.0}


def _encoded(times: list[int]) -> str:
    found = histogram()
    for each in times:
        record_ns(found, each)
    encoded: bytes = found.encode()
    return encoded.decode()


async def main() -> None:
    await serve(Herd().hear, {"opcodes": [TEXT, BINARY]})


if __name__ == "__main__":
    run(main())
