"""An order is edited: what changes, who is told, and what an edit must not touch."""

import asyncio
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from dispatch.clock import now_ms
from dispatch.errors import Code, Refused, Unavailable
from dispatch.events import Event, Type
from dispatch.identity import Identity, Role
from dispatch.order import HELD, TERMINAL, Customer, Order, Spot, Status
from dispatch.scripts import key
from dispatch.state import edited_state
from geo.point import Point
from tests.conftest import DISPATCHER, SERVICE, City
from tests.dispatch.drafts import draft
from tests.dispatch.looking import check_indexes, check_log, escalated, log_of, members, offered, policy, redis, script
from tests.dispatch.looking import order as in_redis

CUSTOMER = Identity("c-1", Role.CUSTOMER, None, 2**53)
FAR = 4_000_000_000_000


@dataclass
class Stage:
    """A city with a kind of one round of 1 km and three offers."""

    city: City
    kind: str

    async def edit(self, order: Order, who: Identity = SERVICE, request: str = "", **changes: Any) -> Order:
        return await self.city.dispatch.intake.edit(who, order, changes, request)

    async def move(self, order: Order, north_m: float) -> Order:
        return await self.edit(order, place=self.spot(north_m))

    def spot(self, north_m: float) -> Spot:
        return Spot(self.city.at(north_m), "2 Example Road")

    async def valet(self, name: str, north_m: float = 0.0) -> str:
        return (await self.city.valet(name, north_m, skills=(self.kind,), capacity=9)).id

    async def last(self, order: Order) -> Event:
        return (await log_of(self.city, order.id))[-1]

    def names(self, ids: Any) -> list[str]:
        return sorted(agent_id.removeprefix(f"{self.city.region}.") for agent_id in ids)

    async def held(self, order: Order, agent_id: str, status: Status = Status.ASSIGNED) -> Order:
        order = await self.city.dispatch.desk.assign(DISPATCHER, order, agent_id, force=True)
        if status is not Status.ASSIGNED:
            order = await self.city.dispatch.jobs.progress(DISPATCHER, order, order.fence, status, None)
        return order


@pytest.fixture
async def stage(city: City) -> Stage:
    rounds = [
        {"radius_m": 1000, "limit": 3, "seconds": 30, "bonus_fen": 200},
        {"radius_m": 3000, "limit": 3, "seconds": 30, "bonus_fen": 900},
    ]
    return Stage(city, await policy(city, rounds=rounds, lead_seconds=600))


async def test_what_is_named_is_replaced_and_the_rest_stays(stage: Stage) -> None:
    before = await stage.city.place(stage.kind)
    changes: dict[str, Any] = {
        "customer": Customer("c-1", "Zhang", None),
        "destination": stage.spot(500),
        "details": {"note": "two flat tyres"},
        "price_fen": None,
    }
    after = await stage.edit(before, **changes)
    assert after == msgspec.structs.replace(before, version=3, **changes)
    assert after == await stage.city.dispatch.records.orders.find(before.id) == await in_redis(stage.city, before.id)
    event = await stage.last(after)
    assert (event.type, event.actor, event.to) == (Type.EDITED, "service:backend", ())
    assert event.detail == {"changed": ["customer", "destination", "details", "price_fen"]}
    await check_indexes(stage.city, before.id)
    await check_log(stage.city)


async def test_edits_of_different_parts_both_stand(stage: Stage) -> None:
    """Both have read the order as it was before either."""
    before = await stage.city.place(stage.kind)
    await asyncio.gather(stage.edit(before, price_fen=1), stage.edit(before, details={"note": "x"}))
    after = await in_redis(stage.city, before.id)
    assert (after.price_fen, after.details, after.version) == (1, {"note": "x"}, 4)


async def test_what_is_no_different_is_no_event(stage: Stage) -> None:
    before = await stage.city.place(stage.kind)
    same = await stage.edit(before, price_fen=before.price_fen, place=before.place, scheduled_at=None)
    assert same == before == await stage.edit(before)
    assert (await stage.last(before)).version == before.version


