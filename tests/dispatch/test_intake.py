"""An order comes in."""

import asyncio

import msgspec
import pytest
from ulid import ULID

from dispatch import metrics
from dispatch.clock import now_ms
from dispatch.errors import Code, Refused
from dispatch.identity import Identity, Role
from dispatch.order import Order, Status
from dispatch.policy import opening
from dispatch.records.orders import Row
from dispatch.scripts import key
from dispatch.state import Draft, State, new_state
from geo.point import Point
from tests.conftest import DISPATCHER, SERVICE, City
from tests.dispatch.drafts import draft
from tests.dispatch.looking import check_indexes, check_log, log_of, policy, redis, rows, script
from tests.dispatch.looking import order as in_redis


def _draft(city: City, **changes: object) -> Draft:
    return draft(**({"place": msgspec.structs.replace(draft().place, point=city.at())} | changes))


async def _place(city: City, *, order_id: str = "", request: str = "", region: str | None = None) -> Order:
    return await city.dispatch.intake.place(
        SERVICE, "maintenance", _draft(city), region=region, order_id=order_id or str(ULID()), request=request
    )


async def test_an_order_opens_at_once_and_stands_in_postgresql(city: City) -> None:
    agent = await city.valet("v")
    order = await city.place()
    assert (order.status, order.version, order.round, order.region) == (Status.OPEN, 2, 1, city.region)
    assert order.offered == 1
    assert order == await city.dispatch.records.orders.find(order.id) == await in_redis(city, order.id)
    events = await log_of(city, order.id)
    assert [(event.type, event.to, event.actor) for event in events] == [
        ("placed", (), "service:backend"),
        ("opened", (agent.id,), "service:backend"),
    ]
    assert order.due_at == events[1].at + 15_000
    await check_indexes(city, order.id)


async def test_the_steps_of_placing_are_timed(city: City) -> None:
    steps = [metrics.PLACING_STEP.labels(step)._sum for step in ("sql", "script")]
    before = [step.get() for step in steps]
    await city.place()
    assert all(step.get() > was for step, was in zip(steps, before, strict=True))


async def test_an_unknown_kind_is_named(city: City) -> None:
    with pytest.raises(Refused, match="kind") as refused:
        await city.place("plumbing")
    assert refused.value.faults[0].path == "kind"


async def test_a_backend_of_other_regions_may_not(city: City) -> None:
    stranger = Identity("x", Role.SERVICE, frozenset({"other"}), 0)
    with pytest.raises(Refused) as refused:
        await city.dispatch.intake.place(
            stranger, "maintenance", _draft(city), region=None, order_id=str(ULID()), request=""
        )
    assert refused.value.code is Code.FORBIDDEN


async def test_a_region_that_is_wished_must_be_the_places(city: City) -> None:
    assert (await _place(city, region=city.region)).region == city.region
    with pytest.raises(Refused) as refused:
        await _place(city, region="default")
    assert refused.value.faults[0].path == "region"


async def test_nothing_is_half_done_when_it_is_refused(city: City) -> None:
    order_id = str(ULID())
    with pytest.raises(Refused):
        await _place(city, order_id=order_id, region="default")
    assert await city.dispatch.records.orders.find(order_id) is None


# --- scheduled ----------------------------------------------------------------------------------------


async def test_a_scheduled_order_opens_its_lead_before(city: City) -> None:
    kind = await policy(city, lead_seconds=600)
    at = now_ms() + 3_600_000
    agent = await city.valet("v", skills=(kind,))
    order = await city.place(kind, scheduled_at=at)
    assert (order.status, order.version, order.due_at) == (Status.SCHEDULED, 1, at - 600_000)
    assert order.expires_at is None
    await check_indexes(city, order.id)
    terms = opening(await city.dispatch.catalog.policy(kind))
    reply = await script(city, "open", order_id=order.id, due_at=str(order.due_at), terms=terms)
    assert reply.events[-1].to == (agent.id,)
    assert (await in_redis(city, order.id)).status is Status.OPEN
    await check_indexes(city, order.id)
    await check_log(city)


@pytest.mark.parametrize("before_ms", [0, 599_000, 86_400_000])
async def test_what_is_scheduled_within_its_lead_opens_at_once(city: City, before_ms: int) -> None:
    kind = await policy(city, lead_seconds=600)
    order = await city.place(kind, scheduled_at=max(0, now_ms() + 599_000 - before_ms))
    assert (order.status, order.version) == (Status.OPEN, 2)


# --- again --------------------------------------------------------------------------------------------


