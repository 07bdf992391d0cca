"""That trials can fail: a failing call does what it is said to do, and a server with a fault is found out."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
import msgspec
import pytest
from sqlalchemy import text
from ulid import ULID

from dispatch.assembly import Dispatch
from dispatch.errors import Refused, Unavailable
from dispatch.events import Event
from dispatch.records.applied import Holders
from dispatch.records.database import _translated
from dispatch.records.requests import Kept
from dispatch.store import _Call
from tests.conftest import City
from tests.dispatch.looking import redis, rows
from tests.faults.nth_call import Moment, NthCall
from tests.faults.nth_doors import post
from tests.faults.nth_scenarios import assign, assign_without_a_key, grab
from tests.faults.nth_trial import Scenario, check_connections, fail_each_call, process

Process = tuple[Dispatch, NthCall]


@pytest.fixture
async def other(city: City) -> AsyncIterator[Process]:
    async with process(city.dispatch, None, warm=city.region) as found:
        yield found


# --- what a failing call does -------------------------------------------------------------------------


@pytest.mark.parametrize("moment", Moment)
async def test_redis_has_or_has_not_heard_of_a_failed_call(city: City, other: Process, moment: Moment) -> None:
    victim, nth = other
    name = f"nth:{{{city.region}}}"
    nth.arm(1, moment)
    with pytest.raises(Unavailable, match="ConnectionError"):
        await victim.store._admin.exchange([("INCR", name), ("INCR", name)])
    assert nth.struck == "INCR"
    assert await redis(city, "GET", name) == (b"2" if moment is Moment.AFTER else None)


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize(("number", "call"), [(1, "BEGIN"), (2, "INSERT cursors"), (3, "COMMIT")])
async def test_postgresql_has_or_has_not_heard_of_a_failed_call(
    city: City, other: Process, moment: Moment, number: int, call: str
) -> None:
    """A statement that took effect without its COMMIT is undone; a COMMIT is not."""
    victim, nth = other
    slot = f"nth {ULID()}"
    nth.arm(number, moment)
    with pytest.raises(Unavailable):
        async with victim.records.database.transaction() as connection:
            await connection.execute(
                text("INSERT INTO cursors (region, entry, n) VALUES (:slot, '0-0', 0)"), {"slot": slot}
            )
    assert nth.struck == call
    found = await rows(city.dispatch, "DELETE FROM cursors WHERE region = :slot RETURNING region", slot=slot)
    assert len(found) == (moment is Moment.AFTER and call == "COMMIT")


@pytest.mark.parametrize("moment", Moment)
async def test_a_connection_that_is_not_made_or_dies_at_once(city: City, moment: Moment) -> None:
    async with process(city.dispatch, None) as (victim, nth):
        for ask in (victim.records.database.ping, victim.records.orders.desk_lengths):
            nth.arm(1, moment)
            with pytest.raises(Unavailable):
                await ask()
            assert nth.struck == "CONNECT"
        nth.arm(1, moment)
        with pytest.raises(Unavailable):
            async with victim.records.database.try_lock("nth"):
                pass
        assert nth.struck == "CONNECT"


# --- servers with a fault -----------------------------------------------------------------------------


def _repeats_as_another_request(victim: Dispatch) -> None:
    again = victim.store._again

    def drawn_afresh(batch: list[_Call], exc: Unavailable) -> None:
        for call in batch:
            place = int(call.words[0]) + 3  # behind the keys, region and epoch
            if call.words[place]:
                call.words[place] = f"d{ULID()}".encode()
        again(batch, exc)

    victim.store._again = drawn_afresh  # type: ignore[method-assign]  # of this store alone


async def test_a_repeat_as_another_request_is_found(city: City) -> None:
    with pytest.raises(Refused, match="holds the order already") as found:
        await fail_each_call(city, assign_without_a_key, hurried=[True], change=_repeats_as_another_request)
    assert "died after it took effect" in str(found.value.__notes__)


class _Early:
    """A ledger that answers before it has written."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[Holders]] = []

    def __call__(self, victim: Dispatch) -> None:
        ledger = victim.records.ledger
        written = ledger.apply

        async def apply(events: Sequence[Event]) -> Holders:
            self.tasks.append(asyncio.ensure_future(written(events)))
            return {(event.order_id, event.order.fence): event.holder for event in events if event.order_id}

        ledger.apply = apply  # type: ignore[method-assign]  # of this ledger alone


@pytest.mark.parametrize("scenario", [assign, grab])
async def test_an_answer_before_the_commit_is_found(city: City, scenario: Scenario) -> None:
    early = _Early()
    try:
        with pytest.raises(AssertionError, match=r"was answered, PostgreSQL has|not in the timeline"):
            await fail_each_call(city, scenario, change=early)
    finally:
        await asyncio.gather(*early.tasks, return_exceptions=True)


def _draws_another_order_id(victim: Dispatch) -> None:
    requests = victim.records.requests
    take = requests.take

    async def forgetful(sub: str, route: str, key: str, digest: bytes, order_id: str, now: int) -> Kept:
        kept = await take(sub, route, key, digest, order_id, now)
        return msgspec.structs.replace(kept, order_id=order_id) if kept.mine else kept

    requests.take = forgetful  # type: ignore[method-assign]  # of these alone


async def test_a_repeat_that_makes_another_order_is_found(city: City) -> None:
    with pytest.raises(AssertionError):
        await fail_each_call(city, post, change=_draws_another_order_id)


class _Leaky:
    """A database that keeps the lines."""

    def __init__(self) -> None:
        self.kept: list[asyncpg.Connection[asyncpg.Record]] = []

    def __call__(self, victim: Dispatch) -> None:
        database = victim.records.database

        @asynccontextmanager
        async def line() -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
            async with _translated():
                await database._free_lines.acquire()
                self.kept.append(await database.connect())
                yield self.kept[-1]

        database.line = line  # type: ignore[method-assign]  # of this database alone


async def test_a_connection_that_is_not_given_back_is_found(city: City) -> None:
    leaky = _Leaky()
    try:
        with pytest.raises(AssertionError, match="not given back"):
            await fail_each_call(city, assign, change=leaky)
    finally:
        for connection in leaky.kept:
            connection.terminate()


async def test_an_answer_that_was_left_to_the_next_caller_is_found(other: Process) -> None:
    victim, _ = other
    await victim.store._admin._connection.send_command("ECHO", "for nobody")
    with pytest.raises(AssertionError):
        await check_connections(victim)