async def test_our_own_repeat_takes_effect_once(stage: Stage) -> None:
    before = await stage.city.place(stage.kind)
    first = await stage.edit(before, request="dabc", price_fen=1)
    second = await stage.edit(first, request="ddef", price_fen=2)
    assert await stage.edit(before, request="dabc", price_fen=1) == first
    assert await in_redis(stage.city, before.id) == second


@pytest.mark.parametrize("status", TERMINAL)
async def test_what_is_over_can_not_be_edited(stage: Stage, status: Status) -> None:
    order = await stage.city.place(stage.kind)
    if status is Status.CANCELLED:
        await stage.city.dispatch.desk.cancel(SERVICE, order, "no more")
    elif status is Status.COMPLETED:
        await stage.held(order, await stage.valet("v"), status)
    else:
        at_desk = await escalated(stage.city, order)
        await script(stage.city, "expire", order_id=order.id, due_at=str(at_desk.due_at))
    with pytest.raises(Refused, match=status.value) as refused:
        await stage.edit(order, price_fen=1)
    assert refused.value.code is Code.CONFLICT
    assert (await in_redis(stage.city, order.id)).price_fen == order.price_fen


@pytest.mark.parametrize("status", HELD)
async def test_its_customer_may_edit_only_what_nobody_holds(stage: Stage, status: Status) -> None:
    order = await stage.city.place(stage.kind)
    assert (await stage.edit(order, CUSTOMER, price_fen=1)).price_fen == 1
    held = await stage.held(order, await stage.valet("v"), status)
    with pytest.raises(Refused, match=status.value) as refused:
        await stage.edit(held, CUSTOMER, price_fen=2)
    assert refused.value.code is Code.CONFLICT
    after = await stage.edit(held, DISPATCHER, price_fen=3)
    assert (after.price_fen, after.status, after.holder) == (3, status, held.holder)


async def test_the_end_of_the_round_does_not_move(stage: Stage) -> None:
    before = await stage.city.place(stage.kind)
    after = await stage.edit(before, details={}, place=stage.spot(100), bonus_fen=5)
    assert (after.due_at, after.round, after.status) == (before.due_at, 1, Status.OPEN)


async def test_an_order_that_redis_has_not_heard_of_can_be_tried_again(stage: Stage) -> None:
    order = await stage.city.place(stage.kind)
    await redis(stage.city, "DEL", key(stage.city.region, "order", order.id))
    with pytest.raises(Unavailable):
        await stage.edit(order, price_fen=1)


# --- bonus --------------------------------------------------------------------------------------------


async def test_the_rounds_bonus_is_the_least(stage: Stage) -> None:
    order = await stage.city.place(stage.kind)
    assert order.bonus_fen == 200
    assert [(await stage.edit(order, bonus_fen=own)).bonus_fen for own in (100, 700, 0)] == [200, 700, 200]


async def test_a_bonus_counts_in_every_status(stage: Stage) -> None:
    scheduled = await stage.city.place(stage.kind, scheduled_at=FAR)
    assert (await stage.edit(scheduled, bonus_fen=50)).bonus_fen == 50
    at_desk = await escalated(stage.city, await stage.city.place(stage.kind))
    assert (await stage.edit(at_desk, bonus_fen=700)).bonus_fen == 700
    held = await stage.held(at_desk, await stage.valet("v"))
    assert (await stage.edit(held, bonus_fen=50)).bonus_fen == 200


# --- a moved place ------------------------------------------------------------------------------------


async def test_offers_follow_the_place(stage: Stage) -> None:
    for name, north_m in (("south", -900), ("middle", 100), ("north", 1200)):
        await stage.valet(name, north_m)
    order = await stage.city.place(stage.kind)
    assert stage.names(await offered(stage.city, order.id)) == ["middle", "south"]
    moved = await stage.move(order, 500)
    event = await stage.last(moved)
    assert (stage.names(event.to), stage.names(event.detail["retracted"])) == (["north"], ["south"])
    assert event.detail["changed"] == ["place"]
    assert stage.names(await offered(stage.city, order.id)) == ["middle", "north"]
    assert order.id not in await members(stage.city, "inbox", f"{stage.city.region}.south")
    assert moved.offered == 2
    assert (await redis(stage.city, "HGET", key(stage.city.region, "order", order.id), "round_offered")) == b"2"
    await check_indexes(stage.city, order.id)
    await check_log(stage.city)


