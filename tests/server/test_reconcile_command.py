"""`valet-dispatch reconcile` as an operator calls it, on a data directory that a running server has, too."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dispatch.assembly import Dispatch
from dispatch.catalog import PEOPLE
from dispatch.differences import Difference, Differences
from dispatch.identity import Verifier
from dispatch.order import Status
from dispatch.scripts import key
from server import embedded
from server.engines import Engines
from server.findings import findings
from tests.conftest import DISPATCHER, SECRET, City, new_city
from tests.dispatch.looking import escalated, redis, rows
from tests.server.holding import ROOT

_AGREED = "none of N regions (the people's sessions count as one) differ"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("operated")


@pytest.fixture(scope="module")
async def here(folder: Path) -> AsyncIterator[Dispatch]:
    running = await embedded.start(folder)
    found = Dispatch(redis_url=running.redis_url, database_url=running.database_url, verifier=Verifier([SECRET]))
    await found.start()
    for slot in (PEOPLE, *found.catalog.slots):
        await found.reconciler.ensure(slot)
    yield found
    await found.close()
    await running.stop()


async def _reconcile(folder: Path, *words: str) -> tuple[int, list[str]]:
    """Exit code and lines."""
    command = [sys.executable, "-m", "server.cli", "reconcile", *words, "--data-dir", str(folder)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode().splitlines()


@asynccontextmanager
async def _busy(city: City) -> AsyncIterator[None]:
    """A server at work: engines, projectors, and orders that come and go all the time."""
    engines = Engines(city.dispatch)
    engines.start()

    async def work(agent_id: str) -> None:
        while True:
            order = await city.place()
            verdict = await city.dispatch.claims.grab(city.region, order.id, agent_id)
            if verdict.order is None:
                await city.dispatch.desk.cancel(DISPATCHER, order, "no")
            else:
                await city.dispatch.jobs.progress(DISPATCHER, verdict.order, 1, Status.COMPLETED, None)

    agents = [await city.valet(f"v-{i}") for i in range(4)]
    tasks = [asyncio.create_task(work(agent.id)) for agent in agents]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        await engines.close()
    assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended


async def test_what_is_on_its_way_is_no_difference(folder: Path, here: Dispatch) -> None:
    city = await new_city(here)
    async with _busy(city):
        code, lines = await _reconcile(folder, "--check")
    assert (code, lines) == (0, [_AGREED.replace("N", str(len(here.catalog.slots)))])


async def test_each_difference_is_named_and_nothing_is_changed_until_it_is_put_right(
    folder: Path, here: Dispatch
) -> None:
    city = await new_city(here)
    agent = await city.valet("v", capacity=9)
    missing, behind, ahead, unlike, crooked, held = [await city.place() for _ in range(6)]
    won = await here.claims.grab(city.region, held.id, agent.id)
    assert won.order is not None
    await escalated(city, behind)
    order = key(city.region, "order", "")
    await redis(city, "DEL", order + missing.id)
    await redis(city, "HSET", order + behind.id, "version", 2)
    await rows(here, "UPDATE orders SET version = 1 WHERE id = :id RETURNING 1", id=ahead.id)
    await redis(city, "HSET", order + unlike.id, "fence", 7)
    await redis(city, "ZREM", key(city.region, "deadlines"), crooked.id)
    await redis(city, "SADD", key(city.region, "jobs", agent.id), unlike.id)
    here.records.ledger.forget()
    code, lines = await _reconcile(folder, "--check")
    found = [line.removeprefix(f"{city.region}: ") for line in lines if line.startswith(city.region)]
    assert [line for line in found if "wait for a projector" not in line] == [
        f"order {missing.id}: is missing in Redis, PostgreSQL has version 2",
        f"order {behind.id}: Redis has version 2, PostgreSQL knows more: version 3",
        f"order {ahead.id}: Redis has version 2, PostgreSQL does not follow: version 1",
        f"order {unlike.id}: Redis has another status, fence or agent at the same version",
        f"order {missing.id}: stands wrong in Redis' deadlines, hall, wanting",
        f"order {crooked.id}: stands wrong in Redis' deadlines",
        f"agent {agent.id}: Redis and PostgreSQL differ on holding order {unlike.id}",
    ]
    assert code == 1
    assert await _reconcile(folder, "--check") == (code, lines)

    code, lines = await _reconcile(folder)
    assert code == 0
    assert f"{city.region}: reconciled" in lines
    code, lines = await _reconcile(folder, "--check")
    assert (code, re.sub(r"\d+", "N", lines[-1])) == (0, _AGREED)


async def test_a_closed_region_differs(folder: Path, here: Dispatch) -> None:
    city = await new_city(here)
    await redis(city, "DEL", key(city.region, "epoch"))
    code, lines = await _reconcile(folder, "--check")
    assert code == 1
    assert f"{city.region}: closed until it is reconciled: epoch missing in Redis, 1 in PostgreSQL" in lines
    assert await redis(city, "GET", key(city.region, "epoch")) is None
    await here.reconciler.ensure(city.region)


async def test_without_a_server_it_starts_the_databases_itself(tmp_path: Path) -> None:
    """A Redis that was just started is closed until somebody has looked through it."""
    assert embedded.attach(tmp_path) is None
    code, lines = await _reconcile(tmp_path)
    assert code == 0
    assert "default: reconciled" in lines
    code, lines = await _reconcile(tmp_path, "--check")
    assert code == 1
    assert any(line.startswith("default: closed until it is reconciled: Redis is run ") for line in lines)


def test_every_difference_has_its_line() -> None:
    both = Difference("o-1", 0, 3)
    full = Differences(
        behind=[Difference("o-2", 3, 0)],
        ahead=[both],
        unlike=["o-3"],
        unopened=["o-4"],
        indexes=[("o-5", ["desk", "hall"])],
        jobs=[("v", "o-6")],
        cursor="the projector stands at 9, the log ends at 8",
        lag="2 entries of the log wait for a projector",
        epoch="epoch 3 in Redis, 4 in PostgreSQL",
    )
    assert len(list(findings(full))) == len(Differences.__struct_fields__)
    assert full
    assert list(findings(Differences([], [], [], [], [], [], "", "", ""))) == []
