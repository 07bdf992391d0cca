"""Somebody at a page: a browser context of his own, as he would have opened it, with a guard beside him.

Owns the devices (phone, tablet, desk), the way in by a login link, and how things on a page are found: by role and by
the name out of the texts, by `data-` hooks where there is no name. Invariant: nobody shares storage with another.
"""

import re
from collections.abc import Mapping
from typing import Any

from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from tests.console import spies
from tests.console.guard import Guard
from tests.console.house import Home, Town
from tests.console.texts import CHINESE, like

PHONE: Mapping[str, Any] = {
    "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True,
}  # fmt: skip
DESK: Mapping[str, Any] = {"viewport": {"width": 1280, "height": 800}}
TABLET: Mapping[str, Any] = {"viewport": {"width": 1024, "height": 768}, "has_touch": True}
DEVICES = {"valet": PHONE, "shop": PHONE, "dispatcher": DESK}
WAIT_MS = 15_000
PAGES = {"valet": "valet", "shop": "shop", "dispatcher": "desk"}


class Person:
    def __init__(self, role: str, sub: str, town: Town, home: Home, language: str = CHINESE) -> None:
        self.role, self.sub, self.town, self.home, self.language = role, sub, town, home, language
        self.guard = Guard(home.origins)
        self.sent: list[str] = []
        """The frames that went out on any stream of the page."""
        self.context: BrowserContext
        self.page: Page

    def __repr__(self) -> str:
        return f"{self.role} {self.sub}"

    async def sit_down(self, browser: Browser, device: Mapping[str, Any] | None = None, **options: Any) -> None:
        place = self.town.at()
        self.context = await browser.new_context(
            **{**DEVICES[self.role], **(device or {})},
            locale=self.language,
            geolocation={"latitude": place["lat"], "longitude": place["lon"]},
            permissions=["geolocation"],
            **options,
        )
        self.context.set_default_timeout(WAIT_MS)
        await self.guard.watch(self.context)
        await self.context.add_init_script(spies.SCRIPT)
        self.page = await self.context.new_page()
        self.page.on("websocket", lambda ws: ws.on("framesent", lambda frame: self.sent.append(str(frame))))

    async def open(self, *, token: str | None = None) -> None:
        """By a login link, until the first `welcome` is drawn and the page was touched, as people do."""
        given = token or self.town.token(self.role, self.sub)
        await self.page.goto(f"{self.home.http}/console/{PAGES[self.role]}#token={given}")
        await self.ready()
        await self.page.mouse.click(1, 1)

    async def ready(self) -> None:
        await expect(self.page.locator("html[data-ready]")).to_be_attached()
        await self.connected("open")

    async def connected(self, state: str, timeout_s: float = 20.0) -> None:
        where = self.page.locator(f'[data-connection="{state}"]').first
        await expect(where).to_be_attached(timeout=timeout_s * 1000)

    def order(self, order_id: str) -> Locator:
        """Whatever shows this order."""
        return self.page.locator(f'[data-order="{order_id}"]').first

    def act(self, what: str, order_id: str | None = None) -> Locator:
        """The button that does it, at the order or anywhere."""
        where = self.page if order_id is None else self.page.locator(f'[data-order="{order_id}"]')
        return where.locator(f'[data-act="{what}"]').first

    def button(self, key: str) -> Locator:
        return self.page.get_by_role("button", name=like(key, self.language)).first

    def says(self, key: str) -> Locator:
        """The text, wherever it stands."""
        return self.page.get_by_text(re.compile(like(key, self.language).pattern.strip("^$"))).first

    def grabs_sent(self, order_id: str) -> int:
        return sum('"grab"' in frame and order_id in frame for frame in self.sent)
