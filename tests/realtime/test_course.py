"""An order's whole course with an engine at work: what each party hears as time passes and people act."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dispatch.clock import now_ms
from dispatch.engine import Engine
from dispatch.order import Customer, Status
from dispatch.tasks import end
from tests.conftest import DISPATCHER, City
from tests.dispatch.looking import check_log, log_of, policy
from tests.realtime.nodes import Client, Node, node


@asynccontextmanager
async def engine(city: City) -> AsyncIterator[None]:
    of = city.dispatch
    made = Engine(of.store, of.records, of.catalog, of.intake, of.reconciler, city.region, "test")
    task = asyncio.create_task(made.run())
    try:
        yield
    finally:
        await end([task])
    assert task.cancelled()


async def _customer(here: Node, city: City) -> tuple[str, Client]:
    sub = f"c-{city.region}"
    return sub, await here.enter(sub, "customer")


async def _hears(client: Client, *wanted: tuple[str, Any]) -> list[dict[str, Any]]:
    """`order` messages in the order of their versions, each with this status and round."""
    found = [(await client.hear("order"))["order"] for _ in wanted]
    assert [(order["status"], order["round"]) for order in found] == list(wanted)
    assert [order["version"] for order in found] == sorted({order["version"] for order in found})
    return found


async def test_a_scheduled_order_opens_its_lead_time_before(city: City) -> None:
    kind = await policy(city, lead_seconds=3600)
    async with node(city.dispatch) as here, engine(city):
        _, valet = await here.valet(city, "v", skills=(kind,))
        sub, customer = await _customer(here, city)
        scheduled_at = now_ms() + 3_600_000 + 1_300
        order = await city.place(kind, customer=Customer(sub), scheduled_at=scheduled_at)
        assert (order.status, order.due_at) == (Status.SCHEDULED, scheduled_at - 3_600_000)
        offer = (await valet.hear("offer"))["order"]
        assert offer["id"] == order.id
        scheduled, opened = await _hears(customer, ("scheduled", 0), ("open", 1))
        assert scheduled["expires_at"] is None
        assert opened["expires_at"] == offer["expires_at"]
        event = (await log_of(city, order.id))[-1]
        assert (event.type, event.detail["due_at"]) == ("opened", order.due_at)
        assert event.at >= scheduled_at - 3_600_000


async def test_rounds_raise_the_bonus_then_the_desk_closes_it_by_phone(city: City) -> None:
    rounds = [
        {"radius_m": 1000, "limit": 9, "seconds": 0.3},
        {"radius_m": 2000, "limit": 9, "seconds": 0.3, "bonus_fen": 500},
        {"radius_m": 2000, "limit": 9, "seconds": 0.3, "bonus_fen": 100},
    ]
    kind = await policy(city, rounds=rounds)
    async with node(city.dispatch) as here, engine(city):
        _, valet = await here.valet(city, "v", skills=(kind,))
        desk = await here.dispatcher(city)
        sub, customer = await _customer(here, city)
        order = await city.place(kind, customer=Customer(sub), bonus_fen=200)
        heard = [(await valet.hear("offer"))["order"] for _ in rounds]
        assert [(each["round"], each["bonus_fen"]) for each in heard] == [(1, 200), (2, 500), (3, 200)]
        assert (await valet.hear("retract"))["reason"] == "escalated"
        assert (await desk.hear("desk"))["event"] == "escalated"
        closed = await city.dispatch.desk.close(DISPATCHER, order, "towed by a friend")
        told = await desk.hear("desk")
        assert (told["event"], told["order"]["status"], told["order"]["reason"]) == (
            "closed",
            "completed",
            "towed by a friend",
        )
        course = [("open", 0), ("open", 1), ("open", 2), ("open", 3), ("escalated", 3), ("completed", 3)]
        heard = await _hears(customer, *course)
        assert heard[-1]["version"] == closed.version
        assert (await valet.grab(order))["outcome"] == "gone"
        await here.settled(city)
        await desk.quiet()
        await customer.quiet()
    await check_log(city)


async def test_a_holder_who_stalls_shows_at_the_desk_until_he_goes_on(city: City) -> None:
    kind = await policy(city, stall_seconds={"assigned": 0.3})
    async with node(city.dispatch) as here, engine(city):
        _, valet = await here.valet(city, "v", skills=(kind,))
        desk = await here.dispatcher(city)
        sub, customer = await _customer(here, city)
        order = await city.place(kind, customer=Customer(sub))
        await valet.hear("offer")
        assert (await valet.grab(order))["outcome"] == "won"
        job = (await valet.hear("job"))["order"]
        told = await desk.hear("desk")
        assert (told["event"], told["order"]["stalled"], told["order"]["status"]) == ("stalled", True, "assigned")
        assert (job["stalled"], job["agent"]) == (True, told["order"]["agent"])
        late = await here.dispatcher(city, "d-2")
        assert [each["id"] for each in late.welcome["desk"]] == [order.id]
        await valet.ask("progress", "ok", order_id=order.id, fence=1, step="en_route")
        assert (await valet.hear("job"))["order"]["stalled"] is False
        for each in (desk, late):
            told = await each.hear("desk")
            assert (told["event"], told["order"]["status"], told["order"]["stalled"]) == ("changed", "en_route", False)
        await _hears(customer, ("open", 0), ("open", 1), ("assigned", 1), ("assigned", 1), ("en_route", 1))


@pytest.mark.parametrize("step", ["arrived", "working"])
async def test_a_car_in_his_hands_goes_to_the_desk_with_his_last_position(city: City, step: str) -> None:
    async with node(city.dispatch) as here:
        agent, valet = await here.valet(city, "v")
        desk = await here.dispatcher(city)
        sub, customer = await _customer(here, city)
        order = await city.place(customer=Customer(sub))
        await valet.hear("offer")
        await valet.grab(order)
        await valet.ask("progress", "ok", order_id=order.id, fence=1, step=step)
        await valet.hear("job")
        await city.dispatch.people.move(city.region, [(agent.id, valet.welcome["session_id"], city.at(700))])
        await valet.ask("release", "ok", order_id=order.id, fence=1, reason="ill")
        assert (await valet.hear("unjob"))["reason"] == "released"
        told = await desk.hear("desk")
        assert (told["event"], told["order"]["status"], told["order"]["reason"]) == ("escalated", "escalated", "ill")
        detail = (await log_of(city, order.id))[-1].detail
        assert (detail["lat"], detail["lon"], detail["from"]) == (city.at(700).lat, city.at(700).lon, step)
        messages = [await customer.hear(kind) for kind in ("order", "order", "order", "order", "track", "order")]
        assert messages[4]["lat"] == city.at(700).lat
        assert messages[5]["order"]["agent"] is None
        await here.settled(city)
        await valet.quiet()
