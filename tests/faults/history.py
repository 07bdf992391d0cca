"""What clients asked and were answered, with the times of both: the history that is checked for linearizability.

Owns the form of one call and its recording. Knows nothing of sockets, nor of what an order may do. Invariant: a
call that was never answered stays open for ever: it may have taken effect at any time after it was asked.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec


@dataclass(slots=True)
class Call:
    """One operation on one order. Times in ns of this process' monotonic clock; `returned_at` None: unanswered.

    `op`: place grab assign release progress cancel reopen close read, and escalate expire (timeouts; actor '').
    `outcome`: won taken gone refused (grabs); ok conflict stale_fence not_found (commands); '' while open.
    `args`: what was asked: agent_id (assign), fence (release, progress), step, force.
    `result`: what the answer showed: status, holder, fence, version, reason.
    """

    order_id: str
    op: str
    actor: str
    called_at: int
    args: Mapping[str, Any]
    returned_at: int | None = None
    outcome: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)

    def answer(self, outcome: str, **result: Any) -> None:
        if self.returned_at is not None:
            raise AssertionError(f"answered twice: {self}")
        self.outcome, self.result, self.returned_at = outcome, result, time.monotonic_ns()


class History:
    def __init__(self) -> None:
        self.calls: list[Call] = []

    def ask(self, order_id: str, op: str, actor: str, **args: Any) -> Call:
        """A call that begins now; whoever hears the answer says so by `Call.answer`."""
        call = Call(order_id, op, actor, time.monotonic_ns(), args)
        self.calls.append(call)
        return call

    def of_orders(self) -> Iterator[tuple[str, list[Call]]]:
        """Each order with its calls, in the order in which they were asked."""
        found: dict[str, list[Call]] = {}
        for call in self.calls:
            found.setdefault(call.order_id, []).append(call)
        yield from found.items()

    def write(self, path: Path) -> None:
        """One JSON object a line, to be looked at, and checked again, later."""
        path.write_bytes(b"".join(msgspec.json.encode(call) + b"\n" for call in self.calls))

    @classmethod
    def read(cls, path: Path) -> "History":
        history = cls()
        history.calls = [msgspec.json.decode(line, type=Call) for line in path.read_bytes().splitlines()]
        return history
