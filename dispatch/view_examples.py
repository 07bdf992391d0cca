"""One order through its life, as the documents that machines read show it.

Pure. Made by `views` from orders as they may stand, so that no example can be of another form than what is
sent. Invariant: the documents' examples all tell of this order, its customer and its agents.
"""

from msgspec.structs import replace

from dispatch.order import AgentId, Assignment, Card, Customer, Order, OrderId, RegionId, Spot, Status, TakeUp
from dispatch.views import View, full_view, public_view
from geo.point import Point

NOW = 1790000000000
REGION = "nyc"
KIND = "towing"
VALET, OTHER_VALET, SHOP = "v-001", "v-002", "s-001"
CUSTOMER = "c-9"
DISPATCHER = "d-1"

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
    voice_notes=[],
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
EN_ROUTE = replace(HELD, status=Status.EN_ROUTE, version=5, due_at=NOW + 3_700_000)
RELEASED = replace(
    EN_ROUTE,
    status=Status.OPEN,
    version=6,
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
CANCELLED = replace(EN_ROUTE, status=Status.CANCELLED, version=6, due_at=None, agent=None, reason="it started again")


def public(order: Order) -> View:
    return public_view(order, ("plate",))


def full(order: Order) -> View:
    return full_view(order)
