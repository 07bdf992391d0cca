"""What one order becomes by a call, and which refusals its state gives a reason for (PROTOCOL §3, §4).

Pure, and independent of the server's own tables. Knows nothing of time: one state in, one state or a yes out.
Invariant: an order that nobody has placed (`absent`) is no open order.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from tests.faults.history import Call

STEPS = ("assigned", "en_route", "arrived", "working", "completed")
HELD = STEPS[:-1]
TERMINAL = ("completed", "cancelled", "expired")
ABSENT = "absent"
TIMEOUTS = ("open", "escalate", "expire")
NOTES = ("edit", "take_up", "decline")
"""They change nothing that another call depends on."""
_AFTER_JOB = {"reassigned": "taken", "cancelled": "cancelled", "completed": "completed", "closed": "completed"}


class Face(NamedTuple):
    """An order as far as its commands depend on it; `agent` is the last that held it, `released` who gave it back."""

    status: str
    agent: str = ""
    fence: int = 0
    released: frozenset[str] = frozenset()

    @property
    def holder(self) -> str:
        return self.agent if self.status in HELD else ""


# --- what a call that takes effect makes of the order; None: it can not -----------------------------------


def effect(now: Face, call: Call, agents: frozenset[str]) -> Face | None:
    if call.op in ("release", "progress") and not may_work(now, call, agents):
        return None
    return _EFFECTS[call.op](now, call)


def may_work(now: Face, call: Call, agents: frozenset[str]) -> bool:
    """The present fence, from its holder or from the desk, which is whoever never was an agent here."""
    return call.args["fence"] == now.fence and (call.actor == now.agent or call.actor not in agents)


def repeats(now: Face, call: Call, agents: frozenset[str]) -> bool:
    """Whether it is `ok` and changes nothing: a note, or the same step again, but not of an order that the desk
    closed after a release."""
    if call.op in NOTES:
        return now.status != ABSENT
    if call.op != "progress" or call.args["step"] != now.status:
        return False
    return may_work(now, call, agents) and (now.status in HELD or now.agent not in now.released)


def _grabbed(now: Face, call: Call) -> Face | None:
    return now._replace(status="assigned", agent=call.actor, fence=now.fence + 1) if now.status == "open" else None


def _assigned(now: Face, call: Call) -> Face | None:
    agent = call.args["agent_id"]
    if now.status not in ("open", "escalated", *HELD) or now.holder == agent:
        return None
    released = (now.released - {agent}) | ({now.holder} - {""})
    return Face("assigned", agent, now.fence + 1, released)


def _released(now: Face, call: Call) -> Face | None:
    if now.status not in HELD:
        return None
    status = "escalated" if now.status in ("arrived", "working") else "open"
    return now._replace(status=status, released=now.released | {now.agent})


def _progressed(now: Face, call: Call) -> Face | None:
    step = call.args["step"]
    if now.status not in HELD or STEPS.index(step) <= STEPS.index(now.status):
        return None
    return now._replace(status=step)


def _cancelled(now: Face, call: Call) -> Face | None:
    return None if now.status in (ABSENT, *TERMINAL) else now._replace(status="cancelled")


def _moved(source: str, target: str, now: Face, call: Call) -> Face | None:
    return now._replace(status=target) if now.status == source else None


def _kept(now: Face, call: Call) -> Face | None:
    return None


_EFFECTS: Mapping[str, Callable[[Face, Call], Face | None]] = {
    "grab": _grabbed,
    "assign": _assigned,
    "release": _released,
    "progress": _progressed,
    "cancel": _cancelled,
    "open": partial(_moved, "scheduled", "open"),
    "escalate": partial(_moved, "open", "escalated"),
    "expire": partial(_moved, "escalated", "expired"),
    "reopen": partial(_moved, "escalated", "open"),
    "close": partial(_moved, "escalated", "completed"),
    "place": _kept,
    "read": _kept,
    **dict.fromkeys(NOTES, _kept),
}
OPS = frozenset(_EFFECTS)


# --- answers that change nothing ------------------------------------------------------------------------


def is_justified(now: Face, standing: Face, call: Call, agents: frozenset[str]) -> bool:
    """`now` is what was decided, `standing` what PostgreSQL shows. No rule knows the outcome: no reason."""
    match call.op, call.outcome:
        case "grab", "taken" | "gone" | "refused":
            return _from_memory(call) or _loses(now, call)
        case "release" | "progress", "stale_fence":
            return now.status != ABSENT and not may_work(now, call, agents)
        case "grab" | "read", _:
            return False
        case "release" | "progress", "not_found":
            return not call.actor == now.holder == standing.holder
        case "decline", "not_found":
            return True
        case _, "not_found":
            return ABSENT in (now.status, standing.status)
        case _, "conflict":
            return call.result.get("status", now.status) == now.status and _conflicts(now, call)
    return False


def _from_memory(call: Call) -> bool:
    """What a session was told when it lost the order may be its answer until a new offer. PROTOCOL §4 says so of a
    `retract`; a verdict and an `unjob` tell the same."""
    told = call.result.get("reason")
    heard = call.args.get("after_retract") or _last_told(call.args.get("standing", ""))
    match call.outcome:
        case "taken":
            return bool(heard == "taken")
        case "gone":
            return told is not None and bool(heard == told)
        case _:
            return bool(heard) and told in ("not_offered", "declined", "suspended")


def _last_told(standing: str) -> str:
    """Of `verdict taken`, `verdict gone escalated`, `unjob reassigned` and the like the reason; '' of `offered`."""
    kind, _, reason = standing.partition(" ")
    if kind == "unjob":
        return _AFTER_JOB.get(reason, reason)
    return reason.split(" ")[-1] if kind in ("retract", "verdict") else ""


def _loses(now: Face, call: Call) -> bool:
    """The holder is told nothing but `won`."""
    match call.outcome:
        case "taken":
            return now.holder not in ("", call.actor)
        case "gone":
            return now.status in ("escalated", *TERMINAL) and now.status == call.result.get("reason")
        case _:
            return now.holder != call.actor


def _conflicts(now: Face, call: Call) -> bool:
    """Take-up, capacity, presence and suspension are no matter of this model: what they forbid may always conflict."""
    match call.op:
        case "cancel":  # its customer may not from `working` on
            return now.status in (*TERMINAL, "working")
        case "release":
            return now.status not in HELD
        case "progress":
            return now.status not in HELD or STEPS.index(call.args["step"]) < STEPS.index(now.status)
        case _:
            return now.status != ABSENT
