"""What agents ask on the stream, and how it is answered: real sockets, Redis and PostgreSQL."""

import asyncio
from typing import Any

import pytest

from dispatch.order import Order, Status
from dispatch.scripts import key, scripts
from tests.conftest import DISPATCHER, City
from tests.realtime.gate import Gated
from tests.realtime.nodes import Node, node, reached

CLAIM, DECLINE, PROGRESS, RELEASE = (
    scripts()[name].sha.encode() for name in ("claim", "decline", "progress", "release")
)
ORDER = "01M80ZDQTV5RYSAWE71AY73GRD"


async def stands(city: City, order: Order) -> Order:
    """As PostgreSQL has it."""
    found = await city.dispatch.records.orders.find(order.id)
    assert found is not None
    return found


async def scripts_run(city: City) -> int:
    """How many scripts Redis has run."""
    info = (await city.dispatch.store.direct([("INFO", "commandstats")]))[0].decode()
    return sum(int(line.split("calls=")[1].split(",")[0]) for line in info.splitlines() if "evalsha" in line)


# ---- grabs


async def test_the_winner_and_his_verdict(city: City, here: Node) -> None:
    agent, client = await here.valet(city, "v")
    order = await city.place()
    await client.hear("offer")
    verdict = await client.grab(order)
    assert set(verdict) == {"type", "ref", "order_id", "outcome", "fence", "job"}
    assert (verdict["order_id"], verdict["outcome"], verdict["fence"]) == (order.id, "won", 1)
    assert verdict["job"]["customer"]["phone"] == "+8613800000000"
    assert (await stands(city, order)).holder == agent.id, "before he was told"
    again = await client.grab(order)
    assert again == verdict
    await here.settled(city)
    await client.quiet()


async def test_a_grab_of_what_he_never_heard_of_needs_no_redis(city: City, here: Node) -> None:
    _, client = await here.valet(city, "v")
    await here.settled(city)
    await here.hub._gathering.close()  # positions, marks and lives would be counted, too
    before = await scripts_run(city)
    for _ in range(20):
        verdict = await client.ask("grab", "verdict", order_id=ORDER)
        assert (verdict["outcome"], verdict["reason"]) == ("refused", "not_offered")
    assert await scripts_run(city) == before


async def test_grabs_after_the_end_are_answered_with_how_it_ended(city: City, here: Node) -> None:
    agent, client = await here.valet(city, "v", capacity=9)
    other = await city.valet("w", capacity=9)
    taken, cancelled, mine = [await city.place() for _ in range(3)]
    for _ in range(3):
        await client.hear("offer")
    await city.dispatch.claims.grab(city.region, taken.id, other.id)
    await city.dispatch.desk.cancel(DISPATCHER, cancelled, "no")
    assert {(await client.hear("retract"))["reason"] for _ in range(2)} == {"taken", "cancelled"}
    await client.grab(mine)
    await client.ask("progress", "ok", order_id=mine.id, fence=1, step="completed")
    await client.hear("job")
    answers = {order.id: await client.grab(order) for order in (taken, cancelled, mine)}
    assert answers[taken.id]["outcome"] == "taken"
    assert (answers[cancelled.id]["outcome"], answers[cancelled.id]["reason"]) == ("gone", "cancelled")
    assert (answers[mine.id]["outcome"], answers[mine.id]["reason"]) == ("gone", "completed")
    assert agent.id != other.id


async def test_refusals_leave_the_offer(city: City, here: Node) -> None:
    _, client = await here.valet(city, "v", capacity=1)
    held, order = await city.place(), await city.place()
    await client.hear("offer")
    await client.hear("offer")
    await client.grab(held)
    assert (await client.grab(order))["reason"] == "at_capacity"
    await client.ask("progress", "ok", order_id=held.id, fence=1, step="completed")
    await client.hear("job")
    await client.ask("status", "ok", status="paused")
    assert (await client.grab(order))["reason"] == "paused"
    await client.ask("status", "ok", status="available")
    assert (await client.grab(order))["outcome"] == "won"


