"""Who hears of what: real sockets, two hubs that share Redis and PostgreSQL."""

import asyncio
from typing import NamedTuple

from dispatch import metrics
from dispatch.order import Customer, Order, Spot, Status
from dispatch.records.agents import Agent
from dispatch.scripts import key
from geo.point import Point
from tests.conftest import DISPATCHER, City, new_city
from tests.realtime.nodes import Client, Node, escalate, known_sessions, token, widen


class Shop(NamedTuple):
    agent: Agent
    counter: Client
    phone: Client


async def shop(city: City, *nodes: Node) -> Shop:
    """Its two sessions, one a node."""
    agent = await city.agent("shop", role="shop", home=city.at(), capacity=9)
    return Shop(agent, *[await each.agent(city, agent) for each in nodes])


async def grab_elsewhere(city: City, order: Order, agent: Agent) -> Order:
    """By HTTP, say."""
    verdict = await city.dispatch.claims.grab(city.region, order.id, agent.id)
    assert verdict.order is not None
    return verdict.order


# ---- offers


async def test_each_candidate_gets_the_offer_and_the_losers_one_retract(city: City, here: Node, there: Node) -> None:
    _, winner = await here.valet(city, "a")
    _, near = await here.valet(city, "b")
    _, far = await there.valet(city, "c", capacity=9)
    _, stranger = await there.valet(city, "d", skills=("chauffeur",))
    order = await city.place()
    for client in (winner, near, far):
        offer = (await client.hear("offer"))["order"]
        assert (offer["id"], offer["round"]) == (order.id, 1)
    verdict = await winner.grab(order)
    assert (verdict["outcome"], verdict["fence"], verdict["job"]["id"]) == ("won", 1, order.id)
    for client in (near, far):
        retract = await client.hear("retract")
        assert (retract["order_id"], retract["reason"]) == (order.id, "taken")
    for each in (here, there):
        await each.settled(city)
    for client in (winner, near, far, stranger):
        await client.quiet()


async def test_a_grab_that_lost_is_answered_and_nothing_more(city: City, here: Node, there: Node) -> None:
    clients = [(await each.valet(city, f"{i}-{n}"))[1] for n, each in enumerate((here, there)) for i in range(5)]
    order = await city.place()
    for client in clients:
        await client.hear("offer")
    for client in clients:
        await client.say("grab", ref="r", order_id=order.id)
    outcomes = []
    for client in clients:
        message = await client.next()
        if message["type"] == "retract":  # the other node was first, and the log quicker than the grab
            message = await client.hear("verdict")
        outcomes.append(message["outcome"])
    assert sorted(outcomes) == ["taken"] * 9 + ["won"]
    for each in (here, there):
        await each.settled(city)
    for client in clients:
        await client.quiet()


async def test_the_offer_again_when_its_round_changes(city: City, here: Node) -> None:
    _, client = await here.valet(city, "v")
    order = await city.place()
    await client.hear("offer")
    await widen(city, order)
    offer = (await client.hear("offer"))["order"]
    assert (offer["id"], offer["round"], offer["bonus_fen"]) == (order.id, 2, 500)


async def test_offers_end_at_the_desk_and_come_back_when_it_is_reopened(city: City, here: Node) -> None:
    _, client = await here.valet(city, "v")
    order = await escalate(city, await city.place())
    await client.hear("offer")
    assert (await client.hear("retract"))["reason"] == "escalated"
    await city.dispatch.desk.reopen(DISPATCHER, order, rounds=None, bonus_fen=900)
    assert (await client.hear("offer"))["order"]["bonus_fen"] == 900
    await city.dispatch.desk.cancel(DISPATCHER, order, "no")
    assert (await client.hear("retract"))["reason"] == "cancelled"
    await client.quiet()


async def test_an_offer_comes_to_the_others_again_after_a_release(city: City, here: Node, there: Node) -> None:
    _, holder = await here.valet(city, "a")
    _, other = await there.valet(city, "b")
    order = await city.place()
    await holder.hear("offer")
    await other.hear("offer")
    await holder.grab(order)
    await other.hear("retract")
    await holder.ask("release", "ok", order_id=order.id, fence=1, reason="tired")
    assert (await holder.hear("unjob"))["reason"] == "released"
    assert (await other.hear("offer"))["order"]["id"] == order.id
    assert (await other.grab(order))["fence"] == 2
    await here.settled(city)
    await holder.quiet()


