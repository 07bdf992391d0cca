"""Idempotency keys: one effect and one answer."""

import asyncio

import pytest
from ulid import ULID

from dispatch.assembly import Dispatch
from dispatch.records.requests import IN_FLIGHT_MS, REMEMBERED_MS, Kept, Requests

NOW = 1_800_000_000_000
BODY, OTHER = b"digest", b"another"


@pytest.fixture
def sub() -> str:
    return str(ULID())


@pytest.fixture
def requests(dispatch: Dispatch) -> Requests:
    return dispatch.records.requests


async def test_the_first_carries_it_out_and_the_next_hears_its_answer(requests: Requests, sub: str) -> None:
    assert await requests.take(sub, "r", "k", BODY, "o-1", NOW) == Kept(True, BODY, "o-1", None, None)
    assert await requests.take(sub, "r", "k", BODY, "o-2", NOW) == Kept(False, BODY, "o-1", None, None)
    await requests.answer(sub, "r", "k", 201, b"{}")
    assert await requests.take(sub, "r", "k", BODY, "o-3", NOW + 1) == Kept(False, BODY, "o-1", 201, b"{}")
    assert await requests.take(sub, "r", "k", OTHER, "o-3", NOW + 1) == Kept(False, BODY, "o-1", 201, b"{}")


async def test_of_many_at_once_one_carries_it_out(requests: Requests, sub: str) -> None:
    kept = await asyncio.gather(*(requests.take(sub, "r", "k", BODY, f"o-{i}", NOW) for i in range(8)))
    assert [each.mine for each in kept].count(True) == 1
    assert len({each.order_id for each in kept}) == 1


async def test_a_key_is_of_one_sub_and_route(requests: Requests, sub: str) -> None:
    for who, route, name in ((sub, "r", "k"), (f"{sub}x", "r", "k"), (sub, "s", "k"), (sub, "r", "l")):
        assert (await requests.take(who, route, name, BODY, "o", NOW)).mine


async def test_one_that_died_is_carried_out_again_as_the_same(requests: Requests, sub: str) -> None:
    await requests.take(sub, "r", "k", BODY, "o-1", NOW)
    late = NOW + IN_FLIGHT_MS + 1
    assert not (await requests.take(sub, "r", "k", OTHER, "o-2", late)).mine
    assert await requests.take(sub, "r", "k", BODY, "o-2", late) == Kept(True, BODY, "o-1", None, None)
    assert not (await requests.take(sub, "r", "k", BODY, "o-2", late)).mine


async def test_a_failure_of_ours_is_not_remembered(requests: Requests, sub: str) -> None:
    await requests.take(sub, "r", "k", BODY, "o-1", NOW)
    await requests.drop(sub, "r", "k")
    assert await requests.take(sub, "r", "k", BODY, "o-2", NOW) == Kept(True, BODY, "o-1", None, None)
    await requests.answer(sub, "r", "k", 201, b"{}")
    await requests.drop(sub, "r", "k")
    assert not (await requests.take(sub, "r", "k", BODY, "o-2", NOW)).mine


async def test_after_a_day_a_key_is_new(requests: Requests, sub: str) -> None:
    await requests.take(sub, "r", "k", BODY, "o-1", NOW)
    await requests.answer(sub, "r", "k", 201, b"{}")
    tomorrow = NOW + REMEMBERED_MS + 1
    assert await requests.take(sub, "r", "k", OTHER, "o-2", tomorrow) == Kept(True, OTHER, "o-2", None, None)
    assert await requests.take(sub, "r", "k", OTHER, "o-3", tomorrow) == Kept(False, OTHER, "o-2", None, None)


async def test_what_is_old_is_forgotten(requests: Requests, sub: str) -> None:
    await requests.take(sub, "r", "old", BODY, "o-1", 1000)
    await requests.take(sub, "r", "new", BODY, "o-1", 3000)
    await requests.forget(2000)
    assert (await requests.take(sub, "r", "old", BODY, "o-2", 3000)).mine
    assert not (await requests.take(sub, "r", "new", BODY, "o-2", 3000)).mine