async def test_what_concerns_an_order_waits_behind_the_verdict(city: City, far: Gated) -> None:
    other = await city.valet("w", capacity=9)
    async with node(far.dispatch) as there:
        _, client = await there.valet(city, "v", capacity=9)
        _, witness = await there.valet(city, "x", capacity=9)
        order = await city.place()
        await client.hear("offer")
        await witness.hear("offer")
        held = far.redis.hold(CLAIM)
        await client.say("grab", ref="r", order_id=order.id)
        await reached(held)
        await city.dispatch.claims.grab(city.region, order.id, other.id)
        assert (await witness.hear("retract"))["reason"] == "taken"
        await client.quiet()
        held.release()
        assert (await client.hear("verdict"))["outcome"] == "taken"
        await there.settled(city)
        await client.quiet()


async def test_no_timer_outlives_the_verdict(city: City, here: Node) -> None:
    _, client = await here.valet(city, "v")
    order = await city.place()
    await client.hear("offer")
    await client.grab(order)
    loop: Any = asyncio.get_running_loop()
    assert not [timer for timer in loop._scheduled if "_tell_pending" in repr(timer) and not timer.cancelled()]


# ---- while PostgreSQL is away


async def test_pending_and_then_won_while_offers_go_on(city: City, far: Gated) -> None:
    async with node(far.dispatch) as there:
        agent, client = await there.valet(city, "v", capacity=9)
        order, cancelled = await city.place(), await city.place()
        await client.hear("offer")
        await client.hear("offer")
        await far.postgres.cut()
        await client.say("grab", ref="r", order_id=order.id)
        await client.say("grab", ref="r2", order_id=cancelled.id)
        for ref in ("r", "r2"):
            pending = await client.hear("verdict")
            assert (pending["ref"], pending["outcome"]) == (ref, "pending")
            assert "job" not in pending
        assert (await stands(city, order)).status is Status.OPEN
        another = await city.place()
        assert (await client.hear("offer"))["order"]["id"] == another.id, "other orders do not wait"
        # What happens to the pending order does: an end by the desk is told after the verdict.
        await city.dispatch.desk.cancel(DISPATCHER, cancelled, "no")
        await there.heard(city)
        await client.quiet()
        await far.postgres.open()
        heard = [await client.next() for _ in range(3)]
        won = {message["ref"]: message for message in heard if message["type"] == "verdict"}
        assert {message["outcome"] for message in won.values()} == {"won"}
        assert won["r"]["job"]["id"] == order.id
        assert [message["order_id"] for message in heard if message["type"] == "unjob"] == [cancelled.id]
        assert heard.index(won["r2"]) < next(i for i, message in enumerate(heard) if message["type"] == "unjob")
        assert (await stands(city, order)).holder == agent.id
        await there.settled(city)
        await client.quiet()


async def test_others_hear_that_it_is_held_when_postgresql_has_it(city: City, far: Gated) -> None:
    shop = await city.agent("shop", role="shop", home=city.at(), capacity=9)
    async with node(far.dispatch) as there:
        counter, phone = await there.agent(city, shop), await there.agent(city, shop)
        customer = await there.enter("c-1", "customer")
        _, rival = await there.valet(city, "v")
        await customer.rest()
        order = await city.place("towing")
        for client in (counter, phone, rival):
            await client.hear("offer")
        assert len(await customer.rest()) == 2
        await far.postgres.cut()
        await counter.say("grab", ref="r", order_id=order.id)
        assert (await rival.hear("retract"))["reason"] == "taken", "losers do not wait"
        assert (await counter.hear("verdict"))["outcome"] == "pending"
        await phone.quiet()
        await customer.quiet()
        await far.postgres.open()
        assert (await counter.hear("verdict"))["outcome"] == "won"
        assert (await phone.hear("job"))["order"]["id"] == order.id
        assert (await customer.hear("order"))["order"]["status"] == "assigned"


async def test_a_job_done_by_the_counter_is_done_for_the_phone_when_postgresql_has_it(city: City, far: Gated) -> None:
    shop = await city.agent("shop", role="shop", home=city.at(), capacity=9)
    async with node(far.dispatch) as there:
        counter, phone = await there.agent(city, shop), await there.agent(city, shop)
        order = await city.place("towing")
        await counter.hear("offer")
        await phone.hear("offer")
        await counter.grab(order)
        await phone.hear("job")
        await there.settled(city)
        answer = far.redis.hold(PROGRESS, answer=True)
        await counter.say("progress", ref="r", order_id=order.id, fence=1, step="completed")
        await reached(answer)
        held = far.postgres.hold(b"")
        answer.release()
        await reached(held)
        await there.heard(city)
        await phone.quiet()
        held.release()
        assert (await counter.hear("ok"))["ref"] == "r"
        for client in (counter, phone):
            assert (await client.hear("job"))["order"]["status"] == "completed"


