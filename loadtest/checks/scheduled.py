"""§3 and §6: orders for later: they wait as `scheduled` and open in time.

Lead times are seconds here. How late a deadline may be is PROTOCOL §7's matter, and measured under load; here it
must only be kept.
"""

import time

from loadtest.checks.clauses import clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import has, same, within

DAY_MS = 24 * 3600 * 1000
# How late an event of the clock may be; PROTOCOL §7 says 100 ms in 99 of 100 cases.
LATE_MS = 2000


def now_ms() -> int:
    return int(time.time() * 1000)


@clause("§3", "an order for later is `scheduled`: it is offered to nobody, and tells its time")
async def waits(corner: Corner) -> None:
    kind = await corner.kind()
    agent, at = await corner.valet("v", kind), now_ms() + DAY_MS
    order = await corner.place(kind, scheduled_at=at)
    has(order, {"status": "scheduled", "scheduled_at": at, "offered": 0}, "the order")
    await corner.in_order(agent)
    same(agent.about(order["id"]), [], "what an agent heard of it")


@clause("§6", "a scheduled order opens `lead_seconds` before `scheduled_at`")
async def opens(corner: Corner) -> None:
    kind = await corner.kind(lead_seconds=2)
    watch, agent = await corner.customer(), await corner.valet("v", kind)
    placed_at = now_ms()
    order = await corner.place(kind, scheduled_at=placed_at + 7000)
    same(order["status"], "scheduled", "status at first")
    await agent.offer(order["id"])
    opened = await watch.told(order["id"], status="open")
    has(opened, {"round": 1, "scheduled_at": placed_at + 7000}, "the order when it opens")
    at = (await corner.event(opened))["at"]
    within(at, placed_at + 5000 - 100, placed_at + 5000 + LATE_MS, "when it opened, ms")


@clause("§6", "a scheduled order whose lead time has begun opens at once")
async def at_once(corner: Corner) -> None:
    kind = await corner.kind(lead_seconds=1800)
    agent = await corner.valet("v", kind)
    order = await corner.place(kind, scheduled_at=now_ms() + 600_000)
    await agent.offer(order["id"])
    job = await agent.win(order["id"])
    same(job["status"], "assigned", "status")


@clause("§4", "the customer's stream has his scheduled orders, in welcome and when they open")
async def customers(corner: Corner) -> None:
    kind = await corner.kind(lead_seconds=1)
    order = await corner.place(kind, scheduled_at=now_ms() + 6000)
    watch = await corner.customer()
    same([(each["id"], each["status"]) for each in watch.heard[0]["orders"]], [(order["id"], "scheduled")], "orders")
    await watch.told(order["id"], status="open")


@clause("§4", "a grab of a scheduled order hears `refused`, `not_offered`")
async def not_yet(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    order = await corner.place(kind, scheduled_at=now_ms() + DAY_MS)
    verdict = await agent.grab(order["id"])
    same((verdict["outcome"], verdict.get("reason")), ("refused", "not_offered"), "the outcome and reason")
