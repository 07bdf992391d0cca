"""Somebody listened: who may say so, what stands of it, and that it stands once."""

import asyncio

import pytest

from dispatch.errors import Code, Refused
from dispatch.events import Type
from dispatch.identity import Identity, Role
from dispatch.order import Order
from dispatch.records.agents import Agent
from tests.conftest import DISPATCHER, City
from tests.dispatch.looking import check_log, escalated, log_of, offered, policy, script
from tests.dispatch.looking import order as in_redis
from tests.dispatch.test_noted import add
from tests.dispatch.voice.saying import note

SAID, LATER = note(), note()


def _who(agent: Agent) -> Identity:
    return Identity(agent.id, Role(agent.role), None, 2**53)


async def _place(city: City, listen: str = "before") -> Order:
    """An open order with a note that all may know of."""
    order = await city.place(await policy(city, listen=listen))
    return await add(city, order, SAID)


async def _valet(city: City, name: str) -> Agent:
    return await city.valet(name, skills=("maintenance", f"{city.region}.kind"))


async def _hear(city: City, who: Identity, order: Order, note_id: str = SAID.id) -> None:
    await city.dispatch.notes.heard(who, order.id, note_id)


async def _refused(city: City, who: Identity, order: Order, note_id: str = SAID.id) -> Code:
    before = await in_redis(city, order.id)
    with pytest.raises(Refused) as refused:
        await _hear(city, who, order, note_id)
    assert await in_redis(city, order.id) == before
    return refused.value.code


async def test_a_candidate_who_listened_stands_in_the_timeline(city: City) -> None:
    agent = await _valet(city, "v1")
    order = await _place(city)
    await _hear(city, _who(agent), order)
    event = (await log_of(city, order.id))[-1]
    assert (event.type, event.actor, event.to, event.detail) == (
        Type.HEARD,
        f"valet:{agent.id}",
        (),
        {"note_id": SAID.id},
    )
    lines = await city.dispatch.records.orders.timeline(order.id, 0, 50)
    assert (lines[-1].type, lines[-1].version) == ("heard", order.version + 1)
    await check_log(city)


async def test_the_desk_sees_who_listened_and_when_first(city: City) -> None:
    heard, other = await _valet(city, "v1"), await _valet(city, "v2")
    order = await add(city, await _place(city), LATER)
    await _hear(city, _who(heard), order)
    first = (await log_of(city, order.id))[-1].at
    await _hear(city, _who(heard), order, LATER.id)
    found = await city.dispatch.roster.candidates(order, await city.dispatch.catalog.policy(order.kind), 9, None)
    assert {each.agent_id: each.heard_at for each in found} == {heard.id: first, other.id: None}
    assert await offered(city, order.id) == {heard.id, other.id}


async def test_the_same_party_is_told_of_once(city: City) -> None:
    agent, other = await _valet(city, "v1"), await _valet(city, "v2")
    order = await _place(city)
    await asyncio.gather(*(_hear(city, who, order) for who in (_who(agent), _who(other), DISPATCHER) for _ in range(3)))
    heard = [event for event in await log_of(city, order.id) if event.type is Type.HEARD]
    assert sorted(event.actor for event in heard) == sorted(
        [DISPATCHER.actor, f"valet:{agent.id}", f"valet:{other.id}"]
    )


async def test_one_who_says_so_again_is_answered_once_it_is_durable(city: City) -> None:
    """The first answer was lost, and with it what the server was to write: `ok` must not be said without that."""
    agent = await _valet(city, "v1")
    order = await _place(city)
    values = {"order_id": order.id, "note_id": SAID.id, "actor": f"valet:{agent.id}", "agent_id": agent.id}
    first, again = [await script(city, "heard", **values, listen="before") for _ in range(2)]
    assert first.events[-1].type is Type.HEARD
    assert [event.n for event in again.events] == [event.n for event in first.events]
    await _hear(city, _who(agent), order)
    lines = await city.dispatch.records.orders.timeline(order.id, 0, 50)
    assert lines[-1].type == "heard"


async def test_another_note_is_another_event(city: City) -> None:
    agent = await _valet(city, "v1")
    order = await add(city, await _place(city), LATER)
    for note_id in (SAID.id, LATER.id):
        await _hear(city, _who(agent), order, note_id)
    events = await log_of(city, order.id)
    assert [event.detail for event in events[-2:]] == [{"note_id": SAID.id}, {"note_id": LATER.id}]


async def test_candidates_who_may_not_listen_yet_hear_nothing_of_it(city: City) -> None:
    agent = await _valet(city, "v1")
    assert await _refused(city, _who(agent), await _place(city, "after")) is Code.NOT_FOUND


