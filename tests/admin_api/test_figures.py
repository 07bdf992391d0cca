"""The route of the figures; what they count is `tests/dispatch/test_figures.py`'s."""

from tests.admin_api.conftest import House, problem


async def test_the_day_so_far(house: House) -> None:
    await house.held()
    placed = await house.placed()
    path, region = "/v1/figures", house.city.region
    found = (await house.dispatcher.get(path, region=region, until=placed["created_at"] + 1)).json()
    assert (found["orders"], found["grabbed"], found["bucket_ms"]) == (2, 1, 3_600_000)
    assert found["time_to_grab_ms"]["p50"] == found["time_to_grab_ms"]["p95"] == found["buckets"][-1]["p50_ms"]
    one = await house.dispatcher.get(path, region=region, kind="maintenance", since=placed["created_at"])
    assert one.json()["orders"] == 1


async def test_who_asks_the_same_meanwhile_is_told_the_same(house: House) -> None:
    first = (await house.dispatcher.get("/v1/figures", region=house.city.region)).json()
    await house.placed()
    assert (await house.admin.get("/v1/figures", region=house.city.region)).json() == first


async def test_each_counts_his_regions(house: House) -> None:
    placed = await house.placed()
    until = placed["created_at"] + 1
    stranger = house.asker("dispatcher", "d-2", ["elsewhere"])
    assert (await stranger.get("/v1/figures", until=until)).json()["orders"] == 0
    problem(await stranger.get("/v1/figures", region=house.city.region), 403, "forbidden")
    everywhere = house.asker("dispatcher", "d-3")
    problem(await everywhere.get("/v1/figures", region="nowhere"), 422, "invalid", "region")
    for asker in (house.service, house.customer, await house.valet("v")):
        problem(await asker.get("/v1/figures"), 403, "forbidden")


async def test_what_can_not_be_counted_is_named(house: House) -> None:
    dispatcher = house.dispatcher
    problem(await dispatcher.get("/v1/figures", kind="carwash"), 422, "invalid", "kind")
    problem(await dispatcher.get("/v1/figures", since=2, until=2), 422, "invalid", "since")
    problem(await dispatcher.get("/v1/figures", since=0, until=31 * 86_400_000 + 1), 422, "invalid", "since")
    problem(await dispatcher.get("/v1/figures", since=-1), 422, "invalid", "since")
    problem(await dispatcher.get("/v1/figures", until="now"), 422, "invalid", "until")
