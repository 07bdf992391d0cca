"""How sessions end: real sockets, two hubs that share Redis and PostgreSQL."""

import msgspec

from dispatch.events import Event
from dispatch.scripts import key
from tests.conftest import City, new_city
from tests.realtime.nodes import Node, known_sessions, node


async def test_a_newer_session_replaces_a_valets_older_one_on_another_node(city: City, here: Node, there: Node) -> None:
    agent, old = await here.valet(city, "v")
    new = await there.agent(city, agent)
    assert (await old.farewell())["code"] == 4504
    assert await known_sessions(city, agent.id) == [new.welcome["session_id"]]
    await city.place()
    await new.hear("offer")


async def test_a_replacement_makes_nobody_at_the_door_be_read_again(city: City, here: Node) -> None:
    """Only what is said about agents as such: else many who come back at once would hold each other up."""
    agent, old = await here.valet(city, "v")
    before = here.hub._arrivals.sendings_away
    await here.agent(city, agent)
    await old.farewell()
    assert here.hub._arrivals.sendings_away == before
    await city.agent("w")
    await city.enter(await city.agent("w"))
    await city.agent("w", suspended=True)
    await here.heard(city)
    assert here.hub._arrivals.sendings_away == before + 1


async def test_a_region_newer_than_the_rules_that_a_node_knows(city: City, here: Node) -> None:
    _, client = await here.valet(city, "v")
    await here.hub._refit([])
    await city.place()
    await client.hear("offer")


async def test_the_suspended_are_sent_away(city: City, here: Node) -> None:
    agent, client = await here.valet(city, "v")
    await city.agent("v", suspended=True)
    assert (await client.farewell())["code"] == 4503
    await here.settled(city)
    assert await known_sessions(city, agent.id) == []


async def test_who_moves_to_another_region_starts_over_there(city: City, here: Node) -> None:
    agent, client = await here.valet(city, "v")
    elsewhere = await new_city(city.dispatch)
    await city.agent("v", region=elsewhere.region)
    assert (await client.farewell())["code"] == 4003
    again = await here.enter(agent.id, "valet")
    assert again.welcome["agent"]["region"] == elsewhere.region
    await here.settled(city)
    await again.quiet()
    await again.say("position", lat=elsewhere.at().lat, lon=elsewhere.at().lon)
    await elsewhere.place()
    await again.hear("offer")


async def test_word_from_a_region_that_he_has_left_does_not_end_his_new_session(city: City, here: Node) -> None:
    agent, client = await here.valet(city, "v")
    fields = {"n": 1, "type": "moved", "order": "", "version": 0, "to": agent.id, "holder": "", "was": ""}
    flat = [str(part).encode() for pair in (fields | {"customer": "", "desk": ""}).items() for part in pair]
    here.hub.hear([Event.of_flat("elsewhere", [*flat, b"body", msgspec.msgpack.encode({"data": {}})])])
    await client.quiet()


async def test_who_leaves_is_forgotten(city: City, here: Node) -> None:
    agent, client = await here.valet(city, "v")
    other = await here.enter("c-9", "customer")
    await client.stream.close()
    await other.vanish()
    await here.until(lambda: here.hub.lost_count == 2)
    await here.settled(city)
    assert await known_sessions(city, agent.id) == []
    assert await known_sessions(city, "customer:c-9", "~") == []
    seen = await city.dispatch.store.direct([("ZSCORE", key(city.region, "seen"), agent.id)])
    assert seen[0] is not None, "reachable for a while"


async def test_a_session_that_was_sent_away_hears_nothing_more_though_its_socket_lives(city: City, here: Node) -> None:
    """The client does not answer the close frame; what is offered meanwhile is not delivered to him."""
    agent, client = await here.valet(city, "v")
    client.stream.transport.pause_reading()
    await city.agent("v", suspended=True)
    await here.settled(city)
    assert list(here.hub._registry) == []
    assert len(here.listener.connections) == 1
    await city.agent("v")
    await city.enter(agent)
    order = await city.place()
    await here.settled(city)
    await here.hub._gathering._send_marks()
    offers = await city.dispatch.store.direct([("HKEYS", key(city.region, "offers", order.id))])
    assert offers[0] == [agent.id.encode()], "no `d,` beside it"
    client.stream.transport.resume_reading()
    assert (await client.farewell())["code"] == 4503


async def test_a_drain_says_goodbye_and_leaves_nothing(city: City) -> None:
    async with node(city.dispatch) as draining:
        agent, client = await draining.valet(city, "v")
    assert (await client.farewell())["code"] == 4000
    assert await known_sessions(city, agent.id) == []