# ---- jobs


async def test_a_job_from_grab_to_completed(city: City, here: Node) -> None:
    _, client = await here.valet(city, "v")
    order = await city.place()
    await client.hear("offer")
    await client.grab(order)
    for step in ("en_route", "working", "completed"):
        await client.say("progress", ref=step, order_id=order.id, fence=1, step=step, at=1790000000000)
        assert (await client.hear("ok"))["ref"] == step
        assert (await client.hear("job"))["order"]["status"] == step
    await here.settled(city)
    await client.quiet()
    assert (await stands(city, order)).status is Status.COMPLETED


async def test_released_from_his_hands(city: City, here: Node) -> None:
    _, client = await here.valet(city, "v")
    order = await city.place()
    await client.hear("offer")
    await client.grab(order)
    await client.ask("progress", "ok", order_id=order.id, fence=1, step="arrived")
    await client.hear("job")
    await client.ask("release", "ok", order_id=order.id, fence=1, reason="can not lift it")
    unjob = await client.hear("unjob")
    assert (unjob["order_id"], unjob["reason"]) == (order.id, "released")
    assert (await stands(city, order)).status is Status.ESCALATED
    assert (await client.grab(order))["reason"] == "not_offered"


async def test_answers_come_before_what_they_caused(city: City, far: Gated) -> None:
    """The log is read at once; the answer is held up: `ok`, then `unjob`."""
    async with node(far.dispatch) as there:
        _, client = await there.valet(city, "v")
        order = await city.place()
        await client.hear("offer")
        await client.grab(order)
        await there.settled(city)
        held = far.redis.hold(RELEASE, answer=True)
        await client.say("release", ref="r", order_id=order.id, fence=1, reason="no")
        await reached(held)
        await there.heard(city)
        held.release()
        assert (await client.hear("ok"))["ref"] == "r"
        assert (await client.hear("unjob"))["reason"] == "released"


async def test_a_decline_is_no_retract_for_the_decliner(city: City, far: Gated) -> None:
    async with node(far.dispatch) as there:
        _, client = await there.valet(city, "v")
        order = await city.place()
        await client.hear("offer")
        held = far.redis.hold(DECLINE, answer=True)
        await client.say("decline", ref="r", order_id=order.id, reason="too far")
        await reached(held)
        await there.heard(city)
        held.release()
        assert (await client.hear("ok"))["ref"] == "r"
        await there.settled(city)
        await client.quiet()
        assert (await client.grab(order))["reason"] == "declined"


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        ("decline", {"order_id": ORDER}, "not_found"),
        ("progress", {"order_id": ORDER, "fence": 1, "step": "arrived"}, "not_found"),
        ("release", {"order_id": ORDER, "fence": 1, "reason": "no"}, "not_found"),
        ("progress", {"order_id": ORDER, "fence": 1, "step": "assigned"}, "invalid"),
        ("progress", {"order_id": ORDER, "fence": 0, "step": "arrived"}, "invalid"),
        ("grab", {}, "invalid"),
        ("status", {"status": "asleep"}, "invalid"),
        ("grab", {"order_id": ORDER, "please": True}, "invalid"),
    ],
)
async def test_faults_are_errors_and_the_session_lives(
    city: City, here: Node, kind: str, fields: dict[str, Any], code: str
) -> None:
    _, client = await here.valet(city, "v")
    error = await client.ask(kind, "error", **fields)
    assert (error["code"], error["retryable"]) == (code, False)
    await client.quiet()


async def test_faults_of_a_holder(city: City, here: Node) -> None:
    _, client = await here.valet(city, "v")
    _, other = await here.valet(city, "w", capacity=9)
    order = await city.place()
    await client.hear("offer")
    await client.grab(order)
    step: dict[str, Any] = {"order_id": order.id, "step": "arrived"}
    assert (await client.ask("progress", "error", fence=2, **step))["code"] == "stale_fence"
    await client.ask("progress", "ok", fence=1, **step)
    assert (await client.hear("job"))["order"]["status"] == "arrived"
    back = await client.ask("progress", "error", fence=1, order_id=order.id, step="en_route")
    assert back["code"] == "conflict"
    await other.hear("offer")
    await other.hear("retract")
    assert (await other.ask("progress", "error", fence=1, **step))["code"] == "not_found"


