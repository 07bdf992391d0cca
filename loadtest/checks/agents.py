"""§5: agents' profiles: who puts and reads them, what is defaulted, what is refused, how they are listed.

What a profile means for offers is `policies`' matter, what it means for sessions `sessions`'. Regions are changed
between the fixed ones only, so that nothing has to be tidied away.
"""

from typing import Any

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import fields, has, ids, invalid, refused, same, that
from loadtest.checks.world import REGIONS
from loadtest.wire import Refused


def profile(corner: Corner, kind: str, **changes: Any) -> dict[str, Any]:
    return {
        "role": "valet", "region": corner.region, "name": "Wang", "phone": "+8613900000001", "skills": [kind],
        "capacity": 2, **changes,
    }  # fmt: skip


@clause("§5", "an agent's profile is read as it was put, by admin and service, dispatchers and the agent himself")
async def put_and_read(corner: Corner) -> None:
    agent_id = corner.name("v")
    said = profile(corner, await corner.kind(), home=corner.at())
    for putter in (corner.admin, corner.service):
        has(await putter.put(f"/v1/agents/{agent_id}", said), {"id": agent_id, **said}, "the answer")
    readers = (corner.admin, corner.service, corner.dispatcher, corner.http("valet", agent_id))
    for reader in readers:
        has(await reader.get(f"/v1/agents/{agent_id}"), {"id": agent_id, "suspended": False, **said}, "the profile")


@clause("§5", "an agent reads no other agent's profile; customers read none")
async def not_others(corner: Corner) -> None:
    kind = await corner.kind()
    one, other = await corner.put_agent("v1", kind), await corner.put_agent("v2", kind)
    await refused(corner.http("valet", one).get(f"/v1/agents/{other}"), ("not_found", "forbidden"), (403, 404))
    customer = corner.http("customer", corner.name("c"))
    await refused(customer.get(f"/v1/agents/{other}"), "forbidden", 403)


@clause("§5", "an agent that was never put is 404")
async def nobody(corner: Corner) -> None:
    await refused(corner.admin.get(f"/v1/agents/{corner.name('nobody')}"), "not_found", 404)


@clause("§5", "an agent's `region` defaults to the one that contains `home`")
async def region_of_home(corner: Corner) -> None:
    said = profile(corner, await corner.kind(), home=corner.at())
    del said["region"]
    answer = await corner.admin.put(f"/v1/agents/{corner.name('v')}", said)
    same(answer["region"], corner.region, "region")


@clause("§5", "without `home` an agent's `region` defaults to `default`, if there is one")
async def region_without_home(corner: Corner) -> None:
    said = profile(corner, await corner.kind())
    del said["region"]
    regions = [each["id"] async for each in corner.admin.pages("/v1/regions")]
    asking = corner.admin.put(f"/v1/agents/{corner.name('v')}", said)
    if "default" in regions:
        same((await asking)["region"], "default", "region")
    else:
        await invalid(asking, "region")


@clause("§5", "a faulty profile is 422 and names its field: the role", field="role", value="emperor")
@clause("§5", "a faulty profile is 422 and names its field: the capacity", field="capacity", value=-1)
@clause("§5", "a faulty profile is 422 and names its field: an unknown one", field="mood", value="good")
@clause("§5", "a faulty profile is 422 and names its field: an unknown region", field="region", value="conf-no-such")
async def faulty(corner: Corner, field: str, value: Any) -> None:
    said = profile(corner, await corner.kind(), **{field: value})
    await invalid(corner.admin.put(f"/v1/agents/{corner.name('v')}", said), field)


