"""The valet's and the shop's pages can be installed; without network their shell is there, and nothing private."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.console.house import Town
from tests.console.network import Network
from tests.console.people import People
from tests.console.person import PAGES, Person

_INSTALLED = """() => Promise.race([
  navigator.serviceWorker.ready.then(() => true),
  new Promise((resolve) => setTimeout(resolve, 20000, false)),
])"""
_CACHED = """async () => {
  const names = await caches.keys();
  const stores = await Promise.all(names.map((name) => caches.open(name)));
  const asked = await Promise.all(stores.map((store) => store.keys()));
  const answers = asked.flatMap((requests, i) => requests.map((request) => stores[i].match(request)));
  const texts = await Promise.all(answers.map((answer) => answer.then((found) => found.text())));
  return asked.flat().map((request, i) => [request.url, texts[i]]);
}"""


async def agent(people: People, role: str, **options: Any) -> Person:
    there = await (people.valet("wang", **options) if role == "valet" else people.shop("yongda", **options))
    assert await there.page.evaluate(_INSTALLED), "the service worker was not installed"
    return there


@pytest.mark.parametrize("role", ["valet", "shop"])
async def test_the_page_can_be_installed(people: People, role: str) -> None:
    person = await agent(people, role)
    tab = await person.context.new_cdp_session(person.page)
    manifest = await tab.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert manifest["url"].endswith(f"/console/{role}.webmanifest")
    faults = (await tab.send("Page.getInstallabilityErrors"))["installabilityErrors"]
    # A context of a test is like a private window, and in none of those is anything installed.
    assert [each["errorId"] for each in faults if each["errorId"] != "in-incognito"] == []


@pytest.mark.parametrize("role", ["valet", "shop"])
async def test_without_network_the_shell_is_there(town: Town, people: People, there: Network, role: str) -> None:
    person = await agent(people, role, home=there.home)
    await there.cut(person)
    await person.page.reload()
    await expect(person.page.locator('[data-banner="offline"]')).to_be_visible()
    assert await person.page.title()
    await there.mend(person)
    await person.ready()
    order_id = (await town.order())["id"]
    await expect(person.act("grab", order_id)).to_be_visible()


async def test_nothing_private_is_ever_cached(town: Town, people: People) -> None:
    valet = await agent(people, "valet")
    await valet.page.reload()
    await valet.ready()
    order_id = (await town.order())["id"]
    await valet.act("grab", order_id).tap()
    await expect(valet.act("en_route", order_id)).to_be_visible()
    token = await valet.page.evaluate("sessionStorage.getItem('token')")
    cached = dict(await valet.page.evaluate(_CACHED))
    assert f"{valet.home.http}/console/{PAGES['valet']}" in cached
    assert [url for url in cached if not url.startswith(f"{valet.home.http}/console/") or "#" in url] == []
    assert [url for url, body in cached.items() if token in url + body or order_id in url + body] == []
