"""A note is added to an order: by whom, told to whom, and how many."""

import asyncio

import pytest
from msgspec.structs import replace

from dispatch.errors import Code, Refused
from dispatch.events import Type
from dispatch.identity import Identity, Role
from dispatch.order import Order, Status
from dispatch.scripts import key
from dispatch.voice.note import MOST_NOTES, Note, encode
from tests.conftest import DISPATCHER, SERVICE, City
from tests.dispatch.looking import check_indexes, check_log, escalated, log_of, redis, state
from tests.dispatch.looking import order as in_redis
from tests.dispatch.voice.saying import note

CUSTOMER = Identity("c-1", Role.CUSTOMER, None, 2**53)


async def add(
    city: City, order: Order, said: Note, who: Identity = CUSTOMER, *, request: str = "", most: int = MOST_NOTES
) -> Order:
    return await city.dispatch.transitions.run(
        "note",
        order,
        request,
        unshared=encode(replace(said, shared=False)),
        shared=encode(replace(said, shared=True)),
        by="customer",
        actor=who.actor,
        agent_id=who.sub if who.role is Role.VALET else "",
        most=most,
    )


async def _held(city: City, order: Order, agent_id: str) -> Order:
    return await city.dispatch.desk.assign(DISPATCHER, order, agent_id, force=True)


async def test_a_note_stands_in_the_state_of_every_side(city: City) -> None:
    before = await city.place()
    first, second = note(seconds=12.5), note(seconds=3.0)
    await add(city, before, first)
    after = await add(city, before, second)
    assert after == replace(before, version=before.version + 2, voice_notes=(first, second))
    assert after == await city.dispatch.records.orders.find(before.id) == await in_redis(city, before.id)
    event = (await log_of(city, before.id))[-1]
    assert (event.type, event.actor, event.to) == (Type.NOTED, "customer:c-1", ())
    assert event.detail == {"note_id": second.id, "seconds": 3, "by": "customer", "shared": True}
    assert (await state(city, before.id))["voice_notes"] == f"[{encode(first)},{encode(second)}]"
    await check_indexes(city, before.id)
    await check_log(city)


@pytest.mark.parametrize("status", [Status.ASSIGNED, Status.WORKING])
async def test_what_is_said_while_it_is_held_is_not_for_candidates(city: City, status: Status) -> None:
    agent = await city.valet("v1")
    order = await _held(city, await city.place(), agent.id)
    if status is not order.status:
        order = await city.dispatch.jobs.progress(DISPATCHER, order, order.fence, status, None)
    for who in (CUSTOMER, SERVICE, Identity(agent.id, Role.VALET, None, 2**53)):
        order = await add(city, order, note(), who)
    assert [said.shared for said in order.voice_notes] == [False, False, False]
    assert (await log_of(city, order.id))[-1].detail["shared"] is False


async def test_at_the_desk_and_before_its_time_it_is_for_them(city: City) -> None:
    waiting = await escalated(city, await city.place())
    scheduled = await city.place(scheduled_at=4_000_000_000_000)
    for order in (waiting, scheduled):
        assert (await add(city, order, note())).voice_notes[0].shared


async def test_an_agent_adds_to_what_he_holds_and_to_nothing_else(city: City) -> None:
    agent, other = await city.valet("v1"), await city.valet("v2")
    order = await city.place()
    for name in (agent.id, other.id):
        await _refused(city, order, Identity(name, Role.VALET, None, 2**53), Code.NOT_FOUND)
    held = await _held(city, order, agent.id)
    await _refused(city, held, Identity(other.id, Role.VALET, None, 2**53), Code.NOT_FOUND)
    assert (await add(city, held, note(), Identity(agent.id, Role.VALET, None, 2**53))).voice_notes


async def _refused(city: City, order: Order, who: Identity, code: Code) -> None:
    with pytest.raises(Refused) as refused:
        await add(city, order, note(), who)
    assert refused.value.code is code
    assert (await in_redis(city, order.id)).voice_notes == order.voice_notes


async def test_what_has_ended_is_left_as_it_is(city: City) -> None:
    order = await city.dispatch.desk.cancel(SERVICE, await city.place(), "x")
    await _refused(city, order, CUSTOMER, Code.CONFLICT)


async def test_an_order_bears_so_many_and_no_more(city: City) -> None:
    order = await city.place()
    for _ in range(3):
        order = await add(city, order, note(), most=3)
    with pytest.raises(Refused) as refused:
        await add(city, order, note(), most=3)
    assert (refused.value.code, "3 voice notes" in refused.value.message) == (Code.CONFLICT, True)
    assert len((await in_redis(city, order.id)).voice_notes) == 3


async def test_of_many_at_once_so_many_are_taken(city: City) -> None:
    order = await city.place()
    adding = (add(city, order, note(), most=5) for _ in range(9))
    answers = await asyncio.gather(*adding, return_exceptions=True)
    assert sum(isinstance(answer, Refused) for answer in answers) == 4
    kept = (await in_redis(city, order.id)).voice_notes
    assert len({said.id for said in kept}) == len(kept) == 5
    await check_log(city)


async def test_the_same_request_takes_effect_once(city: City) -> None:
    order = await city.place()
    first = await add(city, order, note(), request="k1")
    again = await add(city, order, note(), request="k1")
    assert again == first
    assert len((await in_redis(city, order.id)).voice_notes) == 1


async def test_the_notes_survive_what_comes_after(city: City) -> None:
    """A grab, a release and an edit leave them; so does a restoring from PostgreSQL."""
    agent = await city.valet("v1")
    said = note()
    order = await add(city, await city.place(), said)
    order = await _held(city, order, agent.id)
    order = await city.dispatch.intake.edit(SERVICE, order, {"price_fen": 1})
    order = await city.dispatch.jobs.release(DISPATCHER, order, order.fence, "x")
    assert order.voice_notes == (replace(said, shared=True),)
    await redis(city, "DEL", key(city.region, "order", order.id))
    await city.dispatch.reconciler.region(city.region)
    assert (await in_redis(city, order.id)).voice_notes == order.voice_notes
