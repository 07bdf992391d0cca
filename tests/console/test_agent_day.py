"""A day at the valet's page beside the grabbing: declining, a pause, the hall, giving a job back, what was done."""

from playwright.async_api import expect

from loadtest import voice
from tests.console.house import CALM, HALL, Town
from tests.console.people import People
from tests.console.person import Person
from tests.console.texts import CHINESE, ENGLISH, like, text


async def with_a_job(town: Town, valet: Person) -> str:
    order_id: str = (await town.order())["id"]
    await valet.act("grab", order_id).tap()
    await expect(valet.act("en_route", order_id)).to_be_visible()
    return order_id


async def show(valet: Person, tab: str) -> None:
    await valet.page.locator(f'[data-tab="{tab}"]').tap()


async def test_who_declines_says_why_and_the_desk_knows(town: Town, people: People) -> None:
    valet = await people.valet("wang")
    order_id = (await town.order())["id"]
    await valet.act("decline", order_id).tap()
    await valet.page.locator('[data-reason="too_far"]').tap()
    await expect(valet.act("grab", order_id)).to_have_count(0)
    assert (await town.told(order_id, "declined"))["data"] == {
        "agent_id": valet.sub,
        "reason": text("agent.decline.too_far"),
    }


async def test_who_pauses_is_offered_nothing_until_he_is_back(town: Town, people: People) -> None:
    valet = await people.valet("wang")
    await valet.act("paused").tap()
    await expect(valet.act("paused")).to_have_attribute("aria-pressed", "true")
    assert (await town.admin.get(f"/v1/agents/{valet.sub}"))["status"] == "paused"
    order_id = (await town.order())["id"]
    await valet.page.reload()
    await valet.ready()
    await expect(valet.act("paused")).to_have_attribute("aria-pressed", "true")
    await expect(valet.order(order_id)).to_have_count(0)
    await valet.act("available").tap()
    await expect(valet.act("grab", order_id)).to_be_visible()


async def test_an_order_of_the_hall_is_grabbed(town: Town, people: People) -> None:
    valet = await people.valet("wang")
    order_id = (await town.order(HALL, place=town.at(2000) | {"address": "虹桥路 1 号"}))["id"]
    await show(valet, "hall")
    await valet.act("grab", order_id).tap()
    await expect(valet.act("en_route", order_id)).to_be_visible()
    assert (await town.now(order_id))["agent"]["id"] == valet.sub


async def test_a_job_is_given_back_with_a_reason(town: Town, people: People) -> None:
    valet = await people.valet("wang")
    order_id = await with_a_job(town, valet)
    await valet.act("release", order_id).tap()
    await valet.page.locator('[data-reason="breakdown"]').tap()
    await expect(valet.act("en_route", order_id)).to_have_count(0)
    assert (await town.now(order_id))["reason"] == text("agent.release.breakdown")


async def test_what_was_done_today_stands_in_the_history(town: Town, people: People) -> None:
    valet = await people.valet("wang")
    order_id = await with_a_job(town, valet)
    await valet.act("completed", order_id).tap()
    await valet.act("confirm", order_id).tap()
    await expect(valet.order(order_id)).to_have_count(0)
    await show(valet, "history")
    await expect(valet.order(order_id)).to_be_visible()
    await expect(valet.page.get_by_text("13812345678")).to_have_count(0)


async def test_the_way_to_the_car_is_offered_in_every_map(town: Town, people: People) -> None:
    valet = await people.valet("wang")
    order_id = await with_a_job(town, valet)
    await valet.act("navigate", order_id).tap()
    ways = valet.page.get_by_role("dialog").locator("a[data-app]")
    await expect(ways.first).to_be_visible()
    hosts = [await way.evaluate("(link) => link.protocol + link.hostname") for way in await ways.all()]
    assert len(hosts) >= 5
    assert {"https:uri.amap.com", "https:api.map.baidu.com", "https:maps.apple.com", "https:www.google.com"} <= {*hosts}
    assert [host for host in hosts if host.startswith("geo:")]


async def test_a_spoken_note_is_heard_before_the_grab(town: Town, people: People) -> None:
    valet = await people.valet("wang")
    order_id = (await town.order(CALM))["id"]
    await voice.add(town.desk, order_id, voice.noise(1.0))
    await valet.order(order_id).get_by_role("button", name=like("kit.note.play")).tap()
    assert (await town.told(order_id, "heard"))["actor"]["id"] == valet.sub


async def test_the_language_changes_in_place(town: Town, people: People) -> None:
    valet = await people.valet("wang")
    order_id = (await town.order())["id"]
    for language, other in ((CHINESE, ENGLISH), (ENGLISH, CHINESE)):
        await expect(valet.act("grab", order_id)).to_have_text(text("agent.grab", language))
        await valet.page.get_by_role("button", name=text("agent.menu", language)).tap()
        await valet.page.get_by_role("dialog").get_by_text(text(f"kit.language.{other}", language)).tap()
        await valet.page.get_by_role("button", name=text("kit.close", other), exact=True).tap()
