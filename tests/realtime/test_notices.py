"""Notices on the stream: whom they reach, when, and how often."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from ulid import ULID

from dispatch.assembly import Dispatch
from dispatch.catalog import PEOPLE
from dispatch.clock import now_ms
from dispatch.identity import Identity, Role
from dispatch.notice import Notice
from dispatch.people import MOST_LISTED
from tests.conftest import City
from tests.dispatch.looking import rows
from tests.realtime.gate import gated
from tests.realtime.nodes import Client, Node, node, token
from tests.realtime.pair import pair

ADMIN = Identity("a-1", Role.ADMIN, None, 2**53)
HOUR_MS = 3_600_000


@pytest.fixture(autouse=True)
async def taken_down(dispatch: Dispatch) -> AsyncIterator[None]:
    """Those for all customers would be told in other tests."""
    yield
    await rows(dispatch, "DELETE FROM notices RETURNING id")


def made(city: City, **changes: Any) -> Notice:
    fields: dict[str, Any] = {
        **{"id": str(ULID()), "title": "Rain", "body": "The tunnel is closed", "level": "warning"},
        **{"roles": (Role.VALET, Role.SHOP), "region": city.region, "near": None, "radius_m": None},
        **{"until_at": now_ms() + HOUR_MS, "at": now_ms(), "author": ADMIN.actor},
    }
    return Notice(**(fields | changes))


async def post(city: City, **changes: Any) -> Notice:
    return await city.dispatch.notices.post(ADMIN, made(city, **changes))


async def enter(here: Node, city: City, role: str, sub: str, regions: list[str] | None = None) -> Client:
    who = f"{city.region}.{sub}"
    return await here.enter(who, role, token=token(who, role, regions=regions))


async def heard(client: Client, notice: Notice) -> None:
    assert await client.hear("notice") == {
        "type": "notice",
        "id": notice.id,
        "title": notice.title,
        "body": notice.body,
        "level": notice.level,
        "at": notice.at,
    }


async def announced(city: City, *clients: Client) -> None:
    """Whatever was announced before has been heard by now: this marker has."""
    marker = await post(city, roles=tuple(Role), region=None, until_at=0)
    for client in clients:
        await heard(client, marker)


async def test_it_is_told_at_once_on_every_node_to_those_it_is_for(city: City) -> None:
    async with pair(city) as (here, there):
        valet = await there.agent(city, await city.agent("v"), codec="msgpack")
        shop = await here.agent(city, await city.agent("s", role="shop", home=city.at()))
        stranger = await here.agent(city, await city.agent("o", region="default"))
        desk = await enter(there, city, "dispatcher", "d", [city.region])
        customer = await enter(here, city, "customer", "c")
        notice = await post(city)
        await heard(valet, notice)
        await heard(shop, notice)
        await announced(city, stranger, desk, customer)


async def test_staff_hear_of_their_regions_and_customers_of_all(city: City) -> None:
    async with node(city.dispatch) as here:
        desk = await enter(here, city, "dispatcher", "d", [city.region])
        elsewhere = await enter(here, city, "dispatcher", "e", ["default"])
        everywhere = await enter(here, city, "admin", "a")
        customer = await enter(here, city, "customer", "c")
        valet = await here.agent(city, await city.agent("v"))
        notice = await post(city, roles=(Role.DISPATCHER, Role.ADMIN, Role.CUSTOMER))
        for client in (desk, everywhere, customer):
            await heard(client, notice)
        await announced(city, elsewhere, valet)


async def test_who_connects_later_hears_it_after_welcome_each_session_once(city: City) -> None:
    async with pair(city) as (here, there):
        early = await here.agent(city, await city.agent("s", role="shop", home=city.at()))
        notices = [await post(city), await post(city)]
        over = await post(city, until_at=now_ms())
        for notice in (*notices, over):
            await heard(early, notice)
        agent = await city.agent("v")
        for at in (here, there, there):
            late = await at.agent(city, agent)
            for notice in notices:
                await heard(late, notice)
            await announced(city, late)
        await early.vanish()


async def test_nobody_is_told_all_that_ever_was(city: City, here: Node) -> None:
    for i in range(MOST_LISTED + 5):
        await post(city, title=str(i))
    client = await here.agent(city, await city.agent("v"))
    titles = [(await client.hear("notice"))["title"] for _ in range(MOST_LISTED)]
    assert titles == [str(i) for i in range(5, MOST_LISTED + 5)]
    await client.quiet()


async def test_a_notice_for_a_place_reaches_agents_by_where_they_were_last(city: City, here: Node) -> None:
    near, far = await city.agent("near"), await city.agent("far")
    at_home = await city.agent("h", role="shop", home=city.at())
    away = await city.agent("a", role="shop", home=city.at(5000.0))
    silent, unknown = await city.valet("silent"), await city.agent("unknown")
    clients = {
        "near": await here.agent(city, near),
        "far": await here.agent(city, far, 5000.0),
        "at home": await here.agent(city, at_home),
        "away": await here.agent(city, away),
        "silent": await here.enter(silent.id, "valet"),
        "unknown": await here.enter(unknown.id, "valet"),
        "desk": await enter(here, city, "dispatcher", "d"),
    }
    notice = await post(city, roles=tuple(Role), near=city.at(), radius_m=1000.0)
    for name in ("near", "at home", "silent"):
        await heard(clients[name], notice)
    await here.settled(city)
    await announced(city, *(clients[name] for name in ("far", "away", "unknown", "desk")))


async def test_who_connects_near_it_hears_it_too(city: City, here: Node) -> None:
    notice = await post(city, near=city.at(), radius_m=1000.0)
    near = await here.agent(city, await city.agent("near"))
    await heard(near, notice)
    shop = await here.agent(city, await city.agent("h", role="shop", home=city.at()))
    await heard(shop, notice)
    far = await here.agent(city, await city.agent("far"), 5000.0)
    await far.quiet()


async def test_one_who_stands_nowhere_yet_is_asked_for(city: City, here: Node) -> None:
    """He told no position on this session: Redis knows where he was last."""
    known = await city.valet("known")
    notice = await post(city, near=city.at(), radius_m=1000.0)
    client = await here.enter(known.id, "valet")
    await heard(client, notice)


async def test_what_was_announced_while_redis_was_away_is_told_when_it_is_back(city: City, tmp_path: Path) -> None:
    async with gated(city.dispatch, tmp_path) as far, node(far.dispatch) as there:
        client = await there.agent(city, await city.agent("v"))
        await far.redis.cut()
        notice = await post(city)
        await far.redis.open()
        await heard(client, notice)
        there.hub._lost(PEOPLE)  # what is read again is not told again
        await there.settled(city)
        await announced(city, client)


async def test_what_was_stored_and_not_heard_of_is_found_when_the_log_has_a_gap(city: City, here: Node) -> None:
    client = await here.agent(city, await city.agent("v"))
    await heard(client, await post(city))
    missed = await city.dispatch.records.notices.add(made(city))
    here.hub._lost(PEOPLE)
    await heard(client, missed)
    await here.settled(city)
    await announced(city, client)


async def test_while_postgresql_is_away_the_board_waits(city: City, tmp_path: Path) -> None:
    """A gap in the log, and then nobody to ask what was missed."""
    async with gated(city.dispatch, tmp_path) as far, node(far.dispatch) as there:
        client = await there.agent(city, await city.agent("v"))
        await far.postgres.cut()
        missed = await city.dispatch.records.notices.add(made(city))
        there.hub._lost(PEOPLE)
        notice = await post(city)
        await heard(client, notice)
        await far.postgres.open()
        await heard(client, missed)
        await announced(city, client)
