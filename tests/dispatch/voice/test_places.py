"""So many at a time; the others wait, but not for ever."""

import asyncio

import pytest

from dispatch.errors import Unavailable
from dispatch.voice import places
from dispatch.voice.places import Places


async def test_who_finds_none_in_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PATIENCE_S", 0.01)
    found = Places(2)
    async with found.one(), found.one():
        with pytest.raises(Unavailable):
            async with found.one():
                pass
    async with found.one():
        pass


async def test_whoever_fails_gives_it_back() -> None:
    found = Places(1)
    with pytest.raises(ZeroDivisionError):
        async with found.one():
            raise ZeroDivisionError
    async with found.one():
        pass


async def test_who_wants_all_waits_for_the_last() -> None:
    found, order = Places(2), []

    async def close() -> None:
        async with found.all():
            order.append("all")

    async with found.one():
        closing = asyncio.create_task(close())
        await asyncio.sleep(0)
        order.append("one")
    await closing
    assert order == ["one", "all"]
    async with found.one(), found.one():
        pass
