"""Client processes against the floor: the same members, whole answers, and an end that leaves nothing behind."""

import asyncio
from collections.abc import Iterator

import psutil  # type: ignore[import-untyped]  # ships no types
import pytest

from loadtest.rig import cast, cost
from loadtest.rig.herds import FLOOR, herds
from loadtest.rig.line import ChildFailed, Line
from loadtest.wire import Codec

PEOPLE = cast.agents(30, group_size=5)
ROUNDS = 3


@pytest.fixture
def children() -> Iterator[None]:
    """There are no more of them afterwards."""
    before = {each.pid for each in psutil.Process().children()}
    yield
    assert {each.pid for each in psutil.Process().children()} <= before


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_every_question_is_answered(codec: Codec, children: None) -> None:
    async with herds(2, codec) as crowd:
        await crowd.connect_floor(PEOPLE)
        await crowd.floor_answers(cost.encoded(cost.REPLY, codec))
        asked = await crowd.ask_all(FLOOR, cost.encoded(cost.REQUEST, codec), ROUNDS, 4)
        counted = await crowd.counted(FLOOR)
    assert asked == counted.counts["verdict"] == ROUNDS * len(PEOPLE)
    assert counted.percentiles("answer").count == asked
    assert counted.counts["welcome"] == len(PEOPLE)
    assert not counted.lost


async def test_one_message_reaches_each_member(children: None) -> None:
    async with herds(2) as crowd:
        await crowd.connect_floor(PEOPLE)
        notice = cost.encoded({"type": "notice", "body": "x" * 200}, "json")
        assert await crowd.floor_tells_all(notice) == len(PEOPLE)
        await crowd.heard(FLOOR, "notice", crowd.shares(PEOPLE))
        assert await crowd.sample(FLOOR, "notice") == notice
        assert (await crowd.counted(FLOOR)).counts["notice"] == len(PEOPLE)
        assert crowd.floor_usage().server > 0


async def test_positions_are_said_and_answered(children: None) -> None:
    async with herds(1) as crowd:
        await crowd.connect_floor(PEOPLE)
        await crowd.floor_answers(cost.encoded(cost.REPLY, "json"))
        said = await crowd.pace(FLOOR, PEOPLE, 1.0)
        await crowd.heard(FLOOR, "verdict", [said])
        assert 0 < said <= len(PEOPLE)


async def test_a_command_that_fails_in_the_child_fails_here(children: None) -> None:
    async with herds(1) as crowd:
        with pytest.raises(ChildFailed, match="tally: KeyError"):
            await crowd.counted("nobody")


async def test_what_is_asked_of_a_child_that_died_fails(children: None) -> None:
    line, _ = await Line.start("loadtest.rig.herd")
    try:
        psutil.Process(line.pid).kill()
        with pytest.raises(ChildFailed):
            async with asyncio.timeout(30):
                await line.ask("tally", crowd="nobody")
                await line.ask("tally", crowd="nobody")
    finally:
        await line.close()
