from tests.conftest import City
from tests.realtime.nodes import node


async def test_one(city: City) -> None:
    async with node(city.dispatch) as here:
        agent, client = await here.valet(city, "v")
        order = await city.place()
        offer = await client.hear("offer")
        assert offer["order"]["id"] == order.id
        v = await client.grab(order)
        assert v["outcome"] == "won"
        await here.settled(city)
        await client.quiet()
