"""§4: what a grab answers in each situation, on the stream and by HTTP.

Left out: `pending`, which needs a database that is away; where a busy server says it nevertheless, the final
verdict is waited for, or asked for again by HTTP.
"""

import asyncio
from collections import Counter
from typing import Any

from ulid import ULID

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import eventually, fields, has, same, that
from loadtest.checks.forms import FULL
from loadtest.checks.line import Line, assignment, fence
from loadtest.checks.offers import ONE_ROUND, offered
from loadtest.wire import Message, Refused


def outcome(verdict: Any, expected: str, reason: str | None = None) -> None:
    same((verdict["outcome"], verdict.get("reason")), (expected, reason), "the outcome and reason")


async def by_http(corner: Corner, agent: Line, order_id: str) -> Message:
    """The final verdict of an HTTP grab: `pending` is no answer, and asking again is safe."""

    async def grab() -> Message:
        verdict: Message = await corner.of(agent).post(f"/v1/orders/{order_id}/grab")
        same(verdict["order_id"], order_id, "order_id")
        return verdict

    return await eventually(grab, lambda verdict: verdict["outcome"] != "pending", "a final verdict")


@clause("§4", "verdict `won` has the full order as `job`, and the fence")
async def won(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    order = await offered(corner, kind, agent)
    verdict = await agent.grab(order["id"])
    outcome(verdict, "won")
    fields(verdict["job"], FULL, "the job")
    same(verdict["fence"], fence(verdict["job"]), "fence")
    has(verdict["job"], {"status": "assigned", "id": order["id"]}, "the job")


@clause("§4", "verdict `won` is durable before it is sent")
async def durable(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    last = await corner.read(job["id"])
    has(last, {"status": "assigned", "version": job["version"]}, "the order read after the verdict")
    same(assignment(last)["agent_id"], agent.sub, "its holder")
    same((await corner.timeline(job["id"]))[-1]["version"], job["version"], "the timeline's last version")


@clause("§4", "of many who grab at once exactly one hears `won`, the others `taken`")
async def one_winner(corner: Corner) -> None:
    kind = await corner.kind()
    agents = [await corner.valet(f"v{i}", kind) for i in range(6)]
    order = await offered(corner, kind, *agents)
    verdicts = await asyncio.gather(*(agent.grab(order["id"]) for agent in agents))
    same(Counter(each["outcome"] for each in verdicts), {"won": 1, "taken": 5}, "the outcomes")
    winner = agents[[each["outcome"] for each in verdicts].index("won")]
    same((await corner.read(order["id"]))["agent"], verdicts[agents.index(winner)]["job"]["agent"], "the holder")


@clause("§4", "the holder who asks again hears the same `won`, on the stream and by HTTP")
async def asked_again(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    for again in (await agent.grab(job["id"]), await by_http(corner, agent, job["id"])):
        outcome(again, "won")
        same(again["fence"], fence(job), "the fence")
        same(again["job"]["version"], job["version"], "the job's version")


@clause("§4", "a grab after the order was taken hears `taken`, on the stream and by HTTP")
async def taken(corner: Corner) -> None:
    kind = await corner.kind()
    winner, loser, asker = [await corner.valet(f"v{i}", kind) for i in range(3)]
    order = await offered(corner, kind, winner, loser, asker)
    await winner.grab(order["id"])
    outcome(await by_http(corner, asker, order["id"]), "taken")
    outcome(await loser.grab(order["id"]), "taken")
    outcome(await loser.grab(order["id"]), "taken")


@clause("§4", "a grab of an escalated order hears `gone`, `escalated`", how="escalated")
@clause("§4", "a grab of a cancelled order hears `gone`, `cancelled`", how="cancelled")
async def gone(corner: Corner, how: str) -> None:
    kind = await corner.kind(**ONE_ROUND) if how == "escalated" else await corner.kind()
    agent = await corner.valet("v", kind)
    order = await offered(corner, kind, agent)
    if how == "cancelled":
        await corner.act(order["id"], "cancel", {"reason": "it started again"})
    await agent.hear("retract", order["id"])
    outcome(await agent.grab(order["id"]), "gone", how)
    outcome(await by_http(corner, agent, order["id"]), "gone", how)


@clause("§4", "a grab of one's own completed order hears `gone`, `completed`")
async def gone_completed(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    job = await corner.held(agent, kind)
    await agent.progress(job, "completed")
    outcome(await agent.grab(job["id"]), "gone", "completed")


@clause("§4", "a grab of an order that was offered and expired since hears `gone`, by HTTP")
async def gone_expired(corner: Corner) -> None:
    kind = await corner.kind(**ONE_ROUND, desk_seconds=1)
    agent, watch = await corner.valet("v", kind), await corner.customer()
    order = await offered(corner, kind, agent)
    await watch.told(order["id"], status="expired")
    verdict = await by_http(corner, agent, order["id"])
    same(verdict["outcome"], "gone", "the outcome")
    that(verdict["reason"] in ("escalated", "expired"), "the reason expired, or the retract's", verdict["reason"])


@clause("§4", "a grab of an order that does not exist hears `refused`, `not_offered`")
async def no_such_order(corner: Corner) -> None:
    agent = await corner.valet("v", await corner.kind())
    order_id = str(ULID())
    outcome(await agent.grab(order_id), "refused", "not_offered")
    outcome(await by_http(corner, agent, order_id), "refused", "not_offered")


@clause("§4", "a grab of an order that was never offered to the agent hears `refused`, `not_offered`")
async def not_offered(corner: Corner) -> None:
    kind = await corner.kind()
    near, far = await corner.valet("v1", kind), await corner.valet("v2", kind, north_m=9000)
    order = await offered(corner, kind, near)
    outcome(await far.grab(order["id"]), "refused", "not_offered")
    outcome(await by_http(corner, far, order["id"]), "refused", "not_offered")


@clause("§4", "a grab after a decline hears `refused`, `declined`")
async def declined(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    order = await offered(corner, kind, agent)
    await agent.ok({"type": "decline", "order_id": order["id"]})
    outcome(await agent.grab(order["id"]), "refused", "declined")
    outcome(await by_http(corner, agent, order["id"]), "refused", "declined")


@clause("§4", "a grab while paused hears `refused`, `paused`; the offer stays, and can be won when available again")
async def paused(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    order = await offered(corner, kind, agent)
    await agent.set_status("paused")
    outcome(await agent.grab(order["id"]), "refused", "paused")
    outcome(await by_http(corner, agent, order["id"]), "refused", "paused")
    same(agent.about(order["id"], "retract"), [], "retracts")
    await agent.set_status("available")
    outcome(await agent.grab(order["id"]), "won")


@clause("§4", "a grab at capacity hears `refused`, `at_capacity`; the offer stays, and can be won with room again")
async def at_capacity(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    first, second = await offered(corner, kind, agent), await offered(corner, kind, agent)
    job = await agent.win(first["id"])
    outcome(await agent.grab(second["id"]), "refused", "at_capacity")
    outcome(await by_http(corner, agent, second["id"]), "refused", "at_capacity")
    await agent.progress(job, "completed")
    outcome(await agent.grab(second["id"]), "won")


@clause("§4", "a suspended agent's grab is refused, and wins nothing")
async def suspended(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    order = await offered(corner, kind, agent)
    await corner.put_agent("v", kind, suspended=True)
    await agent.goodbye()
    try:
        outcome(await by_http(corner, agent, order["id"]), "refused", "suspended")
    except Refused as refusal:
        same((refusal.code, refusal.status), ("forbidden", 403), "the refusal of a suspended agent")
    has(await corner.read(order["id"]), {"status": "open", "assignment": None}, "the order")


@clause("§4", "a grab by HTTP wins as one on the stream does, and every session of the agent is told by `job`")
async def won_by_http(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    order = await offered(corner, kind, agent)
    verdict = await by_http(corner, agent, order["id"])
    outcome(verdict, "won")
    fields(verdict["job"], FULL, "the job")
    told = await agent.hear("job", order["id"])
    same(told["order"]["version"], verdict["job"]["version"], "the version of the job that was told")
    same(agent.about(order["id"], "retract"), [], "retracts that the winner heard")


@clause("§4", "who lost an order that was released again is offered it anew, and can win it")
async def second_chance(corner: Corner) -> None:
    kind = await corner.kind()
    first, second = await corner.valet("v1", kind), await corner.valet("v2", kind)
    order = await offered(corner, kind, first, second)
    job = await first.win(order["id"])
    await second.hear("retract", order["id"])
    mark = second.mark()
    await first.release(job)
    await second.offer(order["id"], after=mark)
    outcome(await second.grab(order["id"]), "won")


@clause("§4", "a verdict carries the ref of its grab, also when several are under way")
async def refs(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind, capacity=9)
    orders = [await offered(corner, kind, agent) for _ in range(4)]
    for order in orders:
        await agent.send({"type": "grab", "ref": f"ref of {order['id']}", "order_id": order["id"]})
    for order in orders:
        verdict = await agent.hear("verdict", order["id"], where=lambda each: each["outcome"] != "pending")
        same(verdict["ref"], f"ref of {order['id']}", "ref")
        same(verdict["outcome"], "won", "the outcome")
