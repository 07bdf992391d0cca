"""What each message says: in whose coordinates, in which words, and what an offer must never hold."""

from collections.abc import Callable

import msgspec
import pytest

from dispatch.events import Type
from dispatch.identity import Identity, Role
from dispatch.order import Status
from geo.crs import Crs
from geo.point import Point
from realtime.telling import Telling
from realtime.wire import JSON, MSGPACK, Codec, Outbound
from tests.realtime.log import DESTINATION, LINKS, NOW, PLACE, POLICY, Log, note, showing

SECRETS = (
    "+8613800000000", "13800000000", "Li", "c-1", "Example", "Sample", "沪A12345", "WVWZZZ1JZXW000001", "plate", "vin",
    "customer", "phone", "address", "place",
)  # fmt: skip
VALET, SHOP, CUSTOMER, DISPATCHER = (
    Identity(sub, role, None, 0)
    for sub, role in (
        ("v-1", Role.VALET),
        ("s-1", Role.SHOP),
        ("c-1", Role.CUSTOMER),
        ("d-1", Role.DISPATCHER),
    )
)
NEARBY, FAR = Point(31.2314, 121.4747), Point(31.2904, 121.4737)
Make = Callable[[Telling, Identity, Crs], Outbound]


def offer(telling: Telling, who: Identity, crs: Crs) -> Outbound:
    return telling.offer(who, crs, NEARBY)


@pytest.fixture
def log() -> Log:
    return Log()


def digits(number: float) -> set[str]:
    """A coordinate as it might be written with at least four decimals."""
    return {f"{number:.{places}f}"[:-1] for places in (5, 6, 7)}


@pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=lambda codec: codec.name)
@pytest.mark.parametrize("crs", Crs)
def test_no_byte_of_an_offer_is_private(log: Log, codec: Codec, crs: Crs) -> None:
    offer = log.opened("v-1").offer(VALET, crs, NEARBY)
    assert offer.message.keys() == {"type", "order", "say"}
    frame = offer.frame(codec)
    assert b"flat tyre" in frame, "what is not private is there"
    for secret in SECRETS:
        assert secret.encode() not in frame
    for number in (PLACE.point.lat, PLACE.point.lon, DESTINATION.point.lat, DESTINATION.point.lon):
        assert not any(text.encode() in frame for text in digits(number))
    for name in ("area", "destination_area"):
        area = offer.message["order"][name]
        assert area == {axis: round(degrees, 3) for axis, degrees in area.items()}


@pytest.mark.parametrize("make", [Telling.job, Telling.order, Telling.desk, offer])
def test_positions_are_in_the_coordinates_of_the_reader(log: Log, make: Make) -> None:
    telling = log.opened("v-1")
    place = {crs: make(telling, VALET, crs).message["order"] for crs in Crs}
    if make is offer:
        points = {crs: order["area"] for crs, order in place.items()}
    else:
        points = {crs: order["place"] for crs, order in place.items()}
        assert points[Crs.WGS84] == {"lat": PLACE.point.lat, "lon": PLACE.point.lon, "address": PLACE.address}
    # In Shanghai GCJ-02 lies some 480 m to the south-east, BD-09 another 900 m north-east of that.
    assert points[Crs.GCJ02]["lat"] == pytest.approx(PLACE.point.lat - 0.0019, abs=1.2e-3)
    assert points[Crs.GCJ02]["lon"] == pytest.approx(PLACE.point.lon + 0.0045, abs=1.2e-3)
    assert points[Crs.BD09]["lon"] - points[Crs.GCJ02]["lon"] == pytest.approx(0.0065, abs=1.2e-3)


def test_a_message_is_made_once_for_all_readers_of_a_kind(log: Log) -> None:
    telling = log.opened("v-1")
    wgs84, gcj02 = (offer(telling, VALET, crs) for crs in (Crs.WGS84, Crs.GCJ02))
    assert offer(telling, SHOP, Crs.WGS84) is wgs84
    assert gcj02 is not wgs84
    assert telling.order(CUSTOMER, Crs.WGS84) is not telling.job(VALET, Crs.WGS84)
    assert telling.desk(DISPATCHER, Crs.WGS84) is telling.desk(CUSTOMER, Crs.WGS84)
    assert telling.retract("taken") is telling.retract("taken")
    assert wgs84.frame(JSON) is offer(telling, SHOP, Crs.WGS84).frame(JSON)


def test_offers_differ_by_the_band_of_distances_alone(log: Log) -> None:
    telling = log.opened("v-1")
    near, far, unknown = (telling.offer(VALET, Crs.WGS84, stands) for stands in (NEARBY, FAR, None))
    assert telling.offer(SHOP, Crs.WGS84, Point(31.2304, 121.4737)) is near
    assert [made.message["say"]["en"] for made in (near, far, unknown)] == [
        "New towing order, less than 500 metres away, 180 yuan.",
        "New towing order, less than 10 kilometres away, 180 yuan.",
        "New towing order, 180 yuan.",
    ]
    assert near.message["order"] == far.message["order"] == unknown.message["order"]


