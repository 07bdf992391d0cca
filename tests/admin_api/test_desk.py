"""The desk's list and taking up."""

from tests.admin_api.conftest import House, problem


async def test_the_longest_waiting_comes_first_page_by_page(house: House) -> None:
    escalated = [await house.escalated(f"v-{i}") for i in range(3)]
    orders = [await house.seen(order["id"]) for order in escalated]
    everything = (await house.dispatcher.get("/v1/desk", region=house.city.region)).json()
    assert everything == {"items": orders, "next": None}
    assert [order["desk_at"] for order in orders] == sorted(order["desk_at"] for order in orders)
    first = (await house.dispatcher.get("/v1/desk", limit=2)).json()
    second = (await house.dispatcher.get("/v1/desk", limit=2, cursor=first["next"])).json()
    assert first["items"] + second["items"] == orders


async def test_each_sees_the_desks_of_his_regions(house: House) -> None:
    await house.escalated()
    stranger = house.asker("dispatcher", "d-2", ["elsewhere"])
    assert (await stranger.get("/v1/desk")).json()["items"] == []
    problem(await stranger.get("/v1/desk", region=house.city.region), 403, "forbidden")
    everywhere = house.asker("dispatcher", "d-3")
    problem(await everywhere.get("/v1/desk", region="nowhere"), 422, "invalid", "region")
    assert len((await everywhere.get("/v1/desk", region=house.city.region)).json()["items"]) == 1
    for asker in (house.admin, house.service, house.customer):
        problem(await asker.get("/v1/desk"), 403, "forbidden")


async def test_taken_up_by_one_is_a_conflict_for_another(house: House) -> None:
    order = await house.escalated()
    path = f"/v1/desk/{order['id']}/take_up"
    taken = (await house.dispatcher.post(path)).json()
    assert taken["taken_up"]["dispatcher_id"] == "d-1"
    other = house.asker("dispatcher", "d-2")
    problem(await other.post(path), 409, "conflict")
    problem(await other.post(f"/v1/orders/{order['id']}/close", {"outcome": "x"}), 409, "conflict")
    assert (await house.dispatcher.post(path, {})).status_code == 200


async def test_only_what_is_on_the_desk_is_taken_up(house: House) -> None:
    order = await house.placed()
    path = f"/v1/desk/{order['id']}/take_up"
    problem(await house.dispatcher.post(path), 409, "conflict")
    problem(await house.dispatcher.post(path, {"minutes": 5}), 422, "invalid", "minutes")
    problem(await house.asker("dispatcher", "d-2", ["elsewhere"]).post(path), 404, "not_found")
    problem(await house.service.post(path), 403, "forbidden")


async def test_a_faulty_cursor_is_named(house: House) -> None:
    for cursor in ("W10", "WzEsMl0", "Wy0xLCJhIl0"):  # [], [1,2], [-1,"a"]
        problem(await house.dispatcher.get("/v1/desk", cursor=cursor), 422, "invalid", "cursor")


async def test_while_one_has_it_in_hand_others_only_assign_by_force(house: House) -> None:
    order, agent = await house.escalated(), await house.city.valet("w")
    path, other = f"/v1/orders/{order['id']}", house.asker("dispatcher", "d-2")
    taken = (await house.dispatcher.post(f"/v1/desk/{order['id']}/take_up")).json()
    assert taken["taken_up"]["until_at"] > order["created_at"]
    for command, body in (("reopen", {}), ("close", {"outcome": "x"}), ("assign", {"agent_id": agent.id})):
        problem(await other.post(f"{path}/{command}", body), 409, "conflict")
    given = await other.post(f"{path}/assign", {"agent_id": agent.id, "force": True})
    assert (given.json()["assignment"]["dispatcher_id"], given.json()["taken_up"]) == ("d-2", None)


async def test_who_has_it_in_hand_does_what_he_likes(house: House) -> None:
    agent = await house.city.valet("w")
    commands: list[tuple[str, dict[str, object]]] = [
        ("reopen", {}), ("close", {"outcome": "x"}), ("assign", {"agent_id": agent.id}),
    ]  # fmt: skip
    for i, (command, body) in enumerate(commands):
        order = await house.escalated(f"v-{i}")
        await house.dispatcher.post(f"/v1/desk/{order['id']}/take_up")
        done = await house.dispatcher.post(f"/v1/orders/{order['id']}/{command}", body)
        assert (done.status_code, done.json()["taken_up"]) == (200, None), command
