"""`console/client.js` and `console/view.js` in a browser, on the real server: what an app developer copies works.

The page is a bare one of the server's own; nothing but the two modules is loaded.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from tests.console.house import House, Town
from tests.journeys.cluster import ServerProcess

BEGIN = """async ({ stream, token }) => {
  const { Client } = await import("/console/client.js");
  const { View } = await import("/console/view.js");
  window.token = token;
  window.client = new Client({ url: stream + "/v1/stream", token: () => window.token });
  window.view = new View();
  window.states = [];
  client.on("message", (message, asked) => view.hear(message, asked));
  client.on("state", (state) => states.push(state === "over" ? state + " " + client.end?.code : state));
  client.start();
}"""
SOON_MS = 20_000


@pytest.fixture(scope="module")
async def server(house: House) -> AsyncIterator[ServerProcess]:
    """One to be ended and started, always running after a test; all else goes on."""
    server = ServerProcess(house.cluster.environment, data_dir=house.cluster.data_dir)
    await server.start()
    yield server
    await server.end()


class App:
    """A page with a client in it."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def does(self, script: str, asked: Any = None) -> Any:
        return await self.page.evaluate(script, asked)

    async def until(self, test: str, asked: Any = None) -> None:
        await self.page.wait_for_function(test, arg=asked, timeout=SOON_MS)


@pytest.fixture
async def start(browser: Browser, server: ServerProcess) -> AsyncIterator[Any]:
    context = await browser.new_context()

    async def started(token: str) -> App:
        page = await context.new_page()
        await page.goto(f"{server.http_url}/console/login")
        await page.evaluate(BEGIN, {"stream": server.ws_url, "token": token})
        return App(page)

    yield started
    await context.close()


async def at_work(start: Any, town: Town, name: str = "wang") -> App:
    """A shop, for it stands where it is put; connected."""
    sub = await town.hire("shop", name)
    app: App = await start(town.token("shop", sub))
    await app.until("() => client.state === 'open'")
    return app


async def offered(app: App, town: Town) -> str:
    order_id: str = (await town.order())["id"]
    await app.until("(id) => view.offers.has(id)", order_id)
    return order_id


async def test_an_order_from_the_offer_to_its_end(start: Any, town: Town) -> None:
    app = await at_work(start, town)
    order_id = await offered(app, town)
    verdict = await app.does("(id) => client.grab(id)", order_id)
    assert verdict["outcome"] == "won"
    assert await app.does("(id) => [view.offers.has(id), view.jobs.get(id).status]", order_id) == [False, "assigned"]
    for step in ("en_route", "arrived", "completed"):
        said = {"type": "progress", "order_id": order_id, "fence": verdict["fence"], "step": step}
        answer = await app.does("(said) => client.ask({ ...said, at: client.now() })", said)
        assert answer["type"] == "ok"
    await app.until("(id) => view.done?.id === id && !view.jobs.has(id)", order_id)


async def test_of_two_who_grab_at_once_one_has_it_and_the_other_sees_so(start: Any, town: Town) -> None:
    apps = [await at_work(start, town, name) for name in ("wang", "chen")]
    order_id = await offered(apps[0], town)
    await apps[1].until("(id) => view.offers.has(id)", order_id)
    verdicts = await asyncio.gather(*(app.does("(id) => client.grab(id)", order_id) for app in apps))
    assert sorted(verdict["outcome"] for verdict in verdicts) == ["taken", "won"]
    for app in apps:
        await app.until("(id) => !view.offers.has(id)", order_id)


async def test_a_refusal_has_its_code(start: Any, town: Town) -> None:
    app = await at_work(start, town)
    said = {"type": "progress", "order_id": "01J00000000000000000000000", "fence": 1, "step": "arrived"}
    assert await app.does("(said) => client.ask(said).catch(({ code }) => code)", said) == "not_found"


async def test_it_knows_the_servers_clock(start: Any, town: Town) -> None:
    app = await at_work(start, town)
    before = time.time() * 1000
    now = await app.does("client.now()")
    assert before - 100 <= now <= time.time() * 1000 + 100
    assert abs(await app.does("client.ask({ type: 'ping' }).then(({ server_at }) => server_at - client.now())")) < 1000


async def test_killed_and_started_again_the_server_has_it_back_with_all_it_asked(
    start: Any, town: Town, server: ServerProcess
) -> None:
    app = await at_work(start, town)
    order_id = await offered(app, town)
    held = await offered(app, town)
    assert (await app.does("(id) => client.grab(id)", held))["outcome"] == "won"
    await server.end(signal.SIGKILL)
    await app.until("() => client.state === 'waiting'")
    await app.does("(id) => { window.grabbed = client.grab(id); }", order_id)
    refused = await app.does("client.ask({ type: 'ping' }).catch((error) => error.constructor.name)")
    assert refused == "Disconnected"
    await server.start()
    assert (await app.does("grabbed"))["outcome"] == "won"
    assert set(await app.does("[...view.jobs.keys()]")) == {order_id, held}
    assert await app.does("states.at(-1)") == "open"


async def test_sent_away_by_a_server_that_goes_down_it_comes_when_it_is_told(
    start: Any, town: Town, server: ServerProcess
) -> None:
    app = await at_work(start, town)
    await app.does("() => { client.on('bye', (bye) => { window.bye = bye; }); }")
    await server.end()
    await app.until("() => client.state !== 'open'")
    assert await app.does("bye.code") == 4000
    assert await app.does("bye.reconnect_after_ms >= 0")
    await server.start()
    await app.until("() => client.state === 'open'")


async def test_replaced_it_does_not_fight(start: Any, town: Town) -> None:
    token = town.token("valet", await town.hire("valet", "liu"))
    first = await start(token)
    await first.until("() => client.state === 'open'")
    second = await start(token)
    await first.until("() => client.state === 'over'")
    assert await first.does("[client.end.code, states.at(-1)]") == [4504, "over 4504"]
    await first.does("dispatchEvent(new Event('online'))")
    assert [await first.does("client.state"), await second.does("client.state")] == ["over", "open"]
    await first.does("client.start()")  # when its owner says so
    await second.until("() => client.end?.code === 4504")


async def test_an_expired_token_is_the_end_until_there_is_another(start: Any, town: Town) -> None:
    sub = await town.hire("shop", "yongda")
    app = await start(town.token("shop", sub, ttl_seconds=-60))
    await app.until("() => client.state === 'over'")
    assert await app.does("client.end.code") == 4501
    await app.does("(token) => { window.token = token; client.start(); }", town.token("shop", sub))
    await app.until("() => client.state === 'open'")


async def test_kicked_is_kicked(start: Any, town: Town) -> None:
    app = await at_work(start, town)
    session = await app.does("view.sessionId")
    await town.desk.delete(f"/v1/sessions/{session}")
    await app.until("() => client.state === 'over'")
    assert await app.does("client.end.code") == 4505


async def test_a_dispatcher_has_the_desk(start: Any, town: Town) -> None:
    app = await start(town.token("dispatcher", "zhou"))
    await app.until("() => client.state === 'open'")
    order_id = (await town.order("maintenance"))["id"]
    await app.until("(id) => view.desk.get(id)?.status === 'escalated'", order_id)
    await town.desk.post(f"/v1/desk/{order_id}/take_up")
    await app.until("(id) => view.desk.get(id)?.taken_up !== null", order_id)
    await town.desk.post(f"/v1/orders/{order_id}/close", {"outcome": "settled by telephone"})
    await app.until("(id) => !view.desk.has(id)", order_id)
