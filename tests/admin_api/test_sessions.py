"""The list of who is connected, and the kick."""

from ulid import ULID

from dispatch.identity import Identity, Role
from tests.admin_api.conftest import House, problem


async def _customer(house: House) -> str:
    session_id = str(ULID())
    await house.dispatch.people.admit(Identity(f"{house.city.region}.c", Role.CUSTOMER, None, 0), session_id, {})
    return session_id


async def test_sessions_are_listed_page_by_page(house: House) -> None:
    agents = [await house.city.agent(name) for name in "abc"]
    ids = sorted([await house.city.enter(agent) for agent in agents])
    everything = (await house.dispatcher.get("/v1/sessions")).json()
    assert ([each["session_id"] for each in everything["items"]], everything["next"]) == (ids, None)
    first = (await house.admin.get("/v1/sessions", limit=2)).json()
    second = (await house.admin.get("/v1/sessions", limit=2, cursor=first["next"])).json()
    assert first["items"] + second["items"] == everything["items"]
    assert everything["items"][0].keys() == {
        *("session_id", "sub", "role", "region", "since_at", "address", "codec", "unsent_bytes"),
    }


async def test_the_list_is_narrowed(house: House) -> None:
    valet, shop = await house.city.agent("v"), await house.city.agent("s", role="shop", home=house.city.at())
    of_valet, of_shop = await house.city.enter(valet), await house.city.enter(shop)
    for wanted, found in (
        ({"agent_id": valet.id}, [of_valet]),
        ({"role": "shop"}, [of_shop]),
        ({"region": house.city.region, "role": "valet"}, [of_valet]),
        ({"role": "customer"}, []),
        ({"agent_id": "nobody"}, []),
    ):
        items = (await house.dispatcher.get("/v1/sessions", **wanted)).json()["items"]
        assert [each["session_id"] for each in items] == found, wanted
    problem(await house.dispatcher.get("/v1/sessions", region="default"), 403, "forbidden")
    problem(await house.asker("admin", "a").get("/v1/sessions", region="nowhere"), 422, "invalid", "region")
    problem(await house.dispatcher.get("/v1/sessions", role="king"), 422, "invalid", "role")


async def test_an_admin_of_all_regions_sees_and_ends_customers_sessions(house: House) -> None:
    session_id, admin = await _customer(house), house.asker("admin", "a-0")
    path = f"/v1/sessions/{session_id}"
    for asker in (house.admin, house.dispatcher, house.asker("dispatcher", "d-0")):
        problem(await asker.delete(path), 404, "not_found")
    cursor: dict[str, str] = {}
    found: list[str] = []
    while True:
        page = (await admin.get("/v1/sessions", role="customer", limit=200, **cursor)).json()
        found += [each["session_id"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert session_id in found
    assert (await admin.delete(path)).status_code == 204
    problem(await admin.delete(path), 404, "not_found")


async def test_a_kick_ends_one_session(house: House) -> None:
    shop = await house.city.agent("s", role="shop", home=house.city.at())
    gone, stays = await house.city.enter(shop), await house.city.enter(shop)
    answer = await house.dispatcher.delete(f"/v1/sessions/{gone}")
    assert (answer.status_code, answer.content) == (204, b"")
    items = (await house.dispatcher.get("/v1/sessions")).json()["items"]
    assert [each["session_id"] for each in items] == [stays]
    for asker in (house.service, house.customer, house.asker("shop", shop.id)):
        problem(await asker.delete(f"/v1/sessions/{stays}"), 403, "forbidden")
        problem(await asker.get("/v1/sessions"), 403, "forbidden")
    problem(await house.dispatcher.delete("/v1/sessions/no id"), 404, "not_found")
