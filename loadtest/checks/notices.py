"""§4 and §5: notices, to those addressed, now and later.

In regions of their own, for every agent of a region hears them, and other clauses count what theirs hear. That
somebody hears nothing is proved by a later notice that he does hear.
"""

import time
from typing import Any

from ulid import ULID

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import has, ids, refused, same, that, within
from loadtest.checks.line import Line
from loadtest.checks.policies import rounds


def notice(corner: Corner, title: str, **changes: Any) -> dict[str, Any]:
    return {
        "title": corner.name(title), "body": "Drive slowly", "level": "info", "roles": ["valet"],
        "region": corner.region, "until_at": int(time.time() * 1000) + 60_000, **changes,
    }  # fmt: skip


async def post(corner: Corner, title: str = "notice", **changes: Any) -> str:
    """The title that is heard then; nobody else's bears it."""
    await corner.admin.post("/v1/notices", notice(corner, title, **changes))
    return corner.name(title)


async def heard(line: Line, title: str) -> dict[str, Any]:
    return await line.hear("notice", where=lambda each: each["title"] == title)


def count(line: Line, title: str) -> int:
    return len([each for each in line.heard if each["type"] == "notice" and each["title"] == title])


async def unheard(corner: Corner, title: str, *agents: Line, times: int = 0, **addressed: Any) -> None:
    """None of these agents hears it (more often), for they hear a later one."""
    marker = await post(corner, "marker", roles=["valet", "shop"], **addressed)
    for agent in agents:
        await heard(agent, marker)
        same(count(agent, title), times, f"how often {agent.sub} heard it")


@clause(
    "§4",
    "a notice has id, title, body, level and at, and reaches who is connected, on every process",
    apart=True,
)
async def told(corner: Corner) -> None:
    await corner.own_region()
    agents = [await corner.valet(f"v{i}", await corner.kind()) for i in range(3)]
    before = time.time() * 1000
    title = await post(corner)
    for agent in agents:
        found = await heard(agent, title)
        has(found, {"body": "Drive slowly", "level": "info"}, "the notice")
        within(ULID.from_str(found["id"]).milliseconds, before - 60_000, before + 60_000, "the time of its ULID")
        within(found["at"], before - 60_000, before + 60_000, "notice.at")


@clause("§5", "a notice goes to the roles it names, and to no others", apart=True)
async def roles(corner: Corner) -> None:
    await corner.own_region()
    kind = await corner.kind()
    valet, shop, desk = await corner.valet("v", kind), await corner.shop("s", kind), await corner.desk()
    customer = await corner.customer()
    title = await post(corner, roles=["shop", "dispatcher"])
    await heard(shop, title)
    await heard(desk, title)
    await unheard(corner, title, valet)
    await customer.told((await corner.place(kind))["id"])
    same(count(customer, title), 0, "how often the customer heard it")


@clause("§5", "a notice to a region goes to that region's people only", apart=True)
async def region(corner: Corner) -> None:
    own, around = await corner.own_region(), corner.spot.region
    kind = await corner.kind()
    here, there = await corner.valet("v1", kind), await corner.valet("v2", kind, region=around)
    title = await post(corner, region=own)
    await heard(here, title)
    await unheard(corner, title, there, region=around, near=corner.at(), radius_m=1000)


@clause("§5", "a notice to an area goes to those who are within `radius_m` of `near`", apart=True)
async def area(corner: Corner) -> None:
    await corner.own_region()
    kind = await corner.kind()
    near, far = await corner.valet("v1", kind, north_m=500), await corner.valet("v2", kind, north_m=5000)
    title = await post(corner, near=corner.at(), radius_m=2000)
    await heard(near, title)
    await unheard(corner, title, far)


@clause("§5", "a notice is told, once, to those who connect before `until_at`, after welcome", apart=True)
async def later(corner: Corner) -> None:
    await corner.own_region()
    agent_id = await corner.put_agent("v", await corner.kind())
    title = await post(corner)
    agent = await corner.join("valet", agent_id, north_m=0)
    await heard(agent, title)
    await unheard(corner, title, agent, times=1)


@clause("§5", "a notice is not told to those who connect after `until_at`", apart=True)
async def too_late(corner: Corner) -> None:
    await corner.own_region()
    agent_id = await corner.put_agent("v", await corner.kind())
    title = await post(corner, until_at=int(time.time() * 1000) + 3000)
    await corner.escalated(await corner.kind(rounds=rounds((3000, 20, 4, 0))))  # four seconds have passed then
    agent = await corner.join("valet", agent_id, north_m=0)
    await unheard(corner, title, agent)


@clause("§5", "`GET /v1/notices` has what is addressed to the asker, and not what is not", apart=True)
async def listed(corner: Corner) -> None:
    await corner.own_region()
    kind = await corner.kind()
    valet, shop = await corner.put_agent("v", kind), await corner.put_agent("s", kind, role="shop", home=corner.at())
    title = await post(corner)
    for role, sub, expected in (("valet", valet, [title]), ("shop", shop, [])):
        found = await corner.http(role, sub).get("/v1/notices")
        same(ids(found, {title}, name="title"), expected, f"the notices of the {role}")


@clause("§5", "a notice that is posted again with the same key is told once", apart=True)
async def repeated(corner: Corner) -> None:
    await corner.own_region()
    agent = await corner.valet("v", await corner.kind())
    body, key = notice(corner, "once"), corner.name("key")
    for _ in range(2):
        await corner.http("admin").post("/v1/notices", body, key=key)
    await heard(agent, body["title"])
    await unheard(corner, body["title"], agent, times=1)


@clause("§5", "a dispatcher may post a notice to his region, and none to another's: 403", apart=True)
async def dispatchers(corner: Corner) -> None:
    await corner.own_region()
    agent = await corner.valet("v", await corner.kind())
    for region, allowed in ((corner.region, True), ("conf-china", False)):
        token = corner.token("dispatcher", corner.name("d"), regions=[region])
        asking = corner.world.http(token).post("/v1/notices", notice(corner, region))
        if allowed:
            await asking
            await heard(agent, corner.name(region))
        else:
            await refused(asking, "forbidden", 403)


@clause("§5", "a faulty notice is 422: no title", field="title", value=None)
@clause("§5", "a faulty notice is 422: an unknown role", field="roles", value=["emperor"])
@clause("§5", "a faulty notice is 422: an unknown field", field="mood", value="good")
async def faulty(corner: Corner, field: str, value: Any) -> None:
    body = notice(corner, "faulty") | {field: value}
    refusal = await refused(corner.admin.post("/v1/notices", body), "invalid", 422)
    that(any(path.startswith(field) for path in refusal.paths), f"errors that name {field}", refusal.paths)
