"""What the messages of a node are made with: the kinds' policies, the readers' addresses, the sentences.

Owns how an offer is shown, in a message of its own and in a list. Knows not who gets it. Invariant: an offer is made
from the public view and the kind's policy, whoever asks.
"""

from collections.abc import Callable, Iterable
from typing import Any

from dispatch.identity import Identity
from dispatch.order import Order
from dispatch.policy import Policy
from dispatch.reader import Reader
from dispatch.say import Sayings, band_between
from dispatch.views import View, public_view
from dispatch.voice.links import Links
from geo.crs import Crs
from geo.point import Point
from geo.views import area

PolicyOf = Callable[[str], Policy | None]
"""Kind → its policy; None where this node does not know it (yet)."""


class Showing:
    def __init__(self, policy: PolicyOf, sayings: Sayings, links: Links | None, now_ms: Callable[[], int]) -> None:
        self.policy = policy
        self._sayings = sayings
        self._links = links
        self._now_ms = now_ms

    def reader(self, who: Identity, crs: Crs) -> Reader:
        """One who reads it now."""
        return Reader(crs, who.actor, self._links, self._now_ms())

    def say(self, order: Order, band: int | None) -> dict[str, str]:
        return self._sayings.offer(order.kind, band, order.price_fen, order.bonus_fen)

    def offers(self, orders: Iterable[Order], reader: Reader, stands: Point | None) -> list[View]:
        """The entries of a list, for one who stands there (WGS-84)."""
        return [self._entry(order, reader, stands) for order in orders]

    def _entry(self, order: Order, reader: Reader, stands: Point | None) -> View:
        say: dict[str, Any] = {"say": self.say(order, band_between(stands, shown_area(order)))}
        return public_view(order, self.policy(order.kind), reader) | say


def shown_area(order: Order) -> Point:
    """Of the order's place, what a candidate is shown; WGS-84."""
    return Point(**area(order.place.point))
