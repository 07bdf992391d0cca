"""The forms of what `views` makes: what stands in a view, for the documents that machines read.

Pure. The stream and the HTTP interface describe their answers by these same structs. Invariant: a view has
exactly these fields (a test converts views into them); what reads a view has to accept more, for views may grow.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from dispatch.order import Status
from dispatch.policy import AgentRole
from dispatch.voice.note import PEAKS
from geo.point import Point

Millis = Annotated[int, Meta(description="Milliseconds since the Unix epoch, UTC")]
Fen = Annotated[int, Meta(description="Money, in fen")]
Details = Annotated[dict[str, Any], Meta(description="Whatever the kind needs")]
Say = Annotated[
    dict[str, str], Meta(description="Language (`zh-CN`, `en`) → one sentence on the offer, for text-to-speech")
]
Peak = Annotated[int, Meta(ge=0, le=255)]


class ViewForm(Struct, frozen=True, forbid_unknown_fields=True):
    """Every field is there, always, but for those that are for staff; what is not known is null."""


class NoteView(ViewForm, kw_only=True, frozen=True):
    """A voice note; what was said to or by a holder is no part of the public view."""

    id: Annotated[str, Meta(description="A ULID")]
    mime: Annotated[str, Meta(description="As the bytes are, whatever the upload called them")]
    seconds: float
    bytes: int
    sha256: Annotated[str, Meta(description="Of the audio, in hexadecimal")]
    url: Annotated[
        str | None,
        Meta(
            description="Where this reader hears it, for five minutes; made anew in every message. "
            "Null when it has expired, and for candidates while the kind's policy says `listen: after`"
        ),
    ]
    waveform: Annotated[list[Peak], Meta(min_length=PEAKS, max_length=PEAKS, description="Loudest of each part")]
    by: Annotated[Literal["customer", "agent", "desk", "service"], Meta(description="Who said it")]
    at: Millis
    expired: Annotated[bool, Meta(description="The audio is kept no more")]


VoiceNotes = Annotated[list[NoteView], Meta(description="Oldest first")]


class CustomerView(ViewForm, kw_only=True, frozen=True):
    id: str
    name: str | None
    phone: str | None


class PlaceView(ViewForm, kw_only=True, frozen=True):
    lat: float
    lon: float
    address: str | None


class AssignmentView(ViewForm, kw_only=True, frozen=True):
    """The last one; `dispatcher_id` is set when it was given `by` the desk."""

    agent_id: str
    role: AgentRole
    by: Literal["grab", "desk"]
    dispatcher_id: str | None
    fence: Annotated[int, Meta(description="One higher than that of the assignment before")]
    at: Millis


class CardView(ViewForm, kw_only=True, frozen=True):
    """The agent that holds the order."""

    id: str
    role: AgentRole
    name: str
    phone: str | None


class TakeUpView(ViewForm, kw_only=True, frozen=True):
    """A dispatcher has the order in hand until then."""

    dispatcher_id: str
    until_at: Millis


class OrderView(ViewForm, kw_only=True, frozen=True):
    """The full view: for staff, the service, the order's customer and the agent that holds it."""

    id: Annotated[str, Meta(description="A ULID")]
    kind: str
    region: str
    status: Status
    version: Annotated[int, Meta(description="Raised by one with everything that happens to the order")]
    customer: CustomerView
    place: PlaceView
    destination: PlaceView | None
    details: Details
    price_fen: Fen | None
    bonus_fen: Fen
    voice_notes: VoiceNotes
    round: Annotated[int, Meta(description="The current or last one; 0 before the first")]
    offered: Annotated[int, Meta(description="How many agents it was offered to since it entered `open`")]
    expires_at: Millis | None
    scheduled_at: Millis | None
    created_at: Millis
    assignment: AssignmentView | None
    agent: CardView | None
    stalled: Annotated[bool, Meta(description="Its holder is too long at one step")]
    taken_up: TakeUpView | None
    reason: Annotated[str | None, Meta(description="Why it was cancelled, released or closed")]
    desk_at: Annotated[
        int | UnsetType | None, Meta(description="For dispatchers and admins: since when it is at the desk, ms")
    ] = UNSET
    declined: Annotated[
        int | UnsetType, Meta(description="For dispatchers and admins: how many agents declined it so far")
    ] = UNSET


class PublicOrderView(ViewForm, kw_only=True, frozen=True):
    """All that a candidate sees before it holds the order; positions are rounded to 3 decimals."""

    id: Annotated[str, Meta(description="A ULID")]
    kind: str
    region: str
    status: Status
    version: int
    area: Point
    destination_area: Point | None
    details: Details
    price_fen: Fen | None
    bonus_fen: Fen
    voice_notes: VoiceNotes
    round: int
    created_at: Millis
    expires_at: Annotated[int | None, Meta(description="The end of the current round, ms since the epoch")]


class OfferedOrderView(PublicOrderView, kw_only=True, frozen=True):
    """An entry of a list of offers."""

    say: Say


class HallOrderView(OfferedOrderView, kw_only=True, frozen=True):
    """An open order, as the hall lists it."""

    distance_m: Annotated[int, Meta(description="From the agent to `area`")]
