"""Who says too much: real sockets, with limits that do not refill while a test runs."""

from dispatch import metrics
from realtime.limits import Limit, Rates
from realtime.throttle import PATIENCE
from tests.conftest import City
from tests.realtime.nodes import Client, node, token

NEVER = 1e-6
FEW = Rates(messages=None, grabs=Limit(NEVER, 2), positions=Limit(NEVER, 2))
ORDER = "01M80ZDQTV5RYSAWE71AY73GRD"


async def limited(client: Client, kind: str, **fields: object) -> None:
    error = await client.ask(kind, "error", **fields)
    assert (error["code"], error["retryable"]) == ("rate_limited", True)


def counted(what: str) -> float:
    value: float = metrics.RATE_LIMITED.labels(what)._value.get()
    return value


async def test_over_the_limit_each_message_is_refused_by_its_ref(city: City) -> None:
    async with node(city.dispatch, rates=Rates(messages=Limit(NEVER, 3))) as here:
        _, client = await here.valet(city, "v")
        before = counted("messages")
        for _ in range(3):
            await client.ask("ping", "pong")
        await limited(client, "ping")
        await limited(client, "status", status="paused")
        await limited(client, "heard", order_id=ORDER, note_id=ORDER)
        await limited(client, "no such type")
        assert counted("messages") == before + 4


async def test_grabs_have_a_limit_of_their_own(city: City) -> None:
    async with node(city.dispatch, rates=FEW) as here:
        _, client = await here.valet(city, "v")
        for _ in range(2):
            await client.ask("grab", "verdict", order_id=ORDER)
        await limited(client, "grab", order_id=ORDER)
        await client.ask("status", "ok", status="paused")


async def test_a_grab_that_was_refused_is_carried_out_when_there_is_a_token_again(city: City) -> None:
    async with node(city.dispatch, rates=FEW._replace(grabs=Limit(1, 1))) as here:
        _, client = await here.valet(city, "v")
        order = await city.place()
        await client.hear("offer")
        now = 1000.0
        here.hub._throttle._clock = lambda: now
        await client.ask("grab", "verdict", order_id=ORDER)
        await limited(client, "grab", order_id=order.id)
        now += 1.0
        assert (await client.grab(order))["outcome"] == "won"


async def test_positions_are_dropped_with_a_word_now_and_then(city: City) -> None:
    async with node(city.dispatch, rates=FEW) as here:
        _, client = await here.valet(city, "v")
        for i in range(2 + PATIENCE * 2):
            await client.say("position", lat=city.at().lat, lon=city.at(i).lon)
        told = await client.rest()
        assert [(each["code"], "ref" in each) for each in told] == [("rate_limited", False)] * len(told)
        assert 1 <= len(told) < PATIENCE * 2


async def test_who_goes_on_is_sent_away_and_coming_back_fills_no_bucket(city: City) -> None:
    async with node(city.dispatch, rates=FEW) as here:
        agent, client = await here.valet(city, "v")
        for _ in range(2):
            await client.ask("grab", "verdict", order_id=ORDER)
        for _ in range(PATIENCE * 2):
            await limited(client, "grab", order_id=ORDER)
        await client.say("grab", ref="r", order_id=ORDER)
        assert (await client.farewell())["code"] == 4004
        again = await here.agent(city, agent)
        await again.ask("ping", "pong")
        await again.say("grab", ref="r", order_id=ORDER)
        assert (await again.farewell())["code"] == 4004


async def test_all_sessions_of_an_agent_share_his_buckets(city: City) -> None:
    async with node(city.dispatch, rates=FEW) as here:
        shop = await city.agent("shop", role="shop", home=city.at())
        counter, phone = [await here.agent(city, shop) for _ in range(2)]
        for client in (counter, phone):
            await client.ask("grab", "verdict", order_id=ORDER)
        for client in (counter, phone):
            await limited(client, "grab", order_id=ORDER)


async def test_others_are_measured_by_session(city: City) -> None:
    async with node(city.dispatch, rates=Rates(messages=Limit(NEVER, 1))) as here:
        first, second = [await here.dispatcher(city) for _ in range(2)]
        for client in (first, second):
            await client.ask("ping", "pong")
            await limited(client, "ping")


async def test_what_is_said_before_the_welcome_counts_too(city: City) -> None:
    async with node(city.dispatch, rates=Rates(messages=Limit(NEVER, 1))) as here:
        agent = await city.agent("v")
        client = await here.connect()
        await client.say("hello", token=token(agent.id, "valet"))
        for i in range(6):
            await client.say("ping", ref=f"{i}")
        await client.hear("welcome")
        assert (await client.hear("pong"))["ref"] == "0"
        for i in range(1, 1 + PATIENCE):
            error = await client.hear("error")
            assert (error["ref"], error["code"]) == (f"{i}", "rate_limited")
        assert (await client.farewell())["code"] == 4004


async def test_who_is_silent_has_no_bucket(city: City) -> None:
    async with node(city.dispatch) as here:
        await here.valet(city, "v")
        gauges = [gauge for each in here.hub._throttle._special.values() for gauge in each]
        assert {gauge.what for gauge in gauges} == {"messages", "grabs", "positions"}
        assert [len(gauge._granted) + len(gauge._patience) for gauge in gauges] == [0, 0, 0, 0]


async def test_zero_is_no_limit(city: City) -> None:
    async with node(city.dispatch, rates=Rates(None, None, None)) as here:
        _, client = await here.valet(city, "v")
        for _ in range(500):
            await client.say("ping", ref="r")
        for _ in range(500):
            await client.hear("pong")
