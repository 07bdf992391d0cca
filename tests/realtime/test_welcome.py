"""At the door: who is let in, and what he is shown first."""

from typing import Any

import pytest

from dispatch.order import Customer, Spot
from dispatch.scripts import key
from geo.crs import Crs
from geo.point import Point
from realtime.session import OfferBook
from realtime.welcome import agent_card
from tests.conftest import DISPATCHER, City
from tests.realtime.nodes import Node, escalate, known_sessions, node, token
from tests.realtime.sessions import agent_session

# ---- who is let in


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        ({}, 4500),
        ({"token": ""}, 4500),
        ({"token": "nonsense"}, 4500),
        ({"token": token("v", "valet", secret="another secret, also long enough")}, 4500),
        ({"token": token("v", "king")}, 4500),
        ({"token": token("v", "valet", ttl_s=-3600)}, 4501),
        ({"token": token("nobody", "valet")}, 4502),
    ],
    ids=["none", "empty", "nonsense", "foreign", "no role", "expired", "never put"],
)
async def test_who_is_not_let_in(here: Node, hello: dict[str, Any], code: int) -> None:
    client = await here.connect()
    await client.say("hello", **hello)
    assert (await client.farewell())["code"] == code


async def test_agents_as_they_were_put(city: City, here: Node) -> None:
    valet = await city.agent("v")
    suspended = await city.agent("s", suspended=True)
    refused = {
        token(valet.id, "shop"): 4502,
        token(valet.id, "valet", regions=["elsewhere"]): 4502,
        token(suspended.id, "valet"): 4503,
    }
    for bad, code in refused.items():
        client = await here.connect()
        await client.say("hello", token=bad)
        assert (await client.farewell())["code"] == code


async def test_the_token_of_the_upgrade_counts_when_hello_has_none(city: City, here: Node) -> None:
    agent = await city.agent("v")
    header = {"Authorization": f"Bearer {token(agent.id, 'valet')}"}
    client = await here.connect(additional_headers=header)
    assert (await client.hello())["agent"]["id"] == agent.id
    other = await here.connect(additional_headers=header)
    await other.say("hello", token="nonsense")
    assert (await other.farewell())["code"] == 4500


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ('{"type": "ping"}', 4506),
        ('{"type": "grab", "ref": "r", "order_id": "o"}', 4506),
        ('{"type": "grab"}', 4506),
        ('{"type": "dance"}', 4506),
        ('{"type": "hello", "crs": "mars"}', 4507),
        ('{"type": "hello", "sing": true}', 4507),
        ("{}", 4507),
        ("[", 4507),
    ],
)
async def test_what_is_no_good_as_a_first_message(here: Node, first: str, code: int) -> None:
    client = await here.connect()
    await client.stream.send(first)
    assert (await client.farewell())["code"] == code


async def test_nothing_at_all(city: City) -> None:
    async with node(city.dispatch, hello_seconds=0.05) as impatient:
        client = await impatient.connect()
        assert (await client.farewell())["code"] == 4506


# ---- what he is shown


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_the_welcome_of_an_agent(city: City, here: Node, codec: str) -> None:
    agent = await city.valet("v", capacity=2)
    offered, held = await city.place(), await city.place()
    await city.dispatch.claims.grab(city.region, held.id, agent.id)
    client = await here.agent(city, agent, codec=codec, status="paused")
    welcome = client.welcome
    assert welcome["heartbeat_seconds"] == 20
    assert welcome["features"] == ["voice_notes", "heard", "say", "map", "figures", "lookup"]
    assert welcome["agent"] == {
        "id": agent.id,
        "role": "valet",
        "region": city.region,
        "name": "Name of v",
        "phone": "+8613900000001",
        "skills": ["maintenance", "towing"],
        "capacity": 2,
        "home": None,
        "status": "paused",
    }
    assert [order["id"] for order in welcome["offers"]] == [offered.id]
    assert "customer" not in welcome["offers"][0]
    assert [order["id"] for order in welcome["jobs"]] == [held.id]
    assert welcome["jobs"][0]["customer"]["phone"] == "+8613800000000"
    assert welcome["more"] == []
    assert "desk" not in welcome
    assert "orders" not in welcome
    assert await known_sessions(city, agent.id) == [welcome["session_id"]]


