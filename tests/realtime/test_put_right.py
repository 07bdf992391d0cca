"""After a region was put right, and while it is: what each party is told, and what hubs tell Redis again."""

from typing import Any

import msgspec
import pytest

from dispatch.clock import now_ms
from dispatch.events import ENTRY
from dispatch.order import Customer, Order
from dispatch.scripts import key
from tests.conftest import City, new_city
from tests.dispatch.looking import copied, log, redis, set_back
from tests.realtime.nodes import Node, escalate, known_sessions, node, token


async def _put_right(city: City, here: Node) -> None:
    """Nothing but that happens, and the hub has told what there is to tell."""
    here.hub.losses.clear()
    await city.dispatch.reconciler.region(city.region)
    await here.until(lambda: city.region in here.hub.losses)
    await here.settled(city)


async def _entry(city: City, order: Order, kind: str) -> None:
    """An entry of the log as a newer server might write it: of the order's last event, but for its type."""
    last = [event for event in await log(city) if event.order_id == order.id][-1]
    n = await redis(city, "INCR", key(city.region, "n"))
    body = msgspec.msgpack.encode(last.body | {"at": now_ms(), "data": {"unknown": 1}})
    fields = {"n": n, "type": kind, "order": order.id, "version": last.version + 1, "holder": last.holder}
    await _append(city, fields | {"customer": last.customer, "desk": "1", "body": body})


async def _append(city: City, fields: dict[str, Any]) -> None:
    pairs = (dict.fromkeys(ENTRY, "") | fields).items()
    await redis(city, "XADD", key(city.region, "log"), "*", *(part for pair in pairs for part in pair))


async def test_everybody_is_told_the_present_although_nothing_else_happens(city: City, here: Node) -> None:
    """An operator had it put right; Redis is the same, and what it had of the region is gone."""
    agent, valet = await here.valet(city, "v")
    dispatcher = await here.dispatcher(city)
    offered, waiting = await city.place(), await escalate(city, await city.place(north_m=9000))
    await here.settled(city)
    for client in (valet, dispatcher):
        await client.rest()
    await set_back(city, {})
    await _put_right(city, here)
    assert (await valet.rest())[-1]["type"] == "snapshot"
    assert [order["id"] for order in (await dispatcher.rest())[-1]["desk"]] == [waiting.id]
    assert await known_sessions(city, agent.id) == [valet.welcome["session_id"]]
    assert (await valet.grab(offered))["outcome"] == "won"  # offered anew as he was made known


@pytest.mark.parametrize(("before", "after"), [("paused", "available"), ("available", "paused")])
async def test_what_an_agent_said_since_the_copy_counts(city: City, here: Node, before: str, after: str) -> None:
    agent, valet = await here.valet(city, "v")
    await valet.ask("status", "ok", status=before)
    copy = await copied(city)
    await valet.ask("status", "ok", status=after)
    await set_back(city, copy)
    await _put_right(city, here)
    assert await redis(city, "HGET", key(city.region, "agent", agent.id), "status") == after.encode()
    await valet.rest()
    await city.place()
    await here.settled(city)
    assert [message["type"] for message in await valet.rest()] == (["offer"] if after == "available" else [])


async def test_what_was_said_by_another_session_since_stands(city: City, here: Node) -> None:
    """Redis has lost both sessions and the agent; they are announced in any order."""
    agent = await city.agent("shop", role="shop", home=city.at())
    await here.agent(city, agent)
    async with node(city.dispatch) as there:
        phone = await there.agent(city, agent)
        await phone.ask("status", "ok", status="paused")
        here.hub.losses.clear()
        there.hub.losses.clear()
        await set_back(city, {})
        await city.dispatch.reconciler.region(city.region)
        for each in (here, there):
            await each.until(lambda each=each: city.region in each.hub.losses)  # type: ignore[misc]  # bound now
            await each.settled(city)
        assert await redis(city, "HGET", key(city.region, "agent", agent.id), "status") == b"paused"


async def test_one_region_that_is_put_right_keeps_no_dispatcher_away(city: City, here: Node) -> None:
    elsewhere = await new_city(city.dispatch)
    waiting, other = await escalate(city, await city.place()), await escalate(elsewhere, await elsewhere.place())
    await redis(elsewhere, "DEL", key(elsewhere.region, "epoch"))
    regions = [city.region, elsewhere.region]
    client = await here.enter("d-1", "dispatcher", token=token("d-1", "dispatcher", regions=regions))
    assert [order["id"] for order in client.welcome["desk"]] == [waiting.id]
    assert client.welcome["more"] == ["desk"]
    await _put_right(elsewhere, here)
    last = (await client.rest())[-1]
    assert (last["type"], last["more"]) == ("snapshot", [])
    assert [order["id"] for order in last["desk"]] == [waiting.id, other.id]


async def test_no_desk_at_all_is_no_welcome(city: City, here: Node) -> None:
    await redis(city, "DEL", key(city.region, "epoch"))
    client = await here.connect()
    await client.say("hello", token=token("d-1", "dispatcher", regions=[city.region]))
    assert (await client.farewell())["code"] == 4003


async def test_an_event_of_a_newer_server_shows_in_the_present(city: City, here: Node) -> None:
    """This one knows not what it says to each; the order's parties are told how things are, and no others."""
    agent, valet = await here.valet(city, "v", capacity=9)
    customer, dispatcher = await here.enter("me", "customer"), await here.dispatcher(city)
    _, stranger = await here.valet(city, "w", skills=("towing",))
    order = await city.place(customer=Customer("me"))
    await city.dispatch.claims.grab(city.region, order.id, agent.id)
    await here.settled(city)
    for client in (valet, customer, dispatcher, stranger):
        await client.rest()
    await _entry(city, order, "polished")
    await here.settled(city)
    for client in (valet, customer, dispatcher):
        assert [message["type"] for message in await client.rest()] == ["snapshot"]
    await stranger.quiet()
    assert (await valet.ask("progress", "ok", order_id=order.id, fence=1, step="working"))["type"] == "ok"


async def test_an_agents_event_of_a_newer_server_concerns_nobody(city: City, here: Node) -> None:
    agent, valet = await here.valet(city, "v")
    n = await redis(city, "INCR", key(city.region, "n"))
    body = msgspec.msgpack.encode({"at": 1, "actor": "", "epoch": "1", "data": {}})
    await _append(city, {"n": n, "type": "praised", "version": 0, "to": agent.id, "body": body})
    await here.settled(city)
    await valet.quiet()
