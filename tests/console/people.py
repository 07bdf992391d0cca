"""The people of one test: they come by name, and at its end each is asked what his page did wrong.

Owns who is there. Invariant: every page of a test is judged by its guard, even if the test never looked at it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.console.house import Home, Town
from tests.console.person import Person
from tests.console.texts import CHINESE


class People:
    def __init__(self, browser: Browser, home: Home, town: Town) -> None:
        self._browser, self._home, self._town = browser, home, town
        self._there: list[Person] = []

    async def valet(self, name: str, *, profile: Mapping[str, Any] | None = None, **options: Any) -> Person:
        return await self.come("valet", await self._town.hire("valet", name, **(profile or {})), **options)

    async def shop(self, name: str, *, profile: Mapping[str, Any] | None = None, **options: Any) -> Person:
        return await self.come("shop", await self._town.hire("shop", name, **(profile or {})), **options)

    async def dispatcher(self, name: str, **options: Any) -> Person:
        return await self.come("dispatcher", self._town.sub(name), **options)

    async def come(
        self, role: str, sub: str, *, home: Home | None = None, language: str = CHINESE,
        device: Mapping[str, Any] | None = None, opens: bool = True, **options: Any,
    ) -> Person:  # fmt: skip
        person = Person(role, sub, self._town, home or self._home, language)
        await person.sit_down(self._browser, device, **options)
        self._there.append(person)
        if opens:
            await person.open()
        return person

    async def leave(self, folder: Path) -> None:
        """Leaves a picture of each page that did wrong."""
        wrong = []
        for number, person in enumerate(self._there):
            if person.guard.faults:
                wrong += [f"{person}: {fault}" for fault in person.guard.faults]
                await person.page.screenshot(path=folder / f"{number}.png")
            await person.context.close()
        if wrong:
            pytest.fail(f"pages did wrong (pictures in {folder}):\n  " + "\n  ".join(wrong), pytrace=False)
