"""The forms of PROTOCOL §3 and §4: which fields a view and a message have, and which words stand in them.

Pure. Knows no values and no order of messages. Invariant: a server may add fields to a message and to the full
view, but nothing to what a candidate sees.
"""

from collections.abc import Mapping
from typing import Any

from loadtest.wire import Message

FULL = frozenset(
    {
        "id", "kind", "region", "status", "version", "customer", "place", "destination", "details", "price_fen",
        "bonus_fen", "voice_notes", "round", "offered", "expires_at", "scheduled_at", "created_at", "assignment",
        "agent", "stalled", "taken_up", "reason",
    }
)  # fmt: skip
PUBLIC = frozenset(
    {
        "id", "kind", "region", "status", "version", "area", "destination_area", "details", "price_fen", "bonus_fen",
        "voice_notes", "round", "created_at", "expires_at",
    }
)  # fmt: skip
ASSIGNMENT = frozenset({"agent_id", "role", "by", "dispatcher_id", "fence", "at"})
CARD = frozenset({"id", "role", "name", "phone"})
STATUSES = frozenset(
    {
        "scheduled", "open", "assigned", "en_route", "arrived", "working", "escalated", "completed", "cancelled",
        "expired",
    }
)  # fmt: skip

# The fields that a message of a type always has.
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "welcome": ("session_id", "server_at", "heartbeat_seconds", "features", "more"),
    "snapshot": (),
    "offer": ("order",),
    "retract": ("order_id", "reason"),
    "verdict": ("ref", "order_id", "outcome"),
    "job": ("order",),
    "unjob": ("order_id", "reason"),
    "order": ("order",),
    "track": ("order_id", "lat", "lon", "at"),
    "desk": ("event", "order"),
    "notice": ("id", "title", "body", "level", "at"),
    "ok": (),
    "pong": (),
    "error": ("code", "message", "retryable"),
    "bye": ("code", "reason", "reconnect_after_ms"),
}
# Type and field → the words that may stand there.
_WORDS: Mapping[tuple[str, str], frozenset[str]] = {
    ("retract", "reason"): frozenset({"taken", "escalated", "cancelled", "changed"}),
    ("unjob", "reason"): frozenset({"cancelled", "reassigned", "released", "closed"}),
    ("verdict", "outcome"): frozenset({"won", "pending", "taken", "gone", "refused"}),
    ("desk", "event"): frozenset(
        {
            "escalated", "stalled", "taken_up", "assigned", "reopened", "closed", "cancelled", "expired", "changed",
        }
    ),
    ("error", "code"): frozenset(
        {
            "invalid", "unauthenticated", "forbidden", "not_found", "conflict", "stale_fence", "too_large",
            "rate_limited", "internal", "unavailable",
        }
    ),
}  # fmt: skip
_REASONS = {
    "gone": frozenset({"escalated", "cancelled", "expired", "completed"}),
    "refused": frozenset({"not_offered", "declined", "at_capacity", "paused", "suspended", "unavailable"}),
}


def fault_of(message: Message) -> str | None:
    """What is wrong with the form of a server's message. A type that PROTOCOL does not know is none of ours."""
    kind = message["type"]
    missing = [name for name in _FIELDS.get(kind, ()) if name not in message]
    if missing:
        return f"{kind} without {', '.join(missing)}"
    for (of, name), words in _WORDS.items():
        if of == kind and message[name] not in words:
            return f"{kind}.{name} is {message[name]!r}"
    if kind == "verdict":
        return _fault_of_verdict(message)
    return _fault_of_views(message)


def _fault_of_verdict(message: Message) -> str | None:
    outcome = message["outcome"]
    if outcome in _REASONS and message.get("reason") not in _REASONS[outcome]:
        return f"verdict {outcome} for the reason {message.get('reason')!r}"
    if outcome == "won":
        return "verdict won without a fence" if "fence" not in message else _fault_of_full(message.get("job"))
    return f"verdict {outcome} with a job" if message.get("job") is not None else None


def _fault_of_views(message: Message) -> str | None:
    kind = message["type"]
    public = [message["order"]] if kind == "offer" else message.get("offers") or []
    full = [message["order"]] if kind in ("job", "order", "desk") else []
    for name in ("jobs", "desk", "orders"):
        full += message.get(name) or []
    faults = [fault_of_public(each) for each in public] + [_fault_of_full(each) for each in full]
    return next((f"{kind}: {fault}" for fault in faults if fault), None)


def fault_of_public(view: Any) -> str | None:
    if not isinstance(view, Mapping) or set(view) != PUBLIC:
        return f"a public view with the fields {_odd(view, PUBLIC)}"
    return None


def _fault_of_full(view: Any) -> str | None:
    if not isinstance(view, Mapping) or not set(view) >= FULL:
        return f"a full view with the fields {_odd(view, FULL)}"
    if view["status"] not in STATUSES:
        return f"status {view['status']!r}"
    return None


fault_of_full = _fault_of_full


def _odd(view: Any, expected: frozenset[str]) -> str:
    if not isinstance(view, Mapping):
        return repr(view)
    extra, missing = sorted(set(view) - expected), sorted(expected - set(view))
    return ", ".join([*(f"+{name}" for name in extra), *(f"-{name}" for name in missing)])
