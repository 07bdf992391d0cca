"""Logging in: a token that is pasted, scanned or comes with the link, and never lies around."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.console import axe
from tests.console.chromium import chromium
from tests.console.fake_camera import film
from tests.console.house import House, Town
from tests.console.people import People
from tests.console.person import PAGES, Person
from tests.console.texts import ENGLISH, text


async def at_the_door(people: People, town: Town, role: str = "valet") -> Person:
    """Somebody at the login page."""
    sub = await town.hire(role, "wang") if role in ("valet", "shop") else town.sub("zhou")
    person = await people.come(role, sub, opens=False)
    await person.page.goto(f"{person.home.http}/console/login")
    await expect(person.page.locator("html[data-ready]")).to_be_attached()
    return person


async def paste(page: Page, what: str) -> None:
    await page.get_by_label(text("login.token")).fill(what)
    await page.get_by_role("button", name=text("login.enter"), exact=True).click()


@pytest.mark.parametrize("role", ["valet", "shop", "dispatcher"])
async def test_a_pasted_token_leads_to_the_page_of_its_role(town: Town, people: People, role: str) -> None:
    person = await at_the_door(people, town, role)
    await paste(person.page, town.token(role, person.sub))
    await person.page.wait_for_url(f"**/console/{PAGES[role]}")
    await person.ready()
    assert "token" not in person.page.url
    assert await person.page.evaluate("sessionStorage.getItem('token')")
    assert not [each for each in await person.page.evaluate("Object.values(localStorage)") if "eyJ" in each]
    assert await person.context.cookies() == []


async def test_what_is_no_token_is_said_to_be_none(town: Town, people: People) -> None:
    person = await at_the_door(people, town)
    for given, fault in (
        ("no token", "malformed"),
        (town.token("valet", person.sub, ttl_seconds=-60), "expired"),
        (town.token("customer", "c-1"), "role"),
    ):
        await paste(person.page, given)
        await expect(person.page.get_by_text(text(f"login.fault.{fault}"))).to_be_visible()
        assert await axe.faults_in_both_schemes(person.page, fault) == []


async def test_a_login_link_can_be_pasted_whole(town: Town, people: People) -> None:
    person = await at_the_door(people, town)
    await paste(person.page, f"{person.home.http}/console/valet#token={town.token('valet', person.sub)}")
    await person.ready()


async def test_a_page_without_a_token_sends_to_the_login(town: Town, people: People) -> None:
    person = await people.come("valet", town.sub("nobody"), opens=False)
    for page in PAGES.values():
        await person.page.goto(f"{person.home.http}/console/{page}")
        await person.page.wait_for_url("**/console/login*")
        await expect(person.page.get_by_label(text("login.token"))).to_be_visible()


async def test_the_language_stays_when_the_page_is_left(town: Town, people: People) -> None:
    person = await at_the_door(people, town)
    await person.page.get_by_role("button", name=text("kit.language.en")).click()
    await expect(person.page.get_by_role("button", name=text("login.enter", ENGLISH), exact=True)).to_be_visible()
    await expect(person.page.locator("html")).to_have_attribute("lang", "en")
    assert await axe.faults_in_both_schemes(person.page, "english") == []
    await person.page.reload()
    await expect(person.page).to_have_title(text("login.title", ENGLISH))


async def test_a_code_in_front_of_the_camera_is_read(tmp_path: Path, house: House, town: Town) -> None:
    sub = await town.hire("valet", "wang")
    code = film(tmp_path / "camera.y4m", f"{house.home.http}/console/valet#token={town.token('valet', sub)}")
    async with chromium(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={code}",
    ) as seeing:
        there = People(seeing, house.home, town)
        person = await there.come("valet", sub, opens=False)
        await person.page.goto(f"{person.home.http}/console/login")
        await person.page.get_by_role("button", name=text("login.scan")).click()
        await person.page.wait_for_url("**/console/valet")
        await person.ready()
        await there.leave(tmp_path)


async def test_without_a_camera_it_is_said_so(browser: Browser, town: Town, people: People) -> None:
    person = await at_the_door(people, town)
    await person.page.get_by_role("button", name=text("login.scan")).click()
    await expect(person.page.get_by_text(text("login.fault.camera"))).to_be_visible()
