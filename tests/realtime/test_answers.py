"""What real sessions are told has exactly the forms that the AsyncAPI document tells of.

`nodes.Client` holds whatever any test of the hub hears against them; here every type of message is met.
"""

from typing import Any, get_args

import pytest
from ulid import ULID

from dispatch.clock import now_ms
from dispatch.identity import Identity, Role
from dispatch.notice import Notice
from dispatch.order import Customer, Order
from dispatch.records.agents import Agent
from realtime.answers import ServerMessage
from tests.conftest import City
from tests.realtime.nodes import Client, Node, node, token

ADMIN = Identity("a-1", Role.ADMIN, None, 2**53)
TYPES = {str(form.__struct_config__.tag) for form in get_args(ServerMessage)}


class Scene:
    """A valet, a slower one, a shop, a dispatcher and a customer, all there; and which types of messages they heard."""

    def __init__(self, city: City, here: Node, codec: str) -> None:
        self.city = city
        self.here = here
        self.codec = codec
        self.customer_id = f"c-{city.region}"
        self.heard: set[str] = set()

    async def enter(self) -> None:
        self.valet, self.slow = [await self._agent(await self.city.agent(name)) for name in ("v", "slow")]
        home = self.city.at(50)
        self.shop = await self._agent(await self.city.agent("s", role="shop", home=home, skills=("parts",)))
        regions = [self.city.region]
        self.desk = await self._enter("d-1", "dispatcher", token=token("d-1", "dispatcher", regions=regions))
        self.customer = await self._enter(self.customer_id, "customer")
        self.service = await self._enter("backend", "service")

    async def hear(self, client: Client, *kinds: str) -> dict[str, Any]:
        """The next messages; the last one."""
        for kind in kinds:
            message = await client.hear(kind)
            self.heard.add(kind)
        return message

    async def offered(self) -> Order:
        order = await self.city.place(customer=Customer(self.customer_id, "Li", None))
        for client in (self.valet, self.slow):
            await self.hear(client, "offer")
        await self.hear(self.customer, "order", "order")  # placed, opened
        return order

    async def won(self) -> Order:
        order = await self.offered()
        await self.valet.say("grab", ref="g", order_id=order.id)
        assert (await self.hear(self.valet, "verdict"))["outcome"] == "won"
        assert (await self.hear(self.slow, "retract"))["reason"] == "taken"
        await self.hear(self.customer, "order")
        return order

    async def step(self, order: Order, step: str) -> None:
        await self.valet.say("progress", ref="p", order_id=order.id, fence=1, step=step)
        await self.hear(self.valet, "ok", "job")
        await self.hear(self.customer, "order")

    async def _agent(self, agent: Agent) -> Client:
        return self._met(await self.here.agent(self.city, agent, codec=self.codec))

    async def _enter(self, sub: str, role: str, **hello: Any) -> Client:
        return self._met(await self.here.enter(sub, role, self.codec, **hello))

    def _met(self, client: Client) -> Client:
        self.heard.add("welcome")
        return client


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_every_message_that_is_sent_has_its_form(city: City, codec: str) -> None:
    async with node(city.dispatch) as here:
        scene = Scene(city, here, codec)
        await scene.enter()
        await _a_job_and_what_others_hear_of_it(scene)
        await _verdicts(scene)
        await _faults(scene)
        await _a_notice(scene)
        await _the_present_once_more(scene)
        await _the_end(scene)
        assert scene.heard == TYPES


async def _a_job_and_what_others_hear_of_it(scene: Scene) -> None:
    order = await scene.won()
    await scene.step(order, "en_route")
    at = scene.city.at(200)
    await scene.valet.say("position", lat=at.lat, lon=at.lon)
    await scene.hear(scene.customer, "track")
    await scene.step(order, "arrived")
    await scene.valet.say("release", ref="r", order_id=order.id, fence=1, reason="no tools")
    await scene.hear(scene.valet, "ok", "unjob")
    await scene.hear(scene.customer, "order")
    assert (await scene.hear(scene.desk, "desk"))["event"] == "escalated"


async def _verdicts(scene: Scene) -> None:
    """Of every outcome but `pending`, which needs PostgreSQL to be away (test_commands)."""
    order = await scene.won()
    outcomes = []
    for client, order_id in ((scene.slow, order.id), (scene.shop, "never offered"), (scene.valet, order.id)):
        await client.say("grab", ref="g", order_id=order_id)
        outcomes.append((await scene.hear(client, "verdict"))["outcome"])
    assert outcomes == ["taken", "refused", "won"]
    await scene.step(order, "completed")
    await scene.valet.say("grab", ref="g", order_id=order.id)
    assert (await scene.hear(scene.valet, "verdict"))["outcome"] == "gone"


async def _faults(scene: Scene) -> None:
    await scene.valet.say("grab", ref="g", order_id="")
    await scene.valet.say("position", lat=91, lon=0)
    await scene.valet.say("hello")
    await scene.hear(scene.valet, "error", "error", "error")
    await scene.desk.say("status", status="paused")
    await scene.hear(scene.desk, "error")
    for client in (scene.valet, scene.service):
        await client.say("ping", ref="1")
        await client.say("ping")
        await scene.hear(client, "pong", "pong")
    await scene.valet.say("status", status="available")
    await scene.hear(scene.valet, "ok")


async def _a_notice(scene: Scene) -> None:
    now = now_ms()
    notice = Notice(
        id=str(ULID()), title="Rain", body="", level="info", roles=(Role.VALET,), region=scene.city.region,
        near=None, radius_m=None, until_at=now + 1000, at=now, author=ADMIN.actor,
    )  # fmt: skip
    await scene.city.dispatch.notices.post(ADMIN, notice)
    await scene.hear(scene.valet, "notice")


async def _the_present_once_more(scene: Scene) -> None:
    """Whoever may have missed something is told it."""
    await scene.here.settled(scene.city)
    scene.here.hub._lost(scene.city.region)
    for client in (scene.valet, scene.shop, scene.desk, scene.customer):
        await scene.hear(client, "snapshot")


async def _the_end(scene: Scene) -> None:
    """Once by a newer session, once by the server's going down."""
    again = scene.city.at(0)
    await scene.here.enter(
        f"{scene.city.region}.v", "valet", scene.codec, position={"lat": again.lat, "lon": again.lon}
    )
    assert (await scene.hear(scene.valet, "bye"))["reconnect_after_ms"] is None
    await scene.here.listener.close_all(spread_ms=100)
    assert isinstance((await scene.hear(scene.shop, "bye"))["reconnect_after_ms"], int)
