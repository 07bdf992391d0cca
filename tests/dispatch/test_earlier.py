"""An answered change leaves no hole before it: what leads to it comes along, as far as the projector was not there."""

import msgspec
import pytest

from dispatch.claims import Outcome
from dispatch.order import Order
from dispatch.store import Reply
from tests.conftest import DISPATCHER, City
from tests.dispatch.looking import copied, log_of, redis, script, set_back


async def _versions(city: City, order: Order) -> list[int]:
    """Of the timeline in PostgreSQL."""
    return [each.version for each in await city.dispatch.records.orders.timeline(order.id, 0, 100)]


async def _offered_late(city: City, names: str) -> Order:
    """An order whose last events stand in Redis alone: late-comers were offered it, and nobody projects."""
    order = await city.place()
    for name in names.split():
        await city.valet(name)
    assert await _versions(city, order) == [1, 2]
    return order


def _of(reply: Reply, order: Order) -> list[int]:
    return [event.version for event in reply.events if event.order_id == order.id]


async def _cancelled(city: City, order: Order, request: str = "") -> Reply:
    values = {"order_id": order.id, "reason": "", "actor": "dispatcher:d-1", "before": ""}
    return await city.dispatch.store.run("cancel", city.region, request=request, **values)


async def test_a_won_grab_brings_what_led_to_it(city: City) -> None:
    order = await _offered_late(city, "a b")
    agent = (await log_of(city, order.id))[-1].to[0]
    verdict = await city.dispatch.claims.grab(city.region, order.id, agent)
    assert verdict.outcome is Outcome.WON
    assert await _versions(city, order) == [1, 2, 3, 4, 5]


async def test_a_command_brings_what_led_to_it(city: City) -> None:
    order = await _offered_late(city, "a b")
    await city.dispatch.desk.cancel(DISPATCHER, order, "no more")
    assert await _versions(city, order) == [1, 2, 3, 4, 5]


async def test_an_order_that_another_command_touched_brings_its_own(city: City) -> None:
    """A release frees its agent, who is offered what waits: that event is written with the answer, too."""
    held = await city.place()
    agent = await city.valet("a", capacity=1)
    await city.dispatch.claims.grab(city.region, held.id, agent.id)
    waiting = await _offered_late(city, "b")
    await city.dispatch.jobs.release(DISPATCHER, held, 1, "no fuel")
    assert await _versions(city, waiting) == [1, 2, 3, 4]


async def test_no_hole_is_left_when_redis_is_set_back(ghost_town: City) -> None:
    city = ghost_town
    before = await copied(city)
    order = await _offered_late(city, "a b")
    await city.dispatch.desk.cancel(DISPATCHER, order, "no more")
    await set_back(city, before)
    assert await city.dispatch.reconciler.region(city.region)
    assert await _versions(city, order) == [1, 2, 3, 4, 5]


async def test_behind_the_projector_an_answer_brings_only_its_own(city: City) -> None:
    order = await _offered_late(city, "a b")
    cursor, _ = await city.dispatch.store.log_end(city.region)
    await script(city, "tidy", ended=msgspec.msgpack.encode([]), ttl_ms=1000, cursor=cursor, keep_ms=600_000)
    assert _of(await _cancelled(city, order), order) == [5]


async def test_the_same_asker_hears_all_of_it_again(city: City) -> None:
    order = await _offered_late(city, "a b")
    first, again = await _cancelled(city, order, "k1"), await _cancelled(city, order, "k1")
    assert _of(first, order) == _of(again, order) == [1, 2, 3, 4, 5]


async def test_what_a_log_told_of_is_written_with_what_led_to_it(city: City) -> None:
    order = await _offered_late(city, "a b")
    last = (await log_of(city, order.id))[-1]
    await city.dispatch.transitions.record([last])
    assert await _versions(city, order) == [1, 2, 3, 4]


@pytest.mark.parametrize("log_is_cut", [False, True])
async def test_a_present_that_is_shown_can_be_written_whole(city: City, log_is_cut: bool) -> None:
    order = await _offered_late(city, "a b")
    await _cancelled(city, order)
    if log_is_cut:  # only behind the projector
        await redis(city, "DEL", f"log:{{{city.region}}}")
    reply = await script(city, "states", order_ids=msgspec.msgpack.encode([order.id]))
    assert _of(reply, order) == ([] if log_is_cut else [1, 2, 3, 4, 5])
