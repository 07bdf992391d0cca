"""What is left out first for a client that does not keep up, and what never is: on a node that lets nothing wait."""

from collections.abc import AsyncIterator

import pytest

from dispatch.assembly import Dispatch
from dispatch.order import Customer
from tests.conftest import City
from tests.dispatch.looking import rows
from tests.realtime.nodes import Node, node
from tests.realtime.test_notices import post


@pytest.fixture(autouse=True)
async def taken_down(dispatch: Dispatch) -> AsyncIterator[None]:
    yield
    await rows(dispatch, "DELETE FROM notices RETURNING id")


@pytest.fixture
async def strict(city: City) -> AsyncIterator[Node]:
    """Half of the allowance is always used, so whatever may be left out is."""
    async with node(city.dispatch, max_unsent=0) as found:
        yield found


async def test_offers_verdicts_jobs_and_answers_are_never_left_out(city: City, strict: Node) -> None:
    _, client = await strict.valet(city, "v")
    order = await city.place()
    await client.hear("offer")
    fence = (await client.grab(order))["fence"]
    await client.ask("progress", "ok", order_id=order.id, fence=fence, step="completed")
    await client.hear("job")
    assert strict.listener.counters.shed == 0


async def test_notices_are(city: City, strict: Node) -> None:
    _, client = await strict.valet(city, "v")
    await post(city)
    await strict.until(lambda: strict.listener.counters.shed == 1)
    order = await city.place()
    assert (await client.hear("offer"))["order"]["id"] == order.id


async def test_positions_are_and_the_order_is_not(city: City, strict: Node) -> None:
    mine = f"c-{city.region}"
    customer = await strict.enter(mine, "customer")
    _, valet = await strict.valet(city, "v")
    order = await city.place(customer=Customer(mine))
    await valet.hear("offer")
    fence = (await valet.grab(order))["fence"]
    await valet.ask("progress", "ok", order_id=order.id, fence=fence, step="en_route")
    await valet.hear("job")
    await valet.say("position", lat=city.at(700).lat, lon=city.at(700).lon)
    await strict.until(lambda: strict.listener.counters.shed == 1)
    await valet.ask("progress", "ok", order_id=order.id, fence=fence, step="completed")
    while (told := await customer.hear("order"))["order"]["status"] != "completed":
        pass
    assert told["order"]["id"] == order.id
