"""The whole of PROTOCOL, clause by clause, against two processes of one server, in both subprotocols."""

import asyncio
import sys
from pathlib import Path

from loadtest.checks import register
from loadtest.checks.clauses import chosen
from tests.journeys.cluster import SECRET, Cluster, cluster

# Names of clauses that the server does not keep yet, and why; to be emptied.
NOT_BUILT: tuple[str, ...] = ()


async def test_two_processes_keep_every_clause_in_both_subprotocols(tmp_path: Path) -> None:
    async with cluster(tmp_path, servers=2) as city:
        async with city.http("admin", "root") as admin:
            await admin.delete("/v1/regions/default")  # so that there is a place in no region
        code, lines = await _conform(city, SECRET, *(f"--but={pattern}" for pattern in NOT_BUILT))
    results = [line for line in lines if " … " in line]
    assert [line for line in results if not line.endswith(" … ok")] == []
    assert code == 0
    in_json = results[: len(chosen(register.clauses, but=NOT_BUILT))]
    assert len(set(in_json)) == len(in_json)
    in_msgpack = set(results[len(in_json) :])
    assert in_msgpack < set(in_json)
    assert len(in_msgpack) > len(in_json) / 2
    assert lines[-1] == f"{len(results)} tried: {len(results)} ok, 0 failed, 0 skipped"


async def test_a_server_that_can_not_be_prepared_is_no_success(tmp_path: Path) -> None:
    async with cluster(tmp_path) as city:
        code, lines = await _conform(city, "a secret that the server does not know", "--only=ping")
    assert code == 1
    assert "can not be prepared: unauthenticated" in lines[-1]


async def _conform(city: Cluster, secret: str, *options: str) -> tuple[int | None, list[str]]:
    """Its exit code, and what it said."""
    urls: list[str] = []
    for number, server in zip(("", "2"), city.servers, strict=False):
        urls += [f"--http{number}", server.http_url, f"--ws{number}", server.ws_url]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "loadtest.conformance", *urls, "--secret", secret, "--codec", "both", *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, said.decode().splitlines()
