"""A crowd: many members in one process that act alike, and what was counted of them.

Owns the meaning of what members hear: counts, times, grabs. Knows no command line and no figures. Invariant: each
verdict is counted for the grab that asked for it, each order is settled once, when its whole group has its verdict.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from loadtest.rig.frames import BINARY, TEXT
from loadtest.rig.member import Member
from loadtest.wire import Codec

HALF_A_MS_NS = 500_000
"""What a time in whole milliseconds lacks on average."""


class Brief(msgspec.Struct):
    """As much of an order as the clients look at. In `details`, by this machine's clocks, when it was posted: `sent_us`
    by the monotonic one, `sent_at_us` by that of the day."""

    id: str
    created_at: int = 0
    details: dict[str, Any] = {}


class Heard(msgspec.Struct):
    type: str
    order: Brief | None = None
    order_id: str = ""
    outcome: str = ""
    fence: int = 0


class Verdicts(msgspec.Struct):
    """Of one order, until it is settled."""

    asked_ns: dict[str, int]
    """By member, in the order in which they grabbed."""
    outcomes: Counter[str]
    winner: str = ""
    fence: int = 0


class Tally:
    """What was heard since it was last asked for."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.times: dict[str, list[int]] = {"offer": [], "created": [], "verdict": [], "won": [], "answer": []}
        """Nanoseconds: from posting to the offer heard, from posting to `created_at`, from grab to verdict, from the
        first grab to `won`, from a question to its answer."""


class Grabbers:
    """A crowd's members, spread over groups; `settled` is told of each order whose group has all its verdicts."""

    def __init__(self, codec: Codec, settled: Callable[[dict[str, Any]], None]) -> None:
        self.opcode = TEXT if codec == "json" else BINARY
        self.members: list[Member] = []
        self.groups: dict[int, list[Member]] = {}
        self.tally = Tally()
        self.samples: dict[str, bytes] = {}
        self.grabbing = False
        self._settled = settled
        self._open: dict[str, Verdicts] = {}
        self._awaited: tuple[str, int, asyncio.Future[None]] | None = None
        coding = msgspec.json if codec == "json" else msgspec.msgpack
        self._decode: Callable[[bytes], Heard] = coding.Decoder(Heard).decode
        self._encode: Callable[[Any], bytes] = coding.Encoder().encode
        self._acts: dict[str, Callable[[Member, Heard], None]] = {
            "welcome": self._welcome, "offer": self._offer, "verdict": self._verdict,
        }  # fmt: skip
        self.on_verdict: Callable[[Member], None] | None = None

    def encoded(self, message: dict[str, Any]) -> bytes:
        return self._encode(message)

    def add(self, member: Member) -> None:
        self.members.append(member)
        self.groups.setdefault(member.group, []).append(member)

    def hear(self, member: Member, payload: bytes) -> None:
        heard = self._decode(payload)
        counts = self.tally.counts
        counts[heard.type] += 1
        self.samples[heard.type] = payload
        if self._awaited is not None and counts[self._awaited[0]] >= self._awaited[1]:
            self._awaited[2].set_result(None)
            self._awaited = None
        act = self._acts.get(heard.type)
        if act is not None:
            act(member, heard)

    async def heard_so_many(self, type: str, count: int) -> None:
        """Since the last tally. One waits at a time."""
        if self.tally.counts[type] < count:
            reached = asyncio.get_running_loop().create_future()
            self._awaited = (type, count, reached)
            await reached

    def gone(self, member: Member, why: str) -> None:
        self.tally.lost[why] += 1

    def _welcome(self, member: Member, _: Heard) -> None:
        member.welcomed()

    def _offer(self, member: Member, heard: Heard) -> None:
        assert heard.order is not None
        now = time.monotonic_ns()
        sent_us = heard.order.details.get("sent_us")
        if sent_us is not None:
            self.tally.times["offer"].append(now - 1_000 * sent_us)
            created_ns = heard.order.created_at * 1_000_000 + HALF_A_MS_NS
            self.tally.times["created"].append(created_ns - 1_000 * heard.order.details["sent_at_us"])
        if self.grabbing:
            order_id = heard.order.id
            if order_id not in self._open:
                self._open[order_id] = Verdicts({}, Counter())
            self._open[order_id].asked_ns[member.name] = now
            member.say(self._encode({"type": "grab", "ref": order_id[-8:], "order_id": order_id}))

    def _verdict(self, member: Member, heard: Heard) -> None:
        now = time.monotonic_ns()
        if self.on_verdict is not None:
            self.tally.times["answer"].append(now - member.asked_ns)
            self.on_verdict(member)
            return
        self.tally.outcomes[heard.outcome] += 1
        verdicts = self._open.get(heard.order_id)
        if verdicts is None:
            return
        verdicts.outcomes[heard.outcome] += 1
        self.tally.times["verdict"].append(now - verdicts.asked_ns[member.name])
        if heard.outcome == "won":
            self.tally.times["won"].append(now - next(iter(verdicts.asked_ns.values())))
            verdicts.winner, verdicts.fence = member.name, heard.fence
        if verdicts.outcomes.total() - verdicts.outcomes["pending"] >= len(self.groups[member.group]):
            self._settle(heard.order_id, self._open.pop(heard.order_id))

    def _settle(self, order_id: str, verdicts: Verdicts) -> None:
        outcomes = dict(verdicts.outcomes)
        self._settled(
            {
                "event": "settled", "order": order_id, "outcomes": outcomes, "winner": verdicts.winner,
                "fence": verdicts.fence,
            }
        )  # fmt: skip
