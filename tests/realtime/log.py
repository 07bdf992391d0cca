"""A region's log written by hand: entries as `emit` appends them, for what is tested without Redis."""

from typing import Any

import msgpack  # type: ignore[import-untyped]  # it has no types

from dispatch import say
from dispatch.events import Event, Type
from dispatch.order import HELD, Customer, Order, Spot, Status
from dispatch.people import DeskPresent, Present
from dispatch.policy import Policy, Round
from dispatch.state import Draft, State, new_state, order_of
from dispatch.voice.links import Links
from dispatch.voice.note import Note, encode_all, waveform_text
from geo.point import Point
from realtime.showing import Showing
from realtime.telling import Telling

PLACE = Spot(Point(31.230416, 121.473701), "1 Example Road")
DESTINATION = Spot(Point(31.198765, 121.451234), "2 Sample Street")
PRIVATE = ("plate", "vin")
NOW = 1790000000000
LINKS = Links(b"a key as the database keeps one!")
POLICY = Policy(
    kind="towing",
    audience=("valet",),
    rounds=(Round(radius_m=3000, limit=20, seconds=15.0),),
    private_details=PRIVATE,
    listen="after",
)


def showing(policy: Policy | None = POLICY) -> Showing:
    return Showing(lambda kind: policy, say.DEFAULT, LINKS, lambda: NOW)


SHOWING = showing()


def note(note_id: str = "n-1", *, by: str = "customer:c-1", shared: bool = True) -> Note:
    return Note(
        id=note_id, mime="audio/ogg", seconds=6.4, bytes=14835, sha256="ab" * 32, waveform=waveform_text(bytes(64)),
        by=by, at=NOW, kept_until_at=NOW + 1000, shared=shared,
    )  # fmt: skip


class Log:
    """Orders change only through `add`, which keeps their states as the scripts do."""

    def __init__(self, region: str = "r", showing: Showing = SHOWING) -> None:
        self.region = region
        self.showing = showing
        self.n = 0
        self._states: dict[str, State] = {}

    def add(
        self,
        kind: Type,
        status: Status | None = None,
        *,
        order_id: str = "o-1",
        to: tuple[str, ...] = (),
        holder: str | None = None,
        customer: str = "c-1",
        data: dict[str, Any] | None = None,
        **changes: str,
    ) -> Telling:
        """`holder` None: nobody new holds it."""
        state = self._states.setdefault(order_id, _fresh(customer))
        was = state["agent_id"] if state["status"] in HELD else ""
        on_desk = state["desk_at"] != ""
        state |= changes | {"version": str(int(state["version"]) + 1)}
        if status is not None:
            state["status"] = status.value
        if holder is not None:
            fence = str(int(state["fence"]) + 1)
            state |= {"agent_id": holder, "agent_role": "valet", "agent_name": "Wang", "agent_phone": "+8613900000001"}
            state |= {"by": "grab", "fence": fence, "assigned_at": "1790000000000"}
        self.n += 1
        fields = {
            "n": str(self.n),
            "type": kind.value,
            "order": order_id,
            "version": state["version"],
            "to": ",".join(to),
            "holder": state["agent_id"] if state["status"] in HELD else "",
            "was": was,
            "customer": state["customer_id"],
            "desk": "1" if on_desk or state["desk_at"] else "",
        }
        body = {"at": 1790000000000 + self.n, "actor": "engine:", "epoch": 1, "data": data or {}, "state": state}
        flat = [part.encode() for pair in fields.items() for part in pair]
        return Telling(Event.of_flat(self.region, [*flat, b"body", msgpack.packb(body)]), self.showing)

    def opened(self, *to: str, order_id: str = "o-1") -> Telling:
        return self.add(Type.OPENED, Status.OPEN, order_id=order_id, to=to)

    def assigned(self, holder: str, order_id: str = "o-1") -> Telling:
        return self.add(Type.ASSIGNED, Status.ASSIGNED, order_id=order_id, holder=holder, desk_at="")

    def escalated(self, order_id: str = "o-1", desk_at: int = 1790000000000) -> Telling:
        return self.add(Type.ESCALATED, Status.ESCALATED, order_id=order_id, desk_at=str(desk_at))

    def cancelled(self, order_id: str = "o-1") -> Telling:
        return self.add(Type.CANCELLED, Status.CANCELLED, order_id=order_id, desk_at="")

    def declined(self, agent_id: str, order_id: str = "o-1") -> Telling:
        return self.add(Type.DECLINED, order_id=order_id, data={"agent_id": agent_id})

    def released(self, *to: str, order_id: str = "o-1") -> Telling:
        return self.add(Type.RELEASED, Status.OPEN, order_id=order_id, to=to)

    def progressed(self, status: Status, order_id: str = "o-1") -> Telling:
        kind = Type.COMPLETED if status is Status.COMPLETED else Type.PROGRESSED
        return self.add(kind, status, order_id=order_id)

    def noted(self, *notes: Note, order_id: str = "o-1") -> Telling:
        """The last of these was added."""
        data = {"note_id": notes[-1].id, "seconds": notes[-1].seconds, "by": notes[-1].by, "shared": notes[-1].shared}
        return self.add(Type.NOTED, order_id=order_id, data=data, voice_notes=encode_all(notes))

    def order(self, order_id: str = "o-1") -> Order:
        return order_of(order_id, self.region, self._states[order_id])

    def present(
        self, *, offers: tuple[str, ...] = (), jobs: tuple[str, ...] = (), more: tuple[str, ...] = ()
    ) -> Present:
        """What an agent would be shown now; the lists name orders."""
        return Present(self.n, [self.order(o) for o in offers], [self.order(o) for o in jobs], list(more))

    def desk(self, *orders: str, more: bool = False) -> DeskPresent:
        return DeskPresent(self.n, [self.order(order_id) for order_id in orders], more)


def _fresh(customer: str) -> State:
    draft = Draft(
        customer=Customer(customer, "Li", "+8613800000000"),
        place=PLACE,
        destination=DESTINATION,
        details={"plate": "沪A12345", "vin": "WVWZZZ1JZXW000001", "note": "flat tyre"},
        price_fen=18000,
        bonus_fen=0,
        scheduled_at=None,
    )
    return new_state("towing", draft, 1790000000000)
