"""All clients come at once: how many are let in at a time, and what those hear whose turn does not come."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from dispatch import metrics
from realtime import arrivals
from realtime.arrivals import MOST_AT_ONCE, SPREAD_MS
from realtime.session import Session
from realtime.wire import Outbound
from tests.conftest import City
from tests.realtime.nodes import Client, Node, node, token

CROWD = 150
PATIENCE = 60.0


class Counted:
    """Stands before the hub's usher and sees how many presents are read at a time."""

    def __init__(self, here: Node) -> None:
        self._usher = here.hub._arrivals._usher
        self.now = self.most = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._usher, name)

    async def welcome(self, session: Session, address: str, codec: str) -> Outbound:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await self._usher.welcome(session, address, codec)
        finally:
            self.now -= 1


async def test_a_fresh_node_lets_a_crowd_in_some_at_a_time(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "WAIT_S", PATIENCE)
    agents = await asyncio.gather(*(city.agent(f"v-{i}") for i in range(CROWD)))
    order = await city.place()
    async with node(city.dispatch, hello_seconds=PATIENCE) as here:
        counted = Counted(here)
        here.hub._arrivals._usher = counted  # type: ignore[assignment]  # it stands before one
        clients = await asyncio.gather(
            *(here.agent(city, agent) for agent in agents),
            *(here.enter(f"c-{city.region}-{i}", "customer") for i in range(CROWD)),
        )
        assert 1 < counted.most <= MOST_AT_ONCE
        assert len({client.welcome["session_id"] for client in clients}) == 2 * CROWD
        offered = [client for client in clients if client.welcome.get("offers")]
        assert {client.welcome["offers"][0]["id"] for client in offered} <= {order.id}
        await asyncio.gather(*(client.ask("ping", "pong") for client in clients[CROWD:]))


async def _hello(client: Client, sub: str) -> None:
    await client.say("hello", token=token(sub, "service"))


async def test_whose_turn_does_not_come_is_told_when_to_come_again(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "WAIT_S", 0.1)
    before = metrics.REFUSED.labels("crowded")._value.get()
    async with node(city.dispatch) as here:
        turns = here.hub._arrivals._turns
        for _ in range(MOST_AT_ONCE):
            await turns.acquire()
        clients = await asyncio.gather(*(here.connect() for _ in range(20)))
        await asyncio.gather(*(_hello(client, f"s-{i}") for i, client in enumerate(clients)))
        goodbyes = await asyncio.gather(*(client.farewell() for client in clients))
        assert {goodbye["code"] for goodbye in goodbyes} == {4003}
        waits = sorted(goodbye["reconnect_after_ms"] for goodbye in goodbyes)
        gaps = [later - earlier for earlier, later in pairwise(waits)]
        assert max(gaps) < SPREAD_MS / 5, "spread evenly"
        assert metrics.REFUSED.labels("crowded")._value.get() == before + 20
        for _ in range(MOST_AT_ONCE):
            turns.release()
        await (await here.connect()).hello(token=token("s-0", "service"))


async def test_who_left_meanwhile_costs_nothing(city: City) -> None:
    async with node(city.dispatch) as here:
        turns = here.hub._arrivals._turns
        counted = Counted(here)
        here.hub._arrivals._usher = counted  # type: ignore[assignment]  # it stands before one
        for _ in range(MOST_AT_ONCE):
            await turns.acquire()
        leaver = await here.connect()
        await _hello(leaver, "s-1")
        await leaver.vanish()
        await here.until(lambda: here.hub.lost_count == 1)
        for _ in range(MOST_AT_ONCE):
            turns.release()
        await (await here.connect()).hello(token=token("s-2", "service"))
        assert counted.most == 1
        assert len(list(here.hub._registry)) == 1
