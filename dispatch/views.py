"""What each party sees of an order: the full view and the public view of PROTOCOL §3.

Pure. Positions are given in the reader's coordinate system. Invariant: the public view holds nothing of
the customer, the exact place, the address, or the details that the policy calls private.
"""

from collections.abc import Collection
from typing import Any

from dispatch.order import Order, Spot
from geo.crs import Crs, from_wgs84
from geo.views import area

View = dict[str, Any]


def full_view(order: Order, crs: Crs = Crs.WGS84) -> View:
    """For staff, the service, the order's customer and the agent that holds it."""
    assignment, card, taken = order.assignment, order.agent, order.taken_up
    customer = order.customer
    return {
        "id": order.id,
        "kind": order.kind,
        "region": order.region,
        "status": order.status.value,
        "version": order.version,
        "customer": {"id": customer.id, "name": customer.name, "phone": customer.phone},
        "place": _spot(order.place, crs),
        "destination": _spot(order.destination, crs) if order.destination else None,
        "details": order.details,
        "price_fen": order.price_fen,
        "bonus_fen": order.bonus_fen,
        "voice_notes": order.voice_notes,
        "round": order.round,
        "offered": order.offered,
        "expires_at": order.expires_at,
        "scheduled_at": order.scheduled_at,
        "created_at": order.created_at,
        "assignment": {
            "agent_id": assignment.agent_id,
            "role": assignment.role,
            "by": assignment.by,
            "dispatcher_id": assignment.dispatcher_id,
            "fence": assignment.fence,
            "at": assignment.at,
        }
        if assignment
        else None,
        "agent": {"id": card.id, "role": card.role, "name": card.name, "phone": card.phone} if card else None,
        "stalled": order.stalled,
        "taken_up": {"dispatcher_id": taken.dispatcher_id, "until_at": taken.until_at} if taken else None,
        "reason": order.reason,
    }


def public_view(order: Order, private_details: Collection[str], crs: Crs = Crs.WGS84) -> View:
    """All that a candidate sees before it holds the order."""
    destination = order.destination
    return {
        "id": order.id,
        "kind": order.kind,
        "region": order.region,
        "status": order.status.value,
        "version": order.version,
        "area": area(order.place.point, crs),
        "destination_area": area(destination.point, crs) if destination else None,
        "details": {name: value for name, value in order.details.items() if name not in private_details},
        "price_fen": order.price_fen,
        "bonus_fen": order.bonus_fen,
        "voice_notes": order.voice_notes,
        "round": order.round,
        "created_at": order.created_at,
        "expires_at": order.expires_at,
    }


def _spot(spot: Spot, crs: Crs) -> View:
    point = from_wgs84(spot.point, crs)
    return {"lat": point.lat, "lon": point.lon, "address": spot.address}
