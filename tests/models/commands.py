"""Rules of the machine: orders that come in, are edited, and whose time passes.

Owns how each command is issued on both sides, and the loss of its answer. Knows no fault of Redis or PostgreSQL
(`losses` does). Invariant: a command that was answered `ok` stands in PostgreSQL, on both sides.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from ulid import ULID

from dispatch.assembly import Dispatch
from dispatch.engine import Due
from dispatch.errors import Refused, Unavailable
from dispatch.identity import Identity, Role
from dispatch.order import TERMINAL, Customer, Spot, Status
from dispatch.order import Order as DispatchOrder
from dispatch.policy import Round
from dispatch.state import Draft, new_state
from dispatch.store import Reply
from tests.conftest import SERVICE
from tests.models import looks
from tests.models.archive import Archive
from tests.models.house import Answer, House
from tests.models.orders import KINDS, PLAN, read
from tests.models.play import Play, same
from tests.models.stage import Fate

DISPATCHERS = tuple(Identity(name, Role.DISPATCHER, None, 2**53) for name in ("d-1", "d-2"))
CUSTOMER = Identity("c-1", Role.CUSTOMER, None, 2**53)
SPOTS = (0.0, 500.0, 2500.0)
"""Where orders lie, metres north of the centre."""
FAR = 4_000_000_000_000
MOST_UNFINISHED = 8
ROUNDS = tuple(Round(radius_m=r.radius_m, limit=r.limit, seconds=r.seconds, bonus_fen=r.bonus_fen) for r in PLAN)
PLAN_TEXT = msgspec.json.encode(ROUNDS).decode()

NEWEST = -1
"""Of the fitting ones; see `some`."""
picks = st.integers(0, 99)
agents = st.integers(0, 3)
dispatchers = st.sampled_from(DISPATCHERS)
edits = st.sampled_from(["price", "bonus", "place", "place", "place", "later", "now"])
fates = st.sampled_from([Fate.ANSWERS, Fate.ANSWERS, Fate.ANSWERS, Fate.DIES_AFTER])


class Call(NamedTuple):
    """One command as a client repeats it: the same request, whatever became of the first answer."""

    order_id: str
    real: Callable[[Dispatch, DispatchOrder], Awaitable[Any]]
    model: Callable[[House, Archive], str]
    request: str


class Placing(NamedTuple):
    kind: str
    draft: Draft
    request: str


def request() -> str:
    return f"k{ULID()}"


def whole(self: Play) -> bool:
    return bool(self.orders) and not self.broken


class Commands(Play):
    def __init__(self) -> None:
        super().__init__()
        self.placings: dict[str, Placing] = {}
        self.calls: list[Call] = []
        self.dues: list[Due] = []
        """Deadlines that an engine has read: it may be slow."""

    # --- choosing -------------------------------------------------------------------------------------

    def some(self, pick: int, *statuses: Status) -> str:
        """An order, mostly one in such a status."""
        fitting = [order_id for order_id in self.orders if self._status(order_id) in statuses]
        among = fitting if fitting and pick < 80 else self.orders
        return among[pick % len(among)]

    def _status(self, order_id: str) -> str:
        return (self.house.orders.get(order_id) or self.archive.rows[order_id]).status

    def agent(self, number: int) -> str:
        return [*self.records][number % len(self.records)]

    def who(self, order_id: str, number: int | None) -> Identity:
        """The agent of that number, else the one who holds the order; a dispatcher when nobody does."""
        holder = self._row(order_id).agent_id if number is None else self.agent(number)
        if not holder:
            return DISPATCHERS[0]
        return self._identity(holder)

    def _identity(self, agent_id: str) -> Identity:
        return Identity(agent_id, Role(self.records[agent_id].role), None, 2**53)

    def _row(self, order_id: str) -> Any:
        return self.house.orders.get(order_id) or self.archive.rows[order_id]

    # --- issuing --------------------------------------------------------------------------------------

    def issue(self, call: Call, fate: Fate) -> None:
        """A command, on both sides; it may be repeated later."""
        shown: object = None
        with self.node.tap.listening(fate) as heard:
            shown = self.run(_answered(call, self.dispatch))
        picture = self.look()
        self.tell(picture)
        answer = self.house.perform(lambda house: call.model(house, self.archive), call.request)
        same("outcome", heard[-1].outcome, answer.outcome)
        self.align(picture)
        if fate is Fate.ANSWERS:
            refused = isinstance(shown, Exception)
            assert refused is (answer.outcome != "ok"), shown
            if not refused:
                self._answered(call.order_id, shown, answer)
        self.compare(picture)

    def _answered(self, order_id: str, shown: object, answer: Answer) -> None:
        self.taken_in(answer.events)
        if isinstance(shown, DispatchOrder):
            ours = [event.order for event in answer.events if event.order and event.order.id == order_id]
            expected = ours[-1] if ours else self.archive.rows[order_id]
            found = (shown.status, shown.version, shown.fence, shown.holder or "")
            same("the answer", found, (expected.status, expected.version, expected.fence, expected.holder))

    def first(self, call: Call, fate: Fate) -> None:
        self.calls.append(call)
        self.issue(call, fate)

    @precondition(lambda self: self.calls and not self.broken)
    @rule(pick=picks)
    def repeat(self, pick: int) -> None:
        """Its answer was lost, or it is thought to be lost."""
        self.issue(self.calls[-1 - pick % len(self.calls[-8:])], Fate.ANSWERS)

    # --- coming in ------------------------------------------------------------------------------------

    @precondition(lambda self: not self.broken and self.unfinished < MOST_UNFINISHED)
    @rule(
        kind=st.sampled_from(sorted(KINDS)),
        spot=st.sampled_from(SPOTS),
        scheduled=st.sampled_from([False, False, False, True]),
        bonus=st.sampled_from([0, 700]),
        fate=st.sampled_from([Fate.ANSWERS, Fate.ANSWERS, Fate.ANSWERS, Fate.DIES_BEFORE, Fate.DIES_AFTER]),
    )
    def place_order(self, kind: str, spot: float, scheduled: bool, bonus: int, fate: Fate) -> None:
        draft = Draft(
            customer=Customer(CUSTOMER.sub, "Li", None),
            place=Spot(self.city.at(spot), "1 Example Road"),
            destination=None,
            details={"note": "flat tyre"},
            price_fen=18000,
            bonus_fen=bonus,
            scheduled_at=FAR if scheduled else None,
        )
        order_id = str(ULID())
        self.orders.append(order_id)
        self.placings[order_id] = Placing(kind, draft, request())
        self._place(order_id, fate)

    @property
    def unfinished(self) -> int:
        return sum(self._status(order_id) not in TERMINAL for order_id in self.orders)

    @precondition(whole)
    @rule(pick=picks)
    def place_again(self, pick: int) -> None:
        self._place(self.orders[pick % len(self.orders)], Fate.ANSWERS)

    def _place(self, order_id: str, fate: Fate) -> None:
        kind, draft, same_request = self.placings[order_id]
        placing = self.dispatch.intake.place(SERVICE, kind, draft, region=None, order_id=order_id, request=same_request)
        with self.node.tap.listening(fate) as heard:
            self.run(placing)
        if order_id not in self.archive.rows:
            created_at = self.run(looks.sql(self.city)).rows[order_id].created_at
            self.archive.rows[order_id] = read(order_id, new_state(kind, draft, created_at))
        assert not (heard and self.archive.rows[order_id].version)
        self._entered(order_id, heard, same_request, fate)

    def _entered(self, order_id: str, heard: list[Reply], same_request: str, fate: Fate) -> None:
        """It is in the house now, if a script ran."""
        picture = self.look()
        self.tell(picture)
        if heard:
            row = self.archive.rows[order_id]
            opens_at = None if row.scheduled_at is None else row.scheduled_at - 1000 * KINDS[row.kind].lead_seconds
            answer = self.house.perform(lambda house: house.place(row, opens_at), same_request)
            same("outcome", heard[-1].outcome, answer.outcome)
            self.align(picture)
            if fate is Fate.ANSWERS:
                self.taken_in(answer.events)
        self.compare(picture)

    @precondition(whole)
    @rule()
    def sweep(self) -> None:
        """An engine opens the rows that Redis never heard of."""
        for order, state in self.run(self.dispatch.records.orders.unopened(self.region, FAR, 100)):
            with self.node.tap.listening(Fate.ANSWERS) as heard:
                self.run(self.engine._open(order, state))
            self._entered(order.id, heard, f"k{order.id}", Fate.ANSWERS)

    @precondition(whole)
    @rule(pick=picks, what=edits, spot=st.sampled_from(SPOTS),
          customer=st.booleans(), fate=fates)  # fmt: skip
    def edit(self, pick: int, what: str, spot: float, customer: bool, fate: Fate) -> None:
        wanted = Status.SCHEDULED if what in ("later", "now") else Status.OPEN
        order_id, who = self.some(pick, wanted), CUSTOMER if customer else DISPATCHERS[0]
        changes, parts = self._edited(what, pick, spot)

        def model(house: House, archive: Archive) -> str:
            row = archive.rows[order_id]  # what the server lays the change over
            at = parts.get("scheduled_at", row.scheduled_at)
            opens_at = None if at is None else at - 1000 * KINDS[row.kind].lead_seconds
            return house.edit(order_id, parts, row.plan, opens_at, customer=customer)

        again = request()
        self.first(Call(order_id, lambda d, order: d.intake.edit(who, order, changes, again), model, again), fate)

    def _edited(self, what: str, number: int, spot: float) -> tuple[dict[str, object], dict[str, Any]]:
        """What the client says, and the fields that hold it."""
        point = self.city.at(spot)
        edits: dict[str, tuple[dict[str, object], dict[str, Any]]] = {
            "price": ({"price_fen": 100 * number}, {"price_fen": 100 * number}),
            "bonus": ({"bonus_fen": 10 * number}, {"own_bonus_fen": 10 * number}),
            "place": ({"place": Spot(point, "1 Example Road")}, {"lat": repr(point.lat)}),
            "later": ({"scheduled_at": FAR + number}, {"scheduled_at": FAR + number}),
            "now": ({"scheduled_at": None}, {"scheduled_at": None}),
        }
        return edits[what]

    # --- time passing ---------------------------------------------------------------------------------

    @precondition(whole)
    @rule(pick=picks)
    def deadline(self, pick: int) -> None:
        """The order's own, as an engine reads it; whether it is slow shows in `old_deadline`."""
        self.read_deadline(pick)
        self.old_deadline(0)

    @precondition(whole)
    @rule(pick=picks)
    def read_deadline(self, pick: int) -> None:
        order = self._row(self.some(pick, *(status for status in Status if status not in TERMINAL)))
        due_at = "0" if order.due_at is None else str(order.due_at)
        self.dues.append(Due(order.id, due_at, Status(order.status), order.kind, order.round, order.plan))

    @precondition(lambda self: self.dues and not self.broken)
    @rule(pick=picks)
    def old_deadline(self, pick: int) -> None:
        due = self.dues[-1 - pick % len(self.dues)]
        if due.status in TERMINAL:
            return
        reply = self.run(self._let_pass(due))
        picture = self.look()
        self.tell(picture)
        answer = self.house.perform(
            lambda house: house.passed(due.order_id, int(due.due_at), due.status, due.plan, due.round)
        )
        same("outcome", reply.outcome, answer.outcome)
        self.compare(picture)

    async def _let_pass(self, due: Due) -> Reply:
        return await self.engine._command(due, await self.dispatch.catalog.policy(due.kind))

    @precondition(lambda self: not self.broken and self.overdue)
    @rule()
    def engine_turns(self) -> None:
        """What reconciliation left due now."""
        overdue = self.overdue
        self.run(self.engine._turn())
        picture = self.look()
        for order in overdue:
            at = next(event.at for _, event in picture.log if event.order_id == order.id)
            self.house.now, due_at, status = at, order.due_at or 0, order.status
            assert self.house.passed(order.id, due_at, status, order.plan, order.round) == "ok"
        self.compare(picture)

    @property
    def overdue(self) -> list[Any]:
        now = self.house.now
        return [order for order in self.house.orders.values() if order.due_at is not None and order.due_at <= now]


async def _answered(call: Call, dispatch: Dispatch) -> object:
    """What the asker hears, a refusal too."""
    order = await dispatch.transitions.find(call.order_id)
    assert order is not None
    try:
        return await call.real(dispatch, order)
    except (Refused, Unavailable) as exc:
        return exc
