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
# In lists what is to be said of an offer stands within it, in a message beside it.
LISTED = PUBLIC | {"say"}
NOTE = frozenset({"id", "mime", "seconds", "bytes", "sha256", "url", "waveform", "by", "at", "expired"})
SPEAKERS = frozenset({"customer", "agent", "desk", "service"})
PEAKS = 64
# A deployment may add others.
LANGUAGES = frozenset({"zh-CN", "en"})
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
    "offer": ("order", "say"),
    "retract": ("order_id", "reason"),
    "verdict": ("ref", "order_id", "outcome"),
    "job": ("order",),
    "unjob": ("order_id", "reason"),
    "order": ("order",),
    "track": ("order_id", "lat", "lon", "at"),
    "desk": ("event", "order"),
    "notice": ("id", "title", "body", "level", "at"),
    "ok": (),
    "pong": ("server_at",),
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
            "rate_limited", "internal", "unavailable", "not_acceptable",
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
    full = [message["order"]] if kind in ("job", "order", "desk") else []
    for name in ("jobs", "desk", "orders"):
        full += message.get(name) or []
    faults = [_fault_of_full(each) for each in full]
    if kind == "offer":
        faults += [fault_of_public(message["order"]), fault_of_say(message["say"])]
    faults += [fault_of_listed(each) for each in message.get("offers") or []]
    return next((f"{kind}: {fault}" for fault in faults if fault), None)


def fault_of_public(view: Any, expected: frozenset[str] = PUBLIC) -> str | None:
    if not isinstance(view, Mapping) or set(view) != expected:
        return f"a public view with the fields {_odd(view, expected)}"
    return fault_of_notes(view["voice_notes"])


def fault_of_listed(view: Any) -> str | None:
    return fault_of_public(view, LISTED) or fault_of_say(view["say"])


def fault_of_say(say: Any) -> str | None:
    if not isinstance(say, Mapping) or not set(say) >= LANGUAGES:
        return f"say with {_odd(say, LANGUAGES)}"
    return None if all(isinstance(text, str) and text.strip() for text in say.values()) else f"say is {say!r}"


def fault_of_notes(notes: Any) -> str | None:
    if not isinstance(notes, list):
        return f"voice_notes is {notes!r}"
    return next((fault for fault in map(fault_of_note, notes) if fault), None)


def fault_of_note(note: Any) -> str | None:
    if not isinstance(note, Mapping) or set(note) != NOTE:
        return f"a voice note with the fields {_odd(note, NOTE)}"
    if note["by"] not in SPEAKERS:
        return f"a voice note by {note['by']!r}"
    peaks = note["waveform"]
    if not isinstance(peaks, list) or len(peaks) != PEAKS or not all(type(each) is int for each in peaks):
        return f"a voice note with the waveform {peaks!r}"
    return None if all(0 <= each <= 255 for each in peaks) else f"a waveform beyond 0 to 255: {peaks!r}"


def _fault_of_full(view: Any) -> str | None:
    if not isinstance(view, Mapping) or not set(view) >= FULL:
        return f"a full view with the fields {_odd(view, FULL)}"
    if view["status"] not in STATUSES:
        return f"status {view['status']!r}"
    return fault_of_notes(view["voice_notes"])


fault_of_full = _fault_of_full


def _odd(view: Any, expected: frozenset[str]) -> str:
    if not isinstance(view, Mapping):
        return repr(view)
    extra, missing = sorted(set(view) - expected), sorted(expected - set(view))
    return ", ".join([*(f"+{name}" for name in extra), *(f"-{name}" for name in missing)])
