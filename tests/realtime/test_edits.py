"""An edited order on the stream: who hears what of it, on whichever node."""

from typing import Any

import pytest

from dispatch.order import Customer, Order, Spot, Status
from tests.conftest import DISPATCHER, SERVICE, City
from tests.dispatch.looking import escalated, policy
from tests.realtime.nodes import node


async def _edit(city: City, order: Order, **changes: Any) -> Order:
    return await city.dispatch.intake.edit(SERVICE, order, changes)


@pytest.fixture
async def kind(city: City) -> str:
    return await policy(city, rounds=[{"radius_m": 1000, "limit": 9, "seconds": 30}])


async def test_candidates_are_offered_it_again_as_it_is_now(city: City, kind: str) -> None:
    async with node(city.dispatch) as here, node(city.dispatch) as there:
        agent = await city.agent("v", skills=(kind,))
        other = await city.agent("w", skills=(kind,))
        clients = [await here.agent(city, agent), await there.agent(city, other)]
        order = await city.place(kind)
        for client in clients:
            await client.hear("offer")
        await _edit(city, order, details={"note": "two flat tyres", "plate": "x"}, bonus_fen=300, price_fen=None)
        for client in clients:
            again = (await client.hear("offer"))["order"]
            assert (again["id"], again["version"], again["expires_at"]) == (order.id, 3, order.expires_at)
            assert (again["details"]["note"], again["bonus_fen"], again["price_fen"]) == ("two flat tyres", 300, None)


async def test_a_moved_place_retracts_from_exactly_those_who_are_too_far(city: City, kind: str) -> None:
    async with node(city.dispatch) as here, node(city.dispatch) as there:
        agents = {name: await city.agent(name, skills=(kind,)) for name in ("south", "middle", "north")}
        south = await here.agent(city, agents["south"], -900)
        middle = await there.agent(city, agents["middle"], 100)
        north = await there.agent(city, agents["north"], 1200)
        order = await city.place(kind)
        await south.hear("offer")
        await middle.hear("offer")
        await _edit(city, order, place=Spot(city.at(500)))
        retract = await south.hear("retract")
        assert retract == {"type": "retract", "order_id": order.id, "reason": "changed"}
        assert (await middle.hear("offer"))["order"]["area"]["lat"] == round(city.at(500).lat, 3)
        assert (await north.hear("offer"))["order"]["id"] == order.id
        verdict = await south.grab(order)
        assert (verdict["outcome"], verdict["reason"]) == ("refused", "not_offered")
        await _edit(city, order, place=Spot(city.at(-100)))
        assert (await south.hear("offer"))["order"]["id"] == order.id
        assert (await north.hear("retract"))["reason"] == "changed"
        await middle.hear("offer")
        assert (await south.grab(order))["outcome"] == "won"
        assert (await middle.hear("retract"))["reason"] == "taken"
        await there.settled(city)
        await north.quiet()
        await south.quiet()


async def test_holder_customer_and_desk_hear_of_it(city: City, kind: str) -> None:
    customer_id = f"c-{city.region}"
    async with node(city.dispatch) as here:
        _, holder = await here.valet(city, "v", skills=(kind,))
        order = await city.place(kind, customer=Customer(customer_id))
        await holder.hear("offer")
        await holder.grab(order)
        customer = await here.enter(customer_id, "customer")
        desk = await here.dispatcher(city)
        await _edit(city, order, price_fen=1)
        assert (await holder.hear("job"))["order"]["price_fen"] == 1
        assert (await customer.hear("order"))["order"]["price_fen"] == 1
        await here.settled(city)
        await desk.quiet()
        await city.dispatch.desk.cancel(SERVICE, order, "no more")
        await holder.hear("unjob")
        await customer.hear("order")
        second = await city.place(kind, customer=Customer(customer_id))
        await holder.hear("offer")
        await customer.hear("order")
        await customer.hear("order")
        await escalated(city, second)
        assert (await desk.hear("desk"))["event"] == "escalated"
        await customer.hear("order")
        assert (await holder.hear("retract"))["reason"] == "escalated"
        await _edit(city, second, details={"note": "x"})
        told = await desk.hear("desk")
        assert (told["event"], told["order"]["details"], told["order"]["status"]) == (
            "changed",
            {"note": "x"},
            "escalated",
        )
        assert (await customer.hear("order"))["order"]["details"] == {"note": "x"}


async def test_an_order_made_over_leaves_the_former_customers_list(city: City, kind: str) -> None:
    former_id, new_id = f"c-{city.region}", f"d-{city.region}"
    async with node(city.dispatch) as here, node(city.dispatch) as there:
        order = await city.place(kind, customer=Customer(former_id, "Li"))
        former, new = await here.enter(former_id, "customer"), await there.enter(new_id, "customer")
        assert [each["id"] for each in former.welcome["orders"]] == [order.id]
        await _edit(city, order, customer=Customer(new_id, "Zhao", "+86139"))
        assert await former.hear("snapshot") == {"type": "snapshot", "orders": [], "more": []}
        assert (await new.hear("order"))["order"]["customer"] == {"id": new_id, "name": "Zhao", "phone": "+86139"}
        await _edit(city, order, price_fen=1)
        await new.hear("order")
        await here.settled(city)
        await former.quiet()


async def test_a_scheduled_order_whose_time_has_come_is_offered(city: City, kind: str) -> None:
    async with node(city.dispatch) as here:
        _, client = await here.valet(city, "v", skills=(kind,))
        order = await city.place(kind, scheduled_at=4_000_000_000_000)
        opened = await _edit(city, order, scheduled_at=None)
        assert opened.status is Status.OPEN
        assert (await client.hear("offer"))["order"]["id"] == order.id


async def test_what_the_hall_lists_is_an_offer_that_ends_as_others_do(city: City) -> None:
    kind = await policy(city, rounds=[{"radius_m": 1, "limit": 1, "seconds": 30}], hall_radius_m=5000)
    async with node(city.dispatch) as here:
        agent, client = await here.valet(city, "v", skills=(kind,))
        order = await city.place(kind, 2000)
        await city.dispatch.hall.listed(agent, None, 50, None)
        assert (await client.hear("offer"))["order"]["id"] == order.id
        other = await city.agent("w", skills=(kind,))
        await city.dispatch.desk.assign(DISPATCHER, order, other.id, force=True)
        assert await client.hear("retract") == {"type": "retract", "order_id": order.id, "reason": "taken"}