async def test_the_same_request_again_is_the_same_order(city: City) -> None:
    order_id = str(ULID())
    first = await _place(city, order_id=order_id, request="kp")
    cancelled = await city.dispatch.desk.cancel(DISPATCHER, first, "no more")
    again = await _place(city, order_id=order_id, request="kp")
    assert again in (first, cancelled)
    assert len(await log_of(city, order_id)) == 3


async def test_two_at_once_are_one_order(city: City) -> None:
    order_id = str(ULID())
    orders = await asyncio.gather(*(_place(city, order_id=order_id, request="kp") for _ in range(3)))
    assert {order.id for order in orders} == {order_id}
    assert [event.version for event in await log_of(city, order_id)] == [1, 2]


async def test_an_ended_order_that_redis_let_go_of_does_not_begin_anew(city: City) -> None:
    order = await city.place()
    await city.dispatch.desk.cancel(DISPATCHER, order, "no more")
    await redis(city, "DEL", key(city.region, "order", order.id))
    again = await _place(city, order_id=order.id)
    assert again.status is Status.CANCELLED
    assert await redis(city, "EXISTS", key(city.region, "order", order.id)) == 0


async def test_a_repeat_whose_events_left_the_log_is_answered(city: City) -> None:
    """The first request died between the script and its answer."""
    order_id, catalog = str(ULID()), city.dispatch.catalog
    found = await city.dispatch.records.orders.create(order_id, city.region, _state(city))
    assert found is not None
    policy_ = await catalog.policy("maintenance")
    enter = city.dispatch.intake.enter
    first = await enter(order_id, city.region, found.state, policy_, "service:backend", "kp")
    await redis(city, "XTRIM", key(city.region, "log"), "MAXLEN", 0)
    assert await enter(order_id, city.region, found.state, policy_, "service:backend", "kp") == first


def _state(city: City) -> State:
    return new_state("maintenance", _draft(city), now_ms())


async def test_a_repeat_stays_in_the_region_of_the_first(city: City) -> None:
    """The operator drew another, smaller region around the place meanwhile."""
    first = await city.place()
    at = city.centre
    ring = [[at.lon - 0.01, at.lat - 0.01], [at.lon + 0.01, at.lat - 0.01], [at.lon, at.lat + 0.01]]
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}}
    inner = f"{city.region}.inner"
    await city.dispatch.catalog.put_region(inner, feature)
    await city.dispatch.reconciler.region(inner)
    assert (await _place(city)).region == inner
    assert (await _place(city, order_id=first.id)).region == city.region
    assert await redis(city, "EXISTS", key(inner, "order", first.id)) == 0


async def test_an_order_for_a_region_that_is_just_being_deleted_goes_to_the_next(city: City) -> None:
    """This process has not heard of it yet."""
    await city.dispatch.records.rules.delete_region(city.region)
    assert await city.dispatch.catalog.has_region(city.region)
    order = await _place(city)
    assert order.region == "default"
    assert not await city.dispatch.catalog.has_region(city.region)


async def test_of_those_placed_together_each_has_its_own_answer(city: City) -> None:
    orders, state = city.dispatch.records.orders, _state(city)
    known = str(ULID())
    first = await orders.create(known, city.region, state)
    later = state | {"created_at": "1"}
    regions = {str(ULID()): city.region, str(ULID()): "gone", known: city.region}
    made = await asyncio.gather(*(orders.create(order_id, region, later) for order_id, region in regions.items()))
    assert made == [Row(city.region, 0, later), None, first]


# --- Redis away ---------------------------------------------------------------------------------------


async def test_without_its_region_in_redis_the_order_is_taken_in_all_the_same(city: City) -> None:
    at = Point(lat=city.centre.lat, lon=city.centre.lon + 0.25)
    ring = [[at.lon - 0.01, at.lat - 0.01], [at.lon + 0.01, at.lat - 0.01], [at.lon, at.lat + 0.01]]
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}}
    fresh = City(city.dispatch, f"{city.region}.fresh", at)
    await city.dispatch.catalog.put_region(fresh.region, feature)
    order = await fresh.place()
    assert (order.region, order.version, order.status) == (fresh.region, 0, Status.OPEN)
    query = "SELECT version FROM orders WHERE id = :id"
    assert [row.version for row in await rows(city.dispatch, query, id=order.id)] == [0]
    unopened = await city.dispatch.records.orders.unopened(fresh.region, now_ms() + 1, 10)
    assert [row[0].id for row in unopened] == [order.id]
    await city.dispatch.reconciler.region(fresh.region)  # other tests look at all regions
