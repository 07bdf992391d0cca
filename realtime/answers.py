"""What the server says on the stream: one form a message of PROTOCOL §4, as `messages` has the client's.

Owns the fields and when they are there. Nothing is sent by these: `telling`, `session`, `commands`, `welcome` and
`wire` build the messages, and a test holds every message that the tests hear against them. Invariant: what is told
here is what is sent, neither more nor less; a client accepts more, for messages may grow.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from dispatch.claims import Outcome
from dispatch.errors import Code
from dispatch.notice import Level
from dispatch.policy import AgentRole
from dispatch.view_forms import Millis, OfferedOrderView, OrderView, PublicOrderView, Say
from geo.point import Latitude, Longitude, Point
from realtime.messages import Availability
from realtime.wire import CloseCode

Ref = Annotated[str, Meta(description="That of the message which is answered")]
OptionalRef = Ref | UnsetType
OrderId = Annotated[str, Meta(description="A ULID")]
ListName = Literal["offers", "jobs", "desk", "orders"]
DeskEvent = Literal[
    "escalated", "stalled", "taken_up", "assigned", "reopened", "closed", "cancelled", "expired", "changed"
]


class AgentCard(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The agent's own profile, as over HTTP, with the status that his sessions have."""

    id: str
    role: AgentRole
    region: str
    name: str
    phone: str | None
    skills: list[str]
    capacity: int
    home: Point | None
    status: Availability


class _Answer(Struct, tag_field="type", frozen=True, forbid_unknown_fields=True):
    pass


class _Lists(_Answer, kw_only=True, frozen=True):
    """Of `welcome` and `snapshot`."""

    offers: list[OfferedOrderView] | UnsetType = UNSET
    jobs: list[OrderView] | UnsetType = UNSET
    desk: list[OrderView] | UnsetType = UNSET
    orders: list[OrderView] | UnsetType = UNSET
    more: list[ListName]


class Welcome(_Lists, kw_only=True, frozen=True, tag="welcome"):
    """The first message to everyone. Lists: `offers` and `jobs` for agents, `desk` for dispatchers, `orders` for
    customers; `more` names those that were cut at 100 entries."""

    session_id: Annotated[str, Meta(description="A ULID")]
    server_at: Millis
    heartbeat_seconds: Annotated[float, Meta(description="After so long a silence the server pings")]
    features: Annotated[list[str], Meta(description="What the server knows beyond version 1 of the protocol")]
    agent: AgentCard | UnsetType = UNSET


class Snapshot(_Lists, kw_only=True, frozen=True, tag="snapshot"):
    """The lists of `welcome` again: they replace all that the client knows."""


class Offer(_Answer, kw_only=True, frozen=True, tag="offer"):
    """The order may be grabbed; again when its round, bonus, details or expiry change, or a voice note is added."""

    order: PublicOrderView
    say: Say


class Retract(_Answer, kw_only=True, frozen=True, tag="retract"):
    """The offer is over."""

    order_id: OrderId
    reason: Literal["taken", "escalated", "cancelled", "changed"]


class Verdict(_Answer, kw_only=True, frozen=True, tag="verdict"):
    """The answer to `grab`. `job` and `fence` stand with `won`; `reason` with `gone` and `refused`; after `pending`
    the final one follows."""

    ref: Ref
    order_id: OrderId
    outcome: Outcome
    fence: int | UnsetType = UNSET
    job: OrderView | UnsetType = UNSET
    reason: (
        Literal[
            "escalated", "cancelled", "expired", "completed",
            "not_offered", "declined", "at_capacity", "paused", "suspended", "unavailable",
        ]
        | UnsetType
    ) = UNSET  # fmt: skip


class Job(_Answer, kw_only=True, frozen=True, tag="job"):
    """An order that the agent holds, new or changed; `completed` is the last word on it."""

    order: OrderView


class Unjob(_Answer, kw_only=True, frozen=True, tag="unjob"):
    """The agent holds the order no more."""

    order_id: OrderId
    reason: Literal["cancelled", "reassigned", "released", "closed"]


class OrderTold(_Answer, kw_only=True, frozen=True, tag="order"):
    """A change of the customer's order."""

    order: OrderView


class Track(_Answer, kw_only=True, frozen=True, tag="track"):
    """Where the agent is who comes to the customer, from `en_route` on, at most every 5 s."""

    order_id: OrderId
    lat: Latitude
    lon: Longitude
    at: Millis


class Desk(_Answer, kw_only=True, frozen=True, tag="desk"):
    """What happened to an order that was on the desk before or is after."""

    event: DeskEvent
    order: OrderView


class Notice(_Answer, kw_only=True, frozen=True, tag="notice"):
    """From the operator."""

    id: Annotated[str, Meta(description="A ULID")]
    title: str
    body: str
    level: Level
    at: Millis


class Ok(_Answer, kw_only=True, frozen=True, tag="ok"):
    """It is done, and stands in PostgreSQL where it changed an order."""

    ref: OptionalRef = UNSET


class Pong(_Answer, kw_only=True, frozen=True, tag="pong"):
    """The answer to `ping`; by its time a client keeps the server's clock."""

    ref: OptionalRef = UNSET
    server_at: Millis


class Error(_Answer, kw_only=True, frozen=True, tag="error"):
    """It is not done; the session lives."""

    ref: OptionalRef = UNSET
    code: Code
    message: str
    retryable: bool


class Bye(_Answer, kw_only=True, frozen=True, tag="bye"):
    """The last message to everyone; the close frame with the same code follows."""

    code: CloseCode
    reason: str
    reconnect_after_ms: int | None


ServerMessage = (
    Welcome
    | Snapshot
    | Offer
    | Retract
    | Verdict
    | Job
    | Unjob
    | OrderTold
    | Track
    | Desk
    | Notice
    | Ok
    | Pong
    | Error
    | Bye
)
