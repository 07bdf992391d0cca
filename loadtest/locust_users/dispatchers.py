"""Dispatchers: they watch the desk on the stream and clear it by HTTP.

Carries out what `behaviour.rule` decides about an escalated order. Invariant: an order is taken up before anything
is done to it; that another was faster, or the order went its way (`conflict`), is ordinary.
"""

import uuid
from collections import Counter
from typing import Any
from urllib.parse import quote

from locust import between, task

from loadtest.behaviour import rule
from loadtest.locust_users.figures import tally
from loadtest.locust_users.person import WELCOME_SECONDS, Person
from loadtest.wire import Order

BONUS_FEN = 1000
OVERTAKEN = ("conflict",)


class Dispatcher(Person):
    """One, however many users there are; `--config-users` gives more."""

    role = "dispatcher"
    fixed_count = 1
    wait_time = between(0.3, 1.0)

    def on_start(self) -> None:
        super().on_start()
        self._reopened: Counter[str] = Counter()
        self.look()
        self.stream = self.open_stream()
        self.stream.await_change(WELCOME_SECONDS)

    @task(9)
    def clear(self) -> None:
        self.stay(self.stream)
        order = next((each for each in self.stream.view.desk.values() if self._is_mine_to_take(each)), None)
        if order is None or self._command(order, "take_up", {}, "/v1/desk") is None:
            return
        candidates = self.http("GET", f"/v1/orders/{order['id']}/candidates", "/v1/orders/{id}/candidates")
        if candidates is not None:
            self._settle(order, candidates["items"])

    @task(1)
    def look(self) -> None:
        self.http("GET", f"/v1/desk?region={quote(self.scene.options.region)}", "/v1/desk")

    def _is_mine_to_take(self, order: Order) -> bool:
        taken_up = order.get("taken_up")
        ours = order["region"] == self.scene.options.region
        return ours and order["status"] == "escalated" and (not taken_up or taken_up["dispatcher_id"] == self.sub)

    def _settle(self, order: Order, candidates: list[dict[str, Any]]) -> None:
        """The nearest who may have it; nobody: once more with a bonus, then it is closed by phone."""
        ruling = rule(order["status"], None, candidates, self._reopened[order["id"]])
        match ruling.act:
            case "assign":
                self._command(order, "assign", {"agent_id": ruling.agent_id})
            case "reopen":
                self._reopened[order["id"]] += 1
                self._command(order, "reopen", {"bonus_fen": (order["bonus_fen"] or 0) + BONUS_FEN})
            case _:
                self._command(order, "close", {"outcome": "nobody near, told by phone"})

    def _command(self, order: Order, act: str, body: dict[str, Any], prefix: str = "/v1/orders") -> Any:
        path, name = f"{prefix}/{order['id']}/{act}", f"{prefix}/{{id}}/{act}"
        answer = self.http("POST", path, name, body, key=uuid.uuid4().hex, ordinary=OVERTAKEN)
        tally.desk[act if answer is not None else f"{act}, not done"] += 1
        return answer
