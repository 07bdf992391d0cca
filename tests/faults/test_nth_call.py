"""Whichever call to Redis or PostgreSQL fails, before it was sent or after it took effect: the promises hold."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dispatch import engine
from dispatch.assembly import Dispatch
from dispatch.identity import Verifier
from server import embedded
from tests.conftest import SECRET, City, new_city
from tests.dispatch.looking import check_log
from tests.faults import nth_scenarios as scenarios
from tests.faults.nth_scenarios import LONG, SHORT
from tests.faults.nth_trial import Scenario, fail_each_call


@pytest.fixture(autouse=True)
def rows_are_opened_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep takes rows of any age."""
    monkeypatch.setattr(engine, "UNOPENED_MS", -60_000)


@pytest.mark.parametrize(
    ("scenario", "hurried"),
    [
        (scenarios.assign, [True, False]),
        (scenarios.reassign, [False]),
        (scenarios.release, [True]),
        (scenarios.progress, [False]),
        (scenarios.cancel, [True]),
        (scenarios.grab, [True, False]),
    ],
)
async def test_any_call_may_fail(city: City, scenario: Scenario, hurried: list[bool]) -> None:
    assert await fail_each_call(city, scenario, hurried=hurried) > 1
    await check_log(city)


async def test_any_call_may_fail_of_a_command_that_is_not_repeated(city: City) -> None:
    assert await fail_each_call(city, scenarios.assign_without_a_key, hurried=[True]) > 4


async def test_any_call_may_fail_of_a_process_that_has_just_started(city: City) -> None:
    assert await fail_each_call(city, scenarios.place, cold=True, hurried=[False]) > 12


async def test_any_call_may_fail_of_a_projector(city: City) -> None:
    assert await fail_each_call(city, scenarios.project, hurried=[True]) > 10
    await check_log(city)


async def test_any_call_may_fail_when_a_round_ends(city: City) -> None:
    assert await fail_each_call(city, scenarios.widen, rounds=[SHORT, LONG]) > 1


async def test_any_call_may_fail_when_the_last_round_ends(city: City) -> None:
    assert await fail_each_call(city, scenarios.escalate, rounds=[SHORT]) > 1


@pytest.fixture
async def small_town(tmp_path: Path) -> AsyncIterator[City]:
    """On servers of its own: a reconciliation looks at every key of a Redis, so the more there are, the more calls."""
    running = await embedded.start(tmp_path)
    dispatch = Dispatch(redis_url=running.redis_url, database_url=running.database_url, verifier=Verifier([SECRET]))
    try:
        await dispatch.start()
        yield await new_city(dispatch)
    finally:
        await dispatch.close()
        await running.stop()


async def test_any_call_may_fail_while_an_emptied_redis_is_put_right(small_town: City) -> None:
    assert await fail_each_call(small_town, scenarios.reconcile, hurried=[True]) > 20
