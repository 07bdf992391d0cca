"""What each message says: in whose coordinates, in which words, and what an offer must never hold."""

from collections.abc import Callable
from typing import Any

import pytest

from dispatch.events import Type
from dispatch.order import Status
from geo.crs import Crs
from realtime.telling import Telling
from realtime.wire import JSON, MSGPACK, Codec
from tests.realtime.log import DESTINATION, PLACE, Log

SECRETS = (
    "+8613800000000", "13800000000", "Li", "c-1", "Example", "Sample", "沪A12345", "WVWZZZ1JZXW000001", "plate", "vin",
    "customer", "phone", "address", "place",
)  # fmt: skip


@pytest.fixture
def log() -> Log:
    return Log()


def digits(number: float) -> set[str]:
    """A coordinate as it might be written with at least four decimals."""
    return {f"{number:.{places}f}"[:-1] for places in (5, 6, 7)}


@pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=lambda codec: codec.name)
@pytest.mark.parametrize("crs", Crs)
def test_no_byte_of_an_offer_is_private(log: Log, codec: Codec, crs: Crs) -> None:
    offer = log.opened("v-1").offer(crs)
    frame = offer.frame(codec)
    assert b"flat tyre" in frame, "what is not private is there"
    for secret in SECRETS:
        assert secret.encode() not in frame
    for number in (PLACE.point.lat, PLACE.point.lon, DESTINATION.point.lat, DESTINATION.point.lon):
        assert not any(text.encode() in frame for text in digits(number))
    for name in ("area", "destination_area"):
        area = offer.message["order"][name]
        assert area == {axis: round(degrees, 3) for axis, degrees in area.items()}


@pytest.mark.parametrize("make", [Telling.job, Telling.order, Telling.desk, Telling.offer])
def test_positions_are_in_the_coordinates_of_the_reader(log: Log, make: Callable[[Telling, Crs], Any]) -> None:
    telling = log.opened("v-1")
    place = {crs: make(telling, crs).message["order"] for crs in Crs}
    if make is Telling.offer:
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
    assert telling.offer(Crs.WGS84) is telling.offer(Crs.WGS84)
    assert telling.offer(Crs.WGS84) is not telling.offer(Crs.GCJ02)
    assert telling.order(Crs.WGS84) is not telling.job(Crs.WGS84)
    assert telling.retract("taken") is telling.retract("taken")
    assert telling.offer(Crs.WGS84).frame(JSON) is telling.offer(Crs.WGS84).frame(JSON)


def test_what_the_full_messages_look_like(log: Log) -> None:
    log.opened("v-1")
    telling = log.assigned("v-1")
    for message, kind in ((telling.job(Crs.WGS84), "job"), (telling.order(Crs.WGS84), "order")):
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
    message = log.add(kind, status, holder="v-1").desk(Crs.WGS84).message
    assert (message["type"], message["event"], message["order"]["status"]) == ("desk", word, status)
