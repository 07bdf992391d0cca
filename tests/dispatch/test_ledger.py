"""One way into SQL: in any order, however often, whoever comes first."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from dispatch.errors import InvariantBroken
from dispatch.events import Event
from dispatch.order import Status
from dispatch.records.ledger import FenceTaken, Ledger, StaleEpoch
from tests.conftest import DISPATCHER, City
from tests.dispatch.looking import log, rows, script

COURSE = 9
"""Events of one order in `_course`."""


def _changed(event: Event, **changes: Any) -> Event:
    """The same event with another body, as a script might have written it."""
    body = event.body | changes
    found = Event.__new__(Event)
    found.__dict__.update(event.__dict__ | {"packed": msgspec.msgpack.encode(body)})
    for cached in ("body", "detail", "order"):
        found.__dict__.pop(cached, None)
    return found


def _bad(event: Event) -> Event:
    """PostgreSQL's jsonb takes no NUL."""
    return _changed(event, state=event.state | {"reason": "\0"}, data={"reason": "\0"})


def _ledger(city: City) -> Ledger:
    """Another process': what one has committed itself it remembers."""
    return Ledger(city.dispatch.records.database)


async def _course(city: City) -> list[Event]:
    """What happened to one order, of which PostgreSQL has heard nothing but the row at version 0."""
    first, second = await city.agent("v"), await city.agent("w")
    source, target = city, city.dispatch.records
    order = await source.place()
    desk, jobs = city.dispatch.desk, city.dispatch.jobs
    one = await desk.assign(DISPATCHER, order, first.id, force=True)
    one = await jobs.progress(DISPATCHER, one, 1, Status.EN_ROUTE, None)
    back = await jobs.release(DISPATCHER, one, 1, "tired")
    two = await desk.assign(DISPATCHER, back, second.id, force=True)
    three = await desk.assign(DISPATCHER, two, first.id, force=True)
    three = await jobs.progress(DISPATCHER, three, 3, Status.WORKING, None)
    await jobs.progress(DISPATCHER, three, 3, Status.COMPLETED, None)
    events = [event for event in await log(city) if event.order_id == order.id]
    assert len(events) == COURSE
    async with target.database.transaction() as connection:
        for table in ("order_events", "assignments"):
            await connection.exec_driver_sql(f"DELETE FROM {table} WHERE order_id = '{order.id}'")
        await connection.exec_driver_sql(f"UPDATE orders SET version = 0, status = 'open' WHERE id = '{order.id}'")
    return events


async def _stored(city: City, events: Sequence[Event]) -> list[list[Any]]:
    order_id = events[0].order_id
    return [
        [tuple(row) for row in await rows(city.dispatch, query, id=order_id)]
        for query in (
            "SELECT version, status, agent_id, fence, state FROM orders WHERE id = :id",
            "SELECT version, type, at, actor, data FROM order_events WHERE order_id = :id ORDER BY version",
            "SELECT fence, agent_id, by, dispatcher_id, at, ended_at IS NULL FROM assignments WHERE order_id = :id"
            " ORDER BY fence",
        )
    ]


def _expected(events: Sequence[Event]) -> list[list[Any]]:
    last = max(events, key=lambda event: event.version)
    held = {e.order.fence: e.order.assignment for e in events if e.order.assignment}
    return [
        [(last.version, last.state["status"], last.state["agent_id"] or None, last.order.fence, last.state)],
        [(e.version, e.type, e.at, e.actor, e.detail) for e in sorted(events, key=lambda event: event.version)],
        [
            (fence, a.agent_id, a.by, a.dispatcher_id, a.at, last.order.held and fence == last.order.fence)
            for fence, a in sorted(held.items())
        ],
    ]


async def test_events_are_applied_in_their_order(city: City) -> None:
    events = await _course(city)
    for i, event in enumerate(events):
        holders = await _ledger(city).apply([event])
        assert await _stored(city, events) == _expected(events[: i + 1])
        assert holders == {(event.order_id, fence): agent for fence, agent, *_ in _expected(events[: i + 1])[2]}


