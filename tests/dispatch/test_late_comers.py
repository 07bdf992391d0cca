"""Which orders an agent is offered when he becomes eligible, and whom the scripts and the desk call eligible."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ulid import ULID

from dispatch.clock import now_ms
from dispatch.eligibility import Standing, why_not
from dispatch.identity import Identity, Role
from dispatch.order import Order, Spot, Status
from dispatch.policy import Terms
from dispatch.records.agents import Agent
from dispatch.scripts import key
from dispatch.state import new_state
from tests.conftest import DISPATCHER, City
from tests.dispatch.drafts import draft
from tests.dispatch.looking import (
    check_indexes,
    check_log,
    escalated,
    members,
    offered,
    policy,
    redis,
    script,
    wanting,
)
from tests.dispatch.looking import order as in_redis
from tests.dispatch.matching import ROUNDS, names, told, widen


@dataclass
class Late:
    """An open order with room, and a valet who is not eligible yet."""

    city: City
    kind: str
    agent: Agent
    session: str
    order: Order

    async def is_offered(self) -> bool:
        await check_indexes(self.city, self.order.id)
        return self.agent.id in await offered(self.city, self.order.id)


async def _late(city: City, *, north_m: float = 0, status: str = "available", **changes: Any) -> Late:
    kind = await policy(city, rounds=ROUNDS)
    agent = await city.agent("late", **({"skills": (kind,)} | changes))
    session = await city.enter(agent, north_m, status=status)
    late = Late(city, kind, agent, session, await city.place(kind))
    assert not await late.is_offered()
    return late


async def test_who_comes_online_is_offered_it(city: City) -> None:
    kind = await policy(city, rounds=ROUNDS)
    order = await city.place(kind)
    agent = await city.valet("v", 500, skills=(kind,))
    assert await offered(city, order.id) == {agent.id}
    assert await told(city, order) == [[], [], ["v"]]
    assert (await in_redis(city, order.id)).offered == 1


async def test_who_comes_into_range_is_offered_it(city: City) -> None:
    late = await _late(city, north_m=5000)
    await city.dispatch.people.move(city.region, [(late.agent.id, late.session, city.at(900))])
    assert await late.is_offered()


async def test_a_move_of_a_session_that_is_over_does_not_count(city: City) -> None:
    late = await _late(city, north_m=5000)
    await city.enter(late.agent, 5000)
    await city.dispatch.people.move(city.region, [(late.agent.id, late.session, city.at(0))])
    assert not await late.is_offered()


async def test_a_small_move_is_matched_by_the_next_refresh(city: City) -> None:
    late = await _late(city, north_m=1010)
    await city.dispatch.people.move(city.region, [(late.agent.id, late.session, city.at(990))])
    assert not await late.is_offered()
    assert await city.dispatch.people.refresh(city.region, [(late.agent.id, late.session)]) == []
    assert await late.is_offered()


@pytest.mark.parametrize(("metres", "matched"), [(30, False), (70, True)])
async def test_after_a_while_half_the_way_is_enough(
    city: City, monkeypatch: pytest.MonkeyPatch, metres: int, matched: bool
) -> None:
    """He who stands is not matched again for the errors of his receiver: new orders find him where he is."""
    late = await _late(city, north_m=1000 + metres - 5)
    monkeypatch.setattr("dispatch.people.MATCH_MS", 0)
    await city.dispatch.people.move(city.region, [(late.agent.id, late.session, city.at(995))])
    assert await late.is_offered() is matched


async def test_who_is_no_longer_paused_is_offered_it(city: City) -> None:
    late = await _late(city, status="paused")
    await city.dispatch.people.set_status(city.region, late.agent.id, late.session, "available")
    assert await late.is_offered()


async def test_who_gets_the_skill_is_offered_it(city: City) -> None:
    late = await _late(city, skills=("towing",))
    await city.dispatch.people.put(msgspec.structs.replace(late.agent, skills=("towing", late.kind)))
    assert await late.is_offered()


async def test_who_gets_more_capacity_is_offered_it(city: City) -> None:
    late = await _late(city, capacity=0)
    await city.dispatch.people.put(msgspec.structs.replace(late.agent, capacity=1))
    assert await late.is_offered()


async def test_who_is_no_longer_suspended_is_offered_it(city: City) -> None:
    """Also when it had been offered to him before he was suspended: then that offer ended."""
    kind = await policy(city, rounds=ROUNDS)
    agent = await city.valet("v", skills=(kind,))
    order = await city.place(kind)
    await city.dispatch.people.put(msgspec.structs.replace(agent, suspended=True))
    assert await offered(city, order.id) == set()
    back = await city.dispatch.people.put(agent)
    assert await offered(city, order.id) == {agent.id}
    present = await city.dispatch.people.enter(back, str(ULID()), {}, "available", city.at())
    assert [offer.id for offer in present.offers] == [order.id]


@pytest.mark.parametrize("end", ["completed", "released", "cancelled", "reassigned"])
async def test_who_has_a_job_less_is_offered_it(city: City, end: str) -> None:
    kind = await policy(city, rounds=ROUNDS)
    agent, other = await city.valet("v", skills=(kind,)), await city.valet("w", 3000, capacity=9)
    job = (await city.dispatch.claims.grab(city.region, (await city.place(kind)).id, agent.id)).order
    assert job is not None
    order = await city.place(kind)
    assert await offered(city, order.id) == set()
    who = Identity(agent.id, Role.VALET, None, 0)
    match end:
        case "completed":
            await city.dispatch.jobs.progress(who, job, 1, Status.COMPLETED, None)
        case "released":
            await city.dispatch.jobs.release(who, job, 1, "tired")
        case "cancelled":
            await city.dispatch.desk.cancel(DISPATCHER, job, "no more")
        case "reassigned":
            await city.dispatch.desk.assign(DISPATCHER, job, other.id, force=True)
    assert await offered(city, order.id) == {agent.id}
    await check_log(city)


async def test_late_comers_come_in_while_the_round_has_room(city: City) -> None:
    kind = await policy(city, rounds=ROUNDS)
    order = await city.place(kind)
    for name in ("a", "b", "c", "d"):
        await city.valet(name, 100, skills=(kind,))
    assert await told(city, order) == [[], [], ["a"], ["b"], ["c"]]
    await widen(city, order, 2)
    assert (await told(city, order))[-1] == ["d"]
    await city.valet("e", 100, skills=(kind,))
    assert (await told(city, order))[-1] == ["e"]
    await city.valet("f", 100, skills=(kind,))
    assert names(city, await offered(city, order.id)) == {"a", "b", "c", "d", "e"}


async def test_who_was_offered_it_before_is_not_offered_it_again(city: City) -> None:
    kind = await policy(city, rounds=ROUNDS)
    agent = await city.valet("v", skills=(kind,))
    order = await city.place(kind)
    session = await city.enter(agent)
    await city.dispatch.people.set_status(city.region, agent.id, session, "paused")
    await city.dispatch.people.set_status(city.region, agent.id, session, "available")
    assert await told(city, order) == [[], ["v"]]


async def test_among_many_orders_that_do_not_want_him_he_finds_the_one_that_does(city: City) -> None:
    kind, other = await policy(city, rounds=ROUNDS), await policy(city, "other", rounds=ROUNDS)
    for i in range(40):
        await city.place(other, north_m=i)
    order = await city.place(kind, north_m=900)
    agent = await city.valet("v", skills=(kind,))
    assert await offered(city, order.id) == {agent.id}


async def test_an_order_left_over_by_a_former_audience_is_wanted_no_more(city: City) -> None:
    kind = await policy(city, rounds=ROUNDS, audience=["valet", "shop"])
    order = await city.place(kind)
    assert await wanting(city, "shop") == {order.id}
    await widen(city, order, 2, audience="valet")
    assert await wanting(city, "shop") == set()
    assert await wanting(city, "valet") == {order.id}


async def test_who_declined_it_is_not_offered_it_again_and_the_round_goes_on(city: City) -> None:
    kind = await policy(city, rounds=ROUNDS)
    agent = await city.valet("v", skills=(kind,))
    order = await city.place(kind)
    await city.dispatch.people.decline(Identity(agent.id, Role.VALET, None, 0), city.region, order.id, "far away")
    assert (await in_redis(city, order.id)).due_at == order.due_at
    reopened = await city.dispatch.desk.reopen(DISPATCHER, await escalated(city, order), rounds=None, bonus_fen=None)
    await city.enter(agent)
    assert reopened.declined == (agent.id,)
    assert await offered(city, order.id) == set()


async def test_a_reopened_order_forgets_its_offers(city: City) -> None:
    kind = await policy(city, rounds=ROUNDS)
    await city.valet("v", skills=(kind,))
    order = await city.place(kind)
    again = await city.dispatch.desk.reopen(DISPATCHER, await escalated(city, order), rounds=None, bonus_fen=None)
    assert await told(city, order) == [[], ["v"], [], ["v"]]
    assert (again.round, again.offered) == (1, 1)


async def test_who_released_it_is_not_offered_it_again(city: City) -> None:
    kind = await policy(city, rounds=ROUNDS)
    agent, other = await city.valet("v", skills=(kind,)), await city.valet("w", skills=(kind,))
    order = await city.place(kind)
    job = (await city.dispatch.claims.grab(city.region, order.id, agent.id)).order
    assert job is not None
    opened = await city.dispatch.jobs.release(Identity(agent.id, Role.VALET, None, 0), job, 1, "tired")
    assert await offered(city, order.id) == {other.id}
    assert opened.released == (agent.id,)


async def test_who_got_it_again_by_hand_has_not_released_it(city: City) -> None:
    kind = await policy(city, rounds=ROUNDS)
    agent, other = await city.valet("v", skills=(kind,)), await city.valet("w", skills=(kind,))
    desk = city.dispatch.desk
    first = await desk.assign(DISPATCHER, await city.place(kind), agent.id, force=False)
    second = await desk.assign(DISPATCHER, first, other.id, force=False)
    third = await desk.assign(DISPATCHER, second, agent.id, force=False)
    assert [order.released for order in (first, second, third)] == [(), (agent.id,), (other.id,)]
    assert (third.fence, third.holder) == (3, agent.id)


async def test_of_very_many_offers_the_oldest_leave_the_inbox_with_the_next_refresh(city: City) -> None:
    kind = await policy(city, rounds=ROUNDS)
    agent = await city.agent("v", skills=(kind,))
    session_id = await city.enter(agent)
    inbox = f"inbox:{{{city.region}}}:{agent.id}"
    await redis(city, "ZADD", inbox, *(word for i in range(1000) for word in (i, f"old-{i:04}")))
    order = await city.place(kind)
    assert await city.dispatch.people.refresh(city.region, [(agent.id, session_id)]) == []
    kept = await members(city, "inbox", agent.id)
    assert (len(kept), order.id in kept, "old-0000" in kept) == (1000, True, False)


# --- both sides judge alike ---------------------------------------------------------------------------


class Someone(NamedTuple):
    """An agent's whole state, as hypothesis draws it."""

    role: str
    skilled: bool
    suspended: bool
    reachable: bool
    available: bool
    load: int
    capacity: int
    declined: bool
    released: bool

    def agent(self, agent_id: str, city: City, kind: str) -> Agent:
        return Agent(
            id=agent_id,
            role=self.role,
            region=city.region,
            name="N",
            phone=None,
            skills=(kind, "towing") if self.skilled else ("towing",),
            capacity=self.capacity,
            home=city.at(),
            suspended=self.suspended,
        )

    def standing(self, agent: Agent) -> Standing:
        return Standing(
            agent_id=agent.id,
            role=agent.role,
            skills=frozenset(agent.skills),
            suspended=agent.suspended,
            reachable=self.reachable,
            available=self.available,
            load=self.load,
            capacity=agent.capacity,
        )


