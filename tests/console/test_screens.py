"""Every page and its main states, photographed with an evening's people on a real server.

The pictures go to a temporary folder, or to the one that SCREENS names: `make screens` writes docs/screens anew. What
is tested is that each state can be reached, shows much in a small picture, and that axe finds no serious fault in it.
"""

import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.console import axe
from tests.console.house import House, Town
from tests.console.network import Network
from tests.console.people import People
from tests.console.person import TABLET, Person
from tests.console.shanghai import DATA, REGION, Evening
from tests.console.texts import ENGLISH

LEAST_BYTES, MOST_BYTES = 12_000, 300_000
NOTICE: dict[str, Any] = {
    "title": "延安高架今晚封道", "body": "22 点至次日 5 点，江苏路至石门一路，请提前绕行。", "level": "warning",
    "roles": ["valet", "shop"], "region": REGION,
}  # fmt: skip


@dataclass(frozen=True)
class Studio:
    folder: Path
    people: People
    town: Town
    evening: Evening

    async def photograph(self, person: Person, name: str, *, dark: bool = False) -> None:
        """In light or dark; axe looks at both."""
        page = person.page
        found = await axe.faults_in_both_schemes(page, name)
        await page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
        path = self.folder / f"{name}.png"
        await page.screenshot(path=path, animations="disabled")
        assert found == []
        assert LEAST_BYTES < path.stat().st_size < MOST_BYTES, path

    def order(self, customer: str) -> str:
        return self.evening.orders[customer]

    async def desk(self, **options: Any) -> Person:
        """Somebody there, before the order that has waited longest."""
        desk = await self.people.come("dispatcher", self.town.sub("zhou"), **options)
        await desk.page.locator("li[data-order]").first.get_by_role("button").click()
        await expect(desk.page.locator("li[data-agent]").first).to_be_visible()
        await expect(desk.page.locator("li[data-event]").first).to_be_visible()
        if not await desk.page.locator('[data-hand="mine"]').count():
            await desk.page.locator('[data-act="take_up"]').click()
        await expect(desk.page.locator('[data-hand="mine"]').first).to_be_visible()
        return desk


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("SCREENS")
    found = Path(named) if named else tmp_path_factory.mktemp("screens")
    found.mkdir(parents=True, exist_ok=True)
    return found


@pytest.fixture(scope="module")
async def evening(house: House) -> AsyncIterator[Evening]:
    centre = DATA["centre"]
    async with house.city(REGION, centre["lat"], centre["lon"], DATA["outline"]) as town:
        found = Evening(town)
        await found.begin()
        yield found
    await house.set_policies()


@pytest.fixture
async def studio(
    browser: Browser, house: House, evening: Evening, folder: Path, tmp_path: Path
) -> AsyncIterator[Studio]:
    people = People(browser, house.home, evening.town)
    yield Studio(folder, people, evening.town, evening)
    await people.leave(tmp_path)


async def test_login(studio: Studio) -> None:
    somebody = await studio.people.come("valet", studio.town.sub("v-wang"), opens=False)
    await somebody.page.goto(f"{somebody.home.http}/console/login")
    await expect(somebody.page.locator("html[data-ready]")).to_be_attached()
    await studio.photograph(somebody, "login")


async def test_the_desk(studio: Studio) -> None:
    await studio.town.desk.post("/v1/notices", NOTICE | {"until_at": int(time.time() * 1000) + 7_200_000})
    desk = await studio.desk()
    await studio.photograph(desk, "desk")
    await studio.photograph(desk, "desk-dark", dark=True)
    await desk.page.locator('[data-act="reopen"]').click()
    await studio.photograph(desk, "desk-reopen")
    await desk.page.keyboard.press("Escape")
    await desk.page.locator('[data-open="intake"]').click()
    await desk.page.locator("#intake-phone").fill("+8613564412908")
    await desk.page.locator("#intake-place").fill("31.2143, 121.4380")
    await expect(desk.page.get_by_role("dialog").locator("[data-order]").first).to_be_visible()
    await studio.photograph(desk, "desk-telephone")
    await desk.page.keyboard.press("Escape")
    await desk.page.locator('[data-open="sessions"]').click()
    await expect(desk.page.locator("tr[data-session]").first).to_be_visible()
    await studio.photograph(desk, "desk-sessions")
    await desk.page.keyboard.press("Escape")
    await desk.page.locator('[data-open="notices"]').click()
    await expect(desk.page.locator("li[data-notice]").first).to_be_visible()
    await studio.photograph(desk, "desk-notices")


async def test_the_desk_in_english_on_a_tablet(studio: Studio) -> None:
    desk = await studio.desk(device=TABLET, language=ENGLISH)
    await studio.photograph(desk, "desk-tablet-english")


async def test_the_valet(studio: Studio) -> None:
    valet = await studio.people.come("valet", studio.town.sub("v-wang"))
    open_order = studio.order("李小龙")
    await expect(valet.act("grab", open_order)).to_be_visible()
    await studio.photograph(valet, "valet-offers")
    await studio.photograph(valet, "valet-offers-dark", dark=True)
    await valet.act("decline", studio.order("顾晓燕")).tap()
    await studio.photograph(valet, "valet-decline")
    await valet.page.keyboard.press("Escape")
    await valet.act("grab", open_order).tap()
    await expect(valet.act("en_route", open_order)).to_be_visible()
    await studio.photograph(valet, "valet-won")
    await valet.act("en_route", open_order).tap()
    await expect(valet.page.locator(".verdict.won")).to_have_count(0)
    await studio.photograph(valet, "valet-job-dark", dark=True)
    await valet.act("navigate", open_order).tap()
    await studio.photograph(valet, "valet-ways")
    await valet.page.keyboard.press("Escape")
    await valet.act("completed", open_order).tap()
    await valet.act("confirm", open_order).tap()
    await expect(valet.order(open_order)).to_have_count(0)
    for tab, shown in (("hall", "[data-state]"), ("history", '[data-status="completed"]')):
        await valet.page.locator(f'[data-tab="{tab}"]').tap()
        await expect(valet.page.locator(f"main article{shown}").first).to_be_visible()
        await studio.photograph(valet, f"valet-{tab}")


async def test_the_valet_whose_line_is_lost(studio: Studio, house: House, there: Network) -> None:
    """And who sees an order go to somebody else."""
    valet = await studio.people.come("valet", studio.town.sub("v-wang"), home=there.home)
    order_id = studio.order("蒋雯")
    await expect(valet.act("grab", order_id)).to_be_visible()
    await studio.evening.grab(order_id, "v-chen")
    await expect(valet.order(order_id)).to_have_attribute("data-state", "lost")
    await studio.photograph(valet, "valet-lost")
    await there.cut(valet)
    await valet.connected("waiting")
    await studio.photograph(valet, "valet-offline")
    await there.mend(valet)


async def test_the_shop(studio: Studio) -> None:
    shop = await studio.people.come("shop", studio.town.sub("s-tuhu"))
    order_id = studio.order("顾晓燕")
    await expect(shop.act("grab", order_id)).to_be_visible()
    await studio.photograph(shop, "shop-offers")
    await shop.act("grab", order_id).tap()
    await expect(shop.act("en_route", order_id)).to_be_visible()
    await studio.photograph(shop, "shop-won")


async def test_the_shop_on_a_tablet_in_english(studio: Studio) -> None:
    shop = await studio.people.come("shop", studio.town.sub("s-tuhu"), device=TABLET, language=ENGLISH)
    await studio.photograph(shop, "shop-tablet-english")
