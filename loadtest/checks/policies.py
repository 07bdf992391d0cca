"""§6: rounds, who is eligible, and what an agent is offered who comes late.

Agents stand at chosen distances north of the spot. What they are told in detail is `offers`' matter. Rounds last a
second where their end is wanted, and minutes where it is not.
"""

from typing import Any

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import Broken, eventually, has, refused, same, that
from loadtest.checks.line import Line
from loadtest.checks.offers import TWO_ROUNDS, offered
from loadtest.checks.world import POLICY, REGIONS
from loadtest.wire import Order


def rounds(*terms: tuple[int, int, int, int]) -> list[dict[str, int]]:
    """Each radius, limit, seconds, bonus."""
    return [dict(zip(("radius_m", "limit", "seconds", "bonus_fen"), each, strict=True)) for each in terms]


async def unheard(corner: Corner, order: Order, *agents: Line) -> None:
    """None of them was offered the order."""
    await corner.in_order(*agents)
    for agent in agents:
        if agent.about(order["id"]):
            raise Broken(f"nothing of the order for {agent.sub}", agent.about(order["id"]))


# --- rounds -------------------------------------------------------------------------------------------


@clause("§6", "a round offers the order to the nearest eligible agents, at most `limit`")
async def nearest(corner: Corner) -> None:
    kind = await corner.kind(rounds=rounds((3000, 2, 120, 0)))
    far, near, middle = [await corner.valet(f"v{m}", kind, north_m=m) for m in (900, 100, 400)]
    order = await offered(corner, kind, near, middle)
    await unheard(corner, order, far)
    same((await corner.read(order["id"]))["offered"], 2, "offered")


@clause("§6", "a round offers the order within its radius only; the next one reaches farther")
async def radius(corner: Corner) -> None:
    kind = await corner.kind(**TWO_ROUNDS)
    near, far, too_far = [await corner.valet(f"v{m}", kind, north_m=m) for m in (2800, 3300, 6300)]
    order = await offered(corner, kind, near)
    offer = await far.offer(order["id"])
    same(offer["round"], 2, "the round in which the farther agent is offered it")
    await unheard(corner, order, too_far)


@clause("§6", "a round counts only those it has not been offered to yet against its limit, and keeps earlier offers")
async def limit_of_new_ones(corner: Corner) -> None:
    kind = await corner.kind(rounds=rounds((3000, 1, 1, 0), (3000, 1, 120, 0)))
    first, second, third = [await corner.valet(f"v{m}", kind, north_m=m) for m in (100, 300, 600)]
    order = await offered(corner, kind, first)
    same((await second.offer(order["id"]))["round"], 2, "the round of the second agent's offer")
    await first.offer(order["id"], round=2)
    await unheard(corner, order, third)
    same((await first.grab(order["id"]))["outcome"], "won", "the outcome for the one of round 1")


@clause("§6", "`bonus_fen` of a round is the least bonus during it", own=0, expected=500)
@clause("§6", "an order's own higher bonus stays", own=900, expected=900)
async def bonus(corner: Corner, own: int, expected: int) -> None:
    kind = await corner.kind(**TWO_ROUNDS)
    agent = await corner.valet("v", kind)
    order = await offered(corner, kind, agent, bonus_fen=own)
    same((await agent.offer(order["id"]))["bonus_fen"], own, "the bonus in round 1")
    same((await agent.offer(order["id"], round=2))["bonus_fen"], expected, "the bonus in round 2")
    same((await agent.win(order["id"]))["bonus_fen"], expected, "the bonus of the job")


@clause("§6", "after a release an order starts at round 1 again, and its earlier offers are forgotten")
async def starts_anew(corner: Corner) -> None:
    kind = await corner.kind(rounds=rounds((3000, 20, 1, 0), (6000, 20, 120, 500)))
    near, far = await corner.valet("v1", kind), await corner.valet("v2", kind, north_m=4500)
    other = await corner.valet("v3", kind, north_m=200)
    order = await offered(corner, kind, near, other)
    await far.offer(order["id"])
    job = await near.win(order["id"])
    await other.hear("retract", order["id"])
    await far.hear("retract", order["id"])
    marks = other.mark(), far.mark()
    await near.release(job)
    again = await other.offer(order["id"], after=marks[0])
    has(again, {"round": 1, "bonus_fen": 0}, "the offer after the release")
    late = await far.offer(order["id"], after=marks[1])
    same(late["round"], 2, "the round in which the farther agent is offered it again")


# --- late-comers --------------------------------------------------------------------------------------


@clause("§6", "an agent who comes online during a round is offered the order", how="online")
@clause("§6", "an agent who comes into range during a round is offered the order", how="into_range")
@clause("§6", "an agent who is no longer paused is offered the order", how="unpaused")
@clause("§6", "an agent who frees capacity is offered the order", how="freed")
@clause("§6", "an agent who gets the skill is offered the order", how="skilled")
@clause("§6", "an agent who is no longer suspended is offered the order", how="unsuspended")
async def late_comer(corner: Corner, how: str) -> None:
    kind = await corner.kind()
    watch, (agent, become_eligible) = await corner.customer(), await _LATE[how](corner, kind)
    order = await corner.place(kind)
    same(order["offered"], 0, "offered at first")
    if agent is not None and how in ("into_range", "skilled"):
        await unheard(corner, order, agent)
    line = await become_eligible()
    same((await line.offer(order["id"]))["round"], 1, "the round of the offer")
    same((await watch.told(order["id"], offered=1))["version"], order["version"] + 1, "the version after the offer")


