"""Who is connected, as operators see it, and sending a session away."""

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
from dispatch.sessions import MOST_AT_ONCE, Live, Wanted
from tests.conftest import City
from tests.dispatch.looking import log, members, redis

ADMIN = Identity("a-1", Role.ADMIN, None, 2**53)


def _of(city: City, role: Role = Role.DISPATCHER) -> Identity:
    return Identity("d-1", role, frozenset({city.region}), 2**53)


async def _code(work: object) -> Code:
    with pytest.raises(Refused) as refused:
        await work  # type: ignore[misc]  # any coroutine
    return refused.value.code


async def _listed(city: City, who: Identity = ADMIN, limit: int = 50, **wanted: str) -> list[Live]:
    asked = Wanted(**({"region": city.region} | wanted))  # type: ignore[arg-type]  # test fields
    return await city.dispatch.sessions.page(who, asked, limit, None)


async def _admit(city: City, role: Role, sub: str) -> tuple[str, str]:
    """A session of the people's slot: member, id."""
    who, session_id = Identity(f"{city.region}.{sub}", role, None, 2**53), str(ULID())
    return await city.dispatch.people.admit(who, session_id, {}), session_id


async def _silence(city: City, agent: Agent, session_id: str, ms: int) -> None:
    """It was last refreshed that long ago."""
    await redis(city, "ZADD", key(city.region, "sessions", agent.id), now_ms() - ms, session_id)


async def test_a_session_is_listed_with_what_its_node_told(city: City) -> None:
    agent, session_id = await city.agent("v"), str(ULID())
    meta: dict[str, object] = {"address": "203.0.113.7:5", "codec": "msgpack"}
    await city.dispatch.people.enter(agent, session_id, meta, "available", None)
    assert await _listed(city) == [
        Live(
            session_id=session_id,
            sub=agent.id,
            role=Role.VALET,
            region=city.region,
            since_at=ULID.from_str(session_id).milliseconds,
            address="203.0.113.7:5",
            codec="msgpack",
            unsent_bytes=0,
        )
    ]


async def test_what_waits_for_the_slow_is_told_with_the_refresh(city: City) -> None:
    agent = await city.agent("s", role="shop", home=city.at())
    slow, quick, untold = [await city.enter(agent) for _ in range(3)]
    people = city.dispatch.people
    await people.refresh(city.region, [(agent.id, slow, 70_000), (agent.id, quick, 0)])
    await people.refresh(city.region, [(agent.id, untold), (agent.id, slow)])
    assert {live.session_id: live.unsent_bytes for live in await _listed(city)} == {slow: 70_000, quick: 0, untold: 0}
    await people.refresh(city.region, [(agent.id, slow, 0)])
    assert [live.unsent_bytes for live in await _listed(city)] == [0, 0, 0]
    await people.refresh(city.region, [(agent.id, slow, 5)])
    await people.leave(city.region, agent.id, slow)
    assert await redis(city, "HLEN", key(city.region, "unsent")) == 0


async def test_a_list_is_narrowed(city: City) -> None:
    valet, shop = await city.agent("v"), await city.agent("s", role="shop", home=city.at())
    of_valet, of_shop, another = await city.enter(valet), await city.enter(shop), await city.enter(shop)
    assert [live.session_id for live in await _listed(city, role=Role.VALET)] == [of_valet]
    assert [live.session_id for live in await _listed(city, agent_id=shop.id)] == [of_shop, another]
    assert [live.session_id for live in await _listed(city, agent_id=shop.id, role=Role.VALET)] == []
    assert await _listed(city, agent_id="nobody") == []
    assert await _listed(city, role=Role.CUSTOMER) == []  # they belong to no region
    assert await _code(_listed(city, region="nowhere")) is Code.INVALID