async def test_a_holder_hears_all_and_others_nothing_any_more(city: City) -> None:
    holder, other = await _valet(city, "v1"), await _valet(city, "v2")
    order = await _place(city, "after")
    order = await city.dispatch.desk.assign(DISPATCHER, order, holder.id, force=True)
    order = await add(city, order, LATER)
    for note_id in (SAID.id, LATER.id):
        await _hear(city, _who(holder), order, note_id)
        assert await _refused(city, _who(other), order, note_id) is Code.NOT_FOUND


async def test_what_the_last_holder_was_told_is_not_for_the_next_candidates(city: City) -> None:
    holder, other = await _valet(city, "v1"), await _valet(city, "v2")
    order = await city.dispatch.desk.assign(DISPATCHER, await _place(city), holder.id, force=True)
    order = await add(city, order, LATER)
    order = await city.dispatch.jobs.release(_who(holder), order, order.fence, "x")
    await _hear(city, _who(other), order)
    assert await _refused(city, _who(other), order, LATER.id) is Code.NOT_FOUND
    assert await _refused(city, _who(holder), order) is Code.NOT_FOUND, "he gave it back"


async def test_who_declined_or_was_not_offered_it_has_nothing_to_do_with_it(city: City) -> None:
    agent, stranger = await _valet(city, "v1"), await city.valet("v2")
    order = await _place(city)
    await city.dispatch.people.decline(_who(agent), city.region, order.id, "")
    for who in (agent, stranger):
        assert await _refused(city, _who(who), order) is Code.NOT_FOUND


async def test_at_the_desk_it_is_for_dispatchers(city: City) -> None:
    agent = await _valet(city, "v1")
    order = await escalated(city, await _place(city))
    assert await _refused(city, _who(agent), order) is Code.NOT_FOUND
    await _hear(city, DISPATCHER, order)
    assert (await log_of(city, order.id))[-1].actor == DISPATCHER.actor


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.SERVICE, Role.ADMIN])
async def test_others_do_not_say_that_they_listened(city: City, role: Role) -> None:
    assert await _refused(city, Identity("c-1", role, None, 2**53), await _place(city)) is Code.FORBIDDEN


async def test_a_dispatcher_of_another_region_learns_nothing(city: City) -> None:
    elsewhere = Identity("d-9", Role.DISPATCHER, frozenset({"elsewhere"}), 2**53)
    assert await _refused(city, elsewhere, await _place(city)) is Code.NOT_FOUND


async def test_unknown_orders_and_notes(city: City) -> None:
    order = await _place(city)
    assert await _refused(city, DISPATCHER, order, "unknown") is Code.NOT_FOUND
    for who in (DISPATCHER, _who(await _valet(city, "v1"))):
        with pytest.raises(Refused) as refused:
            await city.dispatch.notes.heard(who, "unknown", SAID.id)
        assert refused.value.code is Code.NOT_FOUND


async def test_what_has_ended_gets_no_event(city: City) -> None:
    agent, other = await _valet(city, "v1"), await _valet(city, "v2")
    order = await city.dispatch.desk.assign(DISPATCHER, await _place(city), agent.id, force=True)
    order = await city.dispatch.jobs.progress(DISPATCHER, order, order.fence, order.status.COMPLETED, None)
    assert await _refused(city, DISPATCHER, order) is Code.CONFLICT
    assert await _refused(city, _who(agent), order) is Code.CONFLICT
    assert await _refused(city, _who(other), order) is Code.NOT_FOUND


async def test_a_suspended_candidate_hears_no_more(city: City) -> None:
    agent = await _valet(city, "v1")
    order = await _place(city)
    await _hear(city, _who(agent), order)
    await city.agent("v1", skills=agent.skills, suspended=True)
    assert await _refused(city, _who(agent), order) is Code.NOT_FOUND
    found = await city.dispatch.roster.candidates(order, await city.dispatch.catalog.policy(order.kind), 9, None)
    assert [(each.offered_at, each.heard_at) for each in found] == [(None, None)]


async def test_who_is_offered_it_again_and_listens_again_is_seen_to_have(city: City) -> None:
    """His first offer ended with his suspension, and with it what the desk saw of it; the timeline has it once."""
    agent = await _valet(city, "v1")
    order = await _place(city)
    await _hear(city, _who(agent), order)
    await city.agent("v1", skills=agent.skills, suspended=True)
    await city.enter(await city.agent("v1", skills=agent.skills))
    assert await offered(city, order.id) == {agent.id}
    await _hear(city, _who(agent), order)
    (found,) = await city.dispatch.roster.candidates(order, await city.dispatch.catalog.policy(order.kind), 9, None)
    assert found.heard_at is not None
    assert [event.type for event in await log_of(city, order.id)].count(Type.HEARD) == 1
