"""One app's ear: writes down every message, and keeps what this session was last told of each order.

Owns the account by session and the search for leaks. Sends nothing. Invariant: the standing of an order is what the
server's own memory of the session may answer a grab from (PROTOCOL §4, after a `retract`): a new connection begins
with none, a `snapshot` ends offers and jobs and nothing else.
"""

import time
from collections.abc import Mapping
from typing import Any

from loadtest import wire
from loadtest.comparison import leaks_in_offer
from loadtest.demand import MARKERS
from loadtest.wire import Message
from tests.faults.crew import PRIVATE_DETAILS
from tests.faults.notebook import Heard, Notebook

OFFERED, HELD, NOTHING = "offered", "held", "nothing"
_ENDS_AN_OFFER = frozenset({"taken", "gone", "refused declined", "refused suspended"})
_LISTS = ("offers", "jobs", "desk", "orders")


class Ear:
    def __init__(self, who: str, notebook: Notebook) -> None:
        self.who = who
        self.sessions = 0
        self._notebook = notebook
        self._standing: dict[str, str] = {}
        self._before_verdict: dict[str, str] = {}

    def standing(self, order_id: str) -> str:
        return self._standing.get(order_id, NOTHING)

    def standing_before(self, verdict: Message) -> str:
        """What the order was to this session when the verdict came."""
        return self._before_verdict.pop(verdict["ref"], NOTHING)

    def hear(self, message: Message, _: str | bytes) -> None:
        match message["type"]:
            case "welcome":
                self.sessions += 1
                self._standing = {}
                self._lists(message)
            case "snapshot":
                kept = {oid: standing for oid, standing in self._standing.items() if standing not in (OFFERED, HELD)}
                self._standing = kept
                self._lists(message)
            case "offer":
                self._offer("offer", message["order"])
            case "retract" | "unjob":
                self._standing[message["order_id"]] = f"{message['type']} {message['reason']}"
                self._note(message["type"], message["order_id"], word=message["reason"])
            case "verdict":
                self._verdict(message)
            case "job":
                done = message["order"]["status"] not in wire.HELD
                self._standing[message["order"]["id"]] = "unjob completed" if done else HELD
                self._full("job", message["order"])
            case "order":
                self._full("order", message["order"])
            case "desk":
                self._full("desk", message["order"], message["event"])
            case "bye":
                self._note("bye", word=f"{message['code']} {message['reason']}")
            case "error" if "ref" not in message:
                self._notebook.surprise(f"{self.who} was told {message['code']}: {message.get('message')}")

    def _lists(self, message: Message) -> None:
        self._note(message["type"], word=",".join(message.get("more") or ()))
        for name in _LISTS:
            for order in message.get(name) or ():
                if name == "offers":
                    self._offer(f"{message['type']}:offers", order)
                    continue
                if name == "jobs":
                    self._standing[order["id"]] = HELD
                self._full(f"{message['type']}:{name}", order)

    def _offer(self, told_by: str, offer: Mapping[str, Any]) -> None:
        self._standing[offer["id"]] = OFFERED
        self._notebook.saw(offer)
        self._note(told_by, offer["id"], offer["version"], word=str(offer["round"]))
        for leak in leaks_in_offer(dict(offer), MARKERS, PRIVATE_DETAILS):  # type: ignore[arg-type]  # as it came
            self._notebook.surprise(f"{self.who}: {leak}")

    def _full(self, told_by: str, order: Mapping[str, Any], word: str | None = None) -> None:
        self._notebook.saw(order)
        assignment = order.get("assignment")
        fence = assignment["fence"] if assignment else None
        self._note(told_by, order["id"], order["version"], fence, word or order["status"])

    def _verdict(self, message: Message) -> None:
        order_id, outcome = message["order_id"], f"{message['outcome']} {message.get('reason') or ''}".strip()
        version = message["job"]["version"] if "job" in message else None
        self._note("verdict", order_id, version, message.get("fence"), outcome)
        if message["outcome"] == "pending":
            return
        self._before_verdict[message["ref"]] = self.standing(order_id)
        if message["outcome"] == "won":
            self._standing[order_id] = HELD
            self._notebook.acknowledge(message["job"])
        elif message["outcome"] in _ENDS_AN_OFFER or outcome in _ENDS_AN_OFFER:
            self._standing[order_id] = f"verdict {outcome}"

    def _note(
        self,
        kind: str,
        order_id: str = "",
        version: int | None = None,
        fence: int | None = None,
        word: str = "",
    ) -> None:
        heard = Heard(time.monotonic_ns(), self.who, self.sessions, kind, order_id, version, fence, word)
        self._notebook.told.append(heard)
