"""One event on its way to those it concerns: each message is built once a coordinate system, encoded once a codec.

Knows what the messages of PROTOCOL §4 look like, not who gets which. Invariant: an `offer` is made from the
public view, whoever asks.
"""

from collections.abc import Callable

from dispatch.events import Event, Type
from dispatch.order import HELD, Order, Status
from dispatch.views import View, full_view, public_view
from geo.crs import Crs, from_wgs84
from geo.point import Point
from realtime.wire import Outbound

PrivateDetails = Callable[[str], tuple[str, ...]]
"""Kind → the keys of `details` that candidates do not see."""

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


class Telling:
    __slots__ = ("_made", "_private", "event", "void")

    def __init__(self, event: Event, private: PrivateDetails) -> None:
        self.event = event
        self._private = private
        self._made: dict[tuple[str, Crs | None], Outbound] = {}
        self.void = False
        """Set when the event turned out to be undone (its region was reconciled): nobody is told."""

    def offer(self, crs: Crs) -> Outbound:
        order = self.event.order
        return self._once(
            "offer", crs, lambda: {"type": "offer", "order": public_view(order, self._private(order.kind), crs)}
        )

    def job(self, crs: Crs) -> Outbound:
        return self._once("job", crs, lambda: {"type": "job", "order": full_view(self.event.order, crs)})

    def order(self, crs: Crs) -> Outbound:
        return self._once("order", crs, lambda: {"type": "order", "order": full_view(self.event.order, crs)})

    def track(self, crs: Crs) -> Outbound:
        detail = self.event.detail
        at = from_wgs84(Point(float(detail["lat"]), float(detail["lon"])), crs)
        message = {"order_id": detail["order_id"], "lat": at.lat, "lon": at.lon, "at": self.event.at}
        return self._once("track", crs, lambda: {"type": "track"} | message, sheddable=True)

    def desk(self, crs: Crs) -> Outbound:
        return self._once(
            "desk", crs, lambda: {"type": "desk", "event": self._desk_word(), "order": full_view(self.event.order, crs)}
        )

    def retract(self, reason: str) -> Outbound:
        return self._once(
            "retract", None, lambda: {"type": "retract", "order_id": self.event.order_id, "reason": reason}
        )

    def unjob(self) -> Outbound:
        return self._once(
            "unjob", None, lambda: {"type": "unjob", "order_id": self.event.order_id, "reason": self._unjob_reason()}
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

    def _once(
        self, name: str, crs: Crs | None, make: Callable[[], dict[str, object]], *, sheddable: bool = False
    ) -> Outbound:
        made = self._made.get((name, crs))
        if made is None:
            made = self._made[name, crs] = Outbound(make(), sheddable=sheddable)
        return made


def offers_view(orders: list[Order], private: PrivateDetails, crs: Crs) -> list[View]:
    return [public_view(order, private(order.kind), crs) for order in orders]