async def test_nothing_private_reaches_a_candidate(city: City, here: Node) -> None:
    """Every byte that the server sent to him."""
    agent = await city.agent("v")
    client = await here.connect()
    frames: list[bytes] = []
    await client.say("hello", token=token(agent.id, "valet"), position={"lat": city.at().lat, "lon": city.at().lon})
    frames.append(await client.stream.recv(decode=False))
    place = Point(city.centre.lat + 0.0012345, city.centre.lon - 0.0054321)
    order = await city.place(
        customer=Customer("c-secret", "Li Private", "+8613811112222"),
        place=Spot(place, "1 Example Road"),
        details={"plate": "沪A98765", "vin": "WVWZZZ1JZXW000001", "note": "flat tyre"},
    )
    frames.append(await client.stream.recv(decode=False))
    await widen(city, order)
    frames.append(await client.stream.recv(decode=False))
    await city.dispatch.desk.cancel(DISPATCHER, order, "Li Private does not want it")
    frames.append(await client.stream.recv(decode=False))
    heard = b"".join(frames)
    assert b"flat tyre" in heard
    assert b'"retract"' in heard
    for secret in ("c-secret", "Li Private", "13811112222", "沪A98765", "WVWZZZ1JZXW000001", "Example Road"):
        assert secret.encode() not in heard
    for degrees in (place.lat, place.lon):
        assert f"{degrees:.4f}".encode() not in heard
        assert f"{degrees:.5f}"[:-1].encode() not in heard


# ---- a shop's sessions


async def test_all_sessions_of_a_shop_hear_all_wherever_they_are(city: City, here: Node, there: Node) -> None:
    _, counter, phone = await shop(city, here, there)
    order = await city.place("towing")
    await counter.hear("offer")
    await phone.hear("offer")
    assert (await counter.grab(order))["outcome"] == "won"
    job = (await phone.hear("job"))["order"]
    assert (job["id"], job["status"]) == (order.id, "assigned")
    await phone.ask("progress", "ok", order_id=order.id, fence=1, step="completed")
    assert (await phone.hear("job"))["order"]["status"] == "completed"
    assert (await counter.hear("job"))["order"]["status"] == "completed"
    await here.settled(city)
    await there.settled(city)
    await counter.quiet()
    await phone.quiet()


async def test_a_decline_at_the_counter_takes_the_offer_from_the_phone(city: City, here: Node, there: Node) -> None:
    _, counter, phone = await shop(city, here, there)
    order = await city.place("towing")
    await counter.hear("offer")
    await phone.hear("offer")
    await counter.ask("decline", "ok", order_id=order.id)
    assert (await phone.hear("retract"))["reason"] == "changed"
    for client in (counter, phone):
        assert (await client.grab(order))["reason"] == "declined"
    await city.dispatch.desk.cancel(DISPATCHER, order, "no")
    await here.settled(city)
    await there.settled(city)
    await counter.quiet()
    await phone.quiet()


async def test_the_sixth_session_of_a_shop_ends_the_oldest(city: City, here: Node, there: Node) -> None:
    agent = await city.agent("shop", role="shop", home=city.at())
    clients = [await each.agent(city, agent) for each in (here, there, here, there, here)]
    await clients[0].quiet()
    await there.agent(city, agent)
    assert (await clients[0].farewell())["code"] == 4504
    for client in clients[1:]:
        await client.quiet()
    assert len(await known_sessions(city, agent.id)) == 5


# ---- dispatchers and customers


async def test_the_desk_hears_of_its_regions_orders_only_while_they_are_on_it(
    city: City, here: Node, there: Node
) -> None:
    elsewhere = await new_city(city.dispatch)
    near, far, other = await here.dispatcher(city), await there.dispatcher(city), await here.dispatcher(elsewhere)
    agent = await city.valet("v", capacity=9)
    order = await escalate(city, await city.place())
    for client in (near, far):
        message = await client.hear("desk")
        assert (message["event"], message["order"]["id"]) == ("escalated", order.id)
        assert message["order"]["customer"]["phone"] == "+8613800000000"
    await city.dispatch.desk.take_up(DISPATCHER, order)
    assert (await near.hear("desk"))["event"] == "taken_up"
    held = await city.dispatch.desk.assign(DISPATCHER, order, agent.id, force=False)
    message = await near.hear("desk")
    assert (message["event"], message["order"]["agent"]["id"]) == ("assigned", agent.id)
    await city.dispatch.store.run("stall", city.region, order_id=order.id, due_at=str(held.due_at))
    assert (await near.hear("desk"))["order"]["stalled"] is True
    await city.dispatch.desk.cancel(DISPATCHER, order, "no")
    assert (await near.hear("desk"))["event"] == "cancelled"
    for word in ("taken_up", "assigned", "stalled", "cancelled"):
        assert (await far.hear("desk"))["event"] == word
    for client in (near, far, other):
        await client.quiet()


async def test_a_customer_hears_each_change_of_his_orders_and_of_no_others(city: City, here: Node, there: Node) -> None:
    me, another = Customer(f"{city.region}.me"), Customer(f"{city.region}.another")
    mine = [await each.enter(me.id, "customer") for each in (here, there)]
    others = await here.enter(another.id, "customer")
    agent = await city.valet("v", capacity=9)
    order = await city.place(customer=me)
    await grab_elsewhere(city, order, agent)
    await city.dispatch.desk.cancel(DISPATCHER, order, "no")
    for client in mine:
        told = [(await client.hear("order"))["order"] for _ in range(4)]
        assert [each["version"] for each in told] == [1, 2, 3, 4]
        assert [each["status"] for each in told] == ["open", "open", "assigned", "cancelled"]
        assert told[2]["agent"] == {"id": agent.id, "role": "valet", "name": "Name of v", "phone": "+8613900000001"}
        await client.quiet()
    await others.quiet()


