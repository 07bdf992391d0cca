"""The model's house: every transition of an order, one after the other, as PROTOCOL §3 to §6 tell them.

Pure: the other half of what Redis knows (`crowd` is the first). Each method is one command, named like its script,
and returns the script's outcome; what happened stands in `log`. Invariant: a command that does not answer `ok` has
changed nothing.
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Self

from dispatch.order import CUSTODY, STEPS, TERMINAL
from tests.models.crowd import Crowd, Profile, metres
from tests.models.orders import KINDS, Event, Order, change, rounds_of

OFF_DESK: dict[str, Any] = {"desk_at": None, "stalled": 0, "taken_by": "", "taken_until": None}


class Answer(NamedTuple):
    outcome: str
    events: list[Event]


class _Kept(NamedTuple):
    epoch: int
    answer: Answer


class House(Crowd):
    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, _Kept] = {}
        """By request: the same asker hears the same answer."""
        self.since = 0
        """Answers of an older epoch do not count any more: they may speak of what was undone."""
        self.fleeting: set[str] = set()
        """Ended orders that Redis may let go of: PostgreSQL has them."""
        self.shown: list[Event] = []
        """Events that a command answers with though it changed nothing."""

    def copied(self) -> Self:
        """As a snapshot of Redis has it; events and orders never change, so they are shared."""
        other = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, dict | set | list):
                setattr(other, name, copy.copy(value))
        other.offers = {order_id: dict(offers) for order_id, offers in self.offers.items()}
        other.inbox = {agent_id: set(orders) for agent_id, orders in self.inbox.items()}
        return other

    def perform(self, command: Callable[[Self], str], request: str = "") -> Answer:
        """A command, or the answer that it was given before."""
        kept = self.kept.get(request)
        if kept and kept.epoch >= self.since:
            left = kept.answer.events if kept.epoch == self.epoch else []
            return Answer(kept.answer.outcome, [event for event in left if event in self.log])
        self.shown, start = [], len(self.log)
        outcome = command(self)
        happened = self.log[start:]
        answer = Answer(outcome, happened or self.shown)
        if request and happened and outcome == "ok":
            self.kept[request] = _Kept(self.epoch, answer)
        return answer

    # --- what no command does -------------------------------------------------------------------------

    def let_go(self, order_id: str) -> None:
        """Its time to live is over."""
        self.orders.pop(order_id, None)
        self.forget_offers(order_id)
        self.last.pop(order_id, None)
        self.tracked.discard(order_id)
        self.fleeting.discard(order_id)

    def ended(self, orders: Iterable[str]) -> None:
        """PostgreSQL has their end."""
        self.fleeting |= {order_id for order_id in orders if order_id in self.orders}

    def take_over(self, order: Order) -> None:
        """As PostgreSQL has it: no event says so, and nobody is offered it any more."""
        self.orders[order.id] = order
        self.reach = max(self.reach, (order.radius_m or 0) if order.status == "open" else 0)
        self.ended([order.id] if order.status in TERMINAL else [])

    def due(self, order_id: str, due_at: int) -> None:
        self.orders[order_id] = change(self.orders[order_id], due_at=due_at)

    # --- rounds ---------------------------------------------------------------------------------------

    def place(self, order: Order, opens_at: int | None) -> str:
        if order.id in self.orders:
            return "exists"
        if opens_at is not None and opens_at > self.now + 1000:
            self.commit(change(order, status="scheduled", due_at=opens_at), "placed")
            return "ok"
        order = self.commit(change(order, status="open", due_at=self.now, limit=0), "placed")
        self._open(order, "opened")
        return "ok"

    def passed(self, order_id: str, due_at: int, status: str, plan: str, number: int) -> str:
        """A deadline that was read as `due_at` in `status` (and round `number`): whatever it means then."""
        order = self.orders.get(order_id)
        held = order is not None and order.held and status in STEPS
        if order is None or order.due_at != due_at or (order.status != status and not held):
            return "passed"
        if status == "scheduled":
            self._open(order, "opened")
        elif status == "open" and number < len(rounds_of(order.kind, plan)):
            self._start_round(order, "widened", plan, number + 1)
        elif status == "open":
            self.commit(self._at_desk(order), "escalated")
        elif status == "escalated":
            self.commit(change(order, status="expired", due_at=None, **OFF_DESK), "expired")
        else:
            self.commit(change(order, stalled=1, desk_at=self.now, due_at=None), "stalled")
        return "ok"

    def _open(self, order: Order, kind: str, plan: str = "") -> None:
        """An entry into open: earlier offers are forgotten."""
        self.forget_offers(order.id)
        self._start_round(change(order, offered=0), kind, plan, 1)

    def _start_round(self, order: Order, kind: str, plan: str, number: int) -> None:
        rounds, terms = rounds_of(order.kind, plan), KINDS[order.kind]
        begun = rounds[number - 1]
        self.reach = max(self.reach, begun.radius_m)
        changed = change(
            order,
            status="open",
            round=number,
            rounds=len(rounds),
            radius_m=begun.radius_m,
            limit=begun.limit,
            audience=",".join(terms.audience),
            stall=terms.stall,
            round_offered=0,
            due_at=self.now + 1000 * begun.seconds,
            round_bonus_fen=begun.bonus_fen,
            bonus_fen=max(order.own_bonus_fen, begun.bonus_fen),
            **OFF_DESK,
        )
        matched, agents = self.match_order(changed)
        self.commit(matched, kind, agents)

    def _at_desk(self, order: Order) -> Order:
        due_at = self.now + 1000 * KINDS[order.kind].desk_seconds
        return change(order, status="escalated", desk_at=self.now, due_at=due_at)

    def _stall_due(self, order: Order, status: str) -> int | None:
        seconds = KINDS[order.kind].stall_seconds.get(status) if order.stall else None
        return self.now + 1000 * seconds if seconds else None

    # --- agents' commands -----------------------------------------------------------------------------

    def claim(self, order_id: str, agents: Sequence[str]) -> list[str] | None:
        """One verdict each, in order of arrival; None: there is no such order."""
        if order_id not in self.orders:
            return None
        self.shown = []
        return [self._judge(order_id, agent_id) for agent_id in agents]

    def _judge(self, order_id: str, agent_id: str) -> str:
        order, agent = self.orders[order_id], self.agents.get(agent_id)
        offered = agent_id in self.offers.get(order_id, {})
        if order.holder == agent_id:
            self.shown = self.last_event(order_id)
            return "won"
        if agent_id in order.declined:
            return "refused declined"
        if offered and order.status != "open":
            return "taken" if order.held else f"gone {order.status}"
        if agent and agent.profile.suspended:
            return "refused suspended"
        if agent is None or not offered:
            return "refused not_offered"
        if agent.status != "available":
            return "refused paused"
        if self.load(agent_id) >= agent.profile.capacity:
            return "refused at_capacity"
        self._give(order, agent_id, agent.profile, by="grab", dispatcher_id="")
        return "won"

    def _give(self, order: Order, agent_id: str, profile: Profile, **changes: Any) -> None:
        order = change(
            order,
            status="assigned",
            agent_id=agent_id,
            agent_role=profile.role,
            agent_name=profile.name,
            agent_phone=profile.phone,
            fence=order.fence + 1,
            assigned_at=self.now,
            reason="",
            **changes,
        )
        self.commit(change(order, due_at=self._stall_due(order, "assigned")), "assigned")

    def decline(self, order_id: str, agent_id: str) -> str:
        order = self.orders.get(order_id)
        if order is None or agent_id not in self.offers.get(order_id, {}):
            return "not_offered"
        if order.status == "open" and agent_id not in order.declined:
            self.inbox[agent_id].discard(order_id)
            self.commit(change(order, declined=(*order.declined, agent_id)), "declined")
        return "ok"

    def progress(self, order_id: str, agent_id: str, fence: int, step: str) -> str:
        order = self.orders.get(order_id)
        if refusal := _stranger(order, agent_id, fence):
            return refusal
        assert order
        if order.status == step and order.agent_id not in order.released:
            self.shown = self.last_event(order_id)
            return "ok"
        if not order.held:
            return "not_held"
        if STEPS.index(step) < STEPS.index(order.status):
            return "backward"
        finished = step == "completed"
        due_at = None if finished else self._stall_due(order, step)
        self.commit(
            change(order, **OFF_DESK | {"status": step, "due_at": due_at}), "completed" if finished else "progressed"
        )
        if finished:
            self.match_agent(order.agent_id)
        return "ok"

    def release(self, order_id: str, agent_id: str, fence: int, reason: str, plan: str) -> str:
        order = self.orders.get(order_id)
        if refusal := _stranger(order, agent_id, fence):
            return refusal
        assert order
        if not order.held:
            return "not_held"
        given = change(order, reason=reason, released=_with(order.released, order.agent_id), **OFF_DESK)
        if order.status in CUSTODY:
            self.commit(self._at_desk(given), "released")
        else:
            self._open(given, "released", plan)
        self.match_agent(order.agent_id)
        return "ok"

    def note(self, order_id: str, agent_id: str, unshared: str, shared: str, most: int) -> str:
        """Said by voice, in the form for either case; by an agent (not '') only to what he holds."""
        order = self.orders.get(order_id)
        if order is None:
            return "missing"
        if agent_id and order.holder != agent_id:
            return "not_holder"
        if order.status in TERMINAL:
            return "wrong_status"
        said = [text for text in order.voice_notes[1:-1].split("},") if text]
        if len(said) >= most:
            return "too_many"
        said = [*(text.removesuffix("}") + "}" for text in said), unshared if order.held else shared]
        self.commit(change(order, voice_notes=f"[{','.join(said)}]"), "noted")
        return "ok"

    # --- the desk -------------------------------------------------------------------------------------

    def assign(self, order_id: str, agent_id: str, profile: Profile, dispatcher: str, *, force: bool) -> str:
        order = self.orders.get(order_id)
        if order is None:
            return "missing"
        if order.status in TERMINAL or order.status == "scheduled":
            return "wrong_status"
        if order.holder == agent_id:
            return "holds"
        if profile.suspended:
            return "suspended"
        if not force and (refusal := self._unfit(order, agent_id, profile, dispatcher)):
            return refusal
        previous = order.holder
        released = tuple(other for other in order.released if other != agent_id)
        if previous:
            released = _with(released, previous)
        changes = OFF_DESK | {"released": released, "stall": KINDS[order.kind].stall}
        self._give(change(order, **changes), agent_id, profile, by="desk", dispatcher_id=dispatcher)
        if previous:
            self.match_agent(previous)
        return "ok"

    def _unfit(self, order: Order, agent_id: str, profile: Profile, dispatcher: str) -> str | None:
        agent = self.agents.get(agent_id)
        if self._taken(order, dispatcher):
            return "taken_up"
        if agent is None or not agent.reachable:
            return "unreachable"
        if agent.status != "available":
            return "paused"
        return "at_capacity" if self.load(agent_id) >= profile.capacity else None

    def _taken(self, order: Order, dispatcher: str) -> bool:
        return order.taken_by not in ("", dispatcher) and (order.taken_until or 0) > self.now

    def cancel(self, order_id: str, reason: str, *, customer: bool) -> str:
        order = self.orders.get(order_id)
        if order is None:
            return "missing"
        if order.status in TERMINAL or (customer and order.status == "working"):
            return "wrong_status"
        self.commit(change(order, status="cancelled", due_at=None, reason=reason, **OFF_DESK), "cancelled")
        if order.holder:
            self.match_agent(order.holder)
        return "ok"

    def _at_hand(self, order_id: str, dispatcher: str) -> str | None:
        """Why a dispatcher can do nothing with it at the desk."""
        order = self.orders.get(order_id)
        if order is None:
            return "missing"
        if order.status != "escalated":
            return "wrong_status"
        return "taken_up" if self._taken(order, dispatcher) else None

    def close(self, order_id: str, dispatcher: str, outcome: str) -> str:
        if refusal := self._at_hand(order_id, dispatcher):
            return refusal
        ended: dict[str, Any] = {"status": "completed", "due_at": None, "reason": outcome}
        self.commit(change(self.orders[order_id], **OFF_DESK | ended), "closed")
        return "ok"

    def reopen(self, order_id: str, dispatcher: str, plan: str, bonus_fen: int | None) -> str:
        if refusal := self._at_hand(order_id, dispatcher):
            return refusal
        order = change(self.orders[order_id], plan=plan)
        if bonus_fen is not None:
            order = change(order, own_bonus_fen=bonus_fen)
        self._open(order, "reopened", plan)
        return "ok"

    def take_up(self, order_id: str, dispatcher: str, hold_ms: int) -> str:
        order = self.orders.get(order_id)
        if order is None:
            return "missing"
        if order.desk_at is None:
            return "wrong_status"
        if self._taken(order, dispatcher):
            return "taken_up"
        self.commit(change(order, taken_by=dispatcher, taken_until=self.now + hold_ms), "taken_up")
        return "ok"

    # --- what its client says of it -------------------------------------------------------------------

    def edit(self, order_id: str, parts: dict[str, Any], plan: str, opens_at: int | None, *, customer: bool) -> str:
        order = self.orders.get(order_id)
        if order is None:
            return "missing"
        edited = change(order, **parts)
        if order.status in TERMINAL or (customer and order.held):
            return "wrong_status"
        if edited.scheduled_at != order.scheduled_at and order.status != "scheduled":
            return "not_scheduled"
        if edited == order:
            self.shown = self.last_event(order_id)
            return "ok"
        edited = change(edited, bonus_fen=max(edited.own_bonus_fen, edited.round_bonus_fen))
        agents: list[str] = []
        if order.status == "open" and edited.lat != order.lat:
            edited, agents = self.match_order(self._retract(edited))
        again = edited.scheduled_at != order.scheduled_at
        opens = again and (opens_at is None or opens_at <= self.now + 1000)
        if again and not opens:
            edited = change(edited, due_at=opens_at)
        edited = self.commit(edited, "edited", agents)
        if opens:
            self._open(edited, "opened", plan)
        return "ok"

    def _retract(self, order: Order) -> Order:
        """Of those who stand outside the round's radius of the new place."""
        offers = self.offers.get(order.id, {})
        gone = [agent for agent in offers if agent not in order.declined and self._beyond(order, agent)]
        of_round = sum(offers[agent] == order.round for agent in gone)
        for agent in gone:
            del offers[agent]
            self.inbox[agent].discard(order.id)
        return change(order, round_offered=order.round_offered - of_round, offered=order.offered - len(gone))

    def _beyond(self, order: Order, agent_id: str) -> bool:
        at = self.agents[agent_id].at
        return at is None or metres(at, float(order.lat)) > (order.radius_m or 0)


def _stranger(order: Order | None, agent_id: str, fence: int) -> str | None:
    """Why a job is not his to move: '' is a dispatcher, who needs the present fence only."""
    if order is None:
        return "missing"
    if agent_id and order.agent_id != agent_id and agent_id not in order.released:
        return "not_holder"
    stale = order.fence != fence or (agent_id and order.agent_id != agent_id)
    return "stale_fence" if stale else None


def _with(agents: tuple[str, ...], agent_id: str) -> tuple[str, ...]:
    return agents if agent_id in agents else (*agents, agent_id)
