"""What happens to the network: between server and Redis, server and PostgreSQL, clients and hub or api.

Owns these kinds of fault. Knows no processes and no schedule.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from random import Random

from dispatch.tasks import end
from tests.faults.fault import Chance, Drawing, Fault, Trouble
from tests.faults.proxy import Proxy
from tests.faults.stand import Link, Stand

ALL_OF_THEM = 0.3
AWAY_S, QUICK_AWAY_S = 60.0, 8.0
RATES = (0, 200, 4000)
PLACES: Mapping[str, Callable[[Stand], Sequence[Link]]] = {
    "redis": lambda stand: [member.redis for member in stand.members],
    "postgres": lambda stand: [member.postgres for member in stand.members],
    "hub": lambda stand: stand.client_links("hub"),
    "api": lambda stand: stand.client_links("api"),
}
Spoil = Callable[[Proxy], None]


@asynccontextmanager
async def spoilt(links: Iterable[Link], spoil: Spoil) -> AsyncIterator[None]:
    for link in links:
        spoil(link.proxy)
    try:
        yield
    finally:
        for link in links:
            link.proxy.heal()


@asynccontextmanager
async def cut_again_and_again(links: Sequence[Link], rng: Random) -> AsyncIterator[None]:
    async def cut() -> None:
        while True:
            rng.choice(links).proxy.cut()
            await asyncio.sleep(rng.uniform(0.1, 1.5))

    cutting = asyncio.create_task(cut())
    try:
        yield
    finally:
        await end([cutting])


@asynccontextmanager
async def cut_once(links: Iterable[Link]) -> AsyncIterator[None]:
    for link in links:
        link.proxy.cut()
    yield


@asynccontextmanager
async def away(links: Sequence[Link], draw: Random) -> AsyncIterator[None]:
    """Nothing comes through: refused, or swallowed without a word."""
    spoil: Spoil = draw.choice((lambda proxy: proxy.refuse(True), lambda proxy: proxy.half_open(True)))
    async with spoilt(links, spoil):
        yield


def _delayed(chance: Chance, links: Sequence[Link]) -> Trouble:
    ms = chance.rng.choice((20, 100, 400, 1500))
    return partial(spoilt, links, lambda proxy: proxy.delay(ms))


def _replies_dropped(chance: Chance, links: Sequence[Link]) -> Trouble:
    share, draw = chance.rng.choice((0.05, 0.2, 0.5)), Random(chance.rng.getrandbits(64))
    return partial(spoilt, links, lambda proxy: proxy.drop_replies(share, draw))


def _cut(chance: Chance, links: Sequence[Link]) -> Trouble:
    return partial(cut_again_and_again, links, Random(chance.rng.getrandbits(64)))


def _half_open(_: Chance, links: Sequence[Link]) -> Trouble:
    return partial(spoilt, links, lambda proxy: proxy.half_open(True))


def _on(place: str, kind: str, trouble: Callable[[Chance, Sequence[Link]], Trouble], chance: Chance) -> Fault:
    """On one link of the place, or now and then on all."""
    links = PLACES[place](chance.stand)
    if chance.rng.random() >= ALL_OF_THEM:
        links = [chance.rng.choice(links)]
    return _fault(kind, links, chance.seconds(2, 12, 5), trouble(chance, links))


def _fault(kind: str, links: Sequence[Link], hold_s: float, trouble: Trouble) -> Fault:
    names = [link.name for link in links]
    return Fault(kind, " ".join(names), hold_s, frozenset(names), trouble)


def _slow_readers(chance: Chance) -> Fault:
    """Every second connection of one hub, in the middle of the others."""
    link = chance.rng.choice(PLACES["hub"](chance.stand))
    rate = chance.rng.choice(RATES)
    trouble = partial(spoilt, [link], lambda proxy: proxy.slow_reader(rate, every=2))
    return _fault("slow_readers", [link], chance.seconds(4, 15, 6), trouble)


def _storm(chance: Chance) -> Fault:
    links = [*PLACES["hub"](chance.stand), *PLACES["api"](chance.stand)]
    return _fault("reconnect_storm", links, chance.seconds(1, 4, 2), partial(cut_once, links))


def _postgres_away(chance: Chance) -> Fault:
    links = PLACES["postgres"](chance.stand)
    hold_s = QUICK_AWAY_S if chance.quick else AWAY_S
    trouble = partial(away, links, Random(chance.rng.getrandbits(64)))
    return _fault("postgres_away", links, hold_s, trouble)


TROUBLES: Mapping[str, Callable[[Chance, Sequence[Link]], Trouble]] = {
    "delayed": _delayed,
    "replies_dropped": _replies_dropped,
    "cut": _cut,
    "half_open": _half_open,
}
KINDS: Mapping[str, Drawing] = {
    **{
        f"{place}_{name}": partial(_on, place, f"{place}_{name}", trouble)
        for place in PLACES
        for name, trouble in TROUBLES.items()
    },
    "slow_readers": _slow_readers,
    "reconnect_storm": _storm,
    "postgres_away": _postgres_away,
}
