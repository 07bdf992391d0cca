"""Clauses on trial: many side by side, each in a corner of its own, told in their order.

Owns the running and what a result says. Invariant: every clause that was begun has a result; a fault in a check
counts against the clause and ends no other.
"""

import asyncio
import traceback
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from loadtest.checks.clauses import Clause
from loadtest.checks.corner import Corner
from loadtest.checks.expect import Broken, NotHere
from loadtest.checks.world import World

LONGEST_SECONDS = 45.0
LONGEST_SLOW_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Result:
    """`on_stream`: a line was opened, so that the subprotocol counts."""

    clause: Clause
    state: Literal["ok", "failed", "skipped"]
    text: str = ""
    on_stream: bool = False
    seconds: float = 0.0

    def __str__(self) -> str:
        said = {"ok": "ok", "failed": f"FAILED: {self.text}", "skipped": f"skipped: {self.text}"}[self.state]
        return f"{self.clause.title} … {said}"


async def results(world: World, clauses: Sequence[Clause], at_once: int) -> AsyncIterator[Result]:
    """In the order of `clauses`, each as soon as those before it are done; last those that are tried apart."""
    number = 0
    for apart in (False, True):
        group = [each for each in clauses if each.apart is apart]
        async for result in _side_by_side(world, group, number, at_once):
            yield result
        number += len(group)


async def _side_by_side(world: World, clauses: Sequence[Clause], first: int, at_once: int) -> AsyncIterator[Result]:
    free = asyncio.Semaphore(at_once)

    async def tried(number: int, clause: Clause) -> Result:
        async with free:
            return await judged(Corner(world, number, apart=clause.apart), clause)

    # What takes longest begins first; what is told keeps its order.
    begun = {
        i: asyncio.create_task(tried(first + i, clauses[i]))
        for i in sorted(range(len(clauses)), key=lambda i: not clauses[i].slow)
    }
    try:
        for i in range(len(clauses)):
            yield await begun[i]
    finally:
        for task in begun.values():
            task.cancel()
        await asyncio.gather(*begun.values(), return_exceptions=True)


async def judged(corner: Corner, clause: Clause) -> Result:
    loop = asyncio.get_running_loop()
    began = loop.time()
    state: Literal["ok", "failed", "skipped"] = "ok"
    text = ""
    try:
        async with asyncio.timeout(LONGEST_SLOW_SECONDS if clause.slow else LONGEST_SECONDS), corner:
            await clause.run(corner)
    except NotHere as why:
        state, text = "skipped", str(why)
    except Exception as exc:
        state, text = "failed", wording(exc)
    return Result(clause, state, text, bool(corner.lines), loop.time() - began)


def wording(exc: Exception) -> str:
    """A fault that no check foresaw is told with the line of the check that met it."""
    if isinstance(exc, Broken):
        return str(exc)
    if isinstance(exc, ExceptionGroup):
        return "; ".join(wording(each) for each in exc.exceptions)
    frames = [each for each in traceback.extract_tb(exc.__traceback__) if _is_check(each.filename)]
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(exc).__name__}: {exc}{where}"


def _is_check(filename: str) -> bool:
    path = Path(filename)
    return path.parent.name == "checks" and path.name not in _FRAME


_FRAME = frozenset({"clauses.py", "corner.py", "expect.py", "line.py", "trial.py", "world.py"})
