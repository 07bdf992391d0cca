"""One event on its way to those it concerns: each message is built once for all who see the same, encoded once a codec.

Knows what the messages of PROTOCOL §4 look like, not who gets which. Those of one coordinate system see the same, but
for the band of distances that an offer names and the addresses of voice notes, which each reader has of his own.
Invariant: an `offer` is made from the public view, whoever asks.
"""

from collections.abc import Callable

from dispatch.events import Event, Type
from dispatch.identity import Identity
from dispatch.order import HELD, Status
from dispatch.policy import Policy
from dispatch.say import band_between
from dispatch.views import View, full_differs, full_view, public_differs, public_view
from geo.crs import Crs, from_wgs84
from geo.point import Point
from realtime.showing import Showing, shown_area
from realtime.wire import Outbound

_Key = tuple[str, Crs | None, int | None, str]
"""Name of the message, and by what it differs: coordinates, band of distances, reader."""

_DESK_WORDS: dict[str, str] = {
    Type.ESCALATED: "escalated",
    Type.STALLED: "stalled",
    Type.TAKEN_UP: "taken_up",
    Type.ASSIGNED: "assigned",
    Type.REOPENED: "reopened",
    Type.CLOSED: "closed",
    Type.CANCELLED: "cancelled",
    Type.EXPIRED: "expired",
}
_UNJOB_WORDS: dict[str, str] = {Type.CANCELLED: "cancelled", Type.RELEASED: "released", Type.ASSIGNED: "reassigned"}


class _Candidates:
    """What candidates of an order see alike."""

    __slots__ = ("area", "differ", "policy")

    def __init__(self, event: Event, showing: Showing) -> None:
        self.policy: Policy | None = showing.policy(event.order.kind)
        self.area = shown_area(event.order)
        self.differ = public_differs(event.order, self.policy)


class Telling:
    __slots__ = ("_candidates", "_made", "_showing", "event", "void")

    def __init__(self, event: Event, showing: Showing) -> None:
        self.event = event
        self._showing = showing
        self._made: dict[_Key, Outbound] = {}
        self._candidates: _Candidates | None = None
        self.void = False
        """Set when the event turned out to be undone (its region was reconciled): nobody is told."""

    def offer(self, who: Identity, crs: Crs, stands: Point | None) -> Outbound:
        """`stands`: where he is (WGS-84), as far as is known."""
        seen = self._candidates
        if seen is None:
            seen = self._candidates = _Candidates(self.event, self._showing)
        band = band_between(stands, seen.area)
        key = ("offer", crs, band, who.actor if seen.differ else "")
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._offer(seen, who, crs, band)
        return made

    def _offer(self, seen: _Candidates, who: Identity, crs: Crs, band: int | None) -> Outbound:
        order = self.event.order
        view = public_view(order, seen.policy, self._showing.reader(who, crs))
        return Outbound({"type": "offer", "order": view, "say": self._showing.say(order, band)})

    def job(self, who: Identity, crs: Crs) -> Outbound:
        return self._full("job", who, crs, lambda view: {"type": "job", "order": view})

    def order(self, who: Identity, crs: Crs) -> Outbound:
        return self._full("order", who, crs, lambda view: {"type": "order", "order": view})

    def track(self, crs: Crs) -> Outbound:
        detail = self.event.detail
        at = from_wgs84(Point(float(detail["lat"]), float(detail["lon"])), crs)
        message = {"order_id": detail["order_id"], "lat": at.lat, "lon": at.lon, "at": self.event.at}
        return self._once(("track", crs, None, ""), lambda: Outbound({"type": "track"} | message, sheddable=True))

    def desk(self, who: Identity, crs: Crs) -> Outbound:
        return self._full("desk", who, crs, lambda view: {"type": "desk", "event": self._desk_word(), "order": view})

    def retract(self, reason: str) -> Outbound:
        return self._once(
            ("retract", None, None, ""),
            lambda: Outbound({"type": "retract", "order_id": self.event.order_id, "reason": reason}),
        )

    def unjob(self) -> Outbound:
        return self._once(
            ("unjob", None, None, ""),
            lambda: Outbound({"type": "unjob", "order_id": self.event.order_id, "reason": self._unjob_reason()}),
        )

    def retract_reason(self) -> str:
        """Why an open order is open no more."""
        status = self.event.order.status
        if status in (Status.ESCALATED, Status.CANCELLED):
            return status.value
        return "taken" if status in HELD or status is Status.COMPLETED else "changed"

    def _unjob_reason(self) -> str:
        return _UNJOB_WORDS.get(self.event.type, "closed")

    def _desk_word(self) -> str:
        if self.event.type is Type.RELEASED and self.event.order.status is Status.ESCALATED:
            return "escalated"
        return _DESK_WORDS.get(self.event.type, "changed")

    def _full(self, name: str, who: Identity, crs: Crs, make: Callable[[View], dict[str, object]]) -> Outbound:
        order = self.event.order
        key = (name, crs, None, who.actor if full_differs(order) else "")
        return self._once(key, lambda: Outbound(make(full_view(order, self._showing.reader(who, crs)))))

    def _once(self, key: _Key, make: Callable[[], Outbound]) -> Outbound:
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = make()
        return made