@pytest.mark.parametrize("seed", range(6))
async def test_events_are_applied_in_any_order_and_twice(city: City, seed: int) -> None:
    """Whoever comes first; what is late is there, and ended when it begins."""
    events = await _course(city)
    shuffled, ledger = events * 2, _ledger(city)
    random.Random(seed).shuffle(shuffled)
    seen: list[Event] = []
    while shuffled:
        size = random.Random(len(shuffled)).randint(1, 4)
        batch, shuffled = shuffled[:size], shuffled[size:]
        await ledger.apply(batch)
        seen = list({event.version: event for event in (*seen, *batch)}.values())
        assert await _stored(city, events) == _expected(seen)
    assert await _stored(city, events) == _expected(events)


async def test_a_row_that_nobody_made_is_made(city: City) -> None:
    events = await _course(city)
    async with city.dispatch.records.database.transaction() as connection:
        await connection.exec_driver_sql(f"DELETE FROM orders WHERE id = '{events[0].order_id}'")
    await _ledger(city).apply(events[3:5])
    assert await _stored(city, events) == _expected(events[3:5])
    found = await city.dispatch.records.orders.find(events[0].order_id)
    assert found == events[4].order


async def test_batches_in_opposite_order_do_not_wait_for_each_other(city: City) -> None:
    courses = [await _course(city) for _ in range(6)]
    events = [event for course in courses for event in course]
    ledgers = [Ledger(city.dispatch.records.database) for _ in range(4)]
    for i in range(COURSE):
        batch = [course[i] for course in courses]
        orders = (batch, batch[::-1], batch[3:] + batch[:3], batch[::2] + batch[1::2])
        await asyncio.gather(*(ledger.apply(some) for ledger, some in zip(ledgers, orders, strict=True)))
    for course in courses:
        assert await _stored(city, course) == _expected(course)
    assert len(events) == 6 * COURSE


async def test_a_fence_belongs_to_one_agent_for_ever(city: City) -> None:
    events = await _course(city)
    ledger = _ledger(city)
    assigned = next(event for event in events if event.type == "assigned")
    await ledger.apply([assigned])
    other = _changed(assigned, state=assigned.state | {"agent_id": "another"})
    with pytest.raises(FenceTaken):
        await ledger.apply([other])


async def test_what_was_emitted_before_a_reconciliation_is_refused(city: City) -> None:
    events = await _course(city)
    epoch = await city.dispatch.records.marks.raise_epoch(city.region)
    with pytest.raises(StaleEpoch):
        await _ledger(city).apply(events)
    with pytest.raises(StaleEpoch):  # from one who was overtaken
        await _ledger(city).survive(city.region, epoch - 1, events)
    assert await _stored(city, events) != _expected(events)
    await _ledger(city).survive(city.region, epoch, events)
    assert await _stored(city, events) == _expected(events)


async def test_a_reconciliation_waits_for_what_is_being_applied(city: City) -> None:
    """And what comes after it is refused: there is no third way."""
    events, ledger = await _course(city), _ledger(city)
    results = await asyncio.gather(
        *(ledger.apply([event]) for event in events[:4]),
        city.dispatch.records.marks.raise_epoch(city.region),
        *(Ledger(city.dispatch.records.database).apply([event]) for event in events[4:]),
        return_exceptions=True,
    )
    assert all(not isinstance(result, BaseException) or type(result) is StaleEpoch for result in results)
    applied = [e for e, r in zip(events, [*results[:4], *results[5:]], strict=True) if not isinstance(r, StaleEpoch)]
    assert (await _stored(city, events))[1] == (_expected(applied)[1] if applied else [])


async def test_agents_events_have_no_place_in_sql(city: City) -> None:
    agent = await city.agent("v")
    await script(city, "depart", agent_id=agent.id)
    assert await _ledger(city).apply(await log(city)) == {}
    await _ledger(city).project(city.region, await log(city), "1-1", 1)
    assert await city.dispatch.records.marks.cursor(city.region) == ("1-1", 1)


async def test_a_bad_event_does_not_refuse_its_neighbours(city: City) -> None:
    good, bad = await _course(city), await _course(city)
    ledger = _ledger(city)
    results = await asyncio.gather(
        ledger.apply([good[0]]), ledger.apply([_bad(bad[0])]), ledger.apply([good[1]]), return_exceptions=True
    )
    assert [isinstance(result, InvariantBroken) for result in results] == [False, True, False]
    assert await _stored(city, good) == _expected(good[:2])
    assert (await _stored(city, bad))[1] == []


