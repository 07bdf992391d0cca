"""Who may listen to which note of which order, as things stand, and who may add one.

Pure. Whether an agent has a live offer is asked elsewhere and comes in as a yes or no. Invariants: a candidate never
hears what is not `shared`; a note of an unfinished order never expires, however old it is.
"""

from dispatch.access import sees_full
from dispatch.identity import AGENTS, Identity, Role
from dispatch.order import TERMINAL, Order, Status
from dispatch.policy import Policy
from dispatch.voice.note import Note

_WRITERS = frozenset({*AGENTS, Role.CUSTOMER, Role.DISPATCHER, Role.SERVICE})


def find_note(order: Order, note_id: str) -> Note | None:
    return next((note for note in order.voice_notes if note.id == note_id), None)


def has_expired(order: Order, note: Note, now_ms: int) -> bool:
    """Whether its audio is gone, or goes with the next sweep."""
    return order.status in TERMINAL and now_ms >= note.kept_until_at


def listens_with_offer(who: Identity, order: Order, note: Note, policy: Policy | None) -> bool:
    """Whether a live offer of the order would let him listen to the note: to be asked only then."""
    return (
        who.role in AGENTS
        and order.status is Status.OPEN
        and note.shared
        and who.sub not in order.declined
        and policy is not None
        and policy.listen == "before"
    )


def may_add(who: Identity, order: Order) -> bool:
    """Its customer, the agent that holds it, dispatchers and services of its region."""
    if who.role in AGENTS:
        return who.sub == order.holder
    return who.role in _WRITERS and sees_full(who, order)
