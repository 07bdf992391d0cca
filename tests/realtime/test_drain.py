"""The end of a node: what was asked is answered, then everyone is sent away."""

import asyncio
from typing import Any

from dispatch.scripts import scripts
from tests.conftest import City
from tests.realtime.gate import Gated
from tests.realtime.nodes import Client, Node, known_sessions, node, reached, token

CLAIM, PROGRESS = (scripts()[name].sha.encode() for name in ("claim", "progress"))


async def goodbye(client: Client) -> dict[str, Any]:
    bye = await client.farewell()
    assert bye["code"] == 4000
    return bye


def drained(here: Node, **options: Any) -> "asyncio.Task[None]":
    return asyncio.create_task(here.listener.close_all(**({"spread_ms": 1000, "answer_seconds": 60} | options)))


async def test_the_won_of_a_grab_in_flight_comes_before_the_bye(city: City, far: Gated) -> None:
    async with node(far.dispatch) as there:
        agent, client = await there.valet(city, "v")
        _, idle = await there.valet(city, "w")
        order = await city.place()
        await client.hear("offer")
        await idle.hear("offer")
        held = far.redis.hold(CLAIM)
        await client.say("grab", ref="r", order_id=order.id)
        await reached(held)
        ended = drained(there)
        await goodbye(idle)
        assert not ended.done()
        held.release()
        verdict = await client.hear("verdict")
        assert (verdict["ref"], verdict["outcome"]) == ("r", "won")
        await goodbye(client)
        await ended
        found = await city.dispatch.records.orders.find(order.id)
        assert found is not None
        assert found.holder == agent.id


async def test_every_command_in_flight_is_answered_and_what_waited_is_told(city: City, far: Gated) -> None:
    async with node(far.dispatch) as there:
        _, client = await there.valet(city, "v", capacity=9)
        order = await city.place()
        await client.hear("offer")
        fence = (await client.grab(order))["fence"]
        held = far.redis.hold(PROGRESS)
        await client.say("progress", ref="p", order_id=order.id, fence=fence, step="en_route")
        await client.say("status", ref="s", status="paused")
        await reached(held)
        ended = drained(there)
        held.release()
        answers = {(await client.next())["ref"] for _ in range(2)}
        assert answers == {"p", "s"}
        if (last := await client.next())["type"] == "job":  # when the log was as quick
            last = await client.hear("bye")
        assert (last["type"], last["code"]) == ("bye", 4000)
        await ended


async def test_an_answer_that_does_not_come_holds_up_nobody_for_ever(city: City, far: Gated) -> None:
    async with node(far.dispatch) as there:
        _, client = await there.valet(city, "v")
        order = await city.place()
        await client.hear("offer")
        held = far.redis.hold(CLAIM)
        await client.say("grab", ref="r", order_id=order.id)
        await reached(held)
        ended = drained(there, answer_seconds=0.2)
        await goodbye(client)
        await ended
        held.release()


async def test_who_was_sent_away_is_gone_for_redis_and_can_come_elsewhere(city: City) -> None:
    async with node(city.dispatch) as other:
        async with node(city.dispatch) as here:
            agent, client = await here.valet(city, "v")
            ended = drained(here)
            await goodbye(client)
            await ended
        assert await known_sessions(city, agent.id) == []
        order = await city.place()
        again = await other.agent(city, agent)
        assert [offer["id"] for offer in again.welcome["offers"]] == [order.id]


async def test_nobody_is_welcomed_any_more(city: City, far: Gated) -> None:
    """One who has said hello already goes as the others do."""
    async with node(far.dispatch) as there:
        agent = await city.agent("v")
        enter = far.redis.hold(scripts()["enter"].sha.encode())
        client = await there.connect()
        await client.say("hello", token=token(agent.id, "valet"))
        await reached(enter)
        silent = await there.connect()
        ended = drained(there)
        await goodbye(client)
        await goodbye(silent)
        enter.release()
        await ended
