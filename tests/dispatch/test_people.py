"""Who is connected, where he stands, what he was offered."""

import asyncio

import msgspec
import pytest
from ulid import ULID

from dispatch.errors import Code, Refused
from dispatch.events import Type
from dispatch.identity import Identity, Role
from dispatch.order import Status
from dispatch.people import MOST_LISTED, profile_fields
from dispatch.records.agents import Agent
from dispatch.scripts import key
from dispatch.store import Reply
from tests.conftest import DISPATCHER, City
from tests.dispatch.looking import escalated, log, members, offered, redis, rows, script


def _who(agent: Agent) -> Identity:
    return Identity(agent.id, Role(agent.role), None, 2**53)


async def _code(work: object) -> Code:
    with pytest.raises(Refused) as refused:
        await work  # type: ignore[misc]  # any coroutine
    return refused.value.code


async def _signals(city: City) -> list[tuple[str, str, object]]:
    return [(e.type, e.to[0], e.detail.get("session_id")) for e in await log(city) if not e.order_id]


async def _copy(city: City, agent: Agent) -> dict[str, str]:
    """The profile as scripts see it."""
    names = list(profile_fields(agent))
    found = await redis(city, "HMGET", key(city.region, "agent", agent.id), *names)
    return {name: (value or b"").decode() for name, value in zip(names, found, strict=True)}


# --- profiles -----------------------------------------------------------------------------------------


async def test_a_profile_is_kept_and_changed(city: City) -> None:
    agent = await city.agent("v", home=city.at(), phone=None, skills=())
    assert await city.dispatch.records.agents.find(agent.id) == agent
    await city.enter(agent)
    changed = await city.agent("v", capacity=7, skills=("towing",), phone="+1")
    assert await city.dispatch.records.agents.find(agent.id) == changed
    assert await _copy(city, agent) == profile_fields(changed)


async def test_an_unknown_region_is_refused(city: City) -> None:
    assert await _code(city.agent("v", region="nowhere")) is Code.INVALID


async def test_of_two_profiles_the_later_stays_whatever_the_clocks_say(city: City) -> None:
    agents = city.dispatch.records.agents
    first = await city.agent("v")
    later = await agents.put(msgspec.structs.replace(first, capacity=5), first.updated_at - 60_000)
    assert later is not None
    assert later.updated_at == first.updated_at + 1


async def test_a_session_with_an_older_profile_does_not_bring_it_back(city: City) -> None:
    """A hub that announces its sessions again read their profiles when they began."""
    old = await city.agent("v")
    session = await city.enter(old)
    new = await city.agent("v", capacity=7)
    await city.dispatch.people.enter(old, session, {}, "available", city.at())
    assert await _copy(city, new) == profile_fields(new)


async def test_a_session_of_a_suspended_agent_is_ended_by_the_log(city: City) -> None:
    old = await city.agent("v")
    await city.agent("v", suspended=True)
    await city.enter(old)
    await city.agent("v", suspended=True)
    await city.enter(old)
    assert [signal[:2] for signal in await _signals(city)][-1] == (Type.SUSPENDED, old.id)


async def test_suspension_ends_offers_and_not_jobs(city: City) -> None:
    agent = await city.valet("v", capacity=2)
    job, order = await city.place(), await city.place()
    await city.dispatch.claims.grab(city.region, job.id, agent.id)
    await city.agent("v", suspended=True, capacity=2)
    assert (Type.SUSPENDED, agent.id, None) in await _signals(city)
    assert await members(city, "jobs", agent.id) == {job.id}
    assert await offered(city, order.id) == set()
    assert not await city.dispatch.people.offered(order, agent.id)


async def test_an_agent_moves_to_another_region_and_role(city: City) -> None:
    agent = await city.valet("v")
    order = await city.place()
    moved = await city.agent("v", region="default", role="shop", home=city.at())
    assert (moved.region, moved.role) == ("default", "shop")
    assert await offered(city, order.id) == set()
    for names in (("seen",), ("geo", "valet"), ("sessions", agent.id), ("inbox", agent.id)):
        assert agent.id not in await members(city, *names)
    assert await redis(city, "EXISTS", key(city.region, "agent", agent.id)) == 0
    assert (Type.MOVED, agent.id, None) in await _signals(city)


async def test_who_comes_back_is_offered_what_is_still_open(city: City) -> None:
    agent = await city.valet("v")
    order = await city.place()
    await city.agent("v", region="default")
    back = await city.agent("v")
    present = await city.dispatch.people.enter(back, str(ULID()), {}, "available", city.at())
    assert [offer.id for offer in present.offers] == [order.id]
    assert back.id == agent.id


async def test_who_holds_a_job_can_not_move(city: City) -> None:
    agent = await city.valet("v")
    await city.dispatch.claims.grab(city.region, (await city.place()).id, agent.id)
    assert await _code(city.agent("v", region="default")) is Code.CONFLICT
    assert await city.dispatch.records.agents.find(agent.id) == agent