async def _online(corner: Corner, kind: str) -> tuple[Line | None, Any]:
    agent_id = await corner.put_agent("v", kind)
    return None, lambda: corner.join("valet", agent_id, north_m=0)


async def _into_range(corner: Corner, kind: str) -> tuple[Line | None, Any]:
    agent = await corner.valet("v", kind, north_m=9000)

    async def come() -> Line:
        await agent.move(corner.at())
        return agent

    return agent, come


async def _unpaused(corner: Corner, kind: str) -> tuple[Line | None, Any]:
    agent = await corner.valet("v", kind)
    await agent.set_status("paused")

    async def go_on() -> Line:
        await agent.set_status("available")
        return agent

    return agent, go_on


async def _freed(corner: Corner, kind: str) -> tuple[Line | None, Any]:
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)

    async def complete() -> Line:
        await agent.progress(job, "completed")
        return agent

    return agent, complete


async def _skilled(corner: Corner, kind: str) -> tuple[Line | None, Any]:
    agent = await corner.valet("v", await corner.kind(desk_seconds=601))

    async def learn() -> Line:
        await corner.put_agent("v", kind)
        return agent

    return agent, learn


async def _unsuspended(corner: Corner, kind: str) -> tuple[Line | None, Any]:
    agent_id = await corner.put_agent("v", kind, suspended=True)

    async def come_back() -> Line:
        await corner.put_agent("v", kind)
        return await corner.join("valet", agent_id, north_m=0)

    return None, come_back


_LATE = {
    "online": _online, "into_range": _into_range, "unpaused": _unpaused, "freed": _freed, "skilled": _skilled,
    "unsuspended": _unsuspended,
}  # fmt: skip


@clause("§6", "a late-comer is not offered an order of whose round `limit` agents were")
async def too_late(corner: Corner) -> None:
    kind = await corner.kind(rounds=rounds((3000, 1, 120, 0)))
    first = await corner.valet("v1", kind, north_m=500)
    order = await offered(corner, kind, first)
    late = await corner.valet("v2", kind, north_m=10)
    await unheard(corner, order, late)
    same(late.heard[0]["offers"], [], "the late-comer's offers in welcome")


# --- eligible -----------------------------------------------------------------------------------------


@clause("§6", "not eligible: an agent of another region who stands beside the place")
async def other_region(corner: Corner) -> None:
    kind = await corner.kind()
    elsewhere = next(region for region in REGIONS if region != corner.region)
    foreign, local = await corner.valet("v1", kind, region=elsewhere), await corner.valet("v2", kind)
    order = await offered(corner, kind, local)
    await foreign.ping()
    same(foreign.about(order["id"]), [], "what the agent of another region heard")
    same((await corner.read(order["id"]))["offered"], 1, "offered")


@clause("§6", "not eligible: a shop, where the policy is for valets", role="shop")
@clause("§6", "not eligible: a valet, where the policy is for shops", role="valet")
async def audience(corner: Corner, role: str) -> None:
    kind = await corner.kind(audience=["valet" if role == "shop" else "shop"])
    valet, shop = await corner.valet("v", kind), await corner.shop("s", kind)
    wanted, unwanted = (valet, shop) if role == "shop" else (shop, valet)
    order = await offered(corner, kind, wanted)
    await unheard(corner, order, unwanted)


@clause("§6", "not eligible: an agent without the skill", why="skill")
@clause("§6", "not eligible: an agent who is paused", why="paused")
@clause("§6", "not eligible: an agent at capacity", why="capacity")
async def not_eligible(corner: Corner, why: str) -> None:
    kind = await corner.kind()
    skill = await corner.kind(desk_seconds=601) if why == "skill" else kind
    agent = await corner.valet("v", skill)
    if why == "paused":
        await agent.set_status("paused")
    elif why == "capacity":
        await corner.held(agent, kind)
    order = await corner.place(kind)
    entry = (await corner.candidates(order["id"]))[agent.sub]
    same(entry["eligible"], False, "eligible in the candidates' list")
    that(entry["why_not"], "a reason in `why_not`", entry["why_not"])
    same((await corner.read(order["id"]))["offered"], 0, "offered")
    await unheard(corner, order, agent)


@clause("§6", "not eligible: an agent who was never connected, or is suspended")
async def not_there(corner: Corner) -> None:
    kind = await corner.kind()
    absent = await corner.put_agent("v1", kind, home=corner.at())
    suspended = await corner.put_agent("v2", kind, home=corner.at(), suspended=True)
    order = await corner.place(kind)
    found = await corner.candidates(order["id"])
    same({found[each]["eligible"] for each in (absent, suspended) if each in found} - {False}, set(), "eligible ones")
    same((await corner.read(order["id"]))["offered"], 0, "offered")


