"""The scripts against the table of PROTOCOL §3: every command in every status, and what it leaves behind."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
import pytest

from dispatch.errors import Code, Refused, Unavailable
from dispatch.identity import Identity, Role
from dispatch.order import HELD, TRANSITIONS, Order, Status
from dispatch.policy import opening, terms
from tests.conftest import DISPATCHER, City
from tests.dispatch.looking import (
    check_indexes,
    check_log,
    due_at,
    escalated,
    log_of,
    members,
    policy,
    redis,
    rows,
    script,
    state,
)
from tests.dispatch.looking import order as in_redis

FAR = 4_000_000_000_000


@dataclass
class Stage:
    """A city with two agents who stand at the place and hold as much as they like."""

    city: City
    kind: str
    first: str
    second: str

    async def order_in(self, status: Status) -> Order:
        city, desk = self.city, self.city.dispatch.desk
        if status is Status.SCHEDULED:
            return await city.place(self.kind, scheduled_at=FAR)
        order = await city.place(self.kind)
        if status in (Status.ESCALATED, Status.EXPIRED):
            order = await escalated(city, order)
        if status is Status.EXPIRED:
            reply = await script(city, "expire", order_id=order.id, due_at=await due_at(city, order.id))
            await city.dispatch.records.ledger.apply(reply.events)
        if status is Status.CANCELLED:
            await desk.cancel(DISPATCHER, order, "no more")
        if status in HELD or status is Status.COMPLETED:
            order = await desk.assign(DISPATCHER, order, self.first, force=False)
            if status is not Status.ASSIGNED:
                await city.dispatch.jobs.progress(DISPATCHER, order, 1, status, None)
        found = await in_redis(city, order.id)
        assert found.status is status
        return found


@pytest.fixture
async def stage(city: City) -> Stage:
    kind = await policy(city, stall_seconds={"assigned": 300, "working": 60})
    first, second = [await city.valet(name, skills=(kind,), capacity=1000) for name in ("a:b.c-d_e", "second")]
    return Stage(city, kind, first.id, second.id)


Command = Callable[[Stage, Order], Awaitable[object]]


async def _deadline(stage: Stage, order: Order, name: str, **values: str | int | bytes) -> None:
    reply = await script(stage.city, name, order_id=order.id, due_at=await due_at(stage.city, order.id), **values)
    await stage.city.dispatch.records.ledger.apply(reply.events)


async def _terms(stage: Stage) -> bytes:
    return opening(await stage.city.dispatch.catalog.policy(stage.kind))


def _valet(agent_id: str) -> Identity:
    return Identity(agent_id, Role.VALET, None, 2**53)


async def _claim(stage: Stage, order: Order) -> object:
    return await stage.city.dispatch.claims.grab(order.region, order.id, stage.second)


COMMANDS: dict[str, Command] = {
    "claim": _claim,
    "decline": lambda s, o: s.city.dispatch.people.decline(_valet(s.second), o.region, o.id, "far away"),
    "assign": lambda s, o: s.city.dispatch.desk.assign(DISPATCHER, o, s.second, force=True),
    "release": lambda s, o: s.city.dispatch.jobs.release(DISPATCHER, o, o.fence, "tired"),
    "reopen": lambda s, o: s.city.dispatch.desk.reopen(DISPATCHER, o, rounds=None, bonus_fen=None),
    "close": lambda s, o: s.city.dispatch.desk.close(DISPATCHER, o, "by phone"),
    "cancel": lambda s, o: s.city.dispatch.desk.cancel(DISPATCHER, o, "no more"),
    "take_up": lambda s, o: s.city.dispatch.desk.take_up(DISPATCHER, o),
    "edit": lambda s, o: s.city.dispatch.intake.edit(DISPATCHER, o, {"price_fen": 1}),
    "stall": lambda s, o: _deadline(s, o, "stall"),
    "expire": lambda s, o: _deadline(s, o, "expire"),
    "escalate": lambda s, o: _deadline(s, o, "escalate", desk_ms=5000),
}
for _step in (*HELD, Status.COMPLETED):
    COMMANDS[f"progress to {_step}"] = lambda s, o, step=_step: (  # type: ignore[misc]  # each its own step
        s.city.dispatch.jobs.progress(DISPATCHER, o, o.fence, step, None)
    )


async def _open(stage: Stage, order: Order) -> None:
    await _deadline(stage, order, "open", terms=await _terms(stage))


async def _widen(stage: Stage, order: Order) -> None:
    await _deadline(stage, order, "widen", terms=await _terms(stage))


COMMANDS |= {"open": _open, "widen": _widen}


async def _reached(stage: Stage, status: Status, name: str) -> Status | None:
    """To which status the command took an order; None when it stayed as and whose it was."""
    order = await stage.order_in(status)
    try:
        await COMMANDS[name](stage, order)
    except Refused as exc:
        assert exc.code is (Code.NOT_FOUND if name == "decline" else Code.CONFLICT), name
    after = await in_redis(stage.city, order.id)
    assert after.version - order.version in (0, 1), name
    await check_indexes(stage.city, order.id)
    assert await stage.city.dispatch.records.orders.find(order.id) == after, name
    return after.status if after.status is not status or after.fence != order.fence else None


@pytest.mark.parametrize("status", Status)
async def test_scripts_do_what_the_table_lists_and_nothing_else(stage: Stage, status: Status) -> None:
    reached = await asyncio.gather(*(_reached(stage, status, name) for name in COMMANDS))
    assert set(reached) - {None} == TRANSITIONS[status]
    await check_log(stage.city)


async def test_every_version_stands_in_the_timeline(stage: Stage) -> None:
    order = await stage.order_in(Status.ARRIVED)
    order = await stage.city.dispatch.jobs.release(DISPATCHER, order, 1, "tired")
    order = await stage.city.dispatch.desk.reopen(DISPATCHER, order, rounds=None, bonus_fen=700)
    await _claim(stage, order)
    order = await stage.city.dispatch.jobs.progress(DISPATCHER, order, 2, Status.COMPLETED, 77)
    found = await stage.city.dispatch.records.orders.timeline(order.id, 0, 50)
    assert [(each.version, each.type) for each in found] == list(
        enumerate(
            ["placed", "opened", "assigned", "progressed", "released", "reopened", "assigned", "completed"], start=1
        )
    )
    assert [each.actor for each in found] == [
        *["service:backend"] * 2,
        *["dispatcher:d-1"] * 4,
        f"valet:{stage.second}",
        "dispatcher:d-1",
    ]
    assert found[1].data["agents"] == [stage.first, stage.second]
    assert found[3].data == {"step": "arrived", "agent_id": stage.first}
    assert found[4].data["reason"] == "tired"
    assert found[5].data["bonus_fen"] == 700
    assert found[7].data == {"step": "completed", "agent_id": stage.second, "reported_at": 77}
    assert [event.version for event in await log_of(stage.city, order.id)] == list(range(1, 9))


async def test_offers_name_those_who_newly_got_them(stage: Stage) -> None:
    order = await stage.order_in(Status.OPEN)
    placed, opened = await log_of(stage.city, order.id)
    assert placed.to == ()
    assert opened.to == (stage.first, stage.second)
    await _widen(stage, order)
    assert (await log_of(stage.city, order.id))[-1].to == ()  # earlier offers stay alive


async def test_a_release_tells_where_the_car_was_left(stage: Stage) -> None:
    order = await stage.order_in(Status.WORKING)
    await stage.city.dispatch.jobs.release(DISPATCHER, order, 1, "tired")
    released = (await log_of(stage.city, order.id))[-1]
    assert released.detail == {
        "agent_id": stage.first,
        "fence": 1,
        "reason": "tired",
        "from": "working",
        "lat": stage.city.at().lat,
        "lon": stage.city.at().lon,
    }
    assert (released.was, released.holder, released.desk) == (stage.first, "", True)


@pytest.mark.parametrize(("status", "limit_s"), [(Status.ASSIGNED, 300), (Status.WORKING, 60)])
async def test_a_step_with_a_time_limit_has_a_deadline(stage: Stage, status: Status, limit_s: int) -> None:
    order = await stage.order_in(status)
    event = (await log_of(stage.city, order.id))[-1]
    assert order.due_at == event.at + limit_s * 1000


async def test_a_step_without_a_time_limit_has_none(stage: Stage) -> None:
    assert (await stage.order_in(Status.EN_ROUTE)).due_at is None


async def test_a_stalled_order_shows_at_the_desk_and_stays_with_its_holder(stage: Stage) -> None:
    order = await stage.order_in(Status.ASSIGNED)
    await COMMANDS["stall"](stage, order)
    stalled = await in_redis(stage.city, order.id)
    assert (stalled.status, stalled.stalled, stalled.on_desk, stalled.holder) == (
        Status.ASSIGNED,
        True,
        True,
        stage.first,
    )
    moved = await stage.city.dispatch.jobs.progress(DISPATCHER, stalled, 1, Status.WORKING, None)
    assert (moved.stalled, moved.on_desk) == (False, False)
    await check_indexes(stage.city, order.id)
    assert [event.desk for event in await log_of(stage.city, order.id)][-2:] == [True, True]


@pytest.mark.parametrize("name", ["open", "widen", "escalate", "stall", "expire"])
async def test_a_deadline_that_is_not_the_orders_any_more_has_no_effect(stage: Stage, name: str) -> None:
    before = {
        "open": Status.SCHEDULED,
        "widen": Status.OPEN,
        "escalate": Status.OPEN,
        "stall": Status.ASSIGNED,
        "expire": Status.ESCALATED,
    }
    order = await stage.order_in(before[name])
    found = terms(await stage.city.dispatch.catalog.policy(stage.kind), 1)
    more = {
        "open": {"terms": msgspec.msgpack.encode(found)},
        "widen": {"terms": msgspec.msgpack.encode(found)},
        "escalate": {"desk_ms": 5000},
    }
    for due in (str(int(await due_at(stage.city, order.id)) - 1), "", "0"):
        reply = await script(stage.city, name, order_id=order.id, due_at=due, **more.get(name, {}))  # type: ignore[arg-type]  # by name
        assert (reply.outcome, reply.events) == ("passed", [])
    unknown = await script(stage.city, name, order_id="01JUNKNOWN", due_at="5", **more.get(name, {}))  # type: ignore[arg-type]  # by name
    assert unknown.outcome == "passed"
    assert await in_redis(stage.city, order.id) == order


async def test_a_deadline_takes_effect_once_however_often_it_is_sent(stage: Stage) -> None:
    order = await stage.order_in(Status.OPEN)
    due, packed = await due_at(stage.city, order.id), await _terms(stage)
    replies = [await script(stage.city, "widen", order_id=order.id, due_at=due, terms=packed) for _ in range(3)]
    assert [reply.outcome for reply in replies] == ["ok", "passed", "passed"]
    assert (await in_redis(stage.city, order.id)).version == order.version + 1


async def test_a_deadline_without_its_order_is_cleared_away(stage: Stage) -> None:
    order = await stage.order_in(Status.ASSIGNED)
    deadlines = f"deadlines:{{{stage.city.region}}}"
    await redis(stage.city, "ZADD", deadlines, 1, "01JGONE", 1, order.id)
    await redis(stage.city, "HSET", f"order:{{{stage.city.region}}}:{order.id}", "due_at", "")
    found = msgspec.msgpack.decode((await script(stage.city, "due", most=64)).extra)
    assert found["due"] == []
    assert await members(stage.city, "deadlines") == set()


async def test_of_many_deadlines_the_earliest_come_first(stage: Stage) -> None:
    orders = [await stage.order_in(Status.OPEN) for _ in range(3)]
    for i, order in enumerate(orders):
        name = f"order:{{{stage.city.region}}}:{order.id}"
        await redis(stage.city, "HSET", name, "due_at", 100 - i)
        await redis(stage.city, "ZADD", f"deadlines:{{{stage.city.region}}}", 100 - i, order.id)
    found = msgspec.msgpack.decode((await script(stage.city, "due", most=2)).extra)
    assert [due[:3] for due in found["due"]] == [[orders[2].id, "98", "open"], [orders[1].id, "99", "open"]]
    assert found["wait_ms"] == -1


@pytest.mark.parametrize("request_id", ["kabc", "dabc"])
async def test_the_same_request_again_hears_the_same_answer(stage: Stage, request_id: str) -> None:
    order = await stage.order_in(Status.ESCALATED)
    desk = stage.city.dispatch.desk
    first = await desk.assign(DISPATCHER, order, stage.first, force=True, request=request_id)
    opened = await stage.city.dispatch.jobs.release(DISPATCHER, first, 1, "tired")
    won = await stage.city.dispatch.claims.grab(order.region, order.id, stage.second)
    assert won.order is not None
    again = await desk.assign(DISPATCHER, opened, stage.first, force=True, request=request_id)
    assert again == first
    now = await in_redis(stage.city, order.id)
    assert (now.holder, now.version) == (stage.second, won.order.version)
    await check_log(stage.city)


async def test_a_request_whose_event_left_the_log_hears_the_present(stage: Stage) -> None:
    order = await stage.order_in(Status.OPEN)
    desk = stage.city.dispatch.desk
    first = await desk.cancel(DISPATCHER, order, "no more", request="kabc")
    await redis(stage.city, "XTRIM", f"log:{{{stage.city.region}}}", "MAXLEN", 0)
    assert await desk.cancel(DISPATCHER, order, "no more", request="kabc") == first


async def test_a_refusal_is_judged_anew(stage: Stage) -> None:
    order = await stage.order_in(Status.OPEN)
    desk = stage.city.dispatch.desk
    with pytest.raises(Refused):
        await desk.close(DISPATCHER, order, "by phone", request="kabc")
    await escalated(stage.city, order)
    assert (await desk.close(DISPATCHER, order, "by phone", request="kabc")).status is Status.COMPLETED


async def test_an_order_that_redis_does_not_have_yet_can_be_tried_again(stage: Stage) -> None:
    order = await stage.order_in(Status.OPEN)
    await redis(stage.city, "DEL", f"order:{{{stage.city.region}}}:{order.id}")
    with pytest.raises(Unavailable):
        await stage.city.dispatch.desk.cancel(DISPATCHER, order, "no more")


async def test_an_order_that_redis_has_let_go_of_is_over(stage: Stage) -> None:
    order = await stage.order_in(Status.CANCELLED)
    await redis(stage.city, "DEL", f"order:{{{stage.city.region}}}:{order.id}")
    with pytest.raises(Refused, match="cancelled") as refused:
        await stage.city.dispatch.desk.cancel(DISPATCHER, order, "no more")
    assert refused.value.code is Code.CONFLICT


async def test_what_was_promised_stands_in_postgresql(stage: Stage) -> None:
    order = await stage.order_in(Status.WORKING)
    await stage.city.dispatch.jobs.release(DISPATCHER, order, 1, "tired")
    query = "SELECT fence, agent_id, by, dispatcher_id, ended_at FROM assignments WHERE order_id = :id"
    (row,) = await rows(stage.city.dispatch, query, id=order.id)
    assert tuple(row)[:4] == (1, stage.first, "desk", "d-1")
    assert row.ended_at is not None
    (stored,) = await rows(stage.city.dispatch, "SELECT state, desk_at FROM orders WHERE id = :id", id=order.id)
    assert stored.state == await state(stage.city, order.id)
    assert stored.desk_at is not None
