"""A session ends with its token, by the node's clock and with the leeway that tokens have."""

from dispatch.clock import now_ms
from dispatch.identity import Identity, Role
from geo.crs import Crs
from realtime.expiry import Expiry
from realtime.session import Session
from realtime.wire import CloseCode
from tests.conftest import City
from tests.realtime.nodes import Node, known_sessions, token

LEEWAY_S = 30


def _session(expires_at: int) -> Session:
    return Session("s", Identity("a", Role.ADMIN, None, expires_at), Crs.WGS84, "admin:a", ())


def test_those_whose_token_has_run_out_are_ended_and_no_others() -> None:
    live = {_session(expires_at) for expires_at in (0, 5_000, 10_000, 10_001, 2**53)}
    ended: list[tuple[int, CloseCode]] = []

    def end(session: Session, code: CloseCode, reason: str) -> None:
        assert reason == "the token has expired"
        live.remove(session)
        ended.append((session.who.expires_at, code))

    expiry = Expiry(lambda: live, 30_000, end)
    expiry.sweep(29_999)
    assert ended == []
    expiry.sweep(40_000)
    assert sorted(ended) == [(0, 4501), (5_000, 4501), (10_000, 4501)]
    expiry.sweep(40_000)
    assert len(ended) == 3
    expiry.sweep(40_001)
    assert ended[-1] == (10_001, 4501)


async def test_a_session_ends_while_it_is_quiet(city: City, here: Node) -> None:
    """The sweep runs by itself. The token is past `exp` already, but within the leeway."""
    agent = await city.agent("v")
    client = await here.agent(city, agent, token=token(agent.id, "valet", ttl_s=4 - LEEWAY_S))
    staying = await here.enter("c-1", "customer")
    goodbye = await client.farewell()
    assert (goodbye["code"], goodbye["reason"]) == (4501, "the token has expired")
    await here.settled(city)
    assert await known_sessions(city, agent.id) == []
    await staying.quiet()


async def test_every_role_ends_with_its_token(city: City, here: Node) -> None:
    agent = await city.agent("v")
    roles = [(agent.id, "valet"), ("c-7", "customer"), ("d-7", "dispatcher"), ("a-7", "admin"), ("b-7", "service")]
    clients = [await here.enter(sub, role, token=token(sub, role, ttl_s=600)) for sub, role in roles]
    longer = await here.enter("c-8", "customer", token=token("c-8", "customer", ttl_s=660))
    here.hub._expiry.sweep(now_ms() + (600 + LEEWAY_S - 20) * 1000)
    for client in clients:
        await client.quiet()
    here.hub._expiry.sweep(now_ms() + (600 + LEEWAY_S + 1) * 1000)
    for client in clients:
        assert (await client.farewell())["code"] == 4501
    await longer.quiet()


async def test_what_was_offered_after_the_end_is_not_told(city: City, here: Node) -> None:
    agent = await city.agent("v")
    client = await here.agent(city, agent, token=token(agent.id, "valet", ttl_s=600))
    here.hub._expiry.sweep(now_ms() + 700_000)
    await city.place()
    await here.settled(city)
    assert (await client.farewell())["code"] == 4501, "first of all"
    again = await here.agent(city, agent)
    assert len(again.welcome["offers"]) == 1


async def test_a_token_that_has_run_out_is_told_so_at_the_door(city: City, here: Node) -> None:
    client = await here.connect()
    await client.say("hello", token=token("c-1", "customer", ttl_s=-LEEWAY_S - 1))
    assert (await client.farewell())["code"] == 4501
