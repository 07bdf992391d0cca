"""What each party sees of an order: the full view and the public view of PROTOCOL §3.

Pure. Positions are given in the reader's coordinate system, voice notes at addresses of his own. Invariant: the
public view holds nothing of the customer, the exact place, the address, the details that the policy calls private, or
of what was said while somebody held the order; nor does it let him listen unless the policy does.
"""

from typing import Any, Final

from dispatch.identity import Role
from dispatch.order import Order, Spot
from dispatch.policy import Policy
from dispatch.reader import ANYONE, Reader
from dispatch.voice.hearing import has_expired
from dispatch.voice.note import Note
from geo.crs import Crs, from_wgs84
from geo.views import area

View = dict[str, Any]

_SIDES: Final = {
    Role.CUSTOMER: "customer",
    Role.VALET: "agent",
    Role.SHOP: "agent",
    Role.DISPATCHER: "desk",
    Role.ADMIN: "desk",
    Role.SERVICE: "service",
}


def full_view(order: Order, reader: Reader = ANYONE) -> View:
    """For staff, the service, the order's customer and the agent that holds it."""
    view = _full_view(order, reader)
    return view | {"desk_at": order.desk_at, "declined": len(order.declined)} if reader.is_staff else view


def _full_view(order: Order, reader: Reader) -> View:
    crs = reader.crs
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
        "voice_notes": [_note(order, note, reader, may_listen=True) for note in order.voice_notes],
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


def public_view(order: Order, policy: Policy | None, reader: Reader = ANYONE) -> View:
    """All that a candidate sees before it holds the order. Where the kind's policy is not known, all details are
    private."""
    destination, crs = order.destination, reader.crs
    may_listen = policy is not None and policy.listen == "before"
    return {
        "id": order.id,
        "kind": order.kind,
        "region": order.region,
        "status": order.status.value,
        "version": order.version,
        "area": area(order.place.point, crs),
        "destination_area": area(destination.point, crs) if destination else None,
        "details": _public_details(order, policy),
        "price_fen": order.price_fen,
        "bonus_fen": order.bonus_fen,
        "voice_notes": [_note(order, note, reader, may_listen=may_listen) for note in order.voice_notes if note.shared],
        "round": order.round,
        "created_at": order.created_at,
        "expires_at": order.expires_at,
    }


def public_differs(order: Order, policy: Policy | None) -> bool:
    """Whether the public view is another for each reader, and not only for each coordinate system."""
    return policy is not None and policy.listen == "before" and any(note.shared for note in order.voice_notes)


def full_differs(order: Order) -> bool:
    return bool(order.voice_notes)


def _public_details(order: Order, policy: Policy | None) -> View:
    if policy is None:
        return {}
    return {name: value for name, value in order.details.items() if name not in policy.private_details}


def _note(order: Order, note: Note, reader: Reader, *, may_listen: bool) -> View:
    expired = has_expired(order, note, reader.now_ms)
    return {
        "id": note.id,
        "mime": note.mime,
        "seconds": note.seconds,
        "bytes": note.bytes,
        "sha256": note.sha256,
        "url": reader.url(note.id) if may_listen and not expired else None,
        "waveform": note.peaks,
        "by": _SIDES[Role(note.by_role)],
        "at": note.at,
        "expired": expired,
    }


def _spot(spot: Spot, crs: Crs) -> View:
    point = from_wgs84(spot.point, crs)
    return {"lat": point.lat, "lon": point.lon, "address": spot.address}
