"""The app against a real WebSocket server that follows a script, and what its ear makes of each message."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from loadtest.wire import decode, encode
from tests.faults.app import App, Unanswered
from tests.faults.hearing import Ear
from tests.faults.notebook import Notebook

Scene = Callable[[ServerConnection], Awaitable[None]]
SOON_ENOUGH = 20.0
OFFER = {"id": "o1", "kind": "towing", "status": "open", "version": 2, "round": 1, "details": {}}
JOB = {"id": "o1", "status": "assigned", "version": 3, "details": {}, "assignment": {"agent_id": "v-1", "fence": 1}}


@asynccontextmanager
async def playing(*scenes: Scene) -> AsyncIterator[tuple[App, Notebook]]:
    """An app, alive, on a server that welcomes it and then plays one scene a connection."""
    left = list(scenes)

    async def handle(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(encode({"type": "welcome", "session_id": "s", "offers": [], "jobs": []}, "json"))
        await left.pop(0)(socket)

    protocols = [Subprotocol("dispatch.v1.json")]
    async with serve(handle, "127.0.0.1", 0, subprotocols=protocols, close_timeout=1) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        notebook = Notebook("run")
        app = App("v-1", "token", [f"ws://127.0.0.1:{port}"], notebook, random.Random(1))
        living = asyncio.create_task(app.live())
        yield app, notebook
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
    assert left == []


def ends_with(code: int) -> Scene:
    return lambda socket: socket.close(code, "no more")


async def stays(socket: ServerConnection) -> None:
    await socket.wait_closed()


async def answers_pings(socket: ServerConnection) -> None:
    async for frame in socket:
        await socket.send(encode({"type": "pong", "ref": decode(frame)["ref"]}, "json"))


@pytest.mark.parametrize(("code", "surprises"), [(4504, 0), (4506, 0), (4507, 1)])
async def test_who_is_sent_away_opens_the_app_again(code: int, surprises: int) -> None:
    async with playing(ends_with(code), stays) as (app, notebook):
        await app.until(lambda _: app.ear.sessions == 2, SOON_ENOUGH)
        assert len(notebook.surprises) == surprises


async def test_what_is_lost_with_its_connection_is_unanswered() -> None:
    async def cuts(socket: ServerConnection) -> None:
        await socket.recv()
        socket.transport.abort()

    async with playing(cuts, answers_pings) as (app, notebook):
        await app.connected(SOON_ENOUGH)
        with pytest.raises(Unanswered):
            await app.ask({"type": "grab", "order_id": "o1"}, SOON_ENOUGH)
        await app.answers()
        assert (app.ear.sessions, notebook.surprises) == (2, [])


def ear(*messages: dict[str, Any]) -> tuple[Ear, Notebook]:
    notebook = Notebook("run")
    found = Ear("v-1", notebook)
    for message in messages:
        found.hear(message, "")
    return found, notebook


WELCOME: dict[str, Any] = {"type": "welcome", "offers": [OFFER], "jobs": []}
RETRACT: dict[str, Any] = {"type": "retract", "order_id": "o1", "reason": "taken"}
SNAPSHOT: dict[str, Any] = {"type": "snapshot", "offers": [], "jobs": []}
TAKEN: dict[str, Any] = {"type": "verdict", "ref": "7", "order_id": "o1", "outcome": "taken"}
WON: dict[str, Any] = TAKEN | {"outcome": "won", "fence": 1, "job": JOB}


@pytest.mark.parametrize(
    ("messages", "standing"),
    [
        ([WELCOME], "offered"),
        ([WELCOME, SNAPSHOT], "nothing"),
        ([WELCOME, RETRACT], "retract taken"),
        ([WELCOME, RETRACT, SNAPSHOT], "retract taken"),
        ([WELCOME, RETRACT, {"type": "offer", "order": OFFER}], "offered"),
        ([WELCOME, RETRACT, WELCOME | {"offers": []}], "nothing"),
        ([WELCOME, TAKEN], "verdict taken"),
        ([WELCOME, WON], "held"),
        ([WELCOME, {"type": "job", "order": JOB}], "held"),
        ([WELCOME, {"type": "job", "order": JOB | {"status": "completed"}}], "unjob completed"),
        ([WELCOME, {"type": "unjob", "order_id": "o1", "reason": "released"}], "unjob released"),
    ],
)
def test_what_an_order_is_to_a_session(messages: list[dict[str, Any]], standing: str) -> None:
    assert ear(*messages)[0].standing("o1") == standing


def test_the_standing_before_a_verdict_is_asked_for_by_it() -> None:
    heard, _ = ear(WELCOME, RETRACT, TAKEN, {"type": "offer", "order": OFFER})
    assert heard.standing_before(TAKEN) == "retract taken"


def test_every_message_is_told_with_its_session() -> None:
    _, notebook = ear(WELCOME, RETRACT, WELCOME, WON)
    assert [
        (each.session, each.type, each.order_id, each.version, each.fence, each.word) for each in notebook.told
    ] == [
        (1, "welcome", "", None, None, ""),
        (1, "welcome:offers", "o1", 2, None, "1"),
        (1, "retract", "o1", None, None, "taken"),
        (2, "welcome", "", None, None, ""),
        (2, "welcome:offers", "o1", 2, None, "1"),
        (2, "verdict", "o1", 3, 1, "won"),
    ]


def test_a_leak_is_a_surprise() -> None:
    _, notebook = ear(WELCOME | {"offers": [OFFER | {"details": {"plate": "PLT-1"}}]})
    assert len(notebook.surprises) == 2
