"""§1: coordinate systems: what is said and heard in GCJ-02 and BD-09 means the same places.

The reference is one place in China, converted by the published formulas (eviltransform, coordtransform), which this
module does not repeat.
"""

from collections.abc import Mapping
from typing import Any

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import ids, refused, same, within
from loadtest.checks.line import Line
from loadtest.checks.world import CHINA, Spot, square
from loadtest.wire import Order

# A metre, and a little for the rounding of the answer.
METRE = 1.2e-5
AREA = 0.000501
PLACE: Mapping[str, tuple[float, float]] = {
    "wgs84": (38.5, 83.0),
    "gcj02": (38.499969349942866, 83.00287311638722),
    "bd09": (38.50587127594178, 83.00939949617208),
}


# Another place, in GCJ-02, for a region: nobody else's orders lie in it.
ELSEWHERE_WGS84, ELSEWHERE_GCJ02 = (38.2, 82.7), (38.19992845538971, 82.7026978493626)


def in_china(corner: Corner) -> None:
    corner.spot, corner.region = Spot(CHINA, *PLACE["wgs84"]), CHINA


async def own_kind(corner: Corner, number: int, crs: str) -> str:
    """All of these stand at one place, so no two have the same kind."""
    in_china(corner)
    return await corner.kind(desk_seconds=700 + 2 * number + (crs == "bd09"))


def position(crs: str) -> dict[str, float]:
    lat, lon = PLACE[crs]
    return {"lat": lat, "lon": lon}


def near(place: Any, crs: str, what: str, by: float = METRE) -> None:
    lat, lon = PLACE[crs]
    within(place["lat"], lat - by, lat + by, f"{what}: latitude in {crs}")
    within(place["lon"], lon - by, lon + by, f"{what}: longitude in {crs}")


async def place(corner: Corner, kind: str, crs: str) -> Order:
    """Posted in that system; the answer, in the same one."""
    order: Order = await corner.service.post(f"/v1/orders?crs={crs}", corner.order(kind, place=position(crs)))
    return corner.keep(order)


async def agent(corner: Corner, kind: str, crs: str) -> Line:
    """A valet who says in that system that he stands there."""
    agent_id = await corner.put_agent("v", kind)
    return await corner.join("valet", agent_id, position=PLACE[crs], crs=crs)


@clause("§1", "an order posted with `crs=gcj02` lies where it should, read in every system", crs="gcj02")
@clause("§1", "an order posted with `crs=bd09` lies where it should, read in every system", crs="bd09")
async def order_by_http(corner: Corner, crs: str) -> None:
    order = await place(corner, await own_kind(corner, 1, crs), crs)
    near(order["place"], crs, "the answer's place")
    for other in PLACE:
        view = await corner.service.get(f"/v1/orders/{order['id']}", crs=other)
        near(view["place"], other, "the place read")
    near((await corner.read(order["id"]))["place"], "wgs84", "the place read without crs")
    listed = await corner.service.get("/v1/orders", customer_id=corner.name("c"), crs=crs)
    near(listed["items"][0]["place"], crs, "the place in a list")


@clause("§1", "a session whose hello says gcj02 tells and hears positions in it", crs="gcj02")
@clause("§1", "a session whose hello says bd09 tells and hears positions in it", crs="bd09")
async def on_the_stream(corner: Corner, crs: str) -> None:
    kind = await own_kind(corner, 2, crs)
    line = await agent(corner, kind, crs)
    order = await corner.place(kind)
    near((await line.offer(order["id"]))["area"], crs, "the offer's area", AREA)
    entry = (await corner.candidates(order["id"]))[line.sub]
    within(entry["distance_m"], 0, 2, "the candidate's distance_m")
    near((await line.win(order["id"]))["place"], crs, "the job's place")
    again = await corner.join("valet", line.sub, crs=crs)
    near(again.heard[0]["jobs"][0]["place"], crs, "the place in welcome's jobs")


@clause("§1", "a `position` message is taken in the system of hello", crs="gcj02")
async def moving(corner: Corner, crs: str) -> None:
    kind = await own_kind(corner, 3, crs)
    agent_id = await corner.put_agent("v", kind)
    line = await corner.join("valet", agent_id, position=(38.9, 83.4), crs=crs)
    order = await corner.place(kind)
    await line.move(position(crs))
    await line.offer(order["id"])
    within((await corner.candidates(order["id"]))[line.sub]["distance_m"], 0, 2, "the candidate's distance_m")


