"""Random histories of one order as a correct server would make them, to try the checker on.

Owns an order of its own, decided at one time and standing in SQL at a later one; shares no rule with the checker.
Time is a plain number; phases of overlapping calls are parted by quiet gaps. Invariant: a history without mutations
is legal, whatever the seed.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.history import Call

PHASE, GAP = 10_000, 6_000
HELD = ("assigned", "en_route", "arrived", "working")
NEVER = 10**12


@dataclass
class Change:
    decided_at: int
    stands_at: int
    view: dict[str, Any]
    undoable: bool = False


@dataclass
class Truth:
    """The order as decided, and every change of it."""

    status: str = "open"
    holder: str = ""
    fence: int = 0
    version: int = 1
    changes: list[Change] = field(default_factory=list)

    def view(self) -> dict[str, Any]:
        holder = self.holder if self.status in HELD else None
        return {"status": self.status, "holder": holder, "fence": self.fence, "version": self.version}

    def change(self, at: int, stands_at: int, status: str, *, holder: str | None = None, undoable: bool) -> None:
        self.status = status
        if holder is not None:
            self.holder, self.fence = holder, self.fence + 1
        self.version += 1
        self.changes.append(Change(at, stands_at, self.view(), undoable))

    def standing(self, at: int) -> dict[str, Any]:
        """Whatever stands brings with it what was decided before."""
        return next(change.view for change in reversed(self.changes) if change.stands_at <= at)


@dataclass(frozen=True)
class Gap:
    """`at` … `at + 1000` nothing happens; `view` is what a read in it showed."""

    at: int
    view: dict[str, Any]


class Story:
    """`lossy`: once, between two phases, Redis forgets what does not stand yet."""

    def __init__(
        self, seed: int, *, phases: int = 3, calls: int = 14, grabs: float = 0.5, unanswered: float = 0.1,
        timeouts: bool = True, lossy: bool = False,
    ) -> None:  # fmt: skip
        self.draw = random.Random(seed)
        self.truth = Truth()
        self.agents = [f"a-{i}" for i in range(6)]
        self.calls: list[Call] = []
        self.gaps: list[Gap] = []
        self.lost = 0
        self._grabs, self._unanswered, self._timeouts = grabs, unanswered, timeouts
        self._loss_in = self.draw.randrange(phases) if lossy else None
        self._reads: list[tuple[int, Call]] = []
        self._again: list[Call] = []
        self._place()
        for phase in range(phases):
            self._phase(phase, calls)
        for at, call in self._reads:
            call.result = self.truth.standing(at)
        self.calls.sort(key=lambda call: call.called_at)

    def _place(self) -> None:
        self.truth.changes.append(Change(-50, -50, self.truth.view()))
        self._call("place", "s-1", -100, -10, "ok", self.truth.view())

    def _phase(self, phase: int, calls: int) -> None:
        base = phase * PHASE
        for decided_at in sorted(base + self.draw.randrange(1500, 3500) for _ in range(calls)):
            self._act(decided_at)
            if phase == self._loss_in and decided_at > base + 2500:
                self._lose(decided_at)
        gap = base + GAP
        self._read(gap, gap - 1, gap + 1)
        self.gaps.append(Gap(gap + 100, self.truth.standing(gap)))

    def _act(self, at: int) -> None:
        called_at, returned_at = at - self.draw.randrange(1, 1500), at + self.draw.randrange(2, 1500)
        chance = self.draw.random()
        if chance < 0.15:
            self._read(at, called_at, returned_at)
        elif chance < 0.15 + self._grabs:
            self._grab(at, called_at, returned_at)
        else:
            self._command(at, called_at, returned_at)

    def _read(self, at: int, called_at: int, returned_at: int) -> None:
        self._reads.append((at, self._call("read", "s-1", called_at, returned_at, "ok", {})))

    def _call(
        self, op: str, actor: str, called_at: int, returned_at: int | None, outcome: str, result: Any, **args: Any
    ) -> Call:
        call = Call("o-1", op, actor, called_at, args, returned_at, outcome, dict(result))
        self.calls.append(call)
        return call

    # --- grabs ------------------------------------------------------------------------------------------

    def _grab(self, at: int, called_at: int, returned_at: int) -> None:
        truth, agent = self.truth, self.draw.choice(self.agents)
        call = self._call("grab", agent, called_at, returned_at, "refused", {"reason": "not_offered"})
        held = truth.status in HELD
        if held and truth.holder == agent:
            self._again_won(call, at)
        elif self.draw.random() < 0.05:
            call.args = {"after_retract": "taken"}
            call.outcome, call.result = "taken", {}
        elif held and self.draw.random() < 0.9:
            call.outcome, call.result = "taken", {}
        elif truth.status == "open" and self.draw.random() < 0.9:
            self._win(call, at)
        elif truth.status in ("escalated", "completed", "cancelled", "expired"):
            call.outcome, call.result = "gone", {"reason": truth.status}

    def _again_won(self, call: Call, at: int) -> None:
        assert call.returned_at is not None
        last = self.truth.changes[-1]
        last.stands_at = min(last.stands_at, max(last.decided_at, self.draw.randrange(at, call.returned_at)))
        last.undoable = False
        call.outcome, call.result = "won", self.truth.view()

    def _win(self, call: Call, at: int) -> None:
        stands_at = self._settle(call, at, "won")
        self.truth.change(at, stands_at, "assigned", holder=call.actor, undoable=call.outcome not in ("won", "ok"))
        if call.outcome == "won":
            call.result = self.truth.view() if self.draw.random() < 0.5 else {"fence": self.truth.fence}

    def _settle(self, call: Call, at: int, outcome: str) -> int:
        """Answered, or not; returns when the change stands."""
        assert call.returned_at is not None
        if self.draw.random() < self._unanswered:
            if call.op == "grab" and self.draw.random() < 0.5:  # asked to ask again
                call.outcome, call.result = "refused", {"reason": "unavailable"}
            else:
                call.returned_at, call.outcome, call.result = None, "", {}
            return self.draw.choice([at + self.draw.randrange(9000), NEVER])
        call.outcome = outcome
        return self.draw.randrange(at, call.returned_at)

    # --- commands ---------------------------------------------------------------------------------------

    def _command(self, at: int, called_at: int, returned_at: int) -> None:
        truth = self.truth
        held = truth.status in HELD
        op = self.draw.choice(
            ["progress", "progress", "release", "assign"]
            if held
            else ["assign", "reopen", "close", "escalate", "expire"]
        )
        if self.draw.random() < 0.05:
            op = "cancel"
        if op in ("escalate", "expire"):
            if self._timeouts and truth.status == {"escalate": "open", "expire": "escalated"}[op]:
                call = self._call(op, "", called_at, returned_at, "ok", {})
                stands_at = self.draw.choice([at + self.draw.randrange(9000), NEVER])
                truth.change(at, stands_at, "escalated" if op == "escalate" else "expired", undoable=True)
            return
        actor = truth.holder if op in ("progress", "release") and self.draw.random() < 0.8 else "d-1"
        call = self._call(op, actor, called_at, returned_at, "conflict", {})
        call.args = self._args(op)
        status = self._allowed(call)
        if status is not None:
            self._take_effect(call, at, status)

    def _args(self, op: str) -> dict[str, Any]:
        match op:
            case "assign":
                return {"agent_id": self.draw.choice(self.agents), "force": True}
            case "progress":
                return {
                    "fence": self._fence(),
                    "step": self.draw.choice(["en_route", "arrived", "working", "completed"]),
                }
            case "release":
                return {"fence": self._fence()}
        return {}

    def _fence(self) -> int:
        return max(0, self.truth.fence - (self.draw.random() < 0.2))

    def _allowed(self, call: Call) -> str | None:
        """The status that follows; None: refused, and `call` says so."""
        truth, status = self.truth, self.truth.status
        if "fence" in call.args and call.args["fence"] != truth.fence:
            call.outcome = "stale_fence"
            return None
        match call.op:
            case "assign" if status in ("open", "escalated", *HELD):
                return None if status in HELD and truth.holder == call.args["agent_id"] else "assigned"
            case "release" if status in HELD:
                return "escalated" if status in ("arrived", "working") else "open"
            case "progress" if status in HELD:
                steps = [*HELD, "completed"]
                step = str(call.args["step"])
                if step == status:
                    self._again_won(call, call.called_at)
                    call.outcome = "ok"
                return step if steps.index(step) > steps.index(status) else None
            case "cancel" if status not in ("completed", "cancelled", "expired"):
                return "cancelled"
            case "reopen" | "close" if status == "escalated":
                return "open" if call.op == "reopen" else "completed"
        return None

    def _take_effect(self, call: Call, at: int, status: str) -> None:
        stands_at = self._settle(call, at, "ok")
        holder = call.args.get("agent_id")
        self.truth.change(at, stands_at, status, holder=holder, undoable=call.outcome not in ("won", "ok"))
        if call.outcome == "ok" and self.draw.random() < 0.5:
            call.result = self.truth.view()

    # --- loss -------------------------------------------------------------------------------------------

    def _lose(self, at: int) -> None:
        """Redis is set back to what stands, unless somebody is going to be answered that more does."""
        changes, self._loss_in = self.truth.changes, None
        while changes[-1].undoable and changes[-1].stands_at > at:
            changes.pop()
            self.lost += 1
        view = changes[-1].view
        self.truth.status, self.truth.fence, self.truth.version = view["status"], view["fence"], view["version"]
        self.truth.holder = self._last_holder(view)

    def _last_holder(self, view: dict[str, Any]) -> str:
        holders = (change.view["holder"] for change in reversed(self.truth.changes))
        return next((holder for holder in holders if holder), "") if view["fence"] else ""


def overlap(calls: Sequence[Call]) -> int:
    """The most calls that were under way at one time."""
    times = [(call.called_at, 1) for call in calls]
    times += [(call.returned_at, -1) for call in calls if call.returned_at is not None]
    most = now = 0
    for _, step in sorted(times):
        now += step
        most = max(most, now)
    return most
