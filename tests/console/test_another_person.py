"""Two people at one browser, one after the other: nothing of the first is there for the second."""

from playwright.async_api import expect

from tests.console.house import Town
from tests.console.people import People
from tests.console.texts import text

SPOIL = "sessionStorage.setItem('token', sessionStorage.getItem('token').slice(0, -8) + 'AAAAAAAA')"
TYPED = "13812345678"


async def test_another_dispatcher_who_logs_in_begins_anew(town: Town, people: People) -> None:
    first = await people.come("dispatcher", town.sub("zhou"))
    search = first.page.locator("#search")
    await search.fill(TYPED)
    first.guard.pardon("401")
    await first.page.evaluate(SPOIL)  # the next thing that is asked is refused
    form = first.page.get_by_role("dialog")
    await expect(form).to_be_visible(timeout=30_000)
    second = town.sub("chen")
    await form.get_by_label(text("desk.login.token")).fill(town.token("dispatcher", second))
    await form.locator('[data-submit="login"]').click()
    await expect(first.page.locator(".who")).to_contain_text(second)
    await first.connected("open")
    await expect(search).to_have_value("")


async def test_back_does_not_lead_to_the_page_of_who_logged_out(town: Town, people: People) -> None:
    person = await people.come("dispatcher", town.sub("zhou"), opens=False)
    await person.page.goto(f"{person.home.http}/console/login")
    await person.page.goto(f"{person.home.http}/console/desk#token={town.token('dispatcher', person.sub)}")
    await person.ready()
    await person.page.get_by_role("button", name=text("kit.leave"), exact=True).click()
    await person.page.wait_for_url("**/console/login")
    visited: list[str] = []
    person.page.on("framenavigated", lambda frame: visited.append(frame.url))
    await person.page.go_back()
    await expect(person.page.get_by_label(text("login.token"))).to_be_visible()
    assert not [url for url in visited if "/desk" in url]
    assert await person.page.evaluate("sessionStorage.length") == 0


async def test_a_link_that_is_opened_over_the_page_is_taken_and_leaves_the_address(town: Town, people: People) -> None:
    person = await people.valet("wang")
    other = await town.hire("shop", "yongda")
    await person.page.evaluate("token => { location.hash = `token=${token}`; }", town.token("shop", other))
    await expect(person.page.locator('[data-banner="role"]')).to_be_visible()
    assert "token" not in person.page.url
