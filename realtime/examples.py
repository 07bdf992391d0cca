"""Examples of every message of the stream, for the AsyncAPI document.

Pure. They tell the story of `dispatch.view_examples`' order. Invariants: every type of message has one; a test says
each of a client's in a real session and holds each of the server's against its form.
"""

from collections.abc import Mapping
from typing import Any

from dispatch.order import Order
from dispatch.view_examples import (
    CLOSED,
    DISPATCHER,
    EN_ROUTE,
    ESCALATED,
    HELD,
    NOTE,
    NOW,
    OPEN,
    REGION,
    SAY,
    TAKEN_UP,
    VALET,
    WIDENED,
    full,
    offered,
    public,
)
from realtime.wire import CloseCode

Examples = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Type of message → what it shows → the message."""

TOKEN = "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"
_ORDER = OPEN.id
_HERE = {"lat": 40.7202, "lon": -73.9871}

CLIENT: Examples = {
    "hello": {
        "a valet": {"type": "hello", "token": TOKEN, "position": _HERE, "status": "available", "crs": "wgs84"},
        "anybody whose token stands in the upgrade's header": {"type": "hello"},
    },
    "position": {
        "on the way": {
            **{"type": "position", **_HERE, "accuracy_m": 8.5, "heading": 231.0, "speed_mps": 6.2, "at": NOW},
        },
    },
    "status": {"a pause": {"type": "status", "ref": "s-1", "status": "paused"}},
    "grab": {"an offer": {"type": "grab", "ref": "g-1", "order_id": _ORDER}},
    "decline": {"an offer": {"type": "decline", "ref": "d-1", "order_id": _ORDER, "reason": "too far"}},
    "seen": {"an offer on the screen": {"type": "seen", "order_ids": [_ORDER]}},
    "heard": {"a voice note": {"type": "heard", "ref": "h-1", "order_id": _ORDER, "note_id": NOTE.id}},
    "progress": {
        "a step": {"type": "progress", "ref": "p-1", "order_id": _ORDER, "fence": 1, "step": "en_route", "at": NOW},
    },
    "release": {
        "a job given back": {
            **{"type": "release", "ref": "r-1", "order_id": _ORDER, "fence": 1, "reason": "my own car broke down"},
        },
    },
    "ping": {"is anybody there": {"type": "ping", "ref": "1"}, "without a ref": {"type": "ping"}},
}


def _verdict(outcome: str, **more: object) -> dict[str, object]:
    return {"type": "verdict", "ref": "g-1", "order_id": _ORDER, "outcome": outcome, **more}


def _desk(event: str, order: Order) -> dict[str, object]:
    return {"type": "desk", "event": event, "order": full(order)}


_WELCOME = {
    **{"type": "welcome", "session_id": "01M3252NK0DA2PBFXQJWDFQCH4", "server_at": NOW + 20_000},
    **{"heartbeat_seconds": 20.0, "features": ["voice_notes", "heard", "say", "map", "figures", "lookup"]},
}
_CARD = {
    **{"id": VALET, "role": "valet", "region": REGION, "name": "Wang", "phone": "+8613900000001"},
    **{"skills": ["towing", "chauffeur"], "capacity": 1, "home": None, "status": "available"},
}

SERVER: Examples = {
    "welcome": {
        "a valet": {**_WELCOME, "agent": _CARD, "offers": [offered(WIDENED)], "jobs": [], "more": []},
        "a dispatcher": {**_WELCOME, "desk": [full(ESCALATED)], "more": []},
        "a customer": {**_WELCOME, "orders": [full(EN_ROUTE)], "more": []},
        "a service": {**_WELCOME, "more": []},
    },
    "snapshot": {"a valet": {"type": "snapshot", "offers": [], "jobs": [full(HELD)], "more": []}},
    "offer": {"of the second round": {"type": "offer", "order": public(WIDENED), "say": SAY}},
    "retract": {"another was quicker": {"type": "retract", "order_id": _ORDER, "reason": "taken"}},
    "verdict": {
        "won": _verdict("won", fence=1, job=full(HELD)),
        "another has it": _verdict("taken"),
        "no longer to be had": _verdict("gone", reason="escalated"),
        "not yours to grab": _verdict("refused", reason="at_capacity"),
        "the final one follows": _verdict("pending"),
    },
    "job": {"a step further": {"type": "job", "order": full(EN_ROUTE)}},
    "unjob": {"given back": {"type": "unjob", "order_id": _ORDER, "reason": "released"}},
    "order": {"somebody comes": {"type": "order", "order": full(HELD)}},
    "track": {"on the way": {"type": "track", "order_id": _ORDER, **_HERE, "at": NOW + 30_000}},
    "desk": {
        "nobody took it": _desk("escalated", ESCALATED),
        f"{DISPATCHER} has it in hand": _desk("taken_up", TAKEN_UP),
        "settled by phone": _desk("closed", CLOSED),
    },
    "notice": {
        "to all valets": {
            **{"type": "notice", "id": "01M3254G607EWC3MFQPNZGRH6G", "title": "Snow from 18:00"},
            **{"body": "Chains are kept at the depot.", "level": "warning", "at": NOW},
        },
    },
    "ok": {"done": {"type": "ok", "ref": "p-1"}, "what had no ref": {"type": "ok"}},
    "pong": {
        "yes": {"type": "pong", "ref": "1", "server_at": NOW + 20_000},
        "what had no ref": {"type": "pong", "server_at": NOW + 20_000},
    },
    "error": {
        "an older assignment's fence": {
            **{"type": "error", "ref": "p-1", "code": "stale_fence", "retryable": False},
            "message": "fence: the order was assigned anew since",
        },
        "a fault in a field": {
            **{"type": "error", "code": "invalid", "retryable": False},
            "message": "lat: Expected `float` <= 85.0",
        },
    },
    "bye": {
        "come back soon": {
            **{"type": "bye", "code": int(CloseCode.DRAINING), "reason": "the server is going down"},
            "reconnect_after_ms": 1850,
        },
        "do not come back as you are": {
            **{"type": "bye", "code": int(CloseCode.TOKEN_EXPIRED), "reason": "the token has expired"},
            "reconnect_after_ms": None,
        },
    },
}
