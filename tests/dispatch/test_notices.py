"""Storing, announcing and listing notices."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from ulid import ULID

from dispatch.assembly import Dispatch
from dispatch.catalog import PEOPLE
from dispatch.clock import now_ms
from dispatch.errors import Code, Refused
from dispatch.events import Event, Type
from dispatch.identity import Identity, Role
from dispatch.notice import Notice
from dispatch.notices import MOST_AT_ONCE, noticed
from dispatch.records.agents import Agent
from dispatch.records.notices import Asked
from tests.conftest import DISPATCHER, City
from tests.dispatch.looking import rows

ADMIN = Identity("a-1", Role.ADMIN, None, 2**53)


@pytest.fixture(autouse=True)
async def taken_down(dispatch: Dispatch) -> AsyncIterator[None]:
    """Those in force would be told in other tests."""
    yield
    await rows(dispatch, "DELETE FROM notices RETURNING id")


def _notice(city: City, **changes: object) -> Notice:
    fields: dict[str, object] = {
        **{"id": str(ULID()), "title": "Rain 雨", "body": "", "level": "warning", "roles": (Role.VALET, Role.SHOP)},
        **{"region": city.region, "near": None, "radius_m": None, "until_at": now_ms() + 60_000, "at": now_ms()},
        "author": DISPATCHER.actor,
    }
    return Notice(**(fields | changes))  # type: ignore[arg-type]  # test fields


def _of(city: City, role: Role = Role.DISPATCHER) -> Identity:
    return Identity("d-1", role, frozenset({city.region}), 2**53)


def _who(agent: Agent) -> Identity:
    return Identity(agent.id, Role(agent.role), None, 2**53)


async def _code(work: object) -> Code:
    with pytest.raises(Refused) as refused:
        await work  # type: ignore[misc]  # any coroutine
    return refused.value.code


async def _ids(city: City, who: Identity, agent: Agent | None = None, limit: int = 50) -> list[str]:
    return [notice.id for notice in await city.dispatch.notices.page(who, agent, limit, None)]


async def test_a_notice_is_stored_and_announced_whole(city: City) -> None:
    """In the people's log, which every hub follows."""
    after, _ = await city.dispatch.store.log_end(PEOPLE)
    notice = _notice(city, near=city.at(), radius_m=1500.0, body="x" * 2000)
    assert await city.dispatch.notices.post(_of(city), notice) == notice
    assert await city.dispatch.records.notices.page(_asked(city), 1) == [notice]
    announced = [event for event in await _log_after(city, after) if event.type is Type.NOTICED]
    assert [noticed(event) for event in announced] == [notice]
    assert [(event.order_id, event.version, event.to, event.customer) for event in announced] == [("", 0, (), "")]


async def test_a_repeat_is_the_same_notice_and_no_news(city: City) -> None:
    after, _ = await city.dispatch.store.log_end(PEOPLE)
    notice = _notice(city)
    request = f"k{notice.id}"
    await city.dispatch.notices.post(_of(city), notice, request)
    again = await city.dispatch.notices.post(_of(city), msgspec.structs.replace(notice, at=1, until_at=2), request)
    assert again == notice
    announced = [event for event in await _log_after(city, after) if event.type is Type.NOTICED]
    assert [noticed(event).id for event in announced] == [notice.id]


async def test_who_may_tell_whom(city: City) -> None:
    post = city.dispatch.notices.post
    assert await _code(post(_of(city), _notice(city, region=None))) is Code.FORBIDDEN
    assert await _code(post(_of(city), _notice(city, region="default"))) is Code.FORBIDDEN
    assert await _code(post(_of(city, Role.ADMIN), _notice(city, region=None))) is Code.FORBIDDEN
    assert await _code(post(ADMIN, _notice(city, region="nowhere"))) is Code.INVALID
    assert await _code(post(ADMIN, _notice(city, near=city.at()))) is Code.INVALID
    assert await _code(post(ADMIN, _notice(city, radius_m=5.0))) is Code.INVALID
    place = {"near": city.at(), "radius_m": 5.0}
    assert await _code(post(ADMIN, _notice(city, roles=(Role.CUSTOMER,), **place))) is Code.INVALID
    assert await rows(city.dispatch, "SELECT id FROM notices WHERE region = :r", r=city.region) == []
    await post(ADMIN, _notice(city, roles=(Role.CUSTOMER, Role.SHOP), **place))


