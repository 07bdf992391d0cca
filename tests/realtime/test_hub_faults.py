"""When something is missing: gaps in the log, a region put right, another Redis. Everybody is told the present."""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import msgspec
import pytest

from dispatch.assembly import Dispatch
from dispatch.clock import now_ms
from dispatch.events import Event
from dispatch.order import Customer
from dispatch.scripts import key, scripts
from realtime.telling import Telling
from server import embedded_redis
from server.children import Child
from tests.conftest import DISPATCHER, City, new_city
from tests.realtime.gate import Gated
from tests.realtime.log import SHOWING
from tests.realtime.nodes import Client, Message, Node, escalate, node, reached

MARK = "valet-dispatch-fedcba9876543210"


async def gap(city: City, here: Node) -> None:
    """An entry of the log is missing; the next one shows it."""
    await city.dispatch.store.direct([("INCR", key(city.region, "n"))])
    await here.settled(city)


# ---- a gap in the log


async def test_everybody_whom_a_gap_concerns_is_told_the_present(city: City, here: Node) -> None:
    elsewhere = await new_city(city.dispatch)
    agent, valet = await here.valet(city, "v", capacity=9)
    dispatcher, customer = await here.dispatcher(city), await here.enter("c-1", "customer")
    service = await here.enter("b", "service")
    _, stranger = await here.valet(elsewhere, "x")
    offered, held = await city.place(), await city.place()
    waiting = await escalate(city, await city.place())
    await city.dispatch.claims.grab(city.region, held.id, agent.id)
    await here.settled(city)
    for client in (valet, dispatcher, customer):
        await client.rest()
    await gap(city, here)
    snapshot = await valet.hear("snapshot")
    assert [order["id"] for order in snapshot["offers"]] == [offered.id]
    assert [order["id"] for order in snapshot["jobs"]] == [held.id]
    assert snapshot["more"] == []
    assert [order["id"] for order in (await dispatcher.hear("snapshot"))["desk"]] == [waiting.id]
    listed = {order["id"] for order in (await customer.hear("snapshot"))["orders"]}
    assert {offered.id, held.id, waiting.id} <= listed
    for client in (valet, dispatcher, customer, service, stranger):
        await client.quiet()
    await city.dispatch.desk.cancel(DISPATCHER, offered, "no")
    assert (await valet.hear("retract"))["order_id"] == offered.id


async def test_one_gap_after_another_ends_no_session(city: City, far: Gated) -> None:
    """The second comes while the present is being read for the first."""
    async with node(far.dispatch) as there:
        _, client = await there.valet(city, "v", capacity=9)
        customer = await there.enter("c-1", "customer")
        await there.settled(city)
        await customer.rest()
        held = far.redis.hold(scripts()["snapshot"].sha.encode(), answer=True)
        await city.dispatch.store.direct([("INCR", key(city.region, "n"))])
        await there.heard(city)
        await reached(held)
        order = await city.place(customer=Customer("another"))
        await city.dispatch.store.direct([("INCR", key(city.region, "n"))])
        await there.heard(city)
        held.release()
        await there.settled(city)
        snapshot = await client.hear("snapshot")
        assert [offer["id"] for offer in snapshot["offers"]] == [order.id], "the later one"
        await client.quiet()
        assert {message["type"] for message in await customer.rest()} == {"snapshot"}


async def test_who_is_just_told_the_present_is_not_taken_for_forgotten(city: City, far: Gated) -> None:
    """The question whether his session lives was asked before he was made known again."""
    async with node(far.dispatch) as there:
        _, client = await there.valet(city, "v")
        held = far.redis.hold(scripts()["snapshot"].sha.encode(), answer=True)
        await city.dispatch.store.direct([("INCR", key(city.region, "n"))])
        await there.heard(city)
        await reached(held)
        there.hub._forgotten(client.welcome["session_id"])
        held.release()
        await client.hear("snapshot")
        await there.settled(city)
        await client.quiet()


async def test_what_redis_knows_of_an_agent_counts_more_than_what_a_session_does(city: City, here: Node) -> None:
    """He paused by another session, elsewhere; an operator changed his profile."""
    agent = await city.agent("shop", role="shop", home=city.at(), capacity=1)
    counter = await here.agent(city, agent)
    async with node(city.dispatch) as there:
        phone = await there.agent(city, agent)
        await phone.ask("status", "ok", status="paused")
        await city.agent("shop", role="shop", home=city.at(), capacity=7)
        await gap(city, here)
        await counter.hear("snapshot")
        known = key(city.region, "agent", agent.id)
        assert await city.dispatch.store.direct([("HMGET", known, "status", "capacity")]) == [[b"paused", b"7"]]