@clause("§1", "an agent's id has 1 to 64 letters, digits, dots, underscores, colons or hyphens")
async def id_pattern(corner: Corner) -> None:
    said = profile(corner, await corner.kind())
    for agent_id in (corner.name("v") + "%20x", corner.name("v").ljust(65, "x"), corner.name("v") + "%E8%BD%A6"):
        try:
            answer = await corner.admin.put(f"/v1/agents/{agent_id}", said)
        except Refused as refusal:
            that(refusal.code in ("invalid", "not_found"), "a refusal of the id", refusal)
        else:
            that(False, "a refusal of the id", answer)
    odd = corner.name("v.A_z:0-9")
    same((await corner.admin.put(f"/v1/agents/{odd}", said))["id"], odd, "id")


@clause("§5", "an agent who holds jobs can not change his region: 409; without jobs he can")
async def keeps_region(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    elsewhere = next(region for region in REGIONS if region != corner.region)
    moved = profile(corner, kind, region=elsewhere, capacity=1)
    await refused(corner.admin.put(f"/v1/agents/{agent.sub}", moved), "conflict", 409)
    has(await corner.admin.get(f"/v1/agents/{agent.sub}"), {"region": corner.region}, "the profile")
    await agent.progress(job, "completed")
    same((await corner.admin.put(f"/v1/agents/{agent.sub}", moved))["region"], elsewhere, "region")


@clause("§5", "a profile that is changed holds at once: more capacity lets him win more")
async def more_capacity(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    first, second = await corner.place(kind), await corner.place(kind)
    await agent.offer(second["id"])
    await agent.win(first["id"])
    same((await agent.grab(second["id"])).get("reason"), "at_capacity", "the reason of the refusal")
    await corner.put_agent("v", kind, capacity=2)
    same((await agent.grab(second["id"]))["outcome"], "won", "the outcome")


@clause("§5", "agents are listed by region, role and status")
async def listed(corner: Corner) -> None:
    kind = await corner.kind()
    valet, paused = await corner.valet("v1", kind), await corner.valet("v2", kind)
    shop = await corner.shop("s", kind)
    await paused.set_status("paused")
    absent = await corner.put_agent("v3", kind)
    all_of_them = {valet.sub, paused.sub, shop.sub, absent}
    chosen: tuple[tuple[dict[str, str], set[str]], ...] = (
        ({}, all_of_them),
        ({"role": "shop"}, {shop.sub}),
        ({"role": "valet"}, all_of_them - {shop.sub}),
        ({"status": "available"}, {valet.sub, shop.sub}),
        ({"status": "paused"}, {paused.sub}),
    )
    for wanted, expected in chosen:
        found = [each["id"] async for each in corner.dispatcher.pages("/v1/agents", region=corner.region, **wanted)]
        same(set(found) & all_of_them, expected, f"of our agents those with {wanted}:")
    elsewhere = [each["id"] async for each in corner.dispatcher.pages("/v1/agents", region="conf-china")]
    same(set(elsewhere) & all_of_them, set(), "our agents in another region")


@clause("§5", "agents are listed nearest first with `near`, and within `radius_m` of it")
async def near(corner: Corner) -> None:
    kind = await corner.kind()
    lines = [await corner.valet(f"v{m}", kind, north_m=m) for m in (2500, 100, 900)]
    here = f"{corner.spot.lat},{corner.spot.lon}"
    answer = await corner.dispatcher.get("/v1/agents", near=here, radius_m=2000)
    same(ids(answer, {line.sub for line in lines}), [lines[1].sub, lines[2].sub], "the agents within 2 km")
    for item in answer["items"][:3]:
        fields(item, ("id", "role", "region", "name", "phone", "skills", "capacity"), "an agent")


@clause("§5", "an agent's welcome and his profile say the same")
async def same_card(corner: Corner) -> None:
    kind = await corner.kind()
    shop = await corner.shop("s", kind)
    card = shop.heard[0]["agent"]
    read = await corner.http("shop", shop.sub).get(f"/v1/agents/{shop.sub}")
    for name in ("id", "role", "region", "name", "phone", "skills", "capacity", "home"):
        same(card.get(name), read[name], f"`{name}` of the welcome's agent")
