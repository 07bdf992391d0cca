"""Who asks over HTTP: each try at the next node, the same key under the same intention, one call in the history.

Owns the repeating and the recording of commands, reads and grabs. Knows no behaviour. Invariants: what is asked again
is asked under its first key, and is one call from the first try to the last answer; a try of a grab whose answer was
lost is another call besides, which stays open, for a grab may win and then be judged anew when it is repeated.
"""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import httpx

from loadtest.rest import Http
from loadtest.wire import Order, Refused, Unavailable, Verdict, full_jitter
from tests.faults.history import Call
from tests.faults.notebook import Heard, Notebook, shown

TRY_SECONDS = 5.0
PATIENCE_SECONDS = 20.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 1.5
SERVER_ERROR = 500
# What an honest command may be answered when others were faster.
OVERTAKEN = frozenset({"conflict", "stale_fence", "not_found"})
UNSETTLED = frozenset({"pending", "unavailable"})


def open_pool() -> httpx.AsyncClient:
    """For all callers together."""
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
    return httpx.AsyncClient(timeout=httpx.Timeout(TRY_SECONDS, pool=60.0), limits=limits, trust_env=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """`outcome`: ok, or the code of a refusal. `tries`: how often it was asked."""

    outcome: str
    body: Any
    tries: int


class Caller:
    """One person's HTTP."""

    def __init__(
        self,
        who: str,
        token: str,
        urls: Sequence[str],
        pool: httpx.AsyncClient,
        notebook: Notebook,
        draw: random.Random,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.who = who
        self._patience_seconds = patience_seconds
        self._nodes = [Http(url, token, patience_seconds=0.0, client=pool) for url in urls]
        draw.shuffle(self._nodes)
        self._notebook = notebook
        self._draw = draw

    async def command(
        self, order_id: str, op: str, body: Mapping[str, Any], *, actor: str | None = None, **args: Any
    ) -> Answer | None:
        """`POST /v1/orders/{id}/{op}` as one call of the history; None: never answered."""
        call = self._notebook.ask(order_id, op, actor or self.who, **args)
        return await self._recorded(call, "POST", f"/v1/orders/{order_id}/{op}", body)

    async def take_up(self, order_id: str) -> Answer | None:
        call = self._notebook.ask(order_id, "take_up", self.who)
        return await self._recorded(call, "POST", f"/v1/desk/{order_id}/take_up", {})

    async def edit(self, order_id: str, parts: Mapping[str, Any], marker: str) -> Answer | None:
        call = self._notebook.ask(order_id, "edit", self.who, parts=sorted(parts), marker=marker)
        return await self._recorded(call, "PATCH", f"/v1/orders/{order_id}", parts)

    async def read(self, order_id: str) -> Answer | None:
        call = self._notebook.ask(order_id, "read", self.who)
        return await self._recorded(call, "GET", f"/v1/orders/{order_id}", None)

    async def place(self, body: Mapping[str, Any], marker: str, city: str) -> Order | None:
        """The same POST once more now and then, after it was answered: the first answer again, no second order."""
        call, key = self._notebook.asks_to_place(marker, self.who), self._notebook.key()
        order: Order | None = None
        for _ in range(2 if self._draw.random() < 0.03 else 1):
            answer = await self.ask("POST", "/v1/orders", body, key=key)
            if answer is None:
                break
            if answer.outcome != "ok":
                self._notebook.surprise(f"{self.who}: an order was refused: {answer}")
                break
            order = cast(Order, answer.body)
            if call.returned_at is None:
                self._notebook.answered(call, order, tries=answer.tries)
            self._notebook.entered(marker, order, city)
        return order

    async def grab(self, order_id: str) -> Verdict | None:
        """None: pending or unanswered for longer than patience lasts."""
        whole = self._notebook.ask(order_id, "grab", self.who, over="http")
        path, key = f"/v1/orders/{order_id}/grab", self._notebook.key()
        deadline = time.monotonic() + self._patience_seconds
        while time.monotonic() < deadline:
            called_at = time.monotonic_ns()
            answer = await self.ask("POST", path, {}, key=key, patience_seconds=0.0)
            if answer is not None and answer.outcome != "ok":
                whole.answer(answer.outcome)
                self._notebook.surprise(f"{self.who}: a grab was answered {answer}")
                return None
            verdict = cast(Verdict, answer.body) if answer else Verdict(outcome="pending")
            if not UNSETTLED & {verdict["outcome"], verdict.get("reason")}:
                self._told(order_id, verdict)
                settle_grab(whole, verdict, self._notebook)
                return verdict
            lost = Call(order_id, "grab", self.who, called_at, whole.args)
            self._notebook.history.calls.append(lost)
            await asyncio.sleep(self._draw.random())
        return None

    async def candidates(self, order_id: str) -> list[Mapping[str, Any]]:
        answer = await self.ask("GET", f"/v1/orders/{order_id}/candidates")
        return answer.body["items"] if answer is not None and answer.outcome == "ok" else []

    async def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        patience_seconds: float | None = None,
    ) -> Answer | None:
        """Goes from node to node until one answers; None: nobody did."""
        with self._notebook.gate.passage():
            deadline = time.monotonic() + (self._patience_seconds if patience_seconds is None else patience_seconds)
            for attempt in range(1_000_000):
                answer = await self._try(method, path, body, key, attempt + 1)
                pause = full_jitter(attempt, self._draw.random(), FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
                if answer is not None or time.monotonic() + pause > deadline:
                    return answer
                await asyncio.sleep(pause)
        raise AssertionError("patience is finite")

    async def _try(
        self, method: str, path: str, body: Mapping[str, Any] | None, key: str | None, tries: int
    ) -> Answer | None:
        """None: to be asked again."""
        try:
            return Answer("ok", await self._nodes[0].request(method, path, body=body, key=key), tries)
        except Unavailable as exc:
            if exc.status == SERVER_ERROR:
                self._notebook.surprise(f"{self.who}: {exc}")
        except Refused as refusal:
            if not refusal.retryable:
                return self._refused(f"{method} {path}", refusal, tries)
        self._nodes.append(self._nodes.pop(0))
        return None

    def _refused(self, what: str, refusal: Refused, tries: int) -> Answer:
        if refusal.code not in OVERTAKEN:
            self._notebook.surprise(f"{self.who}: {what} was refused: {refusal}")
        return Answer(refusal.code, None, tries)

    async def _recorded(self, call: Call, method: str, path: str, body: Mapping[str, Any] | None) -> Answer | None:
        key = self._notebook.key() if method == "POST" else None
        answer = await self.ask(method, path, body, key=key)
        if answer is not None and answer.outcome == "ok":
            self._notebook.answered(call, cast(Order, answer.body), tries=answer.tries)
        elif answer is not None:
            call.answer(answer.outcome, tries=answer.tries)
        return answer

    def _told(self, order_id: str, verdict: Verdict) -> None:
        word = f"{verdict['outcome']} {verdict.get('reason') or ''}".strip()
        version = verdict["job"]["version"] if "job" in verdict else None
        heard = Heard(time.monotonic_ns(), self.who, 0, "verdict", order_id, version, verdict.get("fence"), word)
        self._notebook.told.append(heard)


def settle_grab(call: Call, verdict: Verdict, notebook: Notebook, told_by: str = "verdict") -> None:
    """`told_by`: jobs, where the list of a `welcome` said what a lost verdict would have said."""
    if verdict["outcome"] != "won":
        call.answer(verdict["outcome"], reason=verdict.get("reason"), told_by=told_by)
        return
    notebook.acknowledge(verdict["job"])
    call.answer("won", **shown(verdict["job"]) | {"fence": verdict["fence"], "told_by": told_by})