@pytest.mark.parametrize("changes", [{"state": {}}, {"state": None}, {"epoch": "x"}, {"at": None}, {"actor": 7}])
async def test_an_event_that_no_script_wrote_is_refused_like_a_bad_one(city: City, changes: dict[str, Any]) -> None:
    events, ledger = await _course(city), _ledger(city)
    results = await asyncio.gather(
        ledger.apply([_changed(events[1], **changes)]), ledger.apply([events[0]]), return_exceptions=True
    )
    refused = changes != {"actor": 7}  # which reads as text
    assert [isinstance(result, InvariantBroken) for result in results] == [refused, False]
    await ledger.project(city.region, [_changed(events[1], **changes), events[2]], "5-1", 5)
    assert await city.dispatch.records.marks.cursor(city.region) == ("5-1", 5)
    assert (await _stored(city, events))[1][-1][0] == events[2].version
    assert len(await _dead(city, events)) == refused


async def test_the_projector_goes_on_past_a_bad_event(city: City) -> None:
    events, ledger = await _course(city), _ledger(city)
    await ledger.project(city.region, [events[0], _bad(events[1]), *events[2:]], "9-1", events[-1].n)
    assert await city.dispatch.records.marks.cursor(city.region) == ("9-1", events[-1].n)
    assert [happening[0] for happening in (await _stored(city, events))[1]] == [1, *range(3, COURSE + 1)]
    (dead,) = await _dead(city, events)
    assert (dead.version, dead.type, dead.n) == (2, "opened", events[1].n)
    assert msgspec.msgpack.decode(dead.body)["data"] == {"reason": "\0"}


async def test_a_surviving_log_with_a_bad_event_is_read_to_its_end(city: City) -> None:
    events = await _course(city)
    epoch = await city.dispatch.records.marks.raise_epoch(city.region)
    await _ledger(city).survive(city.region, epoch, [events[0], _bad(events[1]), *events[2:]])
    assert [happening[0] for happening in (await _stored(city, events))[1]] == [1, *range(3, COURSE + 1)]
    assert len(await _dead(city, events)) == 1


async def test_the_projector_does_not_go_back_behind_a_reconciliation(city: City) -> None:
    """Not even with a batch that holds agents' events alone."""
    agent = await city.agent("v")
    await script(city, "depart", agent_id=agent.id)
    events = await log(city)
    await city.dispatch.reconciler.region(city.region)
    settled = await city.dispatch.records.marks.cursor(city.region)
    with pytest.raises(StaleEpoch):
        await _ledger(city).project(city.region, events, "1-1", events[-1].n)
    assert await city.dispatch.records.marks.cursor(city.region) == settled


async def test_a_bug_in_one_turn_does_not_leave_the_next_waiting(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    events, ledger = await _course(city), _ledger(city)
    line = city.dispatch.records.database.line

    def broken() -> Any:
        monkeypatch.setattr(city.dispatch.records.database, "line", line)
        raise AssertionError("a bug")

    monkeypatch.setattr(city.dispatch.records.database, "line", broken)
    first = asyncio.create_task(ledger.apply([events[0]]))
    await asyncio.sleep(0)
    second = asyncio.create_task(ledger.apply([events[1]]))
    with pytest.raises(InvariantBroken):
        await first
    assert await second == {}


async def test_a_caller_who_gives_up_harms_nobody(city: City) -> None:
    events, ledger = await _course(city), _ledger(city)
    first = asyncio.create_task(ledger.apply([events[0]]))
    second = asyncio.create_task(ledger.apply([events[1]]))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert await _stored(city, events) == _expected(events[:2])


async def test_two_holders_would_be_counted(city: City) -> None:
    events, ledger = await _course(city), _ledger(city)
    before = await ledger.double_holders()
    await _ledger(city).apply(events)
    assert await ledger.double_holders() == before
    async with city.dispatch.records.database.transaction() as connection:
        await connection.exec_driver_sql(
            f"UPDATE assignments SET ended_at = NULL WHERE order_id = '{events[0].order_id}'"
        )
    assert await ledger.double_holders() == before + 1
    await _ledger(city).apply(events)
    assert await ledger.double_holders() == before


async def _dead(city: City, events: Sequence[Event]) -> list[Any]:
    return await rows(city.dispatch, "SELECT * FROM dead_letters WHERE order_id = :id", id=events[0].order_id)
