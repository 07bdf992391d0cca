"""Available or paused: what an agent chose holds, also when he chose while the page was connecting."""

import asyncio

from playwright.async_api import WebSocketRoute, expect

from tests.console.house import Town
from tests.console.people import People


async def test_who_pauses_before_the_welcome_came_is_paused(town: Town, people: People) -> None:
    valet = await people.valet("wang")
    greeted, may_pass = asyncio.Event(), asyncio.Event()

    async def slowly(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def up(message: str | bytes) -> None:
            server.send(message)
            greeted.set()

        async def down(message: str | bytes) -> None:
            await may_pass.wait()
            route.send(message)

        route.on_message(up)
        server.on_message(lambda message: asyncio.ensure_future(down(message)))

    await valet.context.route_web_socket("**/v1/stream", slowly)
    await valet.page.reload()
    await greeted.wait()
    await valet.act("paused").tap()
    await expect(valet.act("paused")).to_have_attribute("aria-pressed", "true")
    may_pass.set()
    await valet.connected("open")
    await expect(valet.act("paused")).to_have_attribute("aria-busy", "false")
    await expect(valet.act("paused")).to_have_attribute("aria-pressed", "true")
    assert (await town.desk.get(f"/v1/agents/{valet.sub}"))["status"] == "paused"