# Mostly eligible, else one fault would hide all others.
MOSTLY, SELDOM = (st.sampled_from([usual] * 6 + [not usual]) for usual in (True, False))
PEOPLE = st.builds(
    Someone,
    role=st.sampled_from(["valet", "valet", "shop"]),
    skilled=MOSTLY,
    suspended=SELDOM,
    reachable=MOSTLY,
    available=MOSTLY,
    load=st.integers(0, 2),
    capacity=st.integers(1, 3),
    declined=SELDOM,
    released=SELDOM,
)


async def _settle(city: City, agent: Agent, who: Someone) -> None:
    """He becomes available last: what he is looked at for then is his whole state."""
    session = str(ULID())
    await city.dispatch.people.enter(agent, session, {}, "paused", city.at())
    jobs = f"jobs:{{{city.region}}}:{agent.id}"
    commands: list[tuple[str | int, ...]] = [("SADD", jobs, i) for i in range(who.load)]
    if not who.reachable:
        indexes = (key(city.region, "seen"), key(city.region, "geo", agent.role))
        commands += [("ZREM", index, agent.id) for index in indexes]
    if commands:
        await city.dispatch.store.direct(commands)
    if who.available:
        await city.dispatch.people.set_status(city.region, agent.id, session, "available")


@given(
    people=st.lists(PEOPLE, min_size=1, max_size=6),
    audience=st.sampled_from([("valet",), ("shop",), ("valet", "shop")]),
    order_first=st.booleans(),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_scripts_and_the_desks_reading_agree(
    city: City, people: list[Someone], audience: tuple[str, ...], order_first: bool
) -> None:
    order_id, kind = str(ULID()), f"k{ULID()}"
    agents = [(who.agent(f"{order_id}.{i}", city, kind), who) for i, who in enumerate(people)]
    state = new_state(kind, draft(place=Spot(city.at())), now_ms())
    state["declined"] = "," + "".join(f"{agent.id}," for agent, who in agents if who.declined)
    state["released"] = "," + "".join(f"{agent.id}," for agent, who in agents if who.released)
    packed = msgspec.msgpack.encode(state)
    terms = msgspec.msgpack.encode(Terms(1, 1, 1000, 100, 60_000, 0, ",".join(audience), "", 1000))

    async def place() -> None:
        await script(city, "place", order_id=order_id, actor="service:x", state=packed, terms=terms, opens_at="")

    if order_first:
        await place()
    for agent, who in agents:
        await _settle(city, agent, who)
    if not order_first:
        await place()
    order = await in_redis(city, order_id)
    fit = {agent.id for agent, who in agents if why_not(who.standing(agent), order, audience) is None}
    assert await offered(city, order_id) == fit
