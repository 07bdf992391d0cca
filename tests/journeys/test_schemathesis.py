"""Schemathesis asks a live server whatever its OpenAPI document allows and forbids, as each role; all checks.

Each operation is covered thoroughly for one of its roles and more lightly for the others, and chains of operations
are tried by the one with the most: what a field may hold does not depend on who says it. Deterministic: the same
document brings the same requests.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tests.journeys.world import World, world

ROLES = ("dispatcher", "customer", "valet", "service", "admin")
"""Those last who may change the agents that the others work with."""
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
IDS = "DISPATCH_TEST_IDS"
AT_ONCE = 2
EACH = 4
CONFIG = """
continue-on-failure = true
request-timeout = 60
hooks = {hooks}
[generation]
max-examples = 5
database = "none"
deterministic = true
[phases.stateful]
enabled = {stateful}
max-steps = 6
[auth.openapi.token]
bearer = {token}
[[operations]]
include-operation-id = {light}
phases.coverage.enabled = false
"""


class Run(NamedTuple):
    role: str
    operations: list[str]
    config: Path
    ids: Mapping[str, Sequence[str]]
    """Operation → what it may be tried on."""


async def test_the_document_holds_whatever_is_asked(tmp_path: Path) -> None:
    async with world(tmp_path / "data") as here, httpx.AsyncClient(base_url=here.url, trust_env=False) as anybody:
        operations = _operations((await anybody.get("/openapi.json")).json())
        runs = [run async for run in _runs(here, operations, tmp_path)]
        assert {each for run in runs for each in run.operations} == operations.keys()
        turn = asyncio.Semaphore(AT_ONCE)
        reports = await asyncio.gather(*(_report(run, here.url, turn) for run in runs))
        for run, (code, told) in zip(runs, reports, strict=True):
            assert code == 0, f"as {run.role}:\n{told}"
            assert re.findall(r"Tested: (\d+)", told) == [str(len(run.operations))], told
        metrics = (await anybody.get("/metrics")).text
        assert "dispatch_invariants_broken_total 0.0\n" in metrics


def _operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By id, each with its label."""
    return {
        told["operationId"]: told | {"label": f"{method.upper()} {path}"}
        for path, item in document["paths"].items()
        for method, told in item.items()
    }


async def _runs(here: World, operations: Mapping[str, dict[str, Any]], folder: Path) -> AsyncIterator[Run]:
    covered: set[str] = set()
    for role in ROLES:
        mine = [name for name, told in operations.items() if role in told.get("x-roles", ROLES)]
        config = folder / f"{role}.toml"
        light = sorted(covered.intersection(mine))
        values = {"hooks": str(HOOKS), "token": here.tokens[role], "light": light or ["none"], "stateful": not light}
        config.write_text(CONFIG.format(**{name: json.dumps(value) for name, value in values.items()}))
        labels = [operations[name]["label"] for name in mine]
        yield Run(role, mine, config, {label: await _ids(here, label, role) for label in labels if "{id}" in label})
        covered.update(mine)


async def _ids(here: World, label: str, role: str) -> list[str]:
    """New orders in the state that the operation wants, or sessions, or voice notes; none where the client gives the
    names."""
    if re.search(r"/(orders|desk)/{id}", label):
        return [await here.fit_for(label.rpartition("/")[2], role) for _ in range(EACH)]
    if "/voice-notes/" in label:
        return [await here.noted(role)]
    return [await here.another_session()] if "/sessions/" in label else []


async def _report(run: Run, url: str, turn: asyncio.Semaphore) -> tuple[int | None, str]:
    """Exit code and what it printed."""
    options = [option for name in run.operations for option in ("--include-operation-id", name)]
    async with turn:
        told = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "schemathesis.cli", "--config-file", str(run.config),
            "run", f"{url}/openapi.json", "--no-color", *options,
            env=os.environ | {IDS: json.dumps(run.ids)}, cwd=run.config.parent,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await told.communicate()
    return told.returncode, output.decode()