async def test_staff_lists_all_of_its_regions_the_past_too(city: City) -> None:
    notices = [_notice(city), _notice(city, until_at=1), _notice(city, roles=(Role.CUSTOMER,))]
    for notice in notices:
        await city.dispatch.records.notices.add(notice)
    newest_first = sorted((notice.id for notice in notices), reverse=True)
    assert [i for i in await _ids(city, _of(city), limit=200) if i in newest_first] == newest_first
    assert [i for i in await _ids(city, _of(city, Role.ADMIN), limit=200) if i in newest_first] == newest_first
    assert set(newest_first) <= set(await _ids(city, ADMIN, limit=200))
    stranger = Identity("d-2", Role.DISPATCHER, frozenset({"default"}), 2**53)
    assert set(newest_first).isdisjoint(await _ids(city, stranger, limit=200))


async def test_others_list_what_is_for_them_and_in_force(city: City) -> None:
    valet, other = await city.agent("v"), await city.agent("o", region="default")
    mine, past, for_shops, for_customers = (
        _notice(city),
        _notice(city, until_at=now_ms() - 1),
        _notice(city, roles=(Role.SHOP,)),
        _notice(city, roles=(Role.CUSTOMER, Role.SERVICE)),
    )
    for notice in (mine, past, for_shops, for_customers):
        await city.dispatch.records.notices.add(notice)
    ours = {mine.id, past.id, for_shops.id, for_customers.id}
    assert ours & set(await _ids(city, _who(valet), valet)) == {mine.id}
    assert ours & set(await _ids(city, _who(other), other)) == set()
    assert ours & set(await _ids(city, Identity("c", Role.CUSTOMER, None, 0))) == {for_customers.id}
    assert ours & set(await _ids(city, _of(city, Role.SERVICE))) == {for_customers.id}
    assert ours & set(await _ids(city, Identity("s", Role.SERVICE, frozenset({"default"}), 0))) == set()


async def test_a_notice_for_a_place_is_listed_by_where_an_agent_was_last(city: City) -> None:
    near, far = await city.valet("near"), await city.valet("far", north_m=5000)
    shop, nowhere = await city.agent("s", role="shop", home=city.at()), await city.agent("n")
    notice = _notice(city, near=city.at(), radius_m=1000.0)
    await city.dispatch.notices.post(ADMIN, notice)
    for agent, listed in ((near, True), (shop, True), (far, False), (nowhere, False)):
        assert (notice.id in await _ids(city, _who(agent), agent)) == listed, agent.id


async def test_what_is_not_for_him_does_not_use_up_a_page(city: City) -> None:
    valet = await city.valet("v", north_m=5000)
    mine = _notice(city)
    await city.dispatch.records.notices.add(mine)
    for _ in range(MOST_AT_ONCE + 1):
        await city.dispatch.records.notices.add(_notice(city, near=city.at(), radius_m=10.0))
    assert (await _ids(city, _who(valet), valet, 1)) == [mine.id]
    assert len(await _ids(city, _of(city), limit=20)) == 20


def _asked(city: City) -> Asked:
    return Asked(regions=frozenset({city.region}), in_force_at=now_ms())


async def _log_after(city: City, after: str) -> list[Event]:
    reader = city.dispatch.store.reader(PEOPLE, after)
    try:
        return await reader.read(500, 0)
    finally:
        await reader.close()
