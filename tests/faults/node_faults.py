"""What happens to server processes: killed, stopped, out of time, restarted one by one with other scripts.

Owns these kinds of fault. Knows no links and no schedule.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

from tests.faults.fault import Chance, Drawing, Fault
from tests.faults.nodes import ROOT
from tests.faults.stand import Member

CLOCK_MS = 120_000
ROLES = ("hub", "api", "engine")


@asynccontextmanager
async def killed(member: Member) -> AsyncIterator[None]:
    await member.node.kill()
    try:
        yield
    finally:
        await member.node.start()


@asynccontextmanager
async def stopped(member: Member) -> AsyncIterator[None]:
    member.node.pause()
    try:
        yield
    finally:
        member.node.resume()


@asynccontextmanager
async def clock_moved(member: Member, ms: int) -> AsyncIterator[None]:
    member.shim.shift_clock(ms)
    try:
        yield
    finally:
        member.shim.shift_clock(0)


@asynccontextmanager
async def mixed_versions(source: Path, first: Sequence[Member], then: Sequence[Member]) -> AsyncIterator[None]:
    """Within the block one of each role runs from `source`, afterwards all of them do."""
    await _roll(first, source)
    try:
        yield
    finally:
        await _roll(then, source)


async def _roll(members: Sequence[Member], source: Path) -> None:
    async with asyncio.TaskGroup() as rolling:
        for member in members:
            rolling.create_task(_restart(member, source))


async def _restart(member: Member, source: Path) -> None:
    await member.node.drain()
    member.node.source = source
    await member.node.start()
    await member.node.until_ready()


def _kill(role: str, chance: Chance) -> Fault:
    member = chance.member(role)
    return _of(f"{role}_killed", member, chance.seconds(0.5, 8, 4), partial(killed, member))


def _stop(role: str, chance: Chance) -> Fault:
    member = chance.member(role)
    return _of(f"{role}_stopped", member, chance.seconds(3, 20, 6), partial(stopped, member))


def _of(kind: str, member: Member, hold_s: float, trouble: Callable[[], AbstractAsyncContextManager[None]]) -> Fault:
    return Fault(kind, member.node.name, hold_s, frozenset({member.node.name}), trouble)


def _clock(chance: Chance) -> Fault:
    member = chance.member(*ROLES)
    ms = chance.rng.choice((-CLOCK_MS, CLOCK_MS))
    name = member.node.name
    trouble = partial(clock_moved, member, ms)
    return Fault("node_clock", name, chance.seconds(4, 12, 6), frozenset({name}), trouble, clock_ms=ms)


def _rolling(chance: Chance) -> Fault:
    """To the other version, or back from it. Nothing else happens meanwhile: each node is waited for."""
    members = chance.stand.members
    source = ROOT if members[0].node.source != ROOT else chance.stand.other_version
    halves = [[chance.member(role) for role in ROLES]]
    halves.append([member for member in members if member not in halves[0]])
    return Fault(
        "rolling_restart",
        f"to {'the other' if source != ROOT else 'our'} scripts",
        chance.seconds(3, 8, 4),
        chance.stand.everything,
        partial(mixed_versions, source, *halves),
    )


KINDS: Mapping[str, Drawing] = {
    **{f"{role}_killed": partial(_kill, role) for role in ROLES},
    **{f"{role}_stopped": partial(_stop, role) for role in ROLES},
    "node_clock": _clock,
    "rolling_restart": _rolling,
}
