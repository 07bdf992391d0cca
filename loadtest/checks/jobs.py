"""§4: `job` and `unjob` to the holder, `order` and `track` to the customer.

Looks at what is told, to whom and in which order; what a step means is `orders`' matter. Left out: `unjob` with
reason `closed`, for what is closed by phone is held by nobody.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import has, ids, same, that, within
from loadtest.checks.line import Line, fence
from loadtest.wire import STEPS

# 5 s, less what two messages may differ in on their way.
TRACK_SECONDS = 4.5


# --- the holder ---------------------------------------------------------------------------------------


@clause("§4", "`job` tells an agent of an order that the desk assigned to him")
async def job_by_desk(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    order = await corner.place(kind)
    answer = await corner.act(order["id"], "assign", {"agent_id": agent.sub})
    job = (await agent.hear("job", order["id"]))["order"]
    same((job["version"], job["status"]), (answer["version"], "assigned"), "the job's version and status")


@clause("§4", "`job` tells the other sessions of a shop of an order that one of them grabbed")
async def job_on_other_session(corner: Corner) -> None:
    kind = await corner.kind()
    first = await corner.shop("s", kind)
    second = await corner.join("shop", first.sub)
    order = await corner.place(kind)
    await second.offer(order["id"])
    job = await first.win(order["id"])
    told = (await second.hear("job", order["id"]))["order"]
    same(told["version"], job["version"], "the version told")
    await corner.in_order(second)
    same(second.about(order["id"], "retract"), [], "retracts that the other session heard")


@clause("§4", "the holder hears `job` of his own changes, too, after the answer; `completed` last")
async def own_changes(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    for step in STEPS:
        mark = agent.mark()
        await agent.progress(job, step)
        told = await agent.hear("job", job["id"], after=mark)
        same(told["order"]["status"], step, "the status told")
        same([each["type"] for each in agent.heard[mark:]], ["ok", "job"], "what was heard, in its order")
    await corner.in_order(agent)
    same(agent.about(job["id"])[-1]["order"]["status"], "completed", "the last that was heard of the order")


@clause("§4", "the holder hears `job` when a dispatcher takes a step for him")
async def changed_by_desk(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    await corner.act(job["id"], "progress", {"fence": fence(job), "step": "arrived"})
    same((await agent.hear("job", job["id"]))["order"]["status"], "arrived", "the status told")


@clause("§4", "unjob `cancelled` tells the holder that his order was cancelled", how="cancelled")
@clause("§4", "unjob `reassigned` tells the former holder that the desk gave his order to another", how="reassigned")
@clause("§4", "unjob `released` tells the holder that the desk took his order from him", how="released")
async def unjob(corner: Corner, how: str) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    other = await corner.put_agent("other", kind)
    job = await corner.held(agent, kind)
    if how == "cancelled":
        await corner.act(job["id"], "cancel", {"reason": "it started again"})
    elif how == "reassigned":
        await corner.act(job["id"], "assign", {"agent_id": other, "force": True})
    else:
        await corner.act(job["id"], "release", {"fence": fence(job), "reason": "he does not answer"})
    same((await agent.hear("unjob", job["id"]))["reason"], how, "reason")
    same(agent.about(job["id"])[-1]["type"], "unjob", "the last that was heard of the order")


@clause("§4", "unjob `released` tells a releaser, too, after the answer")
async def unjob_of_releaser(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    mark = agent.mark()
    await agent.release(job)
    same((await agent.hear("unjob", job["id"]))["reason"], "released", "reason")
    same([each["type"] for each in agent.heard[mark:]], ["ok", "unjob"], "what was heard, in its order")


@clause("§5", "progress and release by HTTP answer the full view, and the holder's session is told")
async def by_http(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    path, me = f"/v1/orders/{job['id']}", corner.of(agent)
    body = {"fence": fence(job), "step": "en_route", "at": job["created_at"]}
    has(await me.post(f"{path}/progress", body), {"status": "en_route"}, "the answer")
    await agent.hear("job", job["id"], where=lambda each: each["order"]["status"] == "en_route")
    has(await me.post(f"{path}/release", {"fence": fence(job), "reason": "no tools"}), {"status": "open"}, "the answer")
    await agent.hear("unjob", job["id"])


@clause("§5", "`GET /v1/jobs` lists the orders that the agent holds, and no others")
async def jobs(corner: Corner) -> None:
    kind = await corner.kind()
    agent, other = await corner.valet("v1", kind, capacity=3), await corner.valet("v2", kind)
    kept, done = await corner.held(agent, kind), await corner.held(agent, kind)
    await agent.progress(done, "completed")
    await corner.held(other, kind)
    same(ids(await corner.of(agent).get("/v1/jobs")), [kept["id"]], "the jobs")


# --- the customer -------------------------------------------------------------------------------------


@clause("§4", "`order` tells the customer of each change of his order, up to its end")
async def each_change(corner: Corner) -> None:
    kind = await corner.kind()
    watch, agent = await corner.customer(), await corner.valet("v", kind)
    order = await corner.place(kind)
    job = await agent.win(order["id"])
    for step in STEPS:
        await agent.progress(job, step)
    last = await watch.told(order["id"], status="completed")
    told = [each["order"]["version"] for each in watch.about(order["id"], "order")]
    written = [each["version"] for each in await corner.timeline(order["id"])]
    that(set(written) - set(told) <= {1}, f"each of the versions {written}, the placing perhaps excepted", told)
    same(last["version"], written[-1], "the last version told")


@clause("§4", "the customer learns who comes: the agent's name and phone")
async def who_comes(corner: Corner) -> None:
    kind = await corner.kind()
    watch, agent = await corner.customer(), await corner.valet("v", kind, phone="+8613900000042")
    order = await corner.place(kind)
    await agent.win(order["id"])
    told = await watch.told(order["id"], status="assigned")
    has(told["agent"] or {}, {"id": agent.sub, "name": "Name of v", "phone": "+8613900000042"}, "the agent")


@clause("§4", "`track` tells the customer where the holder is, from `en_route` on, not before")
async def track(corner: Corner) -> None:
    kind = await corner.kind()
    watch, agent = await corner.customer(), await corner.valet("v", kind, capacity=2)
    job = await corner.held(agent, kind)
    await agent.move(corner.at(8000))
    await agent.offer((await corner.place(kind, 8000))["id"])  # so his position is known by now
    await agent.progress(job, "en_route")
    await watch.told(job["id"], status="en_route")
    here = corner.at(500)
    async with driving(agent, here):
        found = await watch.hear("track", job["id"], where=lambda each: abs(each["lat"] - here["lat"]) < 1e-5)
    within(found["lon"], here["lon"] - 1e-5, here["lon"] + 1e-5, "track.lon")
    within(found["at"], job["created_at"], job["created_at"] + 60_000, "track.at")
    told = [each["order"]["status"] if each["type"] == "order" else "track" for each in watch.about(job["id"])]
    that("track" not in told[: told.index("en_route")], "no track before the order is en_route", told)


@clause("§4", "`track` comes at most every 5 s, however often the holder tells his position")
async def track_at_most(corner: Corner) -> None:
    kind = await corner.kind()
    watch, agent = await corner.customer(), await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    await agent.progress(job, "en_route")
    async with driving(agent, corner.at(500)):
        first = watch.heard.index(await watch.hear("track", job["id"]))
        second = watch.heard.index(await watch.hear("track", job["id"], after=first + 1))
    within(watch.heard_at[second] - watch.heard_at[first], TRACK_SECONDS, 60, "seconds between two tracks")


@asynccontextmanager
async def driving(agent: Line, to: dict[str, float]) -> AsyncIterator[None]:
    """He is there and tells so every quarter of a second, moving by centimetres."""

    async def drive() -> None:
        for i in itertools.count():
            await agent.move({**to, "lat": to["lat"] + i * 1e-7})
            await asyncio.sleep(0.25)

    task = asyncio.create_task(drive())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