@clause("§1", "a customer's session hears of his orders in its system", crs="gcj02")
@clause("§1", "a dispatcher's session hears of the desk in its system", crs="bd09")
async def other_sessions(corner: Corner, crs: str) -> None:
    kind = await own_kind(corner, 4, crs)
    if crs == "gcj02":
        line = await corner.join("customer", corner.name("c"), crs=crs)
        order = await corner.place(kind)
        near((await line.told(order["id"]))["place"], crs, "the order's place")
    else:
        sub = corner.name("d")
        token = corner.token("dispatcher", sub, regions=[CHINA])
        line = await corner.join("dispatcher", sub, token=token, crs=crs)
        await _to_desk(corner, kind, line, crs)


async def _to_desk(corner: Corner, kind: str, desk: Line, crs: str) -> None:
    agent_id = await corner.put_agent("v", kind)
    order = await corner.place(kind)
    await corner.act(order["id"], "assign", {"agent_id": agent_id, "force": True})
    await corner.act(order["id"], "progress", {"fence": 1, "step": "arrived"})
    await corner.act(order["id"], "release", {"fence": 1, "reason": "no tools"})
    near((await desk.desk("escalated", order["id"]))["place"], crs, "the place at the desk")


@clause("§1", "an agent's home is put and read in the request's system", crs="gcj02")
async def home(corner: Corner, crs: str) -> None:
    kind = await own_kind(corner, 5, crs)
    agent_id = corner.name("s")
    said = {
        "role": "shop", "region": CHINA, "name": "Shop", "phone": "+8613900000001", "skills": [kind], "capacity": 1,
        "home": position(crs),
    }  # fmt: skip
    near((await corner.admin.put(f"/v1/agents/{agent_id}?crs={crs}", said))["home"], crs, "the answer's home")
    near((await corner.admin.get(f"/v1/agents/{agent_id}"))["home"], "wgs84", "the home read without crs")
    shop = await corner.join("shop", agent_id, crs=crs)
    near(shop.heard[0]["agent"]["home"], crs, "the home in welcome")


@clause("§1", "`near` is taken in the request's system", crs="bd09")
async def nearest(corner: Corner, crs: str) -> None:
    line = await agent(corner, await own_kind(corner, 6, crs), "wgs84")
    lat, lon = PLACE[crs]
    found = await corner.dispatcher.get("/v1/agents", near=f"{lat},{lon}", radius_m=20, crs=crs, limit=200)
    same(ids(found, {line.sub}), [line.sub], "the agents within 20 m")
    found = await corner.dispatcher.get("/v1/agents", near=f"{lat},{lon}", radius_m=20, limit=200)
    same(ids(found, {line.sub}), [], "the agents within 20 m, had it been WGS-84")


@clause("§1", "a region is put in the request's system", apart=True)
async def region(corner: Corner) -> None:
    name, (lat, lon) = "conf-gcj02", ELSEWHERE_GCJ02
    outline = square(lat - 0.001, lon - 0.001, lat + 0.001, lon + 0.001)
    await corner.admin.put(f"/v1/regions/{name}?crs=gcj02", outline)
    lat, lon = ELSEWHERE_WGS84
    order = await corner.place(await corner.kind(), place={"lat": lat, "lon": lon})
    same(order["region"], name, "the region of the place")


@clause("§1", "outside China GCJ-02 equals WGS-84", crs="gcj02")
async def abroad(corner: Corner, crs: str) -> None:
    order = await corner.service.post(f"/v1/orders?crs={crs}", corner.order(await corner.kind()))
    corner.keep(order)
    view = await corner.read(order["id"])
    for name, value in corner.at().items():
        within(view["place"][name], value - 1e-9, value + 1e-9, f"place.{name}")  # type: ignore[literal-required]  # lat, lon


@clause("§1", "an unknown `crs` is refused with `invalid`")
async def unknown(corner: Corner) -> None:
    await refused(corner.service.get("/v1/orders", crs="mars"), "invalid", (400, 422))
