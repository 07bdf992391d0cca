"""The sequential specification of one order's calls, and the check of a recorded history against it.

A change is decided (in Redis: grabs and commands see it) and stands later (in PostgreSQL: reads see it), in the order
of the decisions; whoever is answered `won` or `ok` is answered after that. So such a call is two operations within its
times: it decides, it stands. Knows neither sockets nor how the server does it. Invariant: every answer must have a
reason in the state of its time.

What the recorder owes: a call with the times and outcome of each asking (an answer that asks for a repeat is none); of
each timeout that may have happened one call without actor; of a grab `args["after_retract"]` (or `standing`), the
reason why its session has the order no more; `args["role"]` of an agent who only reads. `result["status"]` of a
conflict, if given, is checked.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.faults.history import Call, History
from tests.faults.linear import MOST_CONFIGURATIONS, Answer, Finding, Operation
from tests.faults.linear import check as search
from tests.faults.order_rules import ABSENT, OPS, TERMINAL, TIMEOUTS, Face, effect, is_justified, repeats

DURABLE = ("won", "ok")

View = tuple[str, str, int]


class Awaited(NamedTuple):
    """The call of that number decided, or met what was decided: it is answered once the first `depth` of `decided`
    stand. Its answer shows `face`, if nothing later."""

    number: int
    depth: int
    face: Face


class State(NamedTuple):
    """`standing` is what reads see, `decided` what was decided since, in order. `shown`: the highest version that was
    seen, and of what."""

    standing: Face
    decided: tuple[Face, ...] = ()
    awaited: tuple[Awaited, ...] = ()
    shown: tuple[int, View] | None = None

    @property
    def now(self) -> Face:
        return self.decided[-1] if self.decided else self.standing


class Part(NamedTuple):
    """One operation of the search: the call decides, or what it decided `stands`."""

    call: Call
    number: int
    stands: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """A history of one order that has no explanation. `calls`: those that are needed to see it."""

    order_id: str
    answer: Answer
    calls: tuple[Call, ...]
    explanation: str


def check(history: History, *, redis_lost_data: bool = False) -> list[Fault]:
    """Every order of a history. `redis_lost_data`: what was decided and did not stand yet may have been undone."""
    found = (check_order(calls, redis_lost_data=redis_lost_data) for _, calls in history.of_orders())
    return [fault for fault in found if fault]


def check_order(
    calls: Sequence[Call], *, redis_lost_data: bool = False, most: int = MOST_CONFIGURATIONS
) -> Fault | None:
    """None: there is an explanation. A history that is not decided within `most` configurations is a fault, too."""
    model = OrderModel(calls, redis_lost_data=redis_lost_data)
    finding = model.find(most=most)
    if finding.answer is Answer.LINEARIZABLE:
        return None
    left_out: frozenset[int] = frozenset()
    if finding.answer is Answer.NONLINEARIZABLE and (left_out := _needless(model, most)):
        finding = model.find(left_out, most)
    needed = tuple(call for i, call in enumerate(calls) if i not in left_out)
    return Fault(calls[0].order_id, finding.answer, needed, _explain(model, left_out, finding))


class OrderModel:
    """Of the calls on one order. An unknown op raises ValueError."""

    def __init__(self, calls: Sequence[Call], *, redis_lost_data: bool) -> None:
        if unknown := [call for call in calls if call.op not in OPS]:
            raise ValueError(f"no such call: {unknown[0]}")
        self.calls = calls
        self._lossy = redis_lost_data
        agents = {call.actor for call in calls if call.op == "grab" or call.args.get("role") in ("valet", "shop")}
        self._agents = frozenset(agents | {call.args["agent_id"] for call in calls if call.op == "assign"})
        self._scheduled = any("scheduled" in (c.result.get("status"), "scheduled_at" in c.args) for c in calls)
        # Who placed it was never answered, if nobody recorded it: then it may be there from the start.
        placed = any(call.op == "place" for call in calls)
        self.initial = State(Face(ABSENT if placed else "scheduled" if self._scheduled else "open"))
        self._rivals = [self._overlapping(call) for call in calls] if redis_lost_data else []

    def find(self, left_out: frozenset[int] = frozenset(), most: int = MOST_CONFIGURATIONS) -> Finding:
        """`left_out`: numbers of calls that are not looked at. `prefix` and `stuck` are positions in `operations`."""
        return search(self.operations(left_out), self.initial, self.step, self.is_hopeless, self.is_free, most)

    def operations(self, left_out: frozenset[int] = frozenset()) -> list[Operation[Part]]:
        return [operation for operation in self._operations() if operation.what.number not in left_out]

    def _operations(self) -> Iterator[Operation[Part]]:
        for i, call in enumerate(self.calls):
            returned_at = call.returned_at if _is_answered(call) else None
            if returned_at is not None or call.op != "read":
                yield Operation(call.called_at, returned_at, Part(call, i), kin=_kin(call))
            if _is_durable(call):
                yield Operation(call.called_at, returned_at, Part(call, i, stands=True), late=not _may_show_later(call))
        if self._scheduled and not any(call.op == "open" for call in self.calls):
            first = self.calls[0]
            opening = Call(first.order_id, "open", "", first.called_at, {})
            yield Operation(first.called_at, None, Part(opening, len(self.calls)))

    def step(self, state: State, part: Part) -> Iterable[State]:
        if part.stands:
            return _stand(state, part)
        if part.call.op == "read":
            return self._read(state, part.call)
        found = [new for present in self._presents(state) for new in self._decide(present, part)]
        if state in found and _observes(part.call):
            return [state]  # what may be undone now may be undone later
        if not found and self._lossy and _observes(part.call) and self._saw_undone(state, part):
            return [state]
        return found

    def is_hopeless(self, state: State, part: Part) -> bool:
        """Fences and versions never go back, and what has ended stays as it is."""
        call, sure = part.call, self._sure(state)
        if part.stands:
            return False
        if call.op == "read":
            version, fence = call.result.get("version"), call.result.get("fence")
            behind = version is not None and state.shown is not None and version < state.shown[0]
            return behind or (fence is not None and fence < state.standing.fence)
        shown = call.result if call.op in ("grab", "assign") else call.args
        if call.outcome in DURABLE and (shown.get("fence") or sure.fence) < sure.fence:
            return True
        return sure.status in TERMINAL and call.outcome != "not_found" and not self._decide(state, part)

    def is_free(self, state: State, successor: State, part: Part) -> bool:
        """An observation, or a holder who hears the same again: later he might wait for more, never for less. But what
        he hears can not be undone."""
        if part.stands or self._lossy or not _is_durable(part.call):
            return _observes(part.call) and successor == state
        if part.call.op == "grab" and "fence" not in part.call.result:
            return False  # it may be another win, later
        return successor == _awaiting(state, part, state.now) and _matches(state.now, part.call.result)

    def _sure(self, state: State) -> Face:
        """The latest that can not be undone."""
        if not self._lossy:
            return state.now
        return state.decided[relied_on - 1] if (relied_on := _relied_on(state)) else state.standing

    def _decide(self, state: State, part: Part) -> list[State]:
        call, now = part.call, state.now
        if _observes(call):
            return [state] if is_justified(now, state.standing, call, self._agents) else []
        if call.op == "place":
            return self._placed(state, part) if now.status == ABSENT else []
        if self._is_repeat(now, call):
            return [_awaiting(state, part, now)]
        changed = self._effect(now, part)
        if changed is None:
            return []
        state = state._replace(decided=(*state.decided, changed))
        return [_awaiting(state, part, changed) if _is_durable(call) else state]

    def _is_repeat(self, now: Face, call: Call) -> bool:
        """The holder who grabs again hears the same `won`."""
        if not _is_answered(call):
            return False
        if call.op == "grab":
            return now.holder == call.actor and call.result.get("fence", now.fence) == now.fence
        return repeats(now, call, self._agents)

    def _effect(self, now: Face, part: Part) -> Face | None:
        changed = effect(now, part.call, self._agents)
        if changed is None or part.call.op not in ("grab", "assign") or not _is_answered(part.call):
            return changed
        fence = part.call.result.get("fence") or changed.fence
        if 0 < fence - changed.fence <= self._lost_fences(part.number):
            return changed._replace(fence=fence)
        return None if part.call.outcome == "won" and fence != changed.fence else changed

    def _placed(self, state: State, part: Part) -> list[State]:
        """An order stands before Redis hears of it."""
        faces = [Face("scheduled"), Face("open")] if self._scheduled else [Face("open")]
        states = [state._replace(standing=face) for face in faces]
        if not _is_durable(part.call):
            return states
        return [_awaiting(each, part, face) for each, face in zip(states, faces, strict=True)]

    def _read(self, state: State, call: Call) -> list[State]:
        if call.outcome == "ok":
            return _shown(state, call.result)
        depths = range(len(state.decided) + 1) if call.outcome == "not_found" else ()
        risen = (_risen(state, depth) for depth in depths)
        return [each for each in risen if self._is_hidden(each.standing, call.actor)][:1]

    def _is_hidden(self, face: Face, reader: str) -> bool:
        return face.status == ABSENT or (reader in self._agents and face.holder != reader)

    # --- when Redis lost data ---------------------------------------------------------------------------

    def _presents(self, state: State) -> Iterator[State]:
        """What nobody who was answered relies on may be undone, the last first."""
        yield state
        if self._lossy:
            for kept in range(len(state.decided) - 1, _relied_on(state) - 1, -1):
                yield state._replace(decided=state.decided[:kept])

    def _saw_undone(self, state: State, part: Part) -> bool:
        """Whether a call under way at the same time gave the answer its reason, by a decision that was lost."""
        for i in self._rivals[part.number]:
            lost = effect(state.now, self.calls[i], self._agents)
            if lost is not None and is_justified(lost, state.standing, part.call, self._agents):
                return True
        return False

    def _lost_fences(self, index: int) -> int:
        """Assignments that were lost may have used up fences, from which a later one goes on."""
        return sum(self.calls[i].op in ("grab", "assign") for i in self._rivals[index]) if self._lossy else 0

    def _overlapping(self, call: Call) -> list[int]:
        def overlaps(other: Call) -> bool:
            begins = call.returned_at is None or other.called_at <= call.returned_at
            return begins and (not _is_answered(other) or (other.returned_at or 0) >= call.called_at)

        return [i for i, other in enumerate(self.calls) if other is not call and overlaps(other)]


# --- deciding and standing ------------------------------------------------------------------------------


def _is_answered(call: Call) -> bool:
    """An answer that says: ask again, is none. The call may have taken effect all the same."""
    again = call.outcome == "unavailable" or call.result.get("reason") == "unavailable"
    return call.returned_at is not None and not again


def _kin(call: Call) -> Hashable:
    """All that the effect of a call depends on: of one who asks ten times in vain, each asking does the same."""
    return call.op, call.actor, *(call.args.get(name) for name in ("agent_id", "fence", "step"))


def _observes(call: Call) -> bool:
    return _is_answered(call) and (call.op == "read" or call.outcome not in DURABLE)


def _is_durable(call: Call) -> bool:
    """Whether it was answered only after what it says stood. Timeouts are known by whoever reads the log."""
    return _is_answered(call) and call.outcome in DURABLE and call.op not in ("read", *TIMEOUTS)


def _relied_on(state: State) -> int:
    return max((awaited.depth for awaited in state.awaited), default=0)


def _may_show_later(call: Call) -> bool:
    """Whether its answer may show what the order was in the middle of the call, long after it took effect: one that
    was asked again, or waited for PostgreSQL, is shown the order of that moment."""
    repeated = call.result.get("tries", 1) > 1 or call.op in ("place", "grab")
    return repeated and "status" in call.result


def _awaiting(state: State, part: Part, face: Face) -> State:
    awaited = Awaited(part.number, len(state.decided), face)
    return state._replace(awaited=tuple(sorted((*state.awaited, awaited), key=lambda each: each.number)))


def _risen(state: State, depth: int) -> State:
    """The first `depth` decisions stand."""
    if depth == 0:
        return state
    awaited = tuple(each._replace(depth=max(0, each.depth - depth)) for each in state.awaited)
    return state._replace(standing=state.decided[depth - 1], decided=state.decided[depth:], awaited=awaited)


def _stand(state: State, part: Part) -> list[State]:
    """What the call decided stands now; its answer shows that, or what stands since."""
    mine = next((each for each in state.awaited if each.number == part.number), None)
    if mine is None:
        return []
    state = state._replace(awaited=tuple(each for each in state.awaited if each is not mine))
    state, result = _risen(state, mine.depth), part.call.result
    if not _matches(mine.face, result):
        return _shown(state, result)
    version = result.get("version")
    if version is None or (state.shown and version < state.shown[0]):
        return [state]
    return [_noted(state, version, mine.face)] if _is_news(state, version, mine.face) else []


def _shown(state: State, result: Mapping[str, Any]) -> list[State]:
    """A read. To let as little stand as possible leaves the most open to what comes."""
    version = result.get("version")
    for depth in range(len(state.decided) + 1):
        risen = _risen(state, depth)
        if _matches(risen.standing, result) and _is_news(state, version, risen.standing):
            return [risen if version is None else _noted(risen, version, risen.standing)]
    return []


def _view(face: Face) -> View:
    return face.status, face.holder, face.fence


def _matches(face: Face, result: Mapping[str, Any]) -> bool:
    """As far as the answer shows it; null is nobody, or no fence."""
    if face.status == ABSENT:
        return False
    view = zip(("status", "holder", "fence"), _view(face), strict=True)
    return all((result[name] or type(value)()) == value for name, value in view if name in result)


def _is_news(state: State, version: int | None, face: Face) -> bool:
    """Versions never go back, and one version has one face."""
    return version is None or state.shown is None or version > state.shown[0] or (version, _view(face)) == state.shown


def _noted(state: State, version: int, face: Face) -> State:
    return state._replace(shown=(version, _view(face)))


# --- the explanation ------------------------------------------------------------------------------------


def _needless(model: OrderModel, most: int) -> frozenset[int]:
    """The observations without which the fault is there still: to leave one out never makes a history wrong."""
    left_out: frozenset[int] = frozenset()
    for i, call in enumerate(model.calls):
        if _observes(call):
            fewer = left_out | {i}
            if model.find(fewer, most).answer is Answer.NONLINEARIZABLE:
                left_out = fewer
    return left_out


def _explain(model: OrderModel, left_out: frozenset[int], finding: Finding) -> str:
    calls = model.calls
    parts = [operation.what for operation in model.operations(left_out)]
    lines = [f"order {calls[0].order_id}: {finding.answer} after {finding.configurations} configurations"]
    lines += [f"  {i:3d} {_line(call, calls[0].called_at)}" for i, call in enumerate(calls) if i not in left_out]
    lines.append(f"  longest explanation (* stands): {' '.join(_sign(parts[i]) for i in finding.prefix)}")
    if finding.stuck is not None:
        lines.append(f"  can not follow: {_sign(parts[finding.stuck])}")
    return "\n".join(lines)


def _sign(part: Part) -> str:
    return f"{part.number}{'*' if part.stands else ''}"


def _line(call: Call, began: int) -> str:
    ended = "…" if call.returned_at is None else f"{(call.returned_at - began) / 1e6:.3f}"
    times = f"{(call.called_at - began) / 1e6:.3f} to {ended} ms"
    return f"{times}: {call.actor} {call.op} {dict(call.args)} → {call.outcome or 'no answer'} {dict(call.result)}"
