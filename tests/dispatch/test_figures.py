"""The figures: spans and buckets, and what is counted in PostgreSQL."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.clock import now_ms
from dispatch.errors import Refused
from dispatch.figures import DAY_MS, HOUR_MS, LONGEST_MS, MINUTE_MS, MOST_BUCKETS, FiguresView, width
from dispatch.order import Order, Status
from tests.conftest import DISPATCHER, City
from tests.dispatch.looking import escalated, rows


async def figures(
    city: City, kind: str | None = None, since: int | None = None, until: int | None = None
) -> FiguresView:
    """A span of its own: nobody else's count is shared."""
    return await city.dispatch.figures.of([city.region], kind, since, now_ms() + 1 if until is None else until)


async def grab(city: City, order: Order, name: str) -> Order:
    valet = await city.valet(name)
    verdict = await city.dispatch.claims.grab(city.region, order.id, valet.id)
    assert verdict.order is not None, verdict
    return verdict.order


def counts(found: FiguresView) -> dict[str, int]:
    names = ("orders", "grabbed", "assigned_by_desk", "escalated", "expired", "cancelled", "completed")
    return {name: count for name in names if (count := getattr(found, name))}


# --- spans --------------------------------------------------------------------------------------------


@given(st.integers(1, LONGEST_MS))
def test_buckets_are_the_narrowest_of_which_there_are_few(span_ms: int) -> None:
    wide = width(span_ms)
    assert wide * MOST_BUCKETS >= span_ms
    assert all(narrow * MOST_BUCKETS < span_ms for narrow in (5 * MINUTE_MS, HOUR_MS, DAY_MS) if narrow < wide)


async def test_without_a_span_it_is_the_last_day_by_the_hour(city: City) -> None:
    found = await city.dispatch.figures.of([city.region], None, None, None)
    assert (found.until - found.since, found.bucket_ms, found.until) == (DAY_MS, HOUR_MS, found.at)
    assert [bucket.at for bucket in found.buckets] == [found.since + i * HOUR_MS for i in range(24)]
    assert (counts(found), found.time_to_grab_ms) == ({}, None)


async def test_the_last_bucket_may_be_shorter(city: City) -> None:
    found = await figures(city, since=1000, until=1000 + 11 * MINUTE_MS)
    assert [bucket.at for bucket in found.buckets] == [1000, 301_000, 601_000]


@pytest.mark.parametrize(("since", "until"), [(5, 5), (6, 5), (0, LONGEST_MS + 1), (2**50, None)])
async def test_a_span_that_is_none_or_too_long_is_refused(city: City, since: int, until: int | None) -> None:
    with pytest.raises(Refused) as refused:
        await city.dispatch.figures.of([city.region], None, since, until)
    assert [fault.path for fault in refused.value.faults] == ["since"]


# --- counts -------------------------------------------------------------------------------------------


async def test_each_order_is_counted_by_what_became_of_it(city: City) -> None:
    done = await grab(city, await city.place(), "v-1")
    await city.dispatch.jobs.progress(DISPATCHER, done, done.fence, Status.COMPLETED, None)
    await grab(city, await city.place(), "v-2")
    given = await escalated(city, await city.place())
    agent = await city.valet("v-3")
    await city.dispatch.desk.assign(DISPATCHER, given, agent.id, force=False)
    dropped = await city.place()
    await city.dispatch.desk.cancel(DISPATCHER, dropped, "enough")
    await city.place()
    found = await figures(city)
    expected = {"orders": 5, "grabbed": 2, "assigned_by_desk": 1, "escalated": 1, "cancelled": 1, "completed": 1}
    assert counts(found) == expected
    assert sum(bucket.orders for bucket in found.buckets) == 5
    assert [bucket.escalated for bucket in found.buckets if bucket.orders] == [1]


async def test_the_first_assignment_counts(city: City) -> None:
    """Grabbed, and given to another by the desk: it was grabbed, in the time that took."""
    order = await grab(city, await city.place(), "v-1")
    before = await figures(city)
    other = await city.valet("v-2")
    again = await city.dispatch.desk.assign(DISPATCHER, order, other.id, force=True)
    assert again.fence == 2
    after = await figures(city)
    assert counts(after) == counts(before) == {"orders": 1, "grabbed": 1}
    assert after.time_to_grab_ms == before.time_to_grab_ms is not None


@pytest.mark.parametrize(("step", "came"), [(Status.EN_ROUTE, 0), (Status.ARRIVED, 1), (Status.WORKING, 1)])
async def test_given_back_with_the_car_in_his_hands_it_escalated(city: City, step: Status, came: int) -> None:
    order = await grab(city, await city.place(), "v-1")
    order = await city.dispatch.jobs.progress(DISPATCHER, order, order.fence, step, None)
    await city.dispatch.jobs.release(DISPATCHER, order, order.fence, "ill")
    assert (await figures(city)).escalated == came


async def test_who_escalates_twice_is_counted_once(city: City) -> None:
    order = await escalated(city, await city.place())
    order = await city.dispatch.desk.reopen(DISPATCHER, order, rounds=None, bonus_fen=None)
    await escalated(city, order)
    assert (await figures(city)).escalated == 1


async def test_the_time_to_grab_is_that_of_the_middle_and_of_the_slowest(city: City) -> None:
    """Waited: 1, 2, … 20 s. Interpolated, as percentile_cont does."""
    for i in range(20):
        order = await grab(city, await city.place(), f"v-{i}")
        await _wait(city, order, (i + 1) * 1000)
    found = await figures(city)
    assert found.time_to_grab_ms is not None
    assert (found.time_to_grab_ms.p50, found.time_to_grab_ms.p95) == (10_500, 19_050)
    assert [bucket.p50_ms for bucket in found.buckets if bucket.orders] == [10_500]


async def test_a_scheduled_orders_time_runs_from_its_opening(city: City) -> None:
    order = await city.place(scheduled_at=now_ms() + DAY_MS)
    assert order.status is Status.SCHEDULED
    opened = await city.dispatch.intake.edit(DISPATCHER, order, {"scheduled_at": now_ms() + MINUTE_MS})
    order = await grab(city, opened, "v-1")
    past = order.created_at - HOUR_MS  # it was placed an hour before
    await rows(
        city.dispatch, "UPDATE orders SET created_at = :past WHERE id = :id RETURNING id", past=past, id=order.id
    )
    found = await figures(city)
    assert found.time_to_grab_ms is not None
    assert found.time_to_grab_ms.p50 < 60_000


async def test_orders_of_other_regions_kinds_and_times_are_not_counted(city: City) -> None:
    order = await city.place()
    end = order.created_at
    assert (await figures(city, "towing")).orders == 0
    assert (await figures(city, "maintenance")).orders == 1
    assert (await city.dispatch.figures.of(["nowhere"], None, end - 5, end + 5)).orders == 0
    for since, until, expected in ((end, end + 1, 1), (end - 1, end, 0), (end + 1, end + 2, 0)):
        assert (await figures(city, since=since, until=until)).orders == expected


async def _wait(city: City, order: Order, ms: int) -> None:
    """It was grabbed so long after it was placed."""
    assert order.assignment is not None
    placed = order.assignment.at - ms
    await rows(city.dispatch, "UPDATE orders SET created_at = :at WHERE id = :id RETURNING id", at=placed, id=order.id)