async def test_who_was_retracted_can_not_grab_and_may_be_offered_it_again(stage: Stage) -> None:
    south = await stage.valet("south", -900)
    order = await stage.city.place(stage.kind)
    await stage.move(order, 500)
    verdict = await stage.city.dispatch.claims.grab(order.region, order.id, south)
    assert (verdict.outcome, verdict.reason) == ("refused", "not_offered")
    back = await stage.move(order, 0)
    assert (await stage.last(back)).to == (south,)
    assert back.offered == 1
    assert (await stage.city.dispatch.claims.grab(order.region, order.id, south)).outcome == "won"


async def test_a_retracted_offer_makes_room_in_its_round(stage: Stage) -> None:
    """The round is full of three; two of them are left behind, so two others get it."""
    for name, north_m in (("a", -950), ("b", -900), ("c", 0), ("d", 1100), ("e", 1200), ("f", 1300)):
        await stage.valet(name, north_m)
    order = await stage.city.place(stage.kind)
    assert stage.names(await offered(stage.city, order.id)) == ["a", "b", "c"]
    moved = await stage.move(order, 600)
    assert stage.names((await stage.last(moved)).to) == ["d", "e"]
    assert moved.offered == 3
    await check_indexes(stage.city, order.id)


async def test_who_declined_is_neither_retracted_nor_asked_again(stage: Stage) -> None:
    south = await stage.valet("south", -900)
    order = await stage.city.place(stage.kind)
    await stage.city.dispatch.people.decline(Identity(south, Role.VALET, None, 2**53), order.region, order.id, "")
    moved = await stage.move(order, 500)
    assert (await stage.last(moved)).detail["retracted"] == []
    assert (await stage.last(await stage.move(order, 0))).to == ()


async def test_offers_of_the_hall_last_as_far_as_the_hall_reaches(stage: Stage) -> None:
    city = stage.city
    kind = await policy(city, "hall", rounds=[{"radius_m": 500, "limit": 3, "seconds": 30}], hall_radius_m=3000)
    agent = await city.valet("v", 2000, skills=(kind,))
    order = await city.place(kind)
    await city.dispatch.hall.listed(agent, None, 50, None)
    near = await stage.edit(order, place=stage.spot(-900))
    assert ((await stage.last(near)).detail["retracted"], near.offered) == ([], 1)
    far = await stage.edit(order, place=stage.spot(-1100))
    assert ((await stage.last(far)).detail["retracted"], far.offered) == ([agent.id], 0)


async def test_a_new_address_of_the_same_place_moves_nothing(stage: Stage) -> None:
    order = await stage.city.place(stage.kind)
    after = await stage.edit(order, place=Spot(order.place.point, "back yard"))
    assert after.place.address == "back yard"
    assert "retracted" not in (await stage.last(after)).detail


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.ESCALATED, Status.EN_ROUTE])
async def test_what_is_not_open_moves_without_offers(stage: Stage, status: Status) -> None:
    agent_id = await stage.valet("v", 500)
    order = await stage.city.place(stage.kind, scheduled_at=FAR if status is Status.SCHEDULED else None)
    if status is Status.ESCALATED:
        order = await escalated(stage.city, order)
    elif status is Status.EN_ROUTE:
        order = await stage.held(order, agent_id, status)
    moved = await stage.move(order, 600)
    assert (moved.status, moved.due_at, moved.offered) == (status, order.due_at, order.offered)
    assert (await stage.last(moved)).to == ()
    await check_indexes(stage.city, order.id)