async def test_a_second_hello(city: City, here: Node) -> None:
    _, client = await here.valet(city, "v")
    await client.say("hello")
    assert (await client.hear("error"))["code"] == "invalid"
    await client.say("hello", crs="mars")
    assert (await client.hear("error"))["code"] == "invalid"
    await client.quiet()


@pytest.mark.parametrize("role", ["customer", "dispatcher", "service", "admin"])
async def test_only_agents_may_do_what_agents_do(here: Node, role: str) -> None:
    client = await here.enter("c-77", role)
    commands: dict[str, dict[str, Any]] = {
        "grab": {"order_id": ORDER},
        "decline": {"order_id": ORDER},
        "progress": {"order_id": ORDER, "fence": 1, "step": "arrived"},
        "release": {"order_id": ORDER, "fence": 1, "reason": "no"},
        "status": {"status": "paused"},
    }
    for kind, fields in commands.items():
        assert (await client.ask(kind, "error", **fields))["code"] == "forbidden"
    unanswered: dict[str, dict[str, Any]] = {"position": {"lat": 1, "lon": 2}, "seen": {"order_ids": []}}
    for kind, fields in unanswered.items():
        await client.say(kind, **fields)
        assert (await client.hear("error"))["code"] == "forbidden"
    await client.quiet()


async def test_redis_away(city: City, far: Gated) -> None:
    async with node(far.dispatch) as there:
        _, client = await there.valet(city, "v", capacity=9)
        order, other = await city.place(), await city.place()
        await client.hear("offer")
        await client.hear("offer")
        await far.redis.cut()
        await client.say("grab", ref="g", order_id=order.id)
        await client.say("decline", ref="d", order_id=other.id)
        await client.say("status", ref="s", status="paused")
        answers = [await client.next() for _ in range(4)]
        assert [answer["outcome"] for answer in answers if answer["ref"] == "g"] == ["pending", "refused"]
        assert [answer.get("reason") for answer in answers if answer["ref"] == "g"] == [None, "unavailable"]
        for ref in ("d", "s"):
            [error] = [answer for answer in answers if answer["ref"] == ref]
            assert (error["type"], error["code"], error["retryable"]) == ("error", "unavailable", True)
        await far.redis.open()
        assert (await client.grab(order))["outcome"] == "won", "the offer has stayed with him"


async def test_a_bug_is_answered_too(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise ValueError("a bug")

    async with node(city.dispatch, bugs=1) as here:
        _, client = await here.valet(city, "v")
        monkeypatch.setattr(city.dispatch.people, "decline", fail)
        error = await client.ask("decline", "error", order_id=ORDER)
        assert (error["code"], error["message"], error["retryable"]) == ("internal", "internal error", False)
        await here.settled(city)
        await client.quiet()


async def test_an_agent_may_pause(city: City, here: Node) -> None:
    agent, client = await here.valet(city, "v")
    await client.ask("status", "ok", status="paused")
    await client.say("status", status="paused")
    assert "ref" not in await client.hear("ok")
    await city.place()
    await here.settled(city)
    await client.quiet()
    stored = await city.dispatch.store.direct([("HGET", key(city.region, "agent", agent.id), "status")])
    assert stored == [b"paused"]
    await client.say("status", ref="r", status="available")
    assert {(await client.next())["type"] for _ in range(2)} == {"ok", "offer"}


async def test_a_session_that_redis_has_forgotten_is_over_when_it_says_its_status(city: City, here: Node) -> None:
    """It was silent too long, for its node hung: what it says would count for nothing until the next refresh."""
    agent, client = await here.valet(city, "v")
    await city.dispatch.people.leave(city.region, agent.id, client.welcome["session_id"])
    await client.say("status", ref="1", status="paused")
    error = await client.hear("error")
    assert (error["ref"], error["code"], error["retryable"]) == ("1", "conflict", True)
    assert (await client.farewell())["code"] == 4003
