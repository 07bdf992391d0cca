"""§4: `offer` and `retract`, to exactly those whom they concern, in their order.

Who is eligible is `policies`' matter, what a grab answers `verdicts`'. That somebody hears nothing is proved by a
later message that he must hear (`Corner.in_order`).
"""

from typing import Any

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import has, ids, same, that
from loadtest.checks.line import Line, order_id_of
from loadtest.wire import Message, Order

ROUND_2 = {"radius_m": 6000, "limit": 20, "seconds": 120, "bonus_fen": 500}
TWO_ROUNDS = {"rounds": [{"radius_m": 3000, "limit": 20, "seconds": 1, "bonus_fen": 0}, ROUND_2]}
ONE_ROUND = {"rounds": [{"radius_m": 3000, "limit": 20, "seconds": 2, "bonus_fen": 0}]}


async def offered(corner: Corner, kind: str, *agents: Line, **fields: Any) -> Order:
    """An order that all of them were told of."""
    order = await corner.place(kind, **fields)
    for agent in agents:
        await agent.offer(order["id"])
    return order


@clause("§4", "an offer comes again when the round, the bonus and the expiry change")
async def offered_again(corner: Corner) -> None:
    kind = await corner.kind(**TWO_ROUNDS)
    agent = await corner.valet("v", kind)
    order = await corner.place(kind)
    first = await agent.offer(order["id"], round=1)
    again = await agent.offer(order["id"], round=2)
    has(again, {"round": 2, "bonus_fen": 500, "status": "open"}, "the second offer")
    that((again["expires_at"] or 0) > (first["expires_at"] or 0), "a later end of the round", again["expires_at"])


@clause("§4", "retract `taken` goes to exactly the agents that hold the offer, except the winner")
async def taken(corner: Corner) -> None:
    kind, other_kind = await corner.kind(), await corner.kind(desk_seconds=601)
    holders = [await corner.valet(f"v{i}", kind) for i in range(3)]
    decliner, outsider = await corner.valet("no", kind), await corner.valet("out", other_kind)
    order = await offered(corner, kind, *holders, decliner)
    await decliner.ok({"type": "decline", "order_id": order["id"]})
    await holders[0].grab(order["id"])
    for agent in holders[1:]:
        same((await agent.hear("retract", order["id"]))["reason"], "taken", "reason")
    await corner.in_order(*holders, decliner, outsider)
    for agent, expected in ((holders[0], 0), (holders[1], 1), (holders[2], 1), (decliner, 0)):
        same(len(agent.about(order["id"], "retract")), expected, f"retracts that {agent.sub} heard")
    same(outsider.about(order["id"]), [], "what an agent without the offer heard")


@clause("§4", "who heard `taken` in a verdict hears no retract after it")
async def verdict_instead_of_retract(corner: Corner) -> None:
    kind = await corner.kind()
    agents = [await corner.valet(f"v{i}", kind) for i in range(2)]
    order = await offered(corner, kind, *agents)
    for agent in agents:
        await agent.send({"type": "grab", "ref": "mine", "order_id": order["id"]})
    verdicts = [await agent.hear("verdict", order["id"], where=_is_final) for agent in agents]
    same(sorted(each["outcome"] for each in verdicts), ["taken", "won"], "the outcomes")
    await corner.in_order(*agents)
    for agent, verdict in zip(agents, verdicts, strict=True):
        later = agent.heard[agent.heard.index(verdict) + 1 :]
        same([each for each in later if order_id_of(each) == order["id"]], [], "what came after the verdict")


def _is_final(verdict: Message) -> bool:
    return bool(verdict["outcome"] != "pending")


@clause("§4", "retract `escalated` comes when the last round ends")
async def retract_escalated(corner: Corner) -> None:
    kind = await corner.kind(**ONE_ROUND)
    agents = [await corner.valet(f"v{i}", kind) for i in range(2)]
    order = await offered(corner, kind, *agents)
    for agent in agents:
        same((await agent.hear("retract", order["id"]))["reason"], "escalated", "reason")


