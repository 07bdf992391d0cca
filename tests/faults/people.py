"""Everybody who uses the server while faults are provoked: agents, shops, customers, their backend, dispatchers.

    people = People(http_urls, ws_urls, secret, seed)
    await people.start(); …; await people.stop_placing(); await people.settle(); …; await people.close()

Owns who is there and the phases of their day. Decides nothing for them and judges nothing. Invariant: an exception
that nobody foresaw ends in `surprises`; after `stop_placing` nothing changes any order but the server's own deadlines.
"""

import asyncio
import random
import time
import uuid
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from loadtest.tokens import mint
from loadtest.view import View
from loadtest.wire import Codec
from tests.faults.app import App
from tests.faults.callers import Caller, open_pool
from tests.faults.clients import Clients
from tests.faults.crew import hire
from tests.faults.dispatchers import Dispatcher
from tests.faults.history import History
from tests.faults.notebook import Heard, Notebook, Over
from tests.faults.valets import Agent

BACKEND = "backend"
# Shops with a phone beside the counter: a second session of the same agent.
WITH_A_SECOND_APP = 2
# Everybody is let in once before the day begins; and back in after the faults, whatever back-off he is in.
LET_IN_WITHIN_SECONDS = 60.0
ISSUED_SECONDS_AGO = 600


class People:
    """`crew` is to be furnished (`crew.furnish`) before the start."""

    def __init__(
        self,
        http_urls: Sequence[str],
        ws_urls: Sequence[str],
        secret: str,
        seed: int,
        *,
        rate: float = 4.0,
        valets: int = 24,
        shops: int = 8,
        dispatchers: int = 4,
        customers: int = 16,
        listening_customers: int = 6,
    ) -> None:
        self.crew = hire(seed, valets, shops)
        self._http_urls, self._ws_urls, self._secret, self._seed, self._rate = http_urls, ws_urls, secret, seed, rate
        self._notebook = Notebook(uuid.uuid4().hex[:12])
        self._pool = open_pool()
        self._acts: set[asyncio.Task[None]] = set()
        self._lives: set[asyncio.Task[None]] = set()
        self._agents = [self._agent_of(number) for number in range(len(self.crew))]
        shop_ids = [person.id for person in self.crew if person.role == "shop"]
        self._second = {shop_id: self._app(shop_id, "shop", 2) for shop_id in shop_ids[:WITH_A_SECOND_APP]}
        self._desks = [self._dispatcher(f"d-{number}") for number in range(dispatchers)]
        names = [f"c-{number:03d}" for number in range(customers)]
        self._customers = {name: self._app(name, "customer") for name in names[:listening_customers]}
        self._clients = Clients(
            self._caller(BACKEND, "service"),
            {name: self._caller(name, "customer") for name in names},
            [self._caller(each.app.who, "dispatcher") for each in self._desks],
            self._notebook,
            seed,
            self._spawn,
        )

    # What they know

    @property
    def history(self) -> History:
        return self._notebook.history

    @property
    def told(self) -> list[Heard]:
        return self._notebook.told

    @property
    def acknowledged(self) -> Mapping[str, int]:
        return self._notebook.acknowledged

    @property
    def placed(self) -> Mapping[str, str]:
        return self._notebook.placed

    @property
    def surprises(self) -> list[str]:
        return self._notebook.surprises

    @property
    def agents(self) -> dict[str, View]:
        return {each.person.id: each.app.view for each in self._agents}

    @property
    def second_agents(self) -> dict[str, View]:
        """What the second sessions of some shops show: the same as the first."""
        return {name: app.view for name, app in self._second.items()}

    @property
    def desks(self) -> dict[str, View]:
        return {each.app.who: each.app.view for each in self._desks}

    @property
    def customers(self) -> dict[str, View]:
        return {name: app.view for name, app in self._customers.items()}

    @property
    def disorder(self) -> list[str]:
        """What sessions were told in an order, or a form, that PROTOCOL §4 forbids."""
        return [text for app in self._apps() for text in app.disorder_so_far()]

    # Their day

    async def start(self) -> None:
        """Everybody comes in; then the day begins. TimeoutError when somebody is not let in."""
        for app in self._apps():
            self._begin(self._lives, app.live(), app.who)
        for app in self._apps():
            await app.connected(LET_IN_WITHIN_SECONDS)
        for agent in self._agents:
            agent.act()
        for desk in self._desks:
            desk.act()
        self._spawn(self._clients.place_orders(self._rate), BACKEND)
        self._spawn(self._clients.read_at_random(), BACKEND)

    async def stop_placing(self) -> None:
        """Nothing new is asked; what is on its way is waited for, as long as its asker's patience lasts."""
        await self._notebook.gate.close()
        await self._end(self._acts)

    async def settle(self, seconds: float = LET_IN_WITHIN_SECONDS) -> None:
        """Until every session is connected and has heard what was told it before; who can not is a surprise."""
        for app in self._apps():
            try:
                async with asyncio.timeout(seconds):
                    await app.answers()
            except TimeoutError:
                self._notebook.surprise(f"{app.who} is not let in for {seconds:.0f} s, though all is quiet")

    async def close(self) -> None:
        await self.stop_placing()
        await self._end(self._lives)
        await self._pool.aclose()

    # Who they are

    def _apps(self) -> list[App]:
        return [
            *(each.app for each in self._agents),
            *self._second.values(),
            *(each.app for each in self._desks),
            *self._customers.values(),
        ]

    def _agent_of(self, number: int) -> Agent:
        person = self.crew[number]
        position = person.home if person.role == "valet" else None
        app, caller = self._app(person.id, person.role, position=position), self._caller(person.id, person.role)
        return Agent(person, app, caller, self._notebook, self._seed, self._spawn)

    def _dispatcher(self, name: str) -> Dispatcher:
        agents = [person.id for person in self.crew]
        app, caller = self._app(name, "dispatcher"), self._caller(name, "dispatcher")
        return Dispatcher(app, caller, agents, self._notebook, self._seed, self._spawn)

    def _app(self, who: str, role: str, device: int = 1, *, position: tuple[float, float] | None = None) -> App:
        draw = random.Random(f"{self._seed}:app:{who}:{device}")
        codec: Codec = "msgpack" if draw.random() < 0.5 else "json"
        token = self._token(role, who)
        return App(who, token, self._ws_urls, self._notebook, draw, device=device, codec=codec, position=position)

    def _caller(self, who: str, role: str) -> Caller:
        draw = random.Random(f"{self._seed}:caller:{who}")
        return Caller(who, self._token(role, who), self._http_urls, self._pool, self._notebook, draw)

    def _token(self, role: str, who: str) -> str:
        """Old enough for a node whose clock is behind: a token from the future is none."""
        return mint(self._secret, role, who, bent={"iat": int(time.time()) - ISSUED_SECONDS_AGO})

    # Their tasks

    def _spawn(self, work: Coroutine[Any, Any, None], who: str) -> None:
        self._begin(self._acts, work, who)

    def _begin(self, tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None], who: str) -> None:
        task = asyncio.create_task(self._watched(work, who))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(lambda _: work.close())  # of one that was ended before it began

    async def _watched(self, work: Coroutine[Any, Any, None], who: str) -> None:
        try:
            await work
        except Over:
            pass  # the day is over: nothing is asked any more
        except Exception as exc:
            self._notebook.failed(who, exc)

    @staticmethod
    async def _end(tasks: set[asyncio.Task[None]]) -> None:
        ending = list(tasks)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        tasks.clear()