@pytest.mark.parametrize(("change", "code"), [("suspended", 4503), ("region", 4003)])
async def test_what_became_of_an_agent_in_a_gap(city: City, here: Node, change: str, code: int) -> None:
    agent, client = await here.valet(city, "v")
    elsewhere = await new_city(city.dispatch)
    changed = {"suspended": True} if change == "suspended" else {"region": elsewhere.region}
    await city.dispatch.records.agents.put(msgspec.structs.replace(agent, **changed), now_ms())  # and no event
    await client.quiet()
    await gap(city, here)
    assert (await client.farewell())["code"] == code


async def test_a_session_that_redis_forgot_is_made_known_again(city: City, here: Node) -> None:
    agent, client = await here.valet(city, "v")
    await client.ask("status", "ok", status="paused")
    await client.say("position", lat=city.at(400).lat, lon=city.at().lon)
    await client.quiet()
    names = ("agent", "sessions")
    await city.dispatch.store.direct(
        [
            ("DEL", *(key(city.region, name, agent.id) for name in names), key(city.region, "geo", "valet")),
            ("HDEL", key(city.region, "session"), client.welcome["session_id"]),
        ]
    )
    await city.dispatch.records.agents.put(msgspec.structs.replace(agent, name="New name"), now_ms())
    await gap(city, here)
    await client.hear("snapshot")
    sessions, profile, [[lon, lat]] = await city.dispatch.store.direct(
        [
            ("ZRANGE", key(city.region, "sessions", agent.id), 0, -1),
            ("HMGET", key(city.region, "agent", agent.id), "status", "name"),
            ("GEOPOS", key(city.region, "geo", "valet"), agent.id),
        ]
    )
    assert sessions == [client.welcome["session_id"].encode()]
    assert profile == [b"paused", b"New name"]
    assert [float(lon), float(lat)] == pytest.approx([city.at().lon, city.at(400).lat], abs=1e-5)


@pytest.mark.parametrize("stop", ["profile", "entered"])
async def test_who_leaves_while_he_is_told_the_present_leaves_nothing(city: City, far: Gated, stop: str) -> None:
    """Redis is told of him again, perhaps after it was told that he left."""
    async with node(far.dispatch) as there:
        agent, client = await there.valet(city, "v")
        await city.dispatch.store.direct([("DEL", key(city.region, "sessions", agent.id))])
        profile = stop == "profile"
        held = far.postgres.hold(b"") if profile else far.redis.hold(scripts()["enter"].sha.encode(), answer=True)
        await city.dispatch.store.direct([("INCR", key(city.region, "n"))])
        order = await city.place()
        await reached(held)
        await client.vanish()
        await there.until(lambda: there.hub.lost_count == 1)
        held.release()
        await there.settled(city)
        assert not there.hub._registry.book.sessions(order.id)
        left = await city.dispatch.store.direct([("EXISTS", key(city.region, "sessions", agent.id))])
        assert left == [0]


