"""What is recorded of an asking over HTTP. The network's part is played by a transport that follows a script."""

import random

import httpx
import pytest

from loadtest.wire import Order
from tests.faults.callers import Caller
from tests.faults.notebook import Notebook, Over
from tests.loadtest.network import Answer, Scripted, refused

NODES = ("http://a", "http://b")
JOB: Order = {
    "id": "o1", "status": "assigned", "version": 3, "reason": None,
    "assignment": {"agent_id": "v-1", "role": "valet", "by": "grab", "dispatcher_id": None, "fence": 1, "at": 1},
}  # fmt: skip
OK = httpx.Response(200, json=JOB)
LOST = httpx.ReadError("lost")


def caller(transport: Scripted, notebook: Notebook, patience: float = 30.0) -> Caller:
    pool = httpx.AsyncClient(transport=transport)
    return Caller("v-1", "token", NODES, pool, notebook, random.Random(1), patience)


def keys(transport: Scripted) -> set[str | None]:
    return {each.headers.get("Idempotency-Key") for each in transport.asked}


@pytest.mark.parametrize("mishap", [LOST, httpx.Response(503), refused(409, "conflict", retryable=True)])
async def test_a_repeated_command_is_one_call_under_one_key_at_the_next_node(mishap: Answer) -> None:
    notebook, transport = Notebook("run"), Scripted(mishap, OK)
    await caller(transport, notebook).command("o1", "release", {"fence": 1, "reason": "r-1"}, fence=1, marker="r-1")
    (call,) = notebook.history.calls
    assert (call.outcome, call.args, len(keys(transport))) == ("ok", {"fence": 1, "marker": "r-1"}, 1)
    assert call.result == {
        "status": "assigned", "holder": "v-1", "fence": 1, "version": 3, "reason": None, "tries": 2,
    }  # fmt: skip
    assert {each.url.host for each in transport.asked} == {"a", "b"}
    assert notebook.acknowledged == {"o1": 3}
    assert notebook.surprises == []


async def test_who_is_never_answered_leaves_the_call_open() -> None:
    notebook = Notebook("run")
    assert await caller(Scripted(LOST), notebook, patience=0.0).read("o1") is None
    assert [call.returned_at for call in notebook.history.calls] == [None]


async def test_to_be_overtaken_is_ordinary() -> None:
    notebook = Notebook("run")
    await caller(Scripted(refused(409, "stale_fence")), notebook).command("o1", "release", {})
    assert [call.outcome for call in notebook.history.calls] == ["stale_fence"]
    assert notebook.surprises == []


@pytest.mark.parametrize(("answer", "word"), [(refused(403, "forbidden"), "forbidden"), (httpx.Response(500), "500")])
async def test_what_nobody_foresaw_is_a_surprise(answer: httpx.Response, word: str) -> None:
    notebook = Notebook("run")
    await caller(Scripted(answer, OK), notebook).read("o1")
    assert [word in text for text in notebook.surprises] == [True]


async def test_each_lost_try_of_a_grab_stays_open_beside_the_call() -> None:
    pending = httpx.Response(200, json={"order_id": "o1", "outcome": "pending"})
    won = httpx.Response(200, json={"order_id": "o1", "outcome": "won", "fence": 1, "job": JOB})
    notebook, transport = Notebook("run"), Scripted(LOST, pending, won)
    await caller(transport, notebook).grab("o1")
    assert [call.outcome for call in notebook.history.calls] == ["won", "", ""]
    assert len(keys(transport)) == 1
    assert [(each.who, each.session, each.word, each.fence) for each in notebook.told] == [("v-1", 0, "won", 1)]


async def test_an_order_of_an_unanswered_placing_is_known_by_its_marker() -> None:
    notebook = Notebook("run")
    await caller(Scripted(LOST), notebook, patience=0.0).place({}, "p-1", "north")
    (call,) = notebook.history.calls
    assert (call.order_id, call.returned_at, notebook.placed) == ("p-1", None, {})
    notebook.saw({"id": "o1", "details": {"marker": "p-1"}})
    assert call.order_id == "o1"


async def test_when_the_gate_is_closed_nothing_is_asked_or_recorded() -> None:
    notebook, transport = Notebook("run"), Scripted(OK)
    await notebook.gate.close()
    with pytest.raises(Over):
        await caller(transport, notebook).read("o1")
    assert (notebook.history.calls, transport.asked) == ([], [])
