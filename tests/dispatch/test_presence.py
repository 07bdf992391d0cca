"""Sessions begin, are refreshed, end, and fall silent."""

import pytest
from ulid import ULID

from dispatch.catalog import PEOPLE
from dispatch.clock import now_ms
from dispatch.errors import Code, Refused
from dispatch.events import Type
from dispatch.identity import Identity, Role
from dispatch.people import REACHABLE_MS
from dispatch.records.agents import Agent
from dispatch.scripts import key
from tests.conftest import City
from tests.dispatch.looking import log, members, offered, redis, script


async def _code(work: object) -> Code:
    with pytest.raises(Refused) as refused:
        await work  # type: ignore[misc]  # any coroutine
    return refused.value.code


async def _signals(city: City) -> list[tuple[str, str, object]]:
    return [(e.type, e.to[0], e.detail.get("session_id")) for e in await log(city) if not e.order_id]


async def _silence(city: City, agent: Agent, ms: int) -> None:
    """He was last heard of that long ago."""
    at = now_ms() - ms
    await redis(city, "ZADD", key(city.region, "seen"), at, agent.id)


async def test_a_newer_session_of_a_valet_replaces_the_older(city: City) -> None:
    agent = await city.agent("v")
    first, second = await city.enter(agent), await city.enter(agent)
    assert await members(city, "sessions", agent.id) == {second}
    assert await _signals(city) == [(Type.REPLACED, agent.id, first)]
    assert await redis(city, "HEXISTS", key(city.region, "session"), first) == 0


async def test_the_one_that_begins_is_the_newest_whatever_its_nodes_clock_says(city: City) -> None:
    agent = await city.agent("v")
    ahead = str(ULID.from_timestamp(now_ms() / 1000 + 60))
    await city.dispatch.people.enter(agent, ahead, {}, "available", None)
    second = await city.enter(agent)
    assert await members(city, "sessions", agent.id) == {second}
    assert await _signals(city) == [(Type.REPLACED, agent.id, ahead)]


async def test_a_session_that_is_announced_again_is_one_session(city: City) -> None:
    agent = await city.agent("v")
    session = await city.enter(agent)
    await city.dispatch.people.enter(agent, session, {}, "available", None)
    assert await members(city, "sessions", agent.id) == {session}
    assert await _signals(city) == []


async def test_a_shop_has_five_sessions_and_the_oldest_goes(city: City) -> None:
    shop = await city.agent("s", role="shop", home=city.at())
    sessions = [str(ULID.from_timestamp(1000 + i)) for i in range(6)]
    for session in sessions:
        await city.dispatch.people.enter(shop, session, {}, "available", None)
    assert await members(city, "sessions", shop.id) == set(sessions[1:])
    assert await _signals(city) == [(Type.REPLACED, shop.id, sessions[0])]


async def test_sessions_that_fell_silent_do_not_count(city: City) -> None:
    shop = await city.agent("s", role="shop", home=city.at())
    dead = [await city.enter(shop) for _ in range(5)]
    name = key(city.region, "sessions", shop.id)
    await city.dispatch.store.direct([("ZADD", name, now_ms() - REACHABLE_MS - 1000, each) for each in dead])
    fresh = await city.enter(shop)
    assert await members(city, "sessions", shop.id) == {fresh}
    assert await _signals(city) == []


async def test_who_left_stays_reachable_for_a_while(city: City) -> None:
    agent = await city.agent("v")
    session = await city.enter(agent)
    await _silence(city, agent, REACHABLE_MS - 1000)
    await city.dispatch.people.leave(city.region, agent.id, session)
    await script(city, "vanish", silent_ms=REACHABLE_MS, most=10)
    order = await city.place()
    assert await offered(city, order.id) == {agent.id}
    assert await members(city, "sessions", agent.id) == set()


async def test_leaving_with_an_older_session_says_nothing(city: City) -> None:
    shop = await city.agent("s", role="shop", home=city.at())
    first, second = await city.enter(shop), await city.enter(shop)
    await _silence(city, shop, 9000)
    before = await redis(city, "ZSCORE", key(city.region, "seen"), shop.id)
    await city.dispatch.people.leave(city.region, shop.id, first)
    await city.dispatch.people.leave(city.region, shop.id, "01JUNKNOWN")
    assert await redis(city, "ZSCORE", key(city.region, "seen"), shop.id) == before
    assert await members(city, "sessions", shop.id) == {second}


async def test_who_is_silent_too_long_vanishes_and_keeps_his_offers_and_jobs(city: City) -> None:
    agent, other = await city.valet("v", capacity=2), await city.valet("w")
    job, order = await city.place(), await city.place()
    await city.dispatch.claims.grab(city.region, job.id, agent.id)
    await _silence(city, agent, REACHABLE_MS + 1)
    reply = await script(city, "vanish", silent_ms=REACHABLE_MS, most=10)
    assert reply.unpacked() == [agent.id]
    assert await members(city, "seen") == await members(city, "geo", "valet") == {other.id}
    assert await members(city, "sessions", agent.id) == set()
    assert await offered(city, (await city.place()).id) == {other.id}
    assert await offered(city, order.id) == {agent.id, other.id}
    assert await members(city, "jobs", agent.id) == {job.id}
    back = await city.dispatch.people.enter(agent, str(ULID()), {}, "available", None)
    assert order.id in [offer.id for offer in back.offers]


async def test_refreshing_keeps_him_and_names_what_is_over(city: City) -> None:
    agent = await city.agent("v")
    old = await city.enter(agent)
    new = await city.enter(agent)
    await _silence(city, agent, REACHABLE_MS + 1)
    assert await city.dispatch.people.refresh(city.region, [(agent.id, old), (agent.id, new), ("x", "y")]) == [old, "y"]
    assert (await script(city, "vanish", silent_ms=REACHABLE_MS, most=10)).unpacked() == []


async def test_a_status_is_the_agents_and_of_a_living_session(city: City) -> None:
    agent, people = await city.agent("v"), city.dispatch.people
    old = await city.enter(agent)
    new = await city.enter(agent)
    await people.set_status(city.region, agent.id, new, "paused")
    assert await _code(people.set_status(city.region, agent.id, old, "available")) is Code.CONFLICT
    assert await offered(city, (await city.place()).id) == set()


async def test_staff_has_sessions_of_its_own(city: City) -> None:
    people, who = city.dispatch.people, Identity(f"{city.region}-d", Role.DISPATCHER, None, 0)
    sessions = [str(ULID.from_timestamp(1000 + i)) for i in range(6)]
    for session in sessions:
        member = await people.admit(who, session, {"sub": who.sub})
    found = await city.dispatch.store.direct([("ZRANGE", key(PEOPLE, "sessions", member), 0, -1)])
    assert [session.decode() for session in found[0]] == sessions[1:]
    assert await people.refresh(PEOPLE, [(member, sessions[0]), (member, sessions[5])]) == [sessions[0]]
    await people.leave(PEOPLE, member, sessions[5])
    assert await people.refresh(PEOPLE, [(member, sessions[5])]) == [sessions[5]]
