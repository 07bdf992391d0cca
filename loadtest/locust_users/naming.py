"""How messages of the stream are named in locust's table, and when what they tell happened.

Pure. Invariant: a message has a time only where its own fields tell when it came to be, by the server's clock;
to all others locust is told none, and shows a count without a latency.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadtest.wire import Message

Name = tuple[str, int | None]


def asked(message: Mapping[str, Any]) -> str:
    """A question, whatever the answer."""
    wanted = {"grab": "verdict", "ping": "pong"}.get(message["type"], "ok")
    step = f" {message['step']}" if "step" in message else ""
    return f"{message['type']}{step} → {wanted}"


def answered(question: Mapping[str, Any], answer: Message) -> str:
    if answer["type"] != "verdict":
        return asked(question)
    return f"{asked(question)} {outcome(answer)}"


def outcome(verdict: Message) -> str:
    """`won`, `taken`; those with a reason name it: `gone (cancelled)`."""
    reason = verdict.get("reason")
    return f"{verdict['outcome']} ({reason})" if reason else str(verdict["outcome"])


def failure(answer: Message) -> str | None:
    """The code of an answer that is a fault of ours or of the server's; losing is none."""
    if answer["type"] == "error":
        return str(answer["code"])
    if answer.get("outcome") == "refused" and answer.get("reason") == "unavailable":
        return "unavailable"
    return None


def pushed(message: Message) -> Name:
    """The name of a message that nobody asked for, and the server's time of what it tells."""
    happened_at = _happened_at(message)
    return f"{_told(message)} ({'pushed' if happened_at is not None else 'pushed, untimed'})", happened_at


def _told(message: Message) -> str:
    kind: str = message["type"]
    match kind:
        case "offer" if _is_opening(message["order"]):
            return "posted → offer"
        case "desk":
            return f"desk {message['event']}"
        case "retract" | "unjob":
            return f"{kind} {message['reason']}"
        case "job":
            return f"job {message['order']['status']}"
        case _:
            return kind


def _happened_at(message: Message) -> int | None:
    match message["type"]:
        case "offer" if _is_opening(message["order"]):
            return int(message["order"]["created_at"])
        case "desk" if message["event"] == "assigned":
            return _assigned_at(message["order"])
        case "job" if message["order"]["status"] == "assigned":
            return _assigned_at(message["order"])
        case "track" | "notice":
            return int(message["at"])
        case _:
            return None


def _is_opening(order: Mapping[str, Any]) -> bool:
    """Placed is version 1, opened 2. Who came later, or is told again, hears of a posting long ago."""
    return bool(order["version"] <= 2 and order["round"] == 1)


def _assigned_at(order: Mapping[str, Any]) -> int | None:
    assignment = order.get("assignment")
    return int(assignment["at"]) if assignment else None


@dataclass(slots=True)
class Skew:
    """How far the server's clock is ahead of ours, in ms, between two bounds that each `welcome` may narrow.

    The server wrote `server_at` after we had said `hello` and before we heard it. While the same clock is
    possible (one machine, or two with NTP), it is taken to be the same.
    """

    least: float = float("-inf")
    most: float = float("inf")

    def learn(self, said_ms: float, server_ms: int, heard_ms: float) -> None:
        """Whole milliseconds were cut off, hence one more on that side. Clocks that were set begin anew."""
        least, most = server_ms - heard_ms, server_ms + 1 - said_ms
        if least > self.most or most < self.least:
            self.least, self.most = least, most
        else:
            self.least, self.most = max(self.least, least), min(self.most, most)

    @property
    def ahead_ms(self) -> float:
        if self.least <= 0 <= self.most:
            return 0.0
        return (self.least + self.most) / 2

    def since(self, happened_at: int, heard_ms: float) -> float:
        """Milliseconds from the server's time to ours."""
        return max(0.0, heard_ms + self.ahead_ms - happened_at)