async def test_customers_and_dispatchers_hear_of_regions_made_after_they_came(city: City, here: Node) -> None:
    me = Customer(f"{city.region}.me")
    customer, dispatcher = await here.enter(me.id, "customer"), await here.enter("d-9", "dispatcher")
    narrow = await here.dispatcher(city)
    new = await new_city(city.dispatch)
    await only_snapshots(here, new, customer, dispatcher)
    order = await new.place(customer=me)
    assert [(await customer.hear("order"))["order"]["id"] for _ in range(2)] == [order.id] * 2
    await escalate(new, order)
    assert (await dispatcher.hear("desk"))["order"]["id"] == order.id
    await narrow.quiet()


async def test_a_region_that_was_deleted_and_made_again_is_heard_of_as_a_new_one(city: City, here: Node) -> None:
    """What its log holds of the former one is the past."""
    me = Customer(f"{city.region}.me")
    customer = await here.enter(me.id, "customer")
    new = await new_city(city.dispatch)
    await only_snapshots(here, new, customer)
    order = await new.place(customer=me)
    await new.dispatch.desk.cancel(DISPATCHER, order, "no")
    await settled_without_trace(here, new)
    assert len(await customer.rest()) == 3
    feature = city.dispatch.catalog.feature(new.region)
    await city.dispatch.catalog.delete_region(new.region)
    await here.settled(city)
    await city.dispatch.catalog.put_region(new.region, feature)
    await only_snapshots(here, new, customer)
    order = await new.place(customer=me)
    assert (await customer.hear("order"))["order"]["id"] == order.id


async def settled_without_trace(here: Node, city: City) -> None:
    """A region with an unfinished order can not be deleted."""
    await city.dispatch.desk.cancel(DISPATCHER, await here.settled(city), "no")


async def only_snapshots(here: Node, new: City, *clients: Client) -> None:
    """A region is new to them: told the present, once or twice, as its reconciliation goes."""
    await settled_without_trace(here, new)
    for client in clients:
        heard = await client.rest()
        assert {message["type"] for message in heard} == {"snapshot"}


async def test_an_agent_assigned_by_the_desk_and_taken_from_him(city: City, here: Node, there: Node) -> None:
    first, one = await here.valet(city, "a")
    second, two = await there.valet(city, "b")
    order = await city.place()
    await one.hear("offer")
    await two.hear("offer")
    order = await city.dispatch.desk.assign(DISPATCHER, order, first.id, force=False)
    job = (await one.hear("job"))["order"]
    assert (job["assignment"]["by"], job["assignment"]["fence"]) == ("desk", 1)
    assert (await two.hear("retract"))["reason"] == "taken"
    order = await city.dispatch.desk.assign(DISPATCHER, order, second.id, force=False)
    assert (await one.hear("unjob"))["reason"] == "reassigned"
    assert (await two.hear("job"))["order"]["assignment"]["fence"] == 2
    await city.dispatch.desk.cancel(DISPATCHER, order, "no")
    assert (await two.hear("unjob"))["reason"] == "cancelled"
    assert (await one.grab(order))["outcome"] == "taken"
    assert (await two.grab(order))["outcome"] == "gone"
    assert (await city.dispatch.records.orders.find(order.id)).status is Status.CANCELLED  # type: ignore[union-attr]  # it is there


# ---- what a session costs


async def test_an_idle_session_has_no_task_no_timer_and_no_queue(city: City, here: Node) -> None:
    await here.valet(city, "first")
    await here.settled(city)
    tasks = {task for task in asyncio.all_tasks() if "tests/" not in str(task.get_coro())}
    loop = asyncio.get_running_loop()
    for i in range(5):
        agent = await city.agent(f"v-{i}")
        await here.agent(city, agent)
    await here.settled(city)
    ours = {
        task
        for task in asyncio.all_tasks() - tasks
        if any(f"/{part}/" in task.get_coro().cr_code.co_filename for part in ("realtime", "dispatch"))  # type: ignore[union-attr]  # a coroutine
    }
    assert ours == set()
    scheduled = [handle for handle in loop._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]  # asyncio's own loop
    assert not [handle for handle in scheduled if "AgentSession" in repr(handle) or "Connection" in repr(handle)]


async def test_events_that_concern_nobody_here_are_not_decoded(city: City, here: Node) -> None:
    await here.valet(city, "v", skills=("chauffeur",))
    await here.settled(city)
    before = metrics.BROKEN._value.get()
    store = city.dispatch.store
    n = (await store.direct([("INCR", key(city.region, "n"))]))[0]
    fields = {"n": n, "type": "widened", "order": "o-x", "version": 1, "to": "", "holder": "", "was": ""}
    flat = [part for pair in (fields | {"customer": "", "desk": "", "body": "no MessagePack"}).items() for part in pair]
    await store.direct([("XADD", key(city.region, "log"), "*", *flat)])
    await here.settled(city)
    assert metrics.BROKEN._value.get() == before
