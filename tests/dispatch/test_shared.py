"""One answer for all who ask the same at about the same time."""

import asyncio

import pytest

from dispatch import shared
from dispatch.errors import Unavailable
from dispatch.shared import Shared


class Source:
    """Answers when it is let: the number of the question among all."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may = asyncio.Event()
        self.begun = asyncio.Event()
        self.fault: Exception | None = None

    async def find(self, question: str) -> int:
        self.asked.append(question)
        number = len(self.asked)
        self.begun.set()
        await self.may.wait()
        if self.fault is not None:
            raise self.fault
        return number


async def test_all_who_ask_meanwhile_and_soon_after_hear_one_answer() -> None:
    source = Source()
    answers = Shared(source.find, 60, at_once=1)
    asking = [asyncio.create_task(answers.ask("a")) for _ in range(5)]
    await source.begun.wait()
    source.may.set()
    assert await asyncio.gather(*asking) == [1] * 5
    assert await answers.ask("a") == 1
    assert (await answers.ask("b"), source.asked) == (2, ["a", "b"])


async def test_after_its_time_it_is_found_anew() -> None:
    source = Source()
    source.may.set()
    answers = Shared(source.find, 0, at_once=1)
    found = {await answers.ask("a")}
    async with asyncio.timeout(10):
        while len(found) < 3:
            await asyncio.sleep(0)
            found.add(await answers.ask("a"))


async def test_a_dear_answer_counts_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand times as long as it took, and it took at least a millisecond."""
    monkeypatch.setattr(shared, "DEARNESS", 1_000_000)
    source = Source()
    answers = Shared(source.find, 0, at_once=1)
    asking = asyncio.create_task(answers.ask("a"))
    await source.begun.wait()
    asyncio.get_running_loop().call_later(0.001, source.may.set)
    assert await asking == 1
    for _ in range(100):
        await asyncio.sleep(0)
        assert await answers.ask("a") == 1


async def test_a_failure_is_told_to_those_who_wait_and_to_nobody_else() -> None:
    source = Source()
    source.fault = Unavailable("away")
    answers = Shared(source.find, 60, at_once=1)
    asking = [asyncio.create_task(answers.ask("a")) for _ in range(2)]
    await source.begun.wait()
    source.may.set()
    heard = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(each) for each in heard] == [Unavailable, Unavailable]
    source.fault = None
    async with asyncio.timeout(10):
        while True:
            try:
                assert await answers.ask("a") == 2
                break
            except Unavailable:
                await asyncio.sleep(0)


async def test_who_goes_away_takes_nothing_from_the_others() -> None:
    source = Source()
    answers = Shared(source.find, 60, at_once=1)
    first, second = (asyncio.create_task(answers.ask("a")) for _ in range(2))
    await source.begun.wait()
    first.cancel()
    await asyncio.wait([first])
    source.may.set()
    assert (first.cancelled(), await second) == (True, 1)


async def test_so_many_questions_at_once_and_no_more() -> None:
    source = Source()
    answers = Shared(source.find, 60, at_once=1)
    asking = [asyncio.create_task(answers.ask(question)) for question in "abc"]
    await source.begun.wait()
    assert source.asked == ["a"]
    source.may.set()
    assert await asyncio.gather(*asking) == [1, 2, 3]


async def test_no_more_answers_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "MOST", 2)
    source = Source()
    answers = Shared(source.find, 60, at_once=1)
    asking = [asyncio.create_task(answers.ask(question)) for question in "ab"]
    await source.begun.wait()
    with pytest.raises(Unavailable):
        await answers.ask("c")
    source.may.set()
    assert await asyncio.gather(*asking) == [1, 2]
    with pytest.raises(Unavailable):
        await answers.ask("c")
    assert (await answers.ask("a"), source.asked) == (1, ["a", "b"])


async def test_room_comes_back_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "MOST", 1)
    source = Source()
    source.may.set()
    answers = Shared(source.find, 0, at_once=1)
    assert await answers.ask("a") == 1
    async with asyncio.timeout(10):
        while True:
            try:
                assert await answers.ask("b") == 2
                break
            except Unavailable:
                await asyncio.sleep(0)


async def test_closing_ends_what_is_on_its_way() -> None:
    source = Source()
    answers = Shared(source.find, 60, at_once=1)
    asking = asyncio.create_task(answers.ask("a"))
    await source.begun.wait()
    await answers.close()
    with pytest.raises(asyncio.CancelledError):
        await asking
