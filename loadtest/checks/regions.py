"""§5 and §6: regions: which one an order belongs to, and how they are put, listed and deleted.

Each puts small ones around its spot and deletes them. A region that was put a moment ago may refuse as retryable,
which is asked again.
"""

from typing import Any

from loadtest.checks.clauses import clause
from loadtest.checks.corner import METRES_A_DEGREE, Corner
from loadtest.checks.expect import NotHere, eventually, has, invalid, refused, same, that
from loadtest.checks.world import square


def around(corner: Corner, half_m: float) -> dict[str, Any]:
    """A square around the spot."""
    half = half_m / METRES_A_DEGREE
    lat, lon = corner.spot.lat, corner.spot.lon
    return square(lat - half, lon - half, lat + half, lon + half)


async def region(corner: Corner, name: str, feature: dict[str, Any]) -> str:
    """Put, and deleted in the end."""
    region_id = corner.name(name)
    await corner.admin.put(f"/v1/regions/{region_id}", feature)
    corner.afterwards(corner.drop_region(region_id))
    return region_id


@clause("§6", "an order belongs to the smallest region that contains its place", apart=True)
async def smallest(corner: Corner) -> None:
    kind = await corner.kind()
    large = await region(corner, "large", around(corner, 9000))
    small = await region(corner, "small", around(corner, 2000))
    for north_m, expected in ((0, small), (5000, large), (12_000, corner.spot.region)):
        same((await corner.place(kind, north_m))["region"], expected, f"the region {north_m} m north")


@clause("§6", "only the agents of an order's region get it", apart=True)
async def only_its_agents(corner: Corner) -> None:
    kind = await corner.kind()
    small = await region(corner, "small", around(corner, 2000))
    outer, inner = await corner.valet("v1", kind), await corner.valet("v2", kind, region=small)
    order = await corner.place(kind)
    await inner.offer(order["id"])
    farther = await corner.place(kind, 2500)
    await outer.offer(farther["id"])
    same(outer.about(order["id"]), [], "what the agent of the surrounding region heard")
    await inner.ping()
    same(inner.about(farther["id"]), [], "what the agent of the small region heard of the other order")


@clause("§5", "an order in no region is 422, path `place`")
async def in_no_region(corner: Corner) -> None:
    body = corner.order(await corner.kind(), place=await nowhere(corner))
    await invalid(corner.service.post("/v1/orders", body), "place")


async def nowhere(corner: Corner) -> dict[str, float]:
    """A place in no region."""
    known = [each["id"] async for each in corner.admin.pages("/v1/regions")]
    if "default" in known:
        raise NotHere("the region `default` may cover the whole world")
    return {"lat": -70.0, "lon": -100.0}


@clause("§5", "`region` of an order must be the one that it lies in")
async def wrong_region(corner: Corner) -> None:
    kind = await corner.kind()
    same((await corner.place(kind, region=corner.region))["region"], corner.region, "region")
    await invalid(corner.service.post("/v1/orders", corner.order(kind, region="conf-china")), "region")


@clause("§5", "a region may be a MultiPolygon", apart=True)
async def multi_polygon(corner: Corner) -> None:
    parts = [around(corner, 1000), square(corner.spot.lat + 0.05, corner.spot.lon, corner.spot.lat + 0.06,
                                          corner.spot.lon + 0.01)]  # fmt: skip
    coordinates = [part["geometry"]["coordinates"] for part in parts]
    feature = {**parts[0], "geometry": {"type": "MultiPolygon", "coordinates": coordinates}}
    name, kind = await region(corner, "two", feature), await corner.kind()
    same((await corner.place(kind))["region"], name, "the region of the one part")
    other = {"lat": corner.spot.lat + 0.055, "lon": corner.spot.lon + 0.005}
    same((await corner.place(kind, place=other))["region"], name, "the region of the other part")
    between = {"lat": corner.spot.lat + 0.03, "lon": corner.spot.lon + 0.005}
    same((await corner.place(kind, place=between))["region"], corner.spot.region, "the region between the parts")


@clause("§5", "regions are listed as they were put, to staff", apart=True)
async def listed(corner: Corner) -> None:
    feature = around(corner, 1000)
    name = await region(corner, "r", feature)
    for who in (corner.admin, corner.dispatcher):
        found = {each["id"]: each async for each in who.pages("/v1/regions")}
        that(name in found, "the region in the list", sorted(found))
        has(found[name], {"type": "Feature", "geometry": feature["geometry"]}, "the region")


@clause("§5", "a faulty region is 422: no Feature", feature={"type": "Polygon", "coordinates": []})
@clause("§5", "a faulty region is 422: a point", feature={"type": "Feature", "properties": {}, "geometry": {
    "type": "Point", "coordinates": [0, 0]}})  # fmt: skip
@clause("§5", "a faulty region is 422: a ring that crosses itself", feature={"type": "Feature", "properties": {},
    "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}})  # fmt: skip
async def faulty(corner: Corner, feature: dict[str, Any]) -> None:
    await refused(corner.admin.put(f"/v1/regions/{corner.name('r')}", feature), "invalid", 422)


@clause("§5", "a region that has agents can not be deleted: 409", apart=True)
async def with_agents(corner: Corner) -> None:
    name = await region(corner, "r", around(corner, 1000))
    await corner.put_agent("v", await corner.kind(), region=name)
    await refused(corner.admin.delete(f"/v1/regions/{name}"), "conflict", 409)


@clause("§5", "a region that has unfinished orders can not be deleted: 409; with finished ones it can", apart=True)
async def with_orders(corner: Corner) -> None:
    name = corner.name("r")
    await corner.admin.put(f"/v1/regions/{name}", around(corner, 1000))
    order = await corner.place(await corner.kind())
    await refused(corner.admin.delete(f"/v1/regions/{name}"), "conflict", 409)
    await corner.patient.post(f"/v1/orders/{order['id']}/cancel", {"reason": "enough"})
    await corner.admin.delete(f"/v1/regions/{name}")

    async def listed() -> list[str]:
        return [each["id"] async for each in corner.admin.pages("/v1/regions")]

    await eventually(listed, lambda each: name not in each, "a list without the region")


@clause("§5", "a region that does not exist can not be deleted: 404")
async def no_such_region(corner: Corner) -> None:
    await refused(corner.admin.delete(f"/v1/regions/{corner.name('r')}"), "not_found", 404)


@clause("§6", "in a region that was just put an order goes all its way, on every process", apart=True)
async def new_region(corner: Corner) -> None:
    kind = await corner.kind()
    name = await region(corner, "new", around(corner, 2000))
    agent = await corner.valet("v", kind, region=name, capacity=4)
    for server in range(len(corner.world.servers)):
        order = await corner.place(kind, by=corner.http("service", server=server))
        job = await agent.win(order["id"])
        await agent.progress(job, "completed")
