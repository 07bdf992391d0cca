"""Two nodes are restarted, one after the other, while agents grab: no verdict and no offer is lost."""

import asyncio
import uuid
from collections import Counter
from contextlib import AsyncExitStack, suppress
from itertools import cycle
from pathlib import Path

from loadtest.audit import Staff, audit_server, audit_views
from loadtest.client import Session
from loadtest.rest import Http
from loadtest.tokens import mint
from loadtest.wire import Disconnected, Message, Unavailable
from tests.journeys.cluster import CENTRE, SECRET, Cluster, cluster, furnish, order, policy, valet

AGENTS = 8
STREAMS = 3
"""Orders that are contended for at a time."""
LONGEST_S = 40.0
PAUSE_S = 0.1
FINAL = ({"won"}, {"taken"}, {"refused", "not_offered"})
"""The last for who asked again on the other node, because his grab had crossed the good-bye: there the order was taken
before he came, and he was not told of it."""


class Verdicts:
    """What every agent was told about his grabs."""

    def __init__(self) -> None:
        self.told: Counter[tuple[str, str]] = Counter()
        self.winners: dict[str, list[str]] = {}

    def of(self, name: str, message: Message) -> None:
        if message["type"] != "verdict" or message["outcome"] == "pending" or message.get("reason") == "unavailable":
            return
        assert {message["outcome"], *filter(None, [message.get("reason")])} in FINAL, message
        self.told[name, message["order_id"]] += 1
        if message["outcome"] == "won":
            self.winners.setdefault(message["order_id"], []).append(name)


class Load:
    def __init__(self, sessions: list[Session], backends: list[Http]) -> None:
        self.sessions = sessions
        self.orders: list[str] = []
        self.more = asyncio.Event()
        self.over = False
        self._backends = cycle(backends)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as streams:
            for _ in range(STREAMS):
                streams.create_task(self._stream())

    async def _stream(self) -> None:
        while not self.over:
            await self._contend(await self._place())

    async def _place(self) -> str:
        """By whichever node takes it: the key makes it one order."""
        key = uuid.uuid4().hex
        while True:
            try:
                placed: dict[str, str] = await next(self._backends).post("/v1/orders", order(), key=key)
                return placed["id"]
            except Unavailable:
                await asyncio.sleep(PAUSE_S)

    async def _contend(self, order_id: str) -> None:
        """Everybody is offered it, wherever he is by now, and everybody grabs."""
        await asyncio.gather(*(each.until(lambda view: order_id in view.offers, LONGEST_S) for each in self.sessions))
        verdicts = await asyncio.gather(*(each.grab(order_id) for each in self.sessions))
        assert [verdict["outcome"] for verdict in verdicts].count("won") == 1
        winner = next(i for i, verdict in enumerate(verdicts) if verdict["outcome"] == "won")
        await _complete(self.sessions[winner], order_id, verdicts[winner]["fence"])
        self.orders.append(order_id)
        self.more.set()


async def test_a_rolling_restart_of_two_nodes_under_load(tmp_path: Path) -> None:
    async with cluster(tmp_path, servers=2) as city, AsyncExitStack() as stack:
        admin = await stack.enter_async_context(city.http("admin", "root"))
        token = mint(SECRET, "service", "backend")
        backends = [Http(server.http_url, token, patience_seconds=0) for server in city.servers]
        for backend in backends:
            await stack.enter_async_context(backend)
        await furnish(admin, policy({"radius_m": 5000, "limit": AGENTS, "seconds": 300}))
        verdicts = Verdicts()
        sessions = {f"v-{i:02}": await _hire(city, stack, admin, verdicts, i) for i in range(AGENTS)}
        load = Load(list(sessions.values()), backends)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load.run())
            try:
                for server in city.servers:
                    before = len(load.orders)
                    await _until_more(load, before)
                    assert await server.end() == 0
                    await _until_more(load, len(load.orders))  # the other one serves everybody
                    await server.start()
            finally:
                load.over = True
        assert set(verdicts.told) == {(name, order_id) for name in sessions for order_id in load.orders}
        assert set(verdicts.told.values()) == {1}
        assert {order_id: len(names) for order_id, names in verdicts.winners.items()} == dict.fromkeys(load.orders, 1)
        for name, session in sessions.items():
            assert {goodbye.code for goodbye in session.goodbyes} == {4000}
            assert not session.view.disorder, name
        anybody = await stack.enter_async_context(Http(city.servers[0].http_url))
        staff = Staff.of(anybody, SECRET)
        _, faults = await audit_server(staff)
        assert not faults
        assert not await audit_views(staff, {name: session.view for name, session in sessions.items()}, {})


async def _hire(city: Cluster, stack: AsyncExitStack, admin: Http, verdicts: Verdicts, number: int) -> Session:
    """Half of them on each node; who is sent away goes to the other."""
    name = f"v-{number:02}"
    await admin.put(f"/v1/agents/{name}", valet(capacity=1000))
    return await stack.enter_async_context(
        city.session(
            "valet", name, server=number % 2, position=CENTRE, others=[city.servers[1 - number % 2].ws_url],
            observe=lambda message, _: verdicts.of(name, message),
        )
    )  # fmt: skip


async def _complete(winner: Session, order_id: str, fence: int) -> None:
    """Asked again when the question crossed the good-bye: the same step twice is the same."""
    while True:
        with suppress(Disconnected):
            await winner.progress(order_id, fence, "completed")
            return


async def _until_more(load: Load, number: int) -> None:
    """Some more orders were contended for."""
    async with asyncio.timeout(LONGEST_S):
        while len(load.orders) < number + STREAMS:
            load.more.clear()
            await load.more.wait()
