"""Server processes that are killed, stopped, drained, and run with other scripts."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from loadtest.rest import Http
from loadtest.tokens import mint
from loadtest.wire import Refused
from server import embedded, leftovers
from tests.faults.conftest import needs_compiler
from tests.faults.nodes import ROOT, Node, other_version
from tests.faults.shim import Shim
from tests.server.holding import first_line, lives, until

SECRET = "a secret for the nodes, long enough for HS256"
SHAS = "from dispatch.scripts import scripts; print(*(one.sha for one in scripts().values()))"

# Starts a node on what the environment names, says its pid, and waits to be killed.
HOLDER = """
import asyncio, os, sys
from pathlib import Path
from tests.faults.nodes import Node

async def hold():
    node = Node("held", "api", Path(sys.argv[1]), dict(os.environ))
    await node.start()
    print(node.pid, flush=True)
    await asyncio.to_thread(sys.stdin.read)

asyncio.run(hold())
"""


@pytest.fixture(scope="module")
async def addresses(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mapping[str, str]]:
    """A Redis and a PostgreSQL for this module alone: an engine works here."""
    running = await embedded.start(tmp_path_factory.mktemp("servers"))
    yield {
        "DISPATCH_REDIS_URL": running.redis_url,
        "DISPATCH_DATABASE_URL": running.database_url.replace("+asyncpg", ""),
        "DISPATCH_SECRET": SECRET,
        "DISPATCH_DRAIN_SECONDS": "0",
    }
    await running.stop()


@pytest.fixture
async def node(addresses: Mapping[str, str], tmp_path: Path) -> AsyncIterator[Node]:
    found = Node("one", "all", tmp_path, addresses)
    await found.start()
    await found.until_ready()
    yield found
    await found.close()
    assert not found.runs


async def test_killed_and_started_again_it_serves_on_the_same_ports(node: Node) -> None:
    url, first = node.http_url, node.pid
    await node.kill()
    assert await node.readiness() == "ConnectError"
    assert not lives(first)
    await node.start()
    await node.until_ready()
    assert (node.http_url, node.deaths) == (url, [])
    assert node.pid != first


async def test_a_paused_one_does_not_answer_until_it_is_resumed(node: Node) -> None:
    node.pause()
    asked = asyncio.create_task(node.readiness())
    done, _ = await asyncio.wait({asked}, timeout=0.5)
    assert not done
    node.resume()
    await node.until_ready()
    await asked


async def test_a_paused_one_can_be_killed(node: Node) -> None:
    node.pause()
    await node.kill()
    assert not lives(node.pid)


async def test_one_that_dies_is_noticed_and_started_again(node: Node) -> None:
    first = node.pid
    os.kill(first, signal.SIGKILL)
    await until(lambda: node.deaths)
    await until(lambda: node.runs and node.pid != first)
    await node.until_ready()
    assert [death.code for death in node.deaths] == [-signal.SIGKILL]


async def test_a_rolling_restart_with_other_scripts(node: Node, addresses: Mapping[str, str], tmp_path: Path) -> None:
    """Old and new serve side by side; then the old one goes."""
    newer = Node("newer", "all", tmp_path, addresses)
    newer.source = other_version(tmp_path / "version")
    await newer.start()
    await newer.until_ready()
    assert await node.readiness() == "ok"
    assert await node.drain() == 0
    assert not node.deaths
    assert await newer.readiness() == "ok"
    await newer.close()


@needs_compiler
async def test_a_node_whose_clock_is_moved(addresses: Mapping[str, str], tmp_path: Path) -> None:
    """It takes a token for one from the future, until its clock is right again."""
    shim = Shim(tmp_path)
    node = Node("late", "all", tmp_path, dict(addresses) | dict(shim.environment))
    await node.start()
    await node.until_ready()
    async with Http(node.http_url, mint(SECRET, "admin", "root")) as admin:
        assert await admin.get("/v1/policies")
        shim.shift_clock(-120_000)
        with pytest.raises(Refused, match="unauthenticated"):
            await admin.get("/v1/policies")
        shim.shift_clock(0)
        assert await admin.get("/v1/policies")
    await node.close()
    shim.close()


async def test_another_version_has_another_sha_for_each_script(tmp_path: Path) -> None:
    version = other_version(tmp_path / "version")
    old, new = [await _shas(source) for source in (ROOT, version)]
    assert len(old) == len(new) > 10
    assert not old & new


async def test_nothing_outlives_a_harness_that_is_killed(addresses: Mapping[str, str], tmp_path: Path) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(tmp_path), stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=ROOT,
        env=os.environ | addresses,
    )  # fmt: skip
    [pid] = await first_line(holder)
    try:
        await until(lambda: b"server.cli" in leftovers.command_line(pid).split(b"\0")[:3])  # bound, and begun
        os.kill(pid, signal.SIGSTOP)
        holder.send_signal(signal.SIGKILL)
        await holder.wait()
        await until(lambda: not lives(pid))
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def _shas(source: Path) -> set[bytes]:
    asked = await asyncio.create_subprocess_exec(sys.executable, "-c", SHAS, stdout=PIPE, cwd=source)
    told, _ = await asked.communicate()
    return set(told.split())