async def test_the_welcome_of_a_dispatcher(city: City, here: Node) -> None:
    first, second = [await escalate(city, await city.place()) for _ in range(2)]
    await city.place()
    welcome = (await here.dispatcher(city)).welcome
    assert [order["id"] for order in welcome["desk"]] == [first.id, second.id]
    assert welcome["more"] == []
    assert not {"offers", "jobs", "orders", "agent"} & welcome.keys()
    elsewhere = await here.enter("d-2", "dispatcher", token=token("d-2", "dispatcher", regions=["elsewhere"]))
    assert elsewhere.welcome["desk"] == []
    everywhere = await here.enter("d-3", "dispatcher")
    assert {first.id, second.id} <= {order["id"] for order in everywhere.welcome["desk"]}


async def test_the_welcome_of_a_customer(city: City, here: Node) -> None:
    me = Customer(f"{city.region}.me")
    mine, done = await city.place(customer=me), await city.place(customer=me)
    await city.place(customer=Customer(f"{city.region}.another"))
    await city.dispatch.desk.cancel(DISPATCHER, done, "no")
    welcome = (await here.enter(me.id, "customer")).welcome
    assert [order["id"] for order in welcome["orders"]] == [mine.id]
    assert not {"offers", "jobs", "desk", "agent"} & welcome.keys()
    assert await known_sessions(city, f"customer:{me.id}", "~") == [welcome["session_id"]]


@pytest.mark.parametrize("role", ["service", "admin"])
async def test_the_welcome_of_a_backend(here: Node, role: str) -> None:
    welcome = (await here.enter("b", role)).welcome
    assert not {"offers", "jobs", "desk", "orders", "agent"} & welcome.keys()


async def test_positions_both_ways_in_the_coordinates_of_the_session(city: City, here: Node) -> None:
    """A place in China, where the systems differ: a region of its own there."""
    lat, lon = 31.2304, 121.4737
    ring = [[lon - 0.01, lat - 0.01], [lon + 0.01, lat - 0.01], [lon + 0.01, lat + 0.01], [lon - 0.01, lat + 0.01]]
    feature = {
        "type": "Feature",
        "properties": {},
        "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
    }
    region = f"{city.region}-in-china"
    await city.dispatch.catalog.put_region(region, feature)
    await city.dispatch.reconciler.region(region)
    agent = await city.agent("v", region=region)
    gcj02 = {"lat": 31.228450, "lon": 121.478224}
    client = await here.enter(agent.id, "valet", position=gcj02, crs="gcj02")
    [[stands]] = await city.dispatch.store.direct([("GEOPOS", key(region, "geo", "valet"), agent.id)])
    assert [float(degrees) for degrees in stands] == pytest.approx([lon, lat], abs=2e-5)
    order = await city.place(place=Spot(Point(lat, lon)))
    area = (await client.hear("offer"))["order"]["area"]
    assert area["lat"] == pytest.approx(gcj02["lat"], abs=1.1e-3)
    assert area["lon"] == pytest.approx(gcj02["lon"], abs=1.1e-3)
    job = (await client.grab(order))["job"]
    assert job["place"]["lat"] == pytest.approx(gcj02["lat"], abs=2e-5)
    assert job["place"]["lon"] == pytest.approx(gcj02["lon"], abs=2e-5)


def test_the_card_shows_the_home_in_the_coordinates_of_the_session(book: OfferBook) -> None:
    agent = agent_session(book).agent
    assert agent_card(agent, "paused", Crs.WGS84)["home"] == {"lat": 31.2304, "lon": 121.4737}
    assert agent_card(agent, "paused", Crs.BD09)["home"]["lon"] == pytest.approx(121.4737 + 0.011, abs=2e-3)
    assert agent_card(agent, "paused", Crs.WGS84)["status"] == "paused"
