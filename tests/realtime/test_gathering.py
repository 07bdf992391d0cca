"""What is sent on together: positions, deliveries, and the word that sessions live."""

import asyncio
from collections.abc import Callable

import pytest

from dispatch import metrics
from dispatch.identity import Identity, Role
from dispatch.order import Order
from dispatch.records.agents import Agent
from dispatch.scripts import key, scripts
from geo.crs import Crs
from geo.point import Point
from realtime.gathering import Gathering, _each
from realtime.session import AgentSession, OfferBook, Session
from tests.conftest import City
from tests.realtime.gate import Gated
from tests.realtime.nodes import Node, node, reached, token
from tests.realtime.stream import PATIENCE

CLAIM, ENTER = (scripts()[name].sha.encode() for name in ("claim", "enter"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Redis can not do fails soon."""
    monkeypatch.setattr("dispatch.store.PATIENCE_S", 0.05)


async def standing(city: City, agent: Agent) -> list[float]:
    [[point]] = await city.dispatch.store.direct([("GEOPOS", key(city.region, "geo", agent.role), agent.id)])
    return [float(degrees) for degrees in point]


async def marks(city: City, order: Order) -> set[str]:
    names = (await city.dispatch.store.direct([("HKEYS", key(city.region, "offers", order.id))]))[0]
    return {name.decode() for name in names if b"," in name}


async def vanish(city: City) -> None:
    """Nothing was heard of anybody for long."""
    await city.dispatch.store.run("vanish", city.region, silent_ms=-1, most=256)


# ---- positions


async def test_the_last_position_reaches_redis(city: City, here: Node) -> None:
    agent, client = await here.valet(city, "v")
    for north_m in (100.0, 2000.0, 300.0):
        await client.say("position", lat=city.at(north_m).lat, lon=city.at().lon, accuracy_m=5, at=1)
    await client.quiet()
    await here.hub._gathering._send_positions()
    assert await standing(city, agent) == pytest.approx([city.at().lon, city.at(300).lat], abs=1e-5)
    order = await city.place(north_m=3100)
    assert (await client.hear("offer"))["order"]["id"] == order.id, "within 3 km of where he is now"


async def test_a_shop_stands_at_its_home(city: City, here: Node) -> None:
    agent = await city.agent("shop", role="shop", home=city.at())
    client = await here.agent(city, agent)
    await client.say("position", lat=city.at(3000).lat, lon=city.at().lon)
    await client.quiet()
    assert here.hub._gathering._positions == {}
    await here.hub._gathering._send_positions()
    assert await standing(city, agent) == pytest.approx([city.at().lon, city.at().lat], abs=1e-5)


async def test_who_is_gone_is_nowhere_sent_on(city: City, here: Node) -> None:
    _, client = await here.valet(city, "v")
    await client.say("position", lat=city.at(2000).lat, lon=city.at().lon)
    await client.quiet()
    await client.vanish()
    await here.until(lambda: here.hub.lost_count == 1)
    assert here.hub._gathering._positions == {}


# ---- deliveries


async def test_what_was_delivered_and_seen(city: City, here: Node) -> None:
    known = await city.valet("v", capacity=9)
    before = await city.place()
    client = await here.agent(city, known)
    after = await city.place()
    await client.hear("offer")
    await client.say("seen", order_ids=[after.id, before.id, "never-heard-of"])
    await client.quiet()
    told = {order_id for order_id, _, _ in here.hub._gathering._marks[city.region]}
    assert told <= {before.id, after.id}, "what he can not have seen is not sent on"
    await here.hub._gathering._send_marks()
    for order in (before, after):
        assert await marks(city, order) == {f"d,{known.id}", f"s,{known.id}"}


async def test_an_offer_that_waited_for_an_answer_counts_as_delivered_too(city: City, far: Gated) -> None:
    """Another was quicker, and gave back before this one heard that he had lost."""
    other = await city.valet("w")
    async with node(far.dispatch) as there:
        agent, client = await there.valet(city, "v")
        order = await city.place()
        await client.hear("offer")
        await there.settled(city)
        asked, answered = far.redis.hold(CLAIM), far.redis.hold(CLAIM, answer=True)
        await client.say("grab", ref="r", order_id=order.id)
        await reached(asked)
        won = await city.dispatch.claims.grab(city.region, order.id, other.id)
        asked.release()
        await reached(answered)
        assert won.order is not None
        await city.dispatch.jobs.release(Identity(other.id, Role.VALET, None, 0), won.order, 1, "no")
        await there.heard(city)
        await client.quiet()
        answered.release()
        assert (await client.hear("verdict"))["outcome"] == "taken"
        assert (await client.hear("offer"))["order"]["id"] == order.id
        await there.hub._gathering._send_marks()
        assert await marks(city, order) == {f"d,{agent.id}"}


async def test_marks_of_the_last_second_are_not_lost_in_a_drain(city: City) -> None:
    async with node(city.dispatch) as draining:
        agent, client = await draining.valet(city, "v")
        order = await city.place()
        await client.hear("offer")
    assert await marks(city, order) == {f"d,{agent.id}"}


# ---- lives


async def test_the_living_stay_reachable_and_the_forgotten_start_over(city: City, here: Node) -> None:
    agent, client = await here.valet(city, "v")
    await here.hub._gathering._refresh()
    await client.quiet()
    await vanish(city)
    await here.hub._gathering._refresh()
    assert (await client.farewell())["code"] == 4003
    again = await here.agent(city, agent)
    await again.quiet()


async def test_sessions_of_customers_and_staff_live_by_it_too(city: City, here: Node) -> None:
    client = await here.enter(f"{city.region}.c", "customer")
    await city.dispatch.store.run("vanish", "~", silent_ms=-1, most=256)
    await here.hub._gathering._refresh()
    assert (await client.farewell())["code"] == 4003


async def test_who_is_just_being_welcomed_is_not_taken_for_forgotten(city: City, far: Gated) -> None:
    agent = await city.agent("v")
    async with node(far.dispatch) as there:
        held = far.redis.hold(ENTER)
        client = await there.connect()
        await client.say("hello", token=token(agent.id, "valet"))
        await reached(held)
        refreshing = asyncio.create_task(there.hub._gathering._refresh())
        held.release()
        await refreshing
        await client.hear("welcome")
        await client.quiet()


# ---- what goes wrong


class Away:
    """Agents of a region that was never reconciled, beside those of one that works."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.over: list[str] = []
        self.sessions: list[Session] = []
        self.gathering = Gathering(
            city.dispatch.people, lambda: iter(self.sessions), self.over.append, lambda session: 0
        )

    async def session(self, name: str, region: str) -> AgentSession:
        agent = Agent(
            id=f"{self.city.region}.{name}",
            role="valet",
            region=region,
            name="",
            phone=None,
            skills=(),
            capacity=1,
            home=None,
            suspended=False,
        )
        session_id = "nowhere"
        if region == self.city.region:
            agent = await self.city.agent(name)
            session_id = await self.city.enter(agent)
        who = Identity(agent.id, Role.VALET, None, 0)
        session = AgentSession(session_id, who, Crs.WGS84, agent, OfferBook())
        session.resume()
        self.sessions.append(session)
        return session


async def test_a_region_that_can_not_be_used_keeps_nothing_from_the_others(city: City, impatient: None) -> None:
    away = Away(city)
    lost, well = await away.session("a", "nowhere"), await away.session("b", city.region)
    order = await city.place()
    gathering = away.gathering
    for session in (lost, well):
        gathering.position(session, city.at(500))
        gathering.delivered(session, [order.id])
    await vanish(city)
    await asyncio.gather(gathering._send_marks(), gathering._send_positions(), gathering._refresh())
    assert await marks(city, order) == {f"d,{well.member}"}
    assert away.over == [well.id]
    assert gathering._positions == {lost: city.at(500)}, "tried again"
    assert list(gathering._marks["nowhere"]) == [(order.id, lost.member, "d")]
    gathering.position(lost, city.at(700))
    away.sessions.remove(lost)
    lost.close()
    gathering.forget(lost)
    await gathering._send_marks()
    assert gathering._positions == {}
    assert not any(gathering._marks.values()), "nobody is there any more"


async def test_who_has_left_before_his_position_could_be_sent_is_nowhere_kept(city: City, impatient: None) -> None:
    away = Away(city)
    lost = await away.session("a", "nowhere")
    away.gathering.position(lost, city.at())
    sending = asyncio.create_task(away.gathering._send_positions())
    await asyncio.sleep(0)
    lost.close()
    await sending
    assert away.gathering._positions == {}


async def test_whose_present_is_being_read_is_not_asked_for(city: City) -> None:
    """He may not be known to Redis yet."""
    away = Away(city)
    session = await away.session("a", city.region)
    session.doubt()
    await vanish(city)
    await away.gathering._refresh()
    assert away.over == []


async def test_marks_are_kept_once(city: City) -> None:
    away = Away(city)
    session = await away.session("a", city.region)
    for _ in range(3):
        away.gathering.seen(session, ["o-1", "o-2"])
    assert len(away.gathering._marks[city.region]) == 2


async def test_a_bug_in_one_turn_does_not_end_the_turns() -> None:
    broken = metrics.BROKEN._value.get()
    again = asyncio.Event()
    turns: list[Callable[[], None]] = [_raise, again.set]

    async def turn() -> None:
        turns.pop(0)() if turns else None

    running = asyncio.create_task(_each(0.001, turn))
    async with asyncio.timeout(PATIENCE):
        await again.wait()
    assert metrics.BROKEN._value.get() == broken + 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def _raise() -> None:
    raise ValueError("a bug")


async def test_a_position_told_meanwhile_is_not_overwritten_by_an_older_one(city: City, impatient: None) -> None:
    away = Away(city)
    lost = await away.session("a", "nowhere")
    away.gathering.position(lost, Point(1.0, 1.0))
    sending = asyncio.create_task(away.gathering._send_positions())
    await asyncio.sleep(0)
    away.gathering.position(lost, Point(2.0, 2.0))
    await sending
    assert away.gathering._positions == {lost: Point(2.0, 2.0)}
