"""Bodies of orders for tests that need no city."""

from dispatch.order import Customer, Spot
from dispatch.state import Draft
from geo.point import Point


def draft(**changes: object) -> Draft:
    fields: dict[str, object] = {
        "customer": Customer("c-1", "Li", "+8613800000000"),
        "place": Spot(Point(31.2304, 121.4737), "1 Example Road"),
        "destination": None,
        "details": {"plate": "沪A12345", "note": "flat tyre"},
        "price_fen": 18000,
        "bonus_fen": 0,
        "scheduled_at": None,
    }
    return Draft(**(fields | changes))  # type: ignore[arg-type]  # test fields