async def test_a_bug_while_the_present_is_read_ends_the_session_and_not_its_news(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise ValueError("a bug")

    async with node(city.dispatch, bugs=1) as here:
        _, client = await here.valet(city, "v")
        monkeypatch.setattr(here.hub._usher, "snapshot", fail)
        await gap(city, here)
        assert (await client.farewell())["code"] == 4003


# ---- a region is put right


async def test_an_event_that_postgresql_refuses_as_too_old_is_not_told_but_how_things_are(
    city: City, far: Gated
) -> None:
    """Recorded by the reconciliation itself, before the hub came to it."""
    async with node(far.dispatch) as there:
        agent, client = await there.valet(city, "v", capacity=9)
        first, second = await city.place(), await city.place()
        await client.hear("offer")
        await client.hear("offer")
        held = far.postgres.hold(b"")
        for order in (first, second):
            await city.dispatch.store.run(
                "claim", city.region, order_id=order.id, agents=msgspec.msgpack.encode([agent.id])
            )
        await reached(held)
        await client.quiet()
        await city.dispatch.reconciler.region(city.region)
        held.release()
        snapshot = await client.hear("snapshot")
        assert {job["id"] for job in snapshot["jobs"]} == {first.id, second.id}
        await there.settled(city)
        assert {message["type"] for message in await client.rest()} <= {"snapshot"}
        await client.ask("progress", "ok", order_id=first.id, fence=1, step="completed")
        assert (await client.hear("job"))["order"]["status"] == "completed"


async def test_an_event_that_postgresql_refuses_keeps_nothing_from_its_neighbours(city: City, here: Node) -> None:
    agent, order = await city.valet("v"), await city.place()
    reply = await city.dispatch.store.run(
        "claim", city.region, order_id=order.id, agents=msgspec.msgpack.encode([agent.id])
    )
    good = Telling(reply.events[-1], SHOWING)
    fields = {"n": good.event.n, "type": "assigned", "order": "o-bad", "version": 1, "to": "", "holder": "", "was": ""}
    flat = [str(part).encode() for pair in (fields | {"customer": "", "desk": ""}).items() for part in pair]
    body = msgspec.msgpack.encode({"epoch": 1, "at": 1, "actor": "", "data": {}, "state": {}})
    bad = Telling(Event.of_flat(city.region, [*flat, b"body", body]), SHOWING)
    await here.hub._recorded([bad, good])
    assert (bad.void, good.void) == (True, False)
    found = await city.dispatch.records.orders.find(order.id)
    assert found is not None
    assert found.holder == agent.id


async def test_a_session_that_is_unsure_is_told_the_present(city: City, here: Node) -> None:
    _, client = await here.valet(city, "v")
    [session] = here.hub._registry
    session.unsure = True
    here.hub._send(session, [])
    await client.hear("snapshot")
    assert not session.unsure


# ---- another Redis


class Lone:
    """Use cases on a Redis and a database of their own."""

    def __init__(self, dispatch: Dispatch, redis: Child) -> None:
        self.dispatch = dispatch
        self.redis = redis

    async def restart_redis(self) -> None:
        await self.redis.stop()
        self.redis = Child(self.redis.plan)
        await self.redis.start()


_numbers = itertools.count()


@pytest.fixture
async def lone(dispatch: Dispatch, tmp_path: Path) -> AsyncIterator[Lone]:
    name = f"lone_{next(_numbers)}"
    url = dispatch.records.database.url
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    plan = await embedded_redis.plan(tmp_path / "redis", MARK)
    found = Dispatch(
        redis_url=plan.url, database_url=url.replace("/dispatch?", f"/{name}?"), verifier=dispatch.verifier
    )
    lone = Lone(found, Child(plan))
    try:
        await lone.redis.start()
        await found.start()
        for slot in found.catalog.slots:
            await found.reconciler.region(slot)
        yield lone
    finally:
        await found.close()
        await lone.redis.stop()


async def test_a_redis_that_was_restarted(lone: Lone) -> None:
    """Two regions, three roles: all stay connected and are told the present; then life goes on."""
    near, far = await new_city(lone.dispatch), await new_city(lone.dispatch)
    async with node(lone.dispatch) as here:
        agent, valet = await here.valet(near, "v", capacity=9)
        _, other = await here.valet(far, "w", capacity=9)
        dispatcher, customer = await here.enter("d-1", "dispatcher"), await here.enter("me", "customer")
        held, offered = [await near.place(customer=Customer("me")) for _ in range(2)]
        await lone.dispatch.claims.grab(near.region, held.id, agent.id)
        desk = await escalate(far, await far.place())
        for city in (near, far):
            await here.settled(city)
        for client in (valet, other, dispatcher, customer):
            await client.rest()
        await lone.restart_redis()
        for slot in lone.dispatch.catalog.slots:
            await lone.dispatch.reconciler.ensure(slot)
        await here.until(lambda: here.hub.losses >= {near.region, far.region, "~"})
        for city in (near, far):
            await here.settled(city)
        told = {client: await last_snapshot(client) for client in (valet, other, dispatcher, customer)}
        assert [job["id"] for job in told[valet]["jobs"]] == [held.id]
        assert [offer["id"] for offer in told[valet]["offers"]] == [offered.id]
        assert desk.id in {order["id"] for order in told[dispatcher]["desk"]}
        assert {order["id"] for order in told[customer]["orders"]} == {held.id, offered.id}
        order = await near.place(customer=Customer("me"))
        assert (await valet.hear("offer"))["order"]["id"] == order.id
        assert (await valet.grab(order))["outcome"] == "won"
        assert (await customer.hear("order"))["order"]["id"] == order.id


async def last_snapshot(client: Client) -> Message:
    """One or more, as the restart was noticed before and after the reconciliation."""
    heard = await client.rest()
    assert {message["type"] for message in heard} == {"snapshot"}
    return heard[-1]
