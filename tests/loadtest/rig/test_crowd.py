"""What a crowd makes of the messages that its members hear."""

import asyncio
from typing import Any, cast

import msgspec
import pytest

from loadtest.rig.crowd import Grabbers
from loadtest.rig.member import Member

NAMES = ("a", "b", "c")


class Mouth:
    """Takes what a member says."""

    def __init__(self) -> None:
        self.said = 0

    def write(self, frame: bytes) -> None:
        self.said += 1


class Crowd:
    """Three members of one group, and what was settled."""

    def __init__(self) -> None:
        self.settled: list[dict[str, Any]] = []
        self.grabbers = Grabbers("json", self.settled.append)
        self.mouth = Mouth()
        self.members = [Member(self.grabbers, name, 0, b"", b"") for name in NAMES]
        for member in self.members:
            member.transport = cast(asyncio.Transport, self.mouth)
            self.grabbers.add(member)

    def hear(self, member: int, **message: object) -> None:
        self.grabbers.hear(self.members[member], msgspec.json.encode(message))

    def offer(self, order_id: str) -> None:
        for member in range(len(NAMES)):
            self.hear(member, type="offer", order={"id": order_id, "details": {"sent_us": 0, "sent_at_us": 0}})


@pytest.fixture
async def crowd() -> Crowd:
    return Crowd()


async def test_all_grab_and_the_last_verdict_settles(crowd: Crowd) -> None:
    crowd.grabbers.grabbing = True
    crowd.offer("o-1")
    assert crowd.mouth.said == len(NAMES)
    crowd.hear(0, type="verdict", order_id="o-1", outcome="taken")
    crowd.hear(1, type="verdict", order_id="o-1", outcome="won", fence=4, job={"id": "o-1"})
    assert not crowd.settled
    crowd.hear(2, type="verdict", order_id="o-1", outcome="taken")
    (settled,) = crowd.settled
    assert settled == {
        "event": "settled", "order": "o-1", "outcomes": {"taken": 2, "won": 1}, "winner": "b", "fence": 4,
    }  # fmt: skip
    times = crowd.grabbers.tally.times
    assert [len(times[name]) for name in ("offer", "verdict", "won")] == [3, 3, 1]


async def test_pending_is_no_last_word(crowd: Crowd) -> None:
    crowd.grabbers.grabbing = True
    crowd.offer("o-1")
    for outcome in ("pending", "taken", "taken"):
        crowd.hear(0, type="verdict", order_id="o-1", outcome=outcome)
    assert not crowd.settled
    crowd.hear(0, type="verdict", order_id="o-1", outcome="won")
    assert crowd.settled[0]["outcomes"]["won"] == 1


async def test_orders_in_flight_together_are_kept_apart(crowd: Crowd) -> None:
    crowd.grabbers.grabbing = True
    crowd.offer("o-1")
    crowd.offer("o-2")
    for order_id in ("o-2", "o-1"):
        for member in range(len(NAMES)):
            crowd.hear(member, type="verdict", order_id=order_id, outcome="won" if member == 0 else "taken")
    assert [each["order"] for each in crowd.settled] == ["o-2", "o-1"]


async def test_who_is_not_told_to_grab_does_not(crowd: Crowd) -> None:
    crowd.offer("o-1")
    assert crowd.mouth.said == 0
    assert crowd.grabbers.tally.counts["offer"] == len(NAMES)


async def test_a_number_of_messages_can_be_waited_for(crowd: Crowd) -> None:
    waiting = asyncio.create_task(crowd.grabbers.heard_so_many("offer", 2 * len(NAMES)))
    await asyncio.sleep(0)
    crowd.offer("o-1")
    await asyncio.sleep(0)
    assert not waiting.done()
    crowd.offer("o-2")
    await waiting
