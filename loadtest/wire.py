"""The words of PROTOCOL as a client needs them: shapes, codecs, close codes, back-off, refusals.

Owns how a message becomes a frame and back, and what a close code tells a client to do. Opens no socket and
reads no clock; the draw of a random number is passed in. Fields that are not named here are kept, never
dropped: a client ignores what it does not know.
"""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

import msgspec
import orjson

Codec = Literal["json", "msgpack"]
Message = dict[str, Any]

SUBPROTOCOL: Mapping[Codec, str] = {"json": "dispatch.v1.json", "msgpack": "dispatch.v1.msgpack"}
HELD = frozenset({"assigned", "en_route", "arrived", "working"})
TERMINAL = frozenset({"completed", "cancelled", "expired"})
WAITING = frozenset({"scheduled", "open", "escalated"})
STEPS = ("en_route", "arrived", "working", "completed")

KICKED = 4505
"""A dispatcher or an admin has ended the session."""

BACKOFF_FIRST_SECONDS = 0.5
BACKOFF_MOST_SECONDS = 20.0


class Place(TypedDict):
    lat: float
    lon: float
    address: NotRequired[str | None]


class Assignment(TypedDict):
    agent_id: str
    role: str
    by: str
    dispatcher_id: str | None
    fence: int
    at: int


class Note(TypedDict):
    """A voice note, as an order shows it; `waveform` has 64 peaks, 0 to 255."""

    id: str
    mime: str
    seconds: float
    bytes: int
    sha256: str
    url: str | None
    waveform: list[int]
    by: str
    at: int
    expired: bool


class Offer(TypedDict, total=False):
    """What a candidate sees (PROTOCOL §3, public view)."""

    id: str
    kind: str
    region: str
    status: str
    version: int
    area: Place
    destination_area: Place | None
    details: dict[str, Any]
    price_fen: int | None
    bonus_fen: int
    voice_notes: list[Note]
    round: int
    created_at: int
    expires_at: int | None
    say: dict[str, str]


class Order(TypedDict, total=False):
    """What its holder, its customer and staff see (PROTOCOL §3, full view)."""

    id: str
    kind: str
    region: str
    status: str
    version: int
    customer: dict[str, Any]
    place: Place
    destination: Place | None
    details: dict[str, Any]
    price_fen: int | None
    bonus_fen: int
    voice_notes: list[Note]
    round: int
    offered: int
    expires_at: int | None
    scheduled_at: int | None
    created_at: int
    assignment: Assignment | None
    agent: dict[str, Any] | None
    stalled: bool
    taken_up: dict[str, Any] | None
    reason: str | None


class Verdict(TypedDict, total=False):
    order_id: str
    outcome: str
    fence: int
    job: Order
    reason: str


class Refused(Exception):
    """The server's answer to a fault of ours: an `error` message or an HTTP problem."""

    def __init__(
        self, code: str, detail: str, *, status: int = 0, retryable: bool = False, paths: tuple[str, ...] = ()
    ) -> None:
        super().__init__(f"{code}: {detail}" + (f" ({', '.join(paths)})" if paths else ""))
        self.code = code
        self.detail = detail
        self.status = status
        self.retryable = retryable
        self.paths = paths


class Unavailable(Exception):
    """No answer in spite of patience: whether the command took effect is not known. `status` is HTTP's; 0: lost."""

    def __init__(self, detail: str, *, status: int = 0) -> None:
        super().__init__(detail)
        self.status = status


class Disconnected(Exception):
    """The connection was lost before the answer came; the next `welcome` shows what is true."""


class Ended(Exception):
    """The session is over and must not come back as it is (4500 to 4999), or was closed by ourselves."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason


def encode(message: Mapping[str, Any], codec: Codec) -> str | bytes:
    if codec == "json":
        return orjson.dumps(message).decode()
    return msgspec.msgpack.encode(message)


def decode(frame: str | bytes) -> Message:
    """A text frame is JSON, a binary one MessagePack; anything but a map with a `type` is no message."""
    message = orjson.loads(frame) if isinstance(frame, str) else msgspec.msgpack.decode(frame)
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ValueError(f"not a message: {frame[:200]!r}")
    return message


def may_return(code: int | None) -> bool:
    """Whether a client may come back as it is. Codes below 4000 and a lost connection are accidents: yes."""
    return code is None or not 4500 <= code <= 4999


def full_jitter(
    attempt: int, draw: float, first: float = BACKOFF_FIRST_SECONDS, most: float = BACKOFF_MOST_SECONDS
) -> float:
    """Seconds before attempt 0, 1, 2 …: a draw from [0, 1) of a ceiling that doubles up to `most`."""
    return draw * min(most, first * 2.0 ** min(attempt, 30))