async def test_pages_go_through_all_slots_by_id(city: City) -> None:
    """Also those of whom more stand in Redis than one look reads."""
    shops = [await city.agent(f"s-{i}", role="shop", home=city.at()) for i in range(MOST_AT_ONCE // 5 + 1)]
    ids = [await city.enter(shop) for shop in shops for _ in range(5)]
    assert len(ids) > MOST_AT_ONCE
    found: list[str] = []
    after: str | None = None
    while some := await city.dispatch.sessions.page(_of(city), Wanted(), 70, after):
        found += [live.session_id for live in some]
        after = found[-1]
    assert found == sorted(ids)


async def test_one_agents_sessions_have_pages_too(city: City) -> None:
    shop = await city.agent("s", role="shop", home=city.at())
    ids = sorted([await city.enter(shop) for _ in range(3)])
    first = await _listed(city, agent_id=shop.id, limit=2)
    rest = await city.dispatch.sessions.page(ADMIN, Wanted(agent_id=shop.id), 2, first[-1].session_id)
    assert [live.session_id for live in (*first, *rest)] == ids


async def test_each_sees_his_regions_and_admins_of_all_the_people(city: City) -> None:
    agent = await city.agent("v")
    session_id = await city.enter(agent)
    _, of_customer = await _admit(city, Role.CUSTOMER, "c")
    stranger = Identity("d-2", Role.DISPATCHER, frozenset({"default"}), 2**53)
    everyone = Identity("d-3", Role.DISPATCHER, None, 2**53)
    assert await _code(_listed(city, stranger)) is Code.FORBIDDEN
    assert [live.session_id for live in await _listed(city, _of(city))] == [session_id]

    async def sees(who: Identity, wanted: Wanted) -> set[str]:
        return {live.session_id for live in await city.dispatch.sessions.page(who, wanted, 10_000, None)}

    customers = Wanted(role=Role.CUSTOMER)
    assert of_customer in await sees(ADMIN, customers)
    for who in (everyone, stranger, _of(city), _of(city, Role.ADMIN)):
        assert await sees(who, customers) == set()
    for who in (ADMIN, everyone, _of(city)):
        assert session_id in await sees(who, Wanted())
    assert session_id not in await sees(stranger, Wanted())


async def test_a_session_whose_node_died_is_not_listed_nor_kicked(city: City) -> None:
    agent = await city.agent("s", role="shop", home=city.at())
    dead, alive = await city.enter(agent), await city.enter(agent)
    await _silence(city, agent, dead, REACHABLE_MS + 1000)
    await _silence(city, agent, alive, REACHABLE_MS - 5000)
    assert [live.session_id for live in await _listed(city)] == [alive]
    assert [live.session_id for live in await _listed(city, agent_id=agent.id)] == [alive]
    assert await _code(city.dispatch.sessions.kick(ADMIN, dead)) is Code.NOT_FOUND


async def test_whoever_goes_is_listed_no_more(city: City) -> None:
    left, replaced, moved = [await city.agent(name) for name in ("l", "r", "m")]
    session_id = await city.enter(left)
    await city.dispatch.people.leave(city.region, left.id, session_id)
    await city.enter(replaced)
    newest = await city.enter(replaced)
    await city.enter(moved)
    await city.agent("m", region="default")
    assert [live.session_id for live in await _listed(city)] == [newest]
    await redis(city, "ZADD", key(city.region, "seen"), 1, replaced.id)
    await city.dispatch.store.run("vanish", city.region, silent_ms=REACHABLE_MS, most=10)
    assert await _listed(city) == []
    for name in ("connected", "session", "unsent"):
        assert await redis(city, "EXISTS", key(city.region, name)) == 0


async def test_a_kick_is_told_in_the_log_of_the_slot(city: City) -> None:
    agent = await city.agent("v")
    session_id = await city.enter(agent)
    await city.dispatch.sessions.kick(_of(city), session_id)
    last = (await log(city))[-1]
    assert (last.type, last.to, last.detail) == (Type.KICKED, (agent.id,), {"session_id": session_id})
    assert await _listed(city) == []
    assert agent.id in await members(city, "seen"), "he may come back: he is reachable for a while"
    assert await _code(city.dispatch.sessions.kick(_of(city), session_id)) is Code.NOT_FOUND


async def test_only_those_who_see_a_session_end_it(city: City) -> None:
    agent = await city.agent("v")
    session_id = await city.enter(agent)
    member, of_customer = await _admit(city, Role.CUSTOMER, "c")
    kick = city.dispatch.sessions.kick
    assert (
        await _code(kick(Identity("d-2", Role.DISPATCHER, frozenset({"default"}), 2**53), session_id)) is Code.NOT_FOUND
    )
    for who in (_of(city), _of(city, Role.ADMIN), Identity("d-3", Role.DISPATCHER, None, 2**53)):
        assert await _code(kick(who, of_customer)) is Code.NOT_FOUND
    assert await _code(kick(ADMIN, "01JUNKNOWN")) is Code.NOT_FOUND
    assert [live.session_id for live in await _listed(city)] == [session_id]
    await kick(ADMIN, of_customer)
    assert await city.dispatch.people.refresh(PEOPLE, [(member, of_customer)]) == [of_customer]
