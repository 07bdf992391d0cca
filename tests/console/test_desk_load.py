"""500 open orders and 2,000 moving agents on the desk: all there, and it goes on answering.

Frame times and long tasks are measured and told, not judged: they are the machine's as much as the page's.
"""

import asyncio
import json
import random
import re
from typing import Any

from playwright.async_api import Page, Route, expect

from tests.console.house import CALM, HASTY, Town
from tests.console.people import People
from tests.console.texts import text

ORDERS, ESCALATED, AGENTS = 440, 60, 2000
_MEASURE = """() => {
  const told = window.__smooth = { long: [], frames: [] };
  new PerformanceObserver((list) => told.long.push(...list.getEntries().map((each) => each.duration)))
    .observe({ type: "longtask", buffered: true });
  let last = performance.now();
  const frame = (now) => { told.frames.push(now - last); last = now; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}"""


def spread(town: Town, rng: random.Random) -> dict[str, float]:
    return town.at(rng.uniform(-9000, 9000), rng.uniform(-9000, 9000))


async def fill(town: Town, rng: random.Random) -> None:
    orders = [town.order(CALM, place=spread(town, rng) | {"address": f"延安西路 {n} 号"}) for n in range(ORDERS)]
    orders += [town.order(HASTY, place=spread(town, rng) | {"address": f"中山南路 {n} 号"}) for n in range(ESCALATED)]
    await asyncio.gather(*orders)


async def smoothness(page: Page) -> dict[str, Any]:
    told = await page.evaluate("__smooth")
    frames = sorted(told["frames"])
    return {
        "frames": len(frames),
        "frame_ms_p50": round(frames[len(frames) // 2], 1),
        "frame_ms_p99": round(frames[int(len(frames) * 0.99)], 1),
        "long_tasks": len(told["long"]),
        "longest_task_ms": round(max(told["long"], default=0)),
    }


class Crowd:
    """Agents who move between any two looks at the map, beside those that the server tells of."""

    def __init__(self, town: Town, rng: random.Random) -> None:
        self._town, self._rng = town, rng
        self.looks = 0

    async def join(self, route: Route) -> None:
        self.looks += 1
        answer = await route.fetch()
        told = await answer.json()
        told["agents"] += [self._agent(number) for number in range(AGENTS)]
        await route.fulfill(response=answer, json=told)

    def _agent(self, number: int) -> dict[str, Any]:
        status = ("available", "available", "paused", "offline")[number % 4]
        known = {"id": f"crowd-{number}", "role": "shop" if number % 10 == 0 else "valet", "name": f"师傅 {number}"}
        return known | {"status": status, "load": number % 3, "capacity": 3} | spread(self._town, self._rng)


async def test_five_hundred_orders_and_two_thousand_agents(town: Town, people: People) -> None:
    rng = random.Random(7)
    await fill(town, rng)
    crowd = Crowd(town, rng)
    desk = await people.dispatcher("zhou", opens=False)
    page = desk.page
    await page.route(re.compile(r"/v1/map(\?|$)"), crowd.join)
    await desk.open()
    await expect(page.locator("li[data-order]")).to_have_count(ESCALATED)
    await page.locator("details.map-legend summary").click()
    for marks, count in (("valets", AGENTS * 9 // 10), ("shops", AGENTS // 10), ("orders", ORDERS + ESCALATED)):
        group = page.get_by_role("group", name=text(f"work.map.{marks}"), exact=True)
        await expect(group.locator("[data-marks] .number").first).to_have_text(str(count))
    await page.evaluate(_MEASURE)
    looks = crowd.looks
    for _ in range(20):
        await page.keyboard.press("j")
    await page.locator("details.map-legend summary").click()
    await page.locator(".leaflet-container").hover()
    for notch in (-240, -240, 240):
        await page.mouse.wheel(0, notch)
    await asyncio.gather(*(town.order(CALM, place=spread(town, rng) | {"address": "中途来的"}) for _ in range(40)))
    async with asyncio.timeout(30):
        while crowd.looks < looks + 1:
            await page.evaluate("new Promise(requestAnimationFrame)")
    await page.locator('[data-tab="all"]').click()
    await page.get_by_role("searchbox").fill("延安西路 43 号")
    await expect(page.locator("li[data-order]")).to_have_count(1)
    await page.unroute_all(behavior="ignoreErrors")
    print("the desk under load:", json.dumps(await smoothness(page)))
