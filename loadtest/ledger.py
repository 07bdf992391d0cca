"""What everybody was told during a replay, written down the moment it was heard.

Owns the facts for the audit (who was told `won`, which versions were answered, what leaked) and the tally
that the live view shows. Knows no socket. Invariant: it only listens; nothing that it hears changes what
happens.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from loadtest.comparison import leaks_in_offer
from loadtest.demand import MARKERS
from loadtest.judge import ClientFacts, Won
from loadtest.wire import KICKED, Ended, Message, Offer, Order, Refused

MOST_NOTED = 200


@dataclass(slots=True)
class Ledger:
    """`hears(agent_id)` is an observer for his session; answers by HTTP are entered by `answered`."""

    told: ClientFacts = field(default_factory=ClientFacts)
    private_details: Mapping[str, Collection[str]] = field(default_factory=dict)
    verdicts: Counter[str] = field(default_factory=Counter)
    rounds: Counter[int] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    grab_ms: list[int] = field(default_factory=list)
    posted: set[str] = field(default_factory=set)
    outside: int = 0
    _latest: dict[str, tuple[int, str]] = field(default_factory=dict)

    def hears(self, agent_id: str) -> Callable[[Message, str | bytes], None]:
        def hear(message: Message, frame: str | bytes) -> None:
            self._hear(agent_id, message, frame)

        return hear

    def _hear(self, agent_id: str, message: Message, frame: str | bytes) -> None:
        match message["type"]:
            case "welcome" | "snapshot":
                self._check_offers(agent_id, message.get("offers") or ())
            case "offer":
                self._check_offers(agent_id, (message["order"],))
            case "verdict":
                self._verdict(agent_id, message, frame)
            case "job" | "desk":
                self.saw(message["order"])
            case "retract" | "unjob":
                self._check_frame(agent_id, message["type"], frame)
            case "error" if "ref" not in message:
                self.surprise(f"{agent_id} was told {message['code']}: {message.get('message')}")
            case "bye":
                self.acts[f"bye {message['code']}"] += 1

    def _verdict(self, agent_id: str, message: Message, frame: str | bytes) -> None:
        outcome = message["outcome"]
        reason = message.get("reason")
        self.verdicts[f"{outcome} {reason}" if reason else outcome] += 1
        if outcome != "won":
            self._check_frame(agent_id, f"verdict {outcome}", frame)
            return
        job = cast(Order, message["job"])
        self.told.won.append(Won(message["order_id"], agent_id, message["fence"]))
        self.answered(job)
        assignment = job.get("assignment")
        if assignment is not None and assignment["fence"] == message["fence"] == 1:
            self.rounds[job["round"]] += 1
            self.grab_ms.append(assignment["at"] - job["created_at"])

    def answered(self, order: Order) -> None:
        """The server's answer to a command showed the order at this version: it must never be lower again."""
        known = self.told.acknowledged.get(order["id"], 0)
        self.told.acknowledged[order["id"]] = max(known, order["version"])
        self.saw(order)

    def saw(self, order: Order) -> None:
        if order["version"] >= self._latest.get(order["id"], (-1, ""))[0]:
            self._latest[order["id"]] = (order["version"], order["status"])

    def surprise(self, text: str) -> None:
        if len(self.told.surprises) < MOST_NOTED:
            self.told.surprises.append(text)

    def sent_away(self, who: str, ended: Ended | ExceptionGroup[Ended]) -> None:
        """A person at the desk's page may end a session: that is his right, and no fault of the server's."""
        if isinstance(ended, Ended) and ended.code == KICKED:
            self.acts["kicked"] += 1
        else:
            self.surprise(f"{who} was sent away: {ended}")

    def refused(self, who: str, act: str, refusal: Refused) -> None:
        self.surprise(f"{who}: {act} was refused: {refusal}")

    @property
    def statuses(self) -> Counter[str]:
        return Counter(status for _, status in self._latest.values())

    def _check_offers(self, agent_id: str, offers: Sequence[Offer]) -> None:
        for offer in offers:
            private = self.private_details.get(offer["kind"], ())
            self._leaked(f"{agent_id}: {text}" for text in leaks_in_offer(offer, MARKERS, private))

    def _check_frame(self, agent_id: str, what: str, frame: str | bytes) -> None:
        """MessagePack keeps text as it is, so a binary frame can be searched for it as well."""
        raw = frame.encode() if isinstance(frame, str) else frame
        found = [mark for mark in MARKERS if mark.encode() in raw]
        self._leaked(f"{agent_id}: {what} contains {mark!r}" for mark in found)

    def _leaked(self, texts: Iterable[str]) -> None:
        self.told.leaks.extend(texts)
        del self.told.leaks[MOST_NOTED:]


def percentile(values: Sequence[int], part: float) -> int | None:
    """The smallest value that at least this part of the values does not exceed."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]