def test_the_distance_is_that_to_the_area_and_not_to_the_place(log: Log) -> None:
    """489 m to the place, 536 m to the area that candidates are shown: the sentence gives no more away than that."""
    stands = Point(PLACE.point.lat + 0.0044, PLACE.point.lon)
    assert "less than 1 kilometre away" in log.opened("v-1").offer(VALET, Crs.WGS84, stands).message["say"]["en"]


@pytest.mark.parametrize("make", [Telling.job, Telling.order, Telling.desk])
def test_whoever_sees_all_hears_notes_at_an_address_of_his_own(log: Log, make: Make) -> None:
    log.opened("v-1")
    telling = log.noted(note("n-1"), note("n-2", by="valet:v-1", shared=False))
    mine, yours = make(telling, VALET, Crs.WGS84), make(telling, SHOP, Crs.WGS84)
    for made, who in ((mine, VALET), (yours, SHOP)):
        notes = made.message["order"]["voice_notes"]
        assert [each["url"] for each in notes] == [LINKS.url(n, who.actor, NOW) for n in ("n-1", "n-2")]
    assert make(telling, VALET, Crs.WGS84) is mine, "made once for all sessions of one party"


def test_a_candidate_who_may_listen_has_an_address_of_his_own() -> None:
    log = Log(showing=showing(msgspec.structs.replace(POLICY, listen="before")))
    log.opened("v-1", "s-1")
    telling = log.noted(note())
    told = {who: offer(telling, who, Crs.WGS84).message["order"]["voice_notes"] for who in (VALET, SHOP)}
    for who, (only,) in told.items():
        assert only["url"] == LINKS.url("n-1", who.actor, NOW)


def test_candidates_who_may_not_listen_share_one_message(log: Log) -> None:
    log.opened("v-1", "s-1")
    telling = log.noted(note(), note("n-2", by="valet:v-9", shared=False))
    made = offer(telling, VALET, Crs.WGS84)
    assert made is offer(telling, SHOP, Crs.WGS84)
    (only,) = made.message["order"]["voice_notes"]
    assert (only["id"], only["url"], only["seconds"], len(only["waveform"])) == ("n-1", None, 6.4, 64)


def test_an_unknown_policy_gives_nothing_away() -> None:
    """A node may hear of an order before it hears of its kind's policy."""
    log = Log(showing=showing(None))
    log.opened("v-1")
    order = offer(log.noted(note()), VALET, Crs.WGS84).message["order"]
    assert order["details"] == {}
    assert [each["url"] for each in order["voice_notes"]] == [None]


def test_what_the_full_messages_look_like(log: Log) -> None:
    log.opened("v-1")
    telling = log.assigned("v-1")
    for message, kind in ((telling.job(VALET, Crs.WGS84), "job"), (telling.order(CUSTOMER, Crs.WGS84), "order")):
        assert message.message["type"] == kind
        assert message.message["order"]["customer"] == {"id": "c-1", "name": "Li", "phone": "+8613800000000"}
        assert message.message["order"]["assignment"]["fence"] == 1
        assert message.message["order"]["version"] == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda log: log.assigned("v-2"), "taken"),
        (lambda log: log.escalated(), "escalated"),
        (lambda log: log.cancelled(), "cancelled"),
        (lambda log: log.add(Type.EDITED, Status.SCHEDULED), "changed"),
    ],
)
def test_why_an_offer_is_retracted(log: Log, change: Callable[[Log], Telling], reason: str) -> None:
    log.opened("v-1")
    telling = change(log)
    assert telling.retract_reason() == reason
    assert telling.retract(reason).message == {"type": "retract", "order_id": "o-1", "reason": reason}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda log: log.assigned("v-2"), "reassigned"),
        (lambda log: log.cancelled(), "cancelled"),
        (lambda log: log.released(), "released"),
        (lambda log: log.add(Type.CLOSED, Status.COMPLETED), "closed"),
    ],
)
def test_why_a_job_ends(log: Log, change: Callable[[Log], Telling], reason: str) -> None:
    log.assigned("v-1")
    assert change(log).unjob().message == {"type": "unjob", "order_id": "o-1", "reason": reason}


@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [
        (Type.ESCALATED, Status.ESCALATED, "escalated"),
        (Type.RELEASED, Status.ESCALATED, "escalated"),
        (Type.RELEASED, Status.OPEN, "changed"),
        (Type.STALLED, Status.ASSIGNED, "stalled"),
        (Type.TAKEN_UP, Status.ESCALATED, "taken_up"),
        (Type.ASSIGNED, Status.ASSIGNED, "assigned"),
        (Type.REOPENED, Status.OPEN, "reopened"),
        (Type.CLOSED, Status.COMPLETED, "closed"),
        (Type.CANCELLED, Status.CANCELLED, "cancelled"),
        (Type.EXPIRED, Status.EXPIRED, "expired"),
        (Type.EDITED, Status.ESCALATED, "changed"),
        (Type.PROGRESSED, Status.EN_ROUTE, "changed"),
        (Type.COMPLETED, Status.COMPLETED, "changed"),
    ],
)
def test_the_words_of_the_desk(log: Log, kind: Type, status: Status, word: str) -> None:
    message = log.add(kind, status, holder="v-1").desk(DISPATCHER, Crs.WGS84).message
    assert (message["type"], message["event"], message["order"]["status"]) == ("desk", word, status)
