"""The role table: six roles, every route and every message, against their own, another's and another region's.

A new route or message fails here until the table (tests/roles/table.py) has a row for it. A leak is an answer or a
frame that holds a name, a phone, a plate or a place of somebody whom the asker may not know, or a 2xx that must not be.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import groupby
from typing import get_args

import httpx
import pytest

from admin_api.app import OPERATIONS, build_app
from dispatch.assembly import Dispatch
from dispatch.identity import AGENTS, Role
from realtime.answers import ServerMessage
from realtime.messages import ClientMessage
from tests.admin_api.conftest import Asker
from tests.dispatch.looking import rows
from tests.realtime.nodes import Message, Node, node
from tests.roles import hearing
from tests.roles.asking import answer
from tests.roles.stage import Stage, build, leaked
from tests.roles.table import HEARD, ROUTES, SAID, Cell, cells

ANSWERS = {"welcome", "snapshot", "verdict", "ok", "pong", "error", "bye"}
"""Told to one who asked, or to everybody alike; the lists of `welcome` have rows of their own."""


@pytest.fixture
async def stage(dispatch: Dispatch) -> AsyncIterator[Stage]:
    yield await build(dispatch)
    await rows(dispatch, "DELETE FROM notices RETURNING id")  # those for customers would be told in other tests


class Findings:
    def __init__(self) -> None:
        self.cells = 0
        self.wrong: list[str] = []
        self.leaks: list[str] = []

    def check(self, cell: Cell, fits: bool, found: str) -> None:
        self.cells += 1
        if not fits:
            self.wrong.append(f"{_name(cell)}: expected {cell.expected}, found {found[:300]}")

    def search(self, cell: Cell, text: str, hidden: set[str]) -> None:
        self.leaks += [f"{_name(cell)}: {secret} in {text[:300]}" for secret in leaked(text, hidden)]


def _name(cell: Cell) -> str:
    return f"{cell.subject} {cell.ready} by {cell.role} ({cell.relation})"


# --- the table is whole -------------------------------------------------------------------------------


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    routes = {f"{operation.method} {operation.path}" for operation in OPERATIONS}
    assert {cell.subject for cell in cells(ROUTES)} == routes


def test_roles_that_a_route_does_not_know_are_refused_in_every_cell() -> None:
    roles = {f"{operation.method} {operation.path}": operation.roles for operation in OPERATIONS}
    for cell in cells(ROUTES):
        assert cell.role in roles[cell.subject] or cell.expected == "403", _name(cell)


def test_every_message_of_the_stream_has_a_row() -> None:
    said, told = ({str(form.__struct_config__.tag) for form in get_args(m)} for m in (ClientMessage, ServerMessage))
    assert {cell.subject for cell in cells(SAID)} == said
    lists = {"offers", "jobs", "desk_list", "orders"}
    assert {cell.subject for cell in cells(HEARD)} == (told - ANSWERS) | lists


# --- and it holds -------------------------------------------------------------------------------------


async def test_the_role_table_holds(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    findings = Findings()
    await _ask(stage, findings)
    await _listen(stage, findings)
    with capsys.disabled():
        print(f"\nrole table: {findings.cells} cells, {len(findings.leaks)} leaks")
    assert findings.leaks + findings.wrong == []


async def _ask(stage: Stage, findings: Findings) -> None:
    async def readiness() -> dict[str, str]:
        return {}

    app = build_app(stage.dispatch, console=None, readiness=readiness)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://dispatch.test") as client:
        for _, row in groupby(cells(ROUTES), lambda cell: (cell.subject, cell.ready)):
            if (some := list(row))[0].ready in ("offered", "held", "escalated"):  # each cell has an order of its own
                await asyncio.gather(*(_ask_one(stage, client, cell, findings) for cell in some))
            else:
                for cell in some:
                    await _ask_one(stage, client, cell, findings)


async def _ask_one(stage: Stage, client: httpx.AsyncClient, cell: Cell, findings: Findings) -> None:
    who = stage.identity(cell.role)
    asker = Asker(client, who.role, who.sub, None if who.regions is None else sorted(who.regions))
    found = await answer(stage, asker, cell)
    fits = found.fits(cell.expected, stage.sides[cell.relation].private)
    findings.check(cell, fits, f"{found.status} {found.text}")
    findings.search(cell, found.text, stage.hidden(cell.role, cell.relation, cell.expected))
    if found.status < 300 and cell.expected.isdecimal() and int(cell.expected) >= 400:
        findings.leaks.append(f"{_name(cell)}: {found.status} {found.text[:300]}")


async def _listen(stage: Stage, findings: Findings) -> None:
    async with node(stage.dispatch) as here:
        for cell in cells(SAID):
            if cell.subject == "hello":
                word = await hearing.hello(stage, here, cell)
                findings.check(cell, word == cell.expected, word)
        doings = await hearing.prepare(stage)
        async with hearing.ears(stage, here) as ears:
            await _say(stage, here, ears, findings)
            await hearing.live(stage, here, ears, doings)
            _judge(stage, ears, doings, findings)


async def _say(stage: Stage, here: Node, ears: dict[Role, hearing.Ear], findings: Findings) -> None:
    for cell in cells(SAID):
        if cell.subject != "hello":
            word = await hearing.said(stage, here, ears[cell.role], cell)
            findings.check(cell, word == cell.expected, word)


def _judge(stage: Stage, ears: dict[Role, hearing.Ear], doings: hearing.Doings, findings: Findings) -> None:
    for cell in cells(HEARD):
        told = hearing.frames(ears[cell.role], cell, doings)
        private = stage.sides[cell.relation].private
        full = any(leaked(text, private) for text in told)
        word = "no" if not told else "full" if full else "public"
        findings.check(cell, word == cell.expected, f"{word}: {told[:2]}")
    for role, ear in ears.items():  # whatever it was about
        for message in ear.heard:
            cell = Cell(message["type"], "heard", role, "own", "full" if _is_full(message, role) else "public")
            text = json.dumps(message, ensure_ascii=False)
            findings.search(cell, text, stage.hidden(role, "own", cell.expected))


def _is_full(message: Message, role: Role) -> bool:
    """Whether it is one that shows an order in full, or the agent his own profile."""
    return message["type"] in {"welcome", "job", "verdict"} if role in AGENTS else True