async def test_a_place_in_another_region_is_refused(stage: Stage) -> None:
    order = await stage.city.place(stage.kind)
    elsewhere = Spot(Point(stage.city.centre.lat, stage.city.centre.lon + 0.2))
    with pytest.raises(Refused, match="lies in region ") as refused:
        await stage.edit(order, place=elsewhere)
    assert (refused.value.code, refused.value.faults[0].path) == (Code.INVALID, "place")
    assert (await in_redis(stage.city, order.id)).place == order.place


# --- scheduled ----------------------------------------------------------------------------------------


async def test_another_time_is_another_deadline(stage: Stage) -> None:
    order = await stage.city.place(stage.kind, scheduled_at=FAR)
    assert order.due_at == FAR - 600_000
    later = await stage.edit(order, scheduled_at=FAR + 5000)
    assert (later.status, later.scheduled_at, later.due_at) == (Status.SCHEDULED, FAR + 5000, FAR - 595_000)
    await check_indexes(stage.city, order.id)
    passed = await script(stage.city, "open", order_id=order.id, due_at=str(order.due_at), terms=b"")
    assert passed.outcome == "passed"


@pytest.mark.parametrize("ahead_ms", [-1000, 0, 599_000, 600_900, None])
async def test_a_time_that_has_come_opens_the_order(stage: Stage, ahead_ms: int | None) -> None:
    agent_id = await stage.valet("v")
    order = await stage.city.place(stage.kind, scheduled_at=FAR)
    wanted = None if ahead_ms is None else now_ms() + ahead_ms
    opened = await stage.edit(order, scheduled_at=wanted)
    assert (opened.status, opened.round, opened.scheduled_at, opened.version) == (Status.OPEN, 1, wanted, 3)
    events = await log_of(stage.city, order.id)
    assert [(event.type, event.to) for event in events[1:]] == [(Type.EDITED, ()), (Type.OPENED, (agent_id,))]
    again = await stage.edit(opened, scheduled_at=wanted)
    assert again.version == 3, "the same again is no change, though it is open by now"
    await check_indexes(stage.city, order.id)
    await check_log(stage.city)


async def test_what_is_open_can_not_be_scheduled(stage: Stage) -> None:
    order = await stage.city.place(stage.kind)
    with pytest.raises(Refused, match="scheduled_at") as refused:
        await stage.edit(order, scheduled_at=FAR, price_fen=1)
    assert refused.value.code is Code.CONFLICT
    assert await in_redis(stage.city, order.id) == order


async def test_the_place_of_a_scheduled_order_counts_when_it_opens(stage: Stage) -> None:
    agent_id = await stage.valet("v", 2500)
    order = await stage.city.place(stage.kind, scheduled_at=FAR)
    opened = await stage.edit(order, scheduled_at=1, place=stage.spot(2500))
    assert (await stage.last(opened)).to == (agent_id,)


# --- whom it concerns ---------------------------------------------------------------------------------


async def test_a_former_customer_is_named(stage: Stage) -> None:
    order = await stage.city.place(stage.kind)
    after = await stage.edit(order, customer=Customer("c-2", "Zhao", None))
    event = await stage.last(after)
    assert (event.customer, event.detail["former_customer"]) == ("c-2", "c-1")
    page, _ = await stage.city.dispatch.people.unfinished_of("c-2")
    assert order.id in [each.id for each in page]


async def test_an_order_made_over_is_not_shown_to_the_former_customer(stage: Stage) -> None:
    """Also while PostgreSQL has not heard of it."""
    former = f"c-{stage.city.region}"
    order = await stage.city.place(stage.kind, customer=Customer(former))
    parts = edited_state(draft(customer=Customer("c-2")), ["customer"])
    await script(
        stage.city,
        "edit",
        order_id=order.id,
        actor="service:backend",
        parts=msgspec.msgpack.encode(parts),
        unheld="",
        opens_at="",
        terms=b"",
        hall_m=0,
    )
    assert await stage.city.dispatch.people.unfinished_of(former) == ([], False)


async def test_an_edit_on_the_desk_concerns_the_desk(stage: Stage) -> None:
    order = await escalated(stage.city, await stage.city.place(stage.kind))
    assert (await stage.last(await stage.edit(order, price_fen=1))).desk
