"""One order through its life, as the documents that machines read show it.

Pure. Made by `views` from orders as they may stand, so that no example can be of another form than what is
sent. Invariant: the documents' examples all tell of this order, its customer and its agents.
"""

from msgspec.structs import replace

from dispatch import say
from dispatch.order import AgentId, Assignment, Card, Customer, Order, OrderId, RegionId, Spot, Status, TakeUp
from dispatch.policy import DEFAULTS
from dispatch.reader import Reader
from dispatch.views import View, full_view, public_view
from dispatch.voice.links import Links
from dispatch.voice.note import Note, waveform_text
from geo.crs import Crs
from geo.point import Point

NOW = 1790000000000
REGION = "nyc"
KIND = "towing"
VALET, OTHER_VALET, SHOP = "v-001", "v-002", "s-001"
CUSTOMER = "c-9"
DISPATCHER = "d-1"

NOTE = Note(
    id="01M3250TDGY1AVZRQ2C9VNXC0G",
    mime="audio/ogg",
    seconds=6.42,
    bytes=14_835,
    sha256="9b2f6a5f2f7d0f0e5c0c1f3b8d8a1c8e4b1a6a7f0d3c2b1a09f8e7d6c5b4a392",
    waveform=waveform_text(bytes((37 * i * i + 11 * i) % 200 + 40 for i in range(64))),
    by=f"customer:{CUSTOMER}",
    at=NOW,
    kept_until_at=NOW + 30 * 24 * 3600 * 1000,
    shared=True,
)
ANSWER = replace(
    NOTE,
    id="01M3251KXGQ0WD7T2F7Z9M7M6B",
    seconds=2.9,
    bytes=7_112,
    sha256="1d0c7e5b3a9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a39281706f5",
    by=f"valet:{VALET}",
    at=NOW + 26_000,
    kept_until_at=NOW + 26_000 + 30 * 24 * 3600 * 1000,
    shared=False,
)
"""Said by the holder: candidates of a later round do not know of it."""
OPEN = Order(
    id=OrderId("01M3250V00H9H6VAJ7C91AM3G2"),
    region=RegionId(REGION),
    kind=KIND,
    status=Status.OPEN,
    version=2,
    customer=Customer(CUSTOMER, "Li", "+8613800000000"),
    place=Spot(Point(40.7188, -73.9863), "Houston St"),
    destination=Spot(Point(40.7421, -74.0018), "9th Ave garage"),
    details={"plate": "沪A12345", "note": "flat tyre"},
    price_fen=18000,
    own_bonus_fen=0,
    bonus_fen=0,
    voice_notes=(NOTE,),
    round=1,
    rounds=3,
    offered=12,
    due_at=NOW + 15_000,
    scheduled_at=None,
    created_at=NOW,
    desk_at=None,
    fence=0,
    assignment=None,
    agent=None,
    stalled=False,
    taken_up=None,
    reason=None,
    declined=(),
    released=(),
    plan="",
)
WIDENED = replace(OPEN, version=3, round=2, offered=31, bonus_fen=500, due_at=NOW + 35_000)
HELD = replace(
    WIDENED,
    status=Status.ASSIGNED,
    version=4,
    due_at=NOW + 320_000,
    fence=1,
    assignment=Assignment(AgentId(VALET), "valet", "grab", None, 1, NOW + 18_120),
    agent=Card(AgentId(VALET), "valet", "Wang", "+8613900000001"),
)
EN_ROUTE = replace(HELD, status=Status.EN_ROUTE, version=6, due_at=NOW + 3_700_000, voice_notes=(NOTE, ANSWER))
RELEASED = replace(
    EN_ROUTE,
    status=Status.OPEN,
    version=7,
    agent=None,
    round=1,
    offered=11,
    due_at=NOW + 115_000,
    reason="my own car broke down",
    released=(VALET,),
)
ESCALATED = replace(
    RELEASED, status=Status.ESCALATED, version=9, round=3, offered=57, due_at=NOW + 1_065_000, desk_at=NOW + 165_000
)
TAKEN_UP = replace(ESCALATED, version=10, taken_up=TakeUp(DISPATCHER, NOW + 230_000))
BY_DESK = replace(
    TAKEN_UP,
    status=Status.ASSIGNED,
    version=11,
    due_at=NOW + 480_000,
    desk_at=None,
    fence=2,
    assignment=Assignment(AgentId(OTHER_VALET), "valet", "desk", DISPATCHER, 2, NOW + 180_000),
    agent=Card(AgentId(OTHER_VALET), "valet", "Zhao", "+8613900000002"),
    taken_up=None,
    reason=None,
)
REOPENED = replace(
    RELEASED, version=11, bonus_fen=2000, own_bonus_fen=2000, due_at=NOW + 195_000, reason=None, offered=14
)
CLOSED = replace(
    TAKEN_UP,
    status=Status.COMPLETED,
    version=11,
    due_at=None,
    desk_at=None,
    taken_up=None,
    reason="the customer found help himself",
)
CANCELLED = replace(EN_ROUTE, status=Status.CANCELLED, version=7, due_at=None, agent=None, reason="it started again")


_POLICY = next(policy for policy in DEFAULTS if policy.kind == KIND)
_READER = Reader(Crs.WGS84, f"customer:{CUSTOMER}", Links(bytes(32)), NOW + 20_000)
SAY = say.DEFAULT.offer(KIND, say.band(1730), WIDENED.price_fen, WIDENED.bonus_fen)


def public(order: Order) -> View:
    """As a candidate sees it who may not listen."""
    return public_view(order, _POLICY)


def offered(order: Order) -> View:
    """As an entry of a list."""
    return public(order) | {"say": SAY}


def full(order: Order) -> View:
    """As its customer sees it."""
    return full_view(order, _READER)