@clause("§6", "not eligible: an agent who released the order, when it opens again", by="himself")
@clause("§6", "not eligible: an agent from whom the desk took the order", by="release")
@clause("§6", "not eligible: an agent from whom the desk took the order for another", by="assign")
async def released(corner: Corner, by: str) -> None:
    kind = await corner.kind()
    first, second = await corner.valet("v1", kind), await corner.valet("v2", kind)
    order = await offered(corner, kind, first, second)
    job = await first.win(order["id"])
    if by == "himself":
        await first.release(job)
    elif by == "release":
        await corner.act(order["id"], "release", {"fence": 1, "reason": "he does not answer"})
    else:
        moved = await corner.act(order["id"], "assign", {"agent_id": second.sub})
        await second.release(moved)
    after = first.heard.index(await first.hear("unjob", order["id"])) + 1
    if by != "assign":
        await second.hear("offer", order["id"], where=lambda each: each["order"]["version"] > job["version"])
    await corner.in_order(first)
    same(first.about(order["id"], after=after), [], "what he heard of it afterwards")
    same((await corner.candidates(order["id"]))[first.sub]["eligible"], False, "eligible in the candidates' list")


@clause("§6", "a shop stands at its home, wherever its session says it is")
async def shop_at_home(corner: Corner) -> None:
    kind = await corner.kind()
    shop_id = await corner.put_agent("s", kind, role="shop", home=corner.at())
    away = (corner.at(9000)["lat"], corner.spot.lon)
    shop = await corner.join("shop", shop_id, position=away)
    await shop.move(corner.at(9000))
    await shop.offer((await corner.place(kind))["id"])


# --- policies -----------------------------------------------------------------------------------------


@clause("§6", "a policy that was put is answered as it was put, listed, and works at once on every process")
async def put(corner: Corner) -> None:
    kind = corner.name("k")
    policy = {**POLICY, "rounds": rounds((1234, 7, 60, 89)), "stall_seconds": {"assigned": 300}}
    answer = await corner.admin.put(f"/v1/policies/{kind}", policy)
    has(answer, {"kind": kind, **policy}, "the answer")
    for server in range(len(corner.world.servers)):
        await corner.place(kind, by=corner.http("service", server=server))
        await _known(corner, kind, server, policy)


async def _known(corner: Corner, kind: str, server: int, policy: dict[str, Any]) -> None:
    """Another process need not list a change at once."""
    admin = corner.http("admin", server=server)

    async def listed() -> dict[str, Any]:
        found = {each["kind"]: each async for each in admin.pages("/v1/policies")}
        return found.get(kind) or {}

    await eventually(listed, lambda each: policy.items() <= each.items(), f"policy {policy} in the list")


@clause("§6", "a policy that is changed holds for the orders that are placed afterwards, on every process")
async def changed(corner: Corner) -> None:
    kind = corner.name("k")
    await corner.admin.put(f"/v1/policies/{kind}", {**POLICY, "private_details": []})
    agent = await corner.valet("v", kind, capacity=5)
    await offered(corner, kind, agent)
    policy = {**POLICY, "rounds": rounds((3000, 20, 60, 777))}
    await corner.admin.put(f"/v1/policies/{kind}", policy)
    for server in range(len(corner.world.servers)):
        await _known(corner, kind, server, policy)
        order = await corner.place(kind, by=corner.http("service", server=server))
        same((await agent.offer(order["id"]))["bonus_fen"], 777, "the bonus of the changed round")


@clause("§6", "a faulty policy is 422 and names its field: no rounds", field="rounds", value=[])
@clause("§6", "a faulty policy is 422 and names its field: an unknown audience", field="audience", value=["emperor"])
@clause("§6", "a faulty policy is 422 and names its field: an unknown one", field="mood", value="good")
async def faulty(corner: Corner, field: str, value: Any) -> None:
    refusal = await refused(
        corner.admin.put(f"/v1/policies/{corner.name('k')}", {**POLICY, field: value}), "invalid", 422
    )
    that(any(path.startswith(field) for path in refusal.paths), f"errors with path {field}", refusal.paths)


@clause("§6", "a held order that stays longer than `stall_seconds` in a status is stalled, and stays with its holder")
async def stalled(corner: Corner) -> None:
    kind = await corner.kind(stall_seconds={"assigned": 1})
    desk, agent = await corner.desk(), await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    shown = await desk.desk("stalled", job["id"])
    has(shown, {"status": "assigned", "stalled": True}, "the order at the desk")
    has(shown["agent"] or {}, {"id": agent.sub}, "its holder")
    await agent.hear("job", job["id"], where=lambda each: each["order"]["stalled"])
    await agent.progress(job, "en_route")
    has(await corner.read(job["id"]), {"status": "en_route", "stalled": False}, "the order after a step")
    await desk.hear("desk", job["id"], where=lambda each: each["order"]["status"] == "en_route")
