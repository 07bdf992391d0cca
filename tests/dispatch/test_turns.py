"""Turns: what is asked meanwhile goes together, and nobody suffers for his neighbour."""

import asyncio
from collections.abc import Sequence

import pytest

from dispatch.errors import InvariantBroken, Unavailable
from dispatch.records.turns import Turns


class _Writer:
    """Doubles numbers. It takes no 13, and a batch with a 99 finds a bug in it."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun, self.ready = asyncio.Event(), asyncio.Event()
        self.ready.set()
        self.away = False

    async def write(self, asked: Sequence[int]) -> list[int]:
        self.batches.append([*asked])
        self.begun.set()
        await self.ready.wait()
        if self.away:
            raise Unavailable("away")
        if 13 in asked:
            raise InvariantBroken("refused")
        if 99 in asked:
            raise ZeroDivisionError
        return [2 * number for number in asked]


@pytest.fixture
def writer() -> _Writer:
    return _Writer()


@pytest.fixture
def turns(writer: _Writer) -> Turns[int, int]:
    return Turns(writer.write)


async def test_what_one_turn_asks_goes_together(writer: _Writer, turns: Turns[int, int]) -> None:
    assert await asyncio.gather(*(turns.ask(number) for number in (1, 2, 3))) == [2, 4, 6]
    assert await turns.ask(4) == 8
    assert writer.batches == [[1, 2, 3], [4]]


async def test_one_batch_is_in_flight_and_the_next_gathers(writer: _Writer, turns: Turns[int, int]) -> None:
    writer.ready.clear()
    asked = []
    for number in (1, 2, 3):
        asked.append(asyncio.create_task(turns.ask(number)))
        await writer.begun.wait()
    await asyncio.sleep(0)
    assert writer.batches == [[1]]
    writer.ready.set()
    assert await asyncio.gather(*asked) == [2, 4, 6]
    assert writer.batches == [[1], [2, 3]]


async def test_a_bad_question_does_not_refuse_its_neighbours(turns: Turns[int, int]) -> None:
    answers = await asyncio.gather(*(turns.ask(number) for number in (1, 13, 3)), return_exceptions=True)
    assert answers[::2] == [2, 6]
    assert isinstance(answers[1], InvariantBroken)


async def test_an_absence_is_told_to_all_at_once(writer: _Writer, turns: Turns[int, int]) -> None:
    writer.away = True
    answers = await asyncio.gather(*(turns.ask(number) for number in (1, 2)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
    assert len(writer.batches) == 1
    writer.away = False
    assert await turns.ask(3) == 6


async def test_a_bug_does_not_leave_the_next_waiting(writer: _Writer, turns: Turns[int, int]) -> None:
    writer.ready.clear()
    first = asyncio.create_task(turns.ask(99))
    await writer.begun.wait()
    second = asyncio.create_task(turns.ask(2))
    writer.ready.set()
    with pytest.raises(InvariantBroken, match="ZeroDivisionError"):
        await first
    assert await second == 4


async def test_who_gives_up_harms_nobody(turns: Turns[int, int]) -> None:
    first, second = asyncio.create_task(turns.ask(1)), asyncio.create_task(turns.ask(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 4
    await turns.close()
    assert await turns.ask(3) == 6
