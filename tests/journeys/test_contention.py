"""Two hundred hands, one order, two server processes: exactly one holds it, everybody knows, nobody learns more."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg

from loadtest.client import Session
from loadtest.wire import Message
from tests.journeys.cluster import CENTRE, Cluster, cluster, furnish, order, policy, valet

AGENTS = 200
ORDERS = 50


class Witness:
    """Everything one agent was ever told, as bytes."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def __call__(self, _: Message, frame: str | bytes) -> None:
        self.frames.append(frame.encode() if isinstance(frame, str) else frame)

    def heard(self, text: str) -> bool:
        """In JSON's escapes, too; MessagePack has the plain bytes."""
        escaped = text.encode("ascii", "backslashreplace")
        return any(text.encode() in frame or escaped in frame for frame in self.frames)


async def test_two_hundred_agents_of_two_processes_grab_fifty_orders(tmp_path: Path) -> None:
    async with cluster(tmp_path, servers=2) as city, AsyncExitStack() as stack:
        admin = await stack.enter_async_context(city.http("admin", "root"))
        backend = await stack.enter_async_context(city.http("service", "backend", server=1))
        await furnish(admin, policy({"radius_m": 5000, "limit": AGENTS, "seconds": 60}))
        names = [f"v-{i:03}" for i in range(AGENTS)]
        for name in names:
            await admin.put(f"/v1/agents/{name}", valet(capacity=ORDERS))
        witnesses = {name: Witness() for name in names}
        sessions = dict(zip(names, await _connect(city, stack, names, witnesses), strict=True))
        winners: dict[str, str] = {}
        for number in range(ORDERS):
            phone = f"+86138{number:08}"
            customer = {"id": f"c-{number}", "name": f"Customer {number:03}", "phone": phone}
            placed = await backend.post("/v1/orders", order(customer=customer))
            winners[placed["id"]] = await _contend(sessions, placed["id"])
            for name, witness in witnesses.items():
                assert witness.heard(phone) == (name == winners[placed["id"]]), (number, name)
        await _one_row_one_event(city, winners)
        for name, witness in witnesses.items():
            if name not in winners.values():
                assert not any(witness.heard(text) for text in ("350 Fifth Avenue", "沪A12345", "Customer "))
            assert not sessions[name].view.disorder


async def _connect(
    city: Cluster, stack: AsyncExitStack, names: list[str], witnesses: dict[str, Witness]
) -> list[Session]:
    return await asyncio.gather(
        *(
            stack.enter_async_context(
                city.session(
                    "valet", name, server=i % 2, observe=witnesses[name], position=CENTRE,
                    codec="msgpack" if i % 3 == 0 else "json",
                )
            )
            for i, name in enumerate(names)
        )
    )  # fmt: skip


async def _contend(sessions: dict[str, Session], order_id: str) -> str:
    """All are offered it, all grab at once; the winner's name."""
    await asyncio.gather(*(each.until(lambda view: order_id in view.offers, 20) for each in sessions.values()))
    verdicts = await asyncio.gather(*(each.grab(order_id) for each in sessions.values()))
    assert Counter(verdict["outcome"] for verdict in verdicts) == {"won": 1, "taken": AGENTS - 1}
    await asyncio.gather(*(each.until(lambda view: order_id not in view.offers, 20) for each in sessions.values()))
    winner = next(name for name, verdict in zip(sessions, verdicts, strict=True) if verdict["outcome"] == "won")
    assert order_id in sessions[winner].view.jobs
    return winner


async def _one_row_one_event(city: Cluster, winners: dict[str, str]) -> None:
    connection = await asyncpg.connect(city.services.database_url.replace("+asyncpg", ""))
    try:
        rows = await connection.fetch("SELECT order_id, agent_id, ended_at FROM assignments")
        events = await connection.fetch("SELECT order_id FROM order_events WHERE type = 'assigned'")
    finally:
        await connection.close()
    assert {row["order_id"]: row["agent_id"] for row in rows} == winners
    assert len(rows) == len(winners)
    assert sorted(event["order_id"] for event in events) == sorted(winners)
