"""What happens between `hello` and `welcome`, stopped at every point: nothing is lost, nothing is left behind."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from dispatch.order import Customer, Status
from dispatch.scripts import key, scripts
from realtime.hub import MOST_EARLY
from tests.conftest import DISPATCHER, City
from tests.realtime.gate import Gated, Hold
from tests.realtime.nodes import Client, Node, known_sessions, node, reached, token

ENTER = scripts()["enter"].sha.encode()


# ---- what is said before the welcome


async def test_what_is_said_before_the_welcome_is_carried_out_after_it(city: City, far: Gated) -> None:
    agent = await city.valet("v")
    order = await city.place()
    async with node(far.dispatch) as there:
        held = far.redis.hold(ENTER)
        client = await there.connect()
        await client.say("hello", token=token(agent.id, "valet"))
        await client.say("ping", ref="1")
        await client.say("dance", ref="2")
        await client.say("grab", ref="3", order_id=order.id)
        await client.say("hello", token="again")
        await reached(held)
        held.release()
        welcome = await client.hear("welcome")
        assert [offer["id"] for offer in welcome["offers"]] == [order.id]
        assert (await client.hear("pong"))["ref"] == "1"
        assert (await client.hear("error"))["ref"] == "2"
        error = await client.hear("error")
        assert (error["code"], error.get("ref")) == ("invalid", None)
        verdict = await client.hear("verdict")
        assert (verdict["ref"], verdict["outcome"]) == ("3", "won")
        await client.quiet()


async def test_too_much_before_the_welcome(city: City, far: Gated) -> None:
    agent = await city.agent("v")
    async with node(far.dispatch) as there:
        held = far.redis.hold(ENTER)
        client = await there.connect()
        await client.say("hello", token=token(agent.id, "valet"))
        await reached(held)
        for _ in range(MOST_EARLY + 1):
            await client.say("status", status="paused")
        assert (await client.farewell())["code"] == 4004
        held.release()
    status, known = await city.dispatch.store.direct(
        [("HGET", key(city.region, "agent", agent.id), "status"), ("EXISTS", key(city.region, "sessions", agent.id))]
    )
    assert (status, known) == (b"available", 0), "nothing of it was carried out, nothing is left"


# ---- what happens while the present is read


class Scene:
    """A valet comes to a far hub; another is there already, and hears when the hub has heard."""

    def __init__(self, city: City, far: Gated, there: Node, witness: Client, agent_id: str) -> None:
        self.city, self.far, self.there, self.witness, self.agent_id = city, far, there, witness, agent_id

    async def come(self, *, answer: bool) -> tuple[Client, Hold]:
        """Until Redis is asked for the present, or until it has answered."""
        held = self.far.redis.hold(ENTER, answer=answer)
        client = await self.there.connect()
        await client.say("hello", token=token(self.agent_id, "valet"))
        await reached(held)
        return client, held


@pytest.fixture
async def scene(city: City, far: Gated) -> AsyncIterator[Scene]:
    agent = await city.valet("v")
    async with node(far.dispatch) as there:
        _, witness = await there.valet(city, "w", capacity=9)
        yield Scene(city, far, there, witness, agent.id)


async def test_an_offer_made_before_the_present_is_read_is_told_once(scene: Scene) -> None:
    client, held = await scene.come(answer=False)
    order = await scene.city.place()
    await scene.witness.hear("offer")
    held.release()
    assert [offer["id"] for offer in (await client.hear("welcome"))["offers"]] == [order.id]
    await client.quiet()


async def test_an_offer_made_after_the_present_was_read_comes_after_the_welcome(scene: Scene) -> None:
    client, held = await scene.come(answer=True)
    order = await scene.city.place()
    await scene.witness.hear("offer")
    held.release()
    assert (await client.hear("welcome"))["offers"] == []
    assert (await client.hear("offer"))["order"]["id"] == order.id
    await client.quiet()


async def test_an_old_offer_that_ends_before_it_was_shown_is_retracted(scene: Scene) -> None:
    """It stands in the present that was read, and no entry of the log names this agent any more."""
    third = await scene.city.valet("x")
    order = await scene.city.place()
    await scene.witness.hear("offer")
    client, held = await scene.come(answer=True)
    await scene.city.dispatch.claims.grab(scene.city.region, order.id, third.id)
    await scene.witness.hear("retract")
    held.release()
    assert [offer["id"] for offer in (await client.hear("welcome"))["offers"]] == [order.id]
    retract = await client.hear("retract")
    assert (retract["order_id"], retract["reason"]) == (order.id, "taken")
    await client.quiet()


async def test_an_order_that_comes_and_goes_before_the_present_is_read_is_not_heard_of(scene: Scene) -> None:
    client, held = await scene.come(answer=False)
    order = await scene.city.place()
    await scene.witness.hear("offer")
    await scene.city.dispatch.desk.cancel(DISPATCHER, order, "no")
    await scene.witness.hear("retract")
    held.release()
    assert (await client.hear("welcome"))["offers"] == []
    await client.quiet()


async def test_what_may_be_missing_while_the_present_is_read_makes_it_be_read_again(scene: Scene) -> None:
    client, held = await scene.come(answer=True)
    await scene.city.dispatch.store.direct([("INCR", key(scene.city.region, "n"))])
    await scene.there.heard(scene.city)
    again = scene.far.redis.hold(ENTER)
    held.release()
    await reached(again)
    again.release()
    await client.hear("welcome")
    await scene.there.settled(scene.city)
    await client.quiet()


async def test_a_bug_at_the_door_is_no_silence(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise ValueError("a bug")

    async with node(city.dispatch, bugs=1) as here:
        monkeypatch.setattr(here.hub._usher, "welcome", fail)
        client = await here.connect()
        await client.say("hello", token=token("b", "service"))
        goodbye = await client.farewell()
        assert (goodbye["code"], goodbye["reason"]) == (4003, "internal error")


async def test_a_customer_hears_what_happens_while_his_orders_are_read(city: City, far: Gated) -> None:
    me = Customer(f"{city.region}.me")
    agent = await city.valet("v", capacity=9)
    first = await city.place(customer=me)
    async with node(far.dispatch) as there:
        await there.enter(me.id, "customer")
        held = far.redis.hold(scripts()["states"].sha.encode(), answer=True)
        client = await there.connect()
        await client.say("hello", token=token(me.id, "customer"))
        await reached(held)
        second = await city.place(customer=me)
        won = await city.dispatch.claims.grab(city.region, first.id, agent.id)
        await there.heard(city)
        held.release()
        welcome = await client.hear("welcome")
        assert [(order["id"], order["version"]) for order in welcome["orders"]] == [(first.id, first.version)]
        told = [(await client.hear("order"))["order"] for _ in range(3)]
        assert [(order["id"], order["version"]) for order in told] == [
            (second.id, 1),
            (second.id, 2),
            (first.id, first.version + 1),
        ]
        assert won.order is not None
        assert told[-1]["agent"]["id"] == agent.id
        await client.quiet()


# ---- who is lost or sent away while he is welcomed


@pytest.mark.parametrize("stop", ["profile", "log", "asking", "answered", "recorded"])
async def test_a_connection_lost_while_it_is_welcomed_leaves_nothing(city: City, far: Gated, stop: str) -> None:
    agent = await city.valet("v")
    order = await city.place()
    await city.dispatch.claims.grab(city.region, order.id, agent.id)
    async with node(far.dispatch) as there:
        held = {
            "profile": lambda: far.postgres.hold(b""),
            "log": lambda: far.redis.hold(b"XREVRANGE"),
            "asking": lambda: far.redis.hold(ENTER),
            "answered": lambda: far.redis.hold(ENTER, answer=True),
            "recorded": lambda: far.postgres.hold(b"unnest"),
        }[stop]()
        client = await there.connect()
        await client.say("hello", token=token(agent.id, "valet"))
        await reached(held)
        sessions = {session.id for session in there.hub._registry}
        await client.vanish()
        await there.until(lambda: there.hub.lost_count == 1)
        held.release()
    assert not sessions & set(await known_sessions(city, agent.id))


async def test_who_is_suspended_while_he_is_welcomed_is_sent_away(scene: Scene) -> None:
    client, held = await scene.come(answer=True)
    await client.say("status", ref="s", status="paused")
    await scene.city.agent("v", suspended=True)
    assert (await client.farewell())["code"] == 4503
    held.release()
    await scene.there.settled(scene.city)
    assert await known_sessions(scene.city, scene.agent_id) == []
    agent_key = key(scene.city.region, "agent", scene.agent_id)
    status = await scene.city.dispatch.store.direct([("HGET", agent_key, "status")])
    assert status == [b"available"], "what he had said was not carried out"


async def test_what_a_replaced_guest_had_said_is_not_carried_out(scene: Scene) -> None:
    order = await scene.city.place()
    await scene.witness.hear("offer")
    client, held = await scene.come(answer=True)
    await client.say("grab", ref="r", order_id=order.id)
    client.stream.transport.pause_reading()  # so that he does not close in answer
    await scene.city.enter(await scene.city.agent("v"))
    await scene.there.until(lambda: len(list(scene.there.hub._registry)) == 1)
    held.release()
    await scene.there.settled(scene.city)
    assert (await scene.witness.grab(order))["outcome"] == "won"
    client.stream.transport.resume_reading()
    assert (await client.farewell())["code"] == 4504


async def test_who_is_suspended_while_his_profile_is_read_is_not_let_in(city: City, far: Gated) -> None:
    agent = await city.valet("v")
    async with node(far.dispatch) as there:
        await there.valet(city, "w")  # its log is followed already
        held = far.postgres.hold(b"", answer=True)
        client = await there.connect()
        await client.say("hello", token=token(agent.id, "valet"))
        await reached(held)
        await city.agent("v", suspended=True)
        await there.heard(city)
        held.release()
        assert (await client.farewell())["code"] == 4503


async def test_while_a_database_is_away_he_is_told_to_come_again(city: City, far: Gated) -> None:
    agent = await city.agent("v")
    async with node(far.dispatch) as there:
        await far.postgres.cut()
        client = await there.connect()
        await client.say("hello", token=token(agent.id, "valet"))
        goodbye = await client.farewell()
        assert goodbye["code"] == 4003
        assert 500 <= goodbye["reconnect_after_ms"] <= 3000
        await far.postgres.open()
        await far.redis.cut()
        client = await there.connect()
        await client.say("hello", token=token("d", "dispatcher"))
        assert (await client.farewell())["code"] == 4003
        await far.redis.open()
        await there.agent(city, agent)


async def test_a_job_in_the_welcome_stands_in_postgresql(city: City, far: Gated) -> None:
    """Redis says that he holds it; he hears so once PostgreSQL has it."""
    agent = await city.valet("v")
    order = await city.place()
    await city.dispatch.store.run("claim", city.region, order_id=order.id, agents=msgspec.msgpack.encode([agent.id]))
    found = await city.dispatch.records.orders.find(order.id)
    assert found is not None
    assert found.status is Status.OPEN
    async with node(far.dispatch) as there:
        client = await there.agent(city, agent)
        assert [job["id"] for job in client.welcome["jobs"]] == [order.id]
        found = await city.dispatch.records.orders.find(order.id)
        assert found is not None
        assert found.holder == agent.id
