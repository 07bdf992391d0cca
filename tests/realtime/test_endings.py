"""Sessions that others end: by the operator, or because there are too many; also on another node."""

from typing import Any

from dispatch.events import ABOUT_AGENTS
from dispatch.identity import Identity, Role
from dispatch.sessions import Live, Wanted
from realtime.endings import ENDINGS
from tests.conftest import City
from tests.realtime.nodes import Client, Node, node, token
from tests.realtime.pair import pair

ADMIN = Identity("a-1", Role.ADMIN, None, 2**53)


def test_every_event_about_agents_has_an_ending() -> None:
    assert set(ENDINGS) == ABOUT_AGENTS


async def _listed(city: City, **wanted: Any) -> list[Live]:
    return await city.dispatch.sessions.page(ADMIN, Wanted(**({"region": city.region} | wanted)), 100, None)


async def _enter(at: Node, city: City, role: str, sub: str) -> Client:
    return await at.enter(f"{city.region}.{sub}", role, token=token(f"{city.region}.{sub}", role))


async def test_a_kick_ends_a_session_on_whichever_node(city: City) -> None:
    async with pair(city) as (here, there):
        agent = await city.agent("s", role="shop", home=city.at())
        kicked, stays = await there.agent(city, agent), await here.agent(city, agent)
        await city.dispatch.sessions.kick(ADMIN, kicked.welcome["session_id"])
        assert (await kicked.farewell())["code"] == 4505
        await stays.quiet()
        assert [live.session_id for live in await _listed(city)] == [stays.welcome["session_id"]]


async def test_customers_and_staff_are_kicked_too(city: City) -> None:
    async with pair(city) as (_, there):
        for role in ("customer", "dispatcher", "service", "admin"):
            client = await _enter(there, city, role, role)
            await city.dispatch.sessions.kick(ADMIN, client.welcome["session_id"])
            assert (await client.farewell())["code"] == 4505


async def test_a_valet_has_one_session_wherever_the_newer_one_begins(city: City) -> None:
    async with pair(city) as (here, there):
        agent = await city.agent("v")
        first = await here.agent(city, agent)
        second = await there.agent(city, agent)
        assert (await first.farewell())["code"] == 4504
        third = await here.agent(city, agent)
        assert (await second.farewell())["code"] == 4504
        await third.quiet()
        assert [live.session_id for live in await _listed(city)] == [third.welcome["session_id"]]


async def test_of_six_sessions_the_oldest_goes_across_nodes(city: City) -> None:
    async with pair(city) as (here, there):
        shop = await city.agent("s", role="shop", home=city.at())
        clients = [await at.agent(city, shop) for at in (here, there, here, there, here, there)]
        assert (await clients[0].farewell())["code"] == 4504
        for client in clients[1:]:
            await client.quiet()
        assert {live.session_id for live in await _listed(city)} == {c.welcome["session_id"] for c in clients[1:]}


async def test_so_it_is_with_customers_and_staff(city: City) -> None:
    async with pair(city) as (here, there):
        for role in ("customer", "dispatcher", "service", "admin"):
            clients = [await _enter(at, city, role, role) for at in (here, there, here, there, here, there)]
            assert (await clients[0].farewell())["code"] == 4504
            for client in clients[1:]:
                await client.quiet()


async def test_a_session_is_listed_as_it_is(city: City) -> None:
    async with node(city.dispatch) as here:
        agent = await city.agent("v")
        client = await here.agent(city, agent, codec="msgpack")
        (live,) = await _listed(city)
        assert (live.session_id, live.sub, live.role) == (client.welcome["session_id"], agent.id, Role.VALET)
        host, port = client.stream.local_address[:2]
        assert (live.codec, live.address, live.unsent_bytes) == ("msgpack", f"{host}:{port}", 0)


async def test_what_a_client_does_not_take_is_told_with_the_refresh(city: City) -> None:
    async with node(city.dispatch) as here:
        agent = await city.agent("v")
        client = await here.agent(city, agent)
        session = here.hub._registry.find(client.welcome["session_id"])
        assert session is not None
        conn = here.hub._registry.connection(session)
        assert conn is not None
        conn._waiting += 12_345  # as if the kernel had not taken so much
        await here.hub._gathering._refresh()
        assert [live.unsent_bytes for live in await _listed(city)] == [12_345]
        conn._waiting -= 12_345
        await here.hub._gathering._refresh()
        assert [live.unsent_bytes for live in await _listed(city)] == [0]