@clause("§4", "retract `cancelled` comes when an offered order is cancelled")
async def retract_cancelled(corner: Corner) -> None:
    kind = await corner.kind()
    agents = [await corner.valet(f"v{i}", kind) for i in range(2)]
    order = await offered(corner, kind, *agents)
    await corner.act(order["id"], "cancel", {"reason": "it started again"})
    for agent in agents:
        same((await agent.hear("retract", order["id"]))["reason"], "cancelled", "reason")


@clause("§4", "retract `taken` comes, too, when the desk assigns an offered order to another")
async def retract_by_assignment(corner: Corner) -> None:
    kind = await corner.kind()
    agents = [await corner.valet(f"v{i}", kind) for i in range(2)]
    order = await offered(corner, kind, *agents)
    await corner.act(order["id"], "assign", {"agent_id": agents[0].sub})
    same((await agents[1].hear("retract", order["id"]))["reason"], "taken", "reason")
    await agents[0].hear("job", order["id"])
    same(agents[0].about(order["id"], "retract"), [], "retracts that the new holder heard")


@clause("§4", "who declined is not offered the order again, not even in the next round; others keep it")
async def declined(corner: Corner) -> None:
    kind = await corner.kind(**TWO_ROUNDS)
    decliner, other = await corner.valet("v1", kind), await corner.valet("v2", kind)
    order = await offered(corner, kind, decliner, other)
    await decliner.ok({"type": "decline", "order_id": order["id"], "reason": "too far"})
    mark = decliner.mark()
    await other.offer(order["id"], round=2)
    await corner.in_order(decliner)
    same(decliner.about(order["id"], after=mark), [], "what the decliner heard afterwards")


@clause("§4", "every session of a shop is offered an order, and is told that it is gone")
async def every_session(corner: Corner) -> None:
    kind = await corner.kind()
    first = await corner.shop("s", kind)
    second = await corner.join("shop", first.sub)
    other = await corner.valet("v", kind)
    order = await offered(corner, kind, first, second, other)
    await other.grab(order["id"])
    for line in (first, second):
        same((await line.hear("retract", order["id"]))["reason"], "taken", "reason")


@clause("§4", "a session hears of one order in the order of its versions, while it is fought for")
async def in_the_order_of_versions(corner: Corner) -> None:
    kind = await corner.kind()
    agents = [await corner.valet(f"v{i}", kind, capacity=5) for i in range(4)]
    watch, order = await corner.customer(), await offered(corner, kind, *agents)
    for turn in range(3):
        winner = agents[turn]
        job = await winner.win(order["id"])
        await winner.release(job)
        await agents[turn + 1].hear("offer", order["id"], where=_newer(job))
    versions = [each["order"]["version"] for each in watch.about(order["id"], "order")]
    same(versions, sorted(set(versions)), "the versions that the customer heard")


def _newer(job: Order) -> Any:
    return lambda message: message["order"]["version"] > job["version"]


@clause("§4", "while a grab is unanswered, what concerns the order waits behind the verdict")
async def behind_the_verdict(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    order = await offered(corner, kind, agent)
    mark = agent.mark()
    await agent.send({"type": "grab", "ref": "mine", "order_id": order["id"]})
    await agent.hear("verdict", order["id"], where=_is_final)
    job = agent.view.jobs[order["id"]]
    await agent.progress(job, "en_route")
    await agent.hear("job", order["id"])
    heard = [each["type"] for each in agent.heard[mark:] if each.get("outcome") != "pending"]
    same(heard, ["verdict", "ok", "job"], "what was heard")


@clause("§4", "an offer that stands is in welcome; one that was declined is not")
async def declined_not_in_welcome(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    kept, refused = await offered(corner, kind, agent), await offered(corner, kind, agent)
    await agent.ok({"type": "decline", "order_id": refused["id"]})
    await agent.drop()
    again = await corner.join("valet", agent.sub)
    same(ids(again.heard[0]["offers"]), [kept["id"]], "offers")