async def test_a_session_that_began_while_he_moved_leaves_too(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between leaving the old region and the new profile it read the old one."""
    agent, store = await city.valet("v"), city.dispatch.store
    run = store.run

    async def enter_meanwhile(name: str, region: str, **values: object) -> Reply:
        if name == "profile":
            await city.enter(agent)
        return await run(name, region, **values)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(store, "run", enter_meanwhile)
    await city.agent("v", region="default")
    assert await members(city, "sessions", agent.id) == set()
    assert agent.id not in await members(city, "seen")


async def test_who_grabbed_while_he_moved_stays(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    agent, store = await city.valet("v"), city.dispatch.store
    run = store.run

    async def grab_meanwhile(name: str, region: str, **values: object) -> Reply:
        if name == "profile" and region == "default":
            await city.enter(agent)
            await city.dispatch.claims.grab(city.region, (await city.place()).id, agent.id)
        return await run(name, region, **values)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(store, "run", grab_meanwhile)
    assert await _code(city.agent("v", region="default")) is Code.CONFLICT
    kept = await city.dispatch.records.agents.find(agent.id)
    assert kept is not None
    assert kept.region == city.region


async def test_a_home_says_the_region(city: City) -> None:
    assert await city.dispatch.people.home_region(city.at()) == city.region
    assert await city.dispatch.people.home_region(None) == "default"


async def test_who_may_begin_a_session(city: City) -> None:
    agent, people = await city.agent("v"), city.dispatch.people
    assert await people.profile(_who(agent)) == agent
    assert await _code(people.profile(Identity("nobody", Role.VALET, None, 0))) is Code.FORBIDDEN
    assert await _code(people.profile(Identity(agent.id, Role.SHOP, None, 0))) is Code.FORBIDDEN
    assert await _code(people.profile(Identity(agent.id, Role.VALET, frozenset({"x"}), 0))) is Code.FORBIDDEN


# --- the present --------------------------------------------------------------------------------------


async def test_the_present_is_of_one_instant_of_the_log(city: City) -> None:
    agent = await city.valet("v", capacity=3)
    held, open_ = await city.place(), await city.place()
    await city.dispatch.claims.grab(city.region, held.id, agent.id)
    present = await city.dispatch.people.present(city.region, agent.id)
    assert present.n == (await log(city))[-1].n
    assert [order.id for order in present.offers] == [open_.id]
    assert [(order.id, order.holder) for order in present.jobs] == [(held.id, agent.id)]
    assert present.more == []


async def test_what_is_no_longer_his_to_grab_is_not_shown(city: City) -> None:
    agent, other = await city.valet("v"), await city.valet("w")
    taken, waiting, declined, cancelled = [await city.place() for _ in range(4)]
    await city.dispatch.claims.grab(city.region, taken.id, other.id)
    await escalated(city, waiting)
    await city.dispatch.people.decline(_who(agent), city.region, declined.id, "")
    await city.dispatch.desk.cancel(DISPATCHER, cancelled, "no more")
    assert (await city.dispatch.people.present(city.region, agent.id)).offers == []
    assert await members(city, "inbox", agent.id) == set()


async def test_long_lists_are_cut_and_named(city: City) -> None:
    agent = await city.valet("v", capacity=500)
    orders = await asyncio.gather(*(city.place() for _ in range(MOST_LISTED)))
    order = await city.place()
    await redis(city, "SADD", key(city.region, "jobs", agent.id), order.id, *(each.id for each in orders))
    present = await city.dispatch.people.present(city.region, agent.id)
    assert (len(present.offers), len(present.jobs)) == (MOST_LISTED, MOST_LISTED)
    assert present.more == ["offers", "jobs"]
    assert present.offers[0].id == order.id  # the newest first


async def test_what_is_shown_as_held_stands_in_postgresql(city: City) -> None:
    """The claim took effect, its answer was lost before it was applied."""
    agent, order = await city.valet("v"), await city.place()
    await script(city, "claim", order_id=order.id, agents=msgspec.msgpack.encode([agent.id]))
    assert await rows(city.dispatch, "SELECT 1 FROM assignments WHERE order_id = :id", id=order.id) == []
    present = await city.dispatch.people.enter(agent, str(ULID()), {}, "available", None)
    assert [job.id for job in present.jobs] == [order.id]
    assert len(await rows(city.dispatch, "SELECT 1 FROM assignments WHERE order_id = :id", id=order.id)) == 1


async def test_the_present_is_shown_after_a_reconciliation(city: City) -> None:
    """What he holds he got by an event of an older epoch."""
    agent = await city.valet("v")
    order = await city.place()
    await city.dispatch.claims.grab(city.region, order.id, agent.id)
    await city.dispatch.reconciler.region(city.region)
    present = await city.dispatch.people.enter(agent, str(ULID()), {}, "available", None)
    assert [job.id for job in present.jobs] == [order.id]


async def test_the_desk_lists_the_longest_waiting_first(city: City) -> None:
    agent = await city.valet("v")
    stalled = await city.dispatch.desk.assign(DISPATCHER, await city.place(), agent.id, force=False)
    waiting = [await escalated(city, await city.place()) for _ in range(2)]
    await script(city, "stall", order_id=stalled.id, due_at=str(stalled.due_at))
    desk = await city.dispatch.people.desk(city.region)
    assert [order.id for order in desk.orders] == [waiting[0].id, waiting[1].id, stalled.id]
    assert (desk.n, desk.more) == ((await log(city))[-1].n, False)
    listed = await city.dispatch.records.orders.desk([city.region], 10, None)
    assert listed == desk.orders  # the held one was applied before it was shown


async def test_a_customer_is_shown_his_unfinished_orders_as_they_are_now(city: City) -> None:
    agent, order = await city.valet("v"), await city.place()
    ended = await city.place()
    await city.dispatch.desk.cancel(DISPATCHER, ended, "no more")
    await script(city, "claim", order_id=order.id, agents=msgspec.msgpack.encode([agent.id]))
    found, more = await city.dispatch.people.unfinished_of(f"c-{city.region}")
    assert (found, more) == ([], False)
    mine, _ = await city.dispatch.people.unfinished_of("c-1")
    here = [each for each in mine if each.region == city.region]
    assert [(each.id, each.holder) for each in here] == [(order.id, agent.id)]
    stored = await city.dispatch.records.orders.find(order.id)
    assert stored is not None
    assert stored.holder == agent.id


# --- declining, delivering ----------------------------------------------------------------------------


async def test_a_decline_is_an_event_and_takes_effect_once(city: City) -> None:
    agent, order = await city.valet("v"), await city.place()
    for _ in range(2):
        await city.dispatch.people.decline(_who(agent), city.region, order.id, "far away")
    events = [event for event in await log(city) if event.type is Type.DECLINED]
    assert [(event.detail, event.actor) for event in events] == [
        ({"agent_id": agent.id, "reason": "far away"}, f"valet:{agent.id}")
    ]
    timeline = await city.dispatch.records.orders.timeline(order.id, 0, 9)
    assert [each.type for each in timeline] == ["placed", "opened", "declined"]


async def test_a_decline_whose_answer_was_lost_is_answered_with_its_event(city: City) -> None:
    agent, order = await city.valet("v"), await city.place()
    run = city.dispatch.store.run
    values = {"order_id": order.id, "agent_id": agent.id, "reason": "", "actor": "valet:v"}
    replies = [await run("decline", city.region, request="dx", **values) for _ in range(2)]
    first, again = ([event.n for event in reply.events] for reply in replies)
    assert [event.type for event in replies[0].events] == ["placed", "opened", "declined"]
    assert again == first


async def test_what_was_not_offered_can_not_be_declined(city: City) -> None:
    order = await city.place()
    agent = await city.valet("far", 9000)
    assert await _code(city.dispatch.people.decline(_who(agent), city.region, order.id, "")) is Code.NOT_FOUND
    assert await _code(city.dispatch.people.decline(_who(agent), city.region, "unknown", "")) is Code.NOT_FOUND


async def test_deliveries_are_noted_once_and_are_no_events(city: City) -> None:
    agent, order = await city.valet("v"), await city.place()
    before = await log(city)
    await city.dispatch.people.mark(
        city.region, [(order.id, agent.id, "d"), (order.id, agent.id, "s"), (order.id, "stranger", "d")]
    )
    packed = msgspec.msgpack.encode([agent.id, "stranger"])
    first = (await script(city, "standings", order_id=order.id, agent_ids=packed)).unpacked()
    assert first[0][:2] == [True, "available"]
    assert all(first[0][5:8])
    assert first[1] == [False, False, 0, False, False, False, False, False, False]
    await city.dispatch.people.mark(city.region, [(order.id, agent.id, "d")])
    assert (await script(city, "standings", order_id=order.id, agent_ids=packed)).unpacked() == first
    assert len(await log(city)) == len(before)
    assert await offered(city, order.id) == {agent.id}


async def test_an_offer_is_live_until_it_is_declined(city: City) -> None:
    agent, order = await city.valet("v"), await city.place()
    assert await city.dispatch.people.offered(order, agent.id)
    await city.dispatch.people.decline(_who(agent), city.region, order.id, "")
    found = await city.dispatch.records.orders.find(order.id)
    assert found is not None
    assert found.status is Status.OPEN
    assert not await city.dispatch.people.offered(found, agent.id)


async def test_profiles_that_are_asked_for_at_once_are_each_ones_own(city: City) -> None:
    agents = [await city.agent(name) for name in ("a", "b")]
    find = city.dispatch.records.agents.find
    asked = [agents[1].id, "nobody", agents[0].id, agents[1].id]
    found = await asyncio.gather(*map(find, asked))
    assert [each.id if each else None for each in found] == [agents[1].id, None, agents[0].id, agents[1].id]
