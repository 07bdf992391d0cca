"""The day, its pacing and its orders: the same seed gives the same, and the moments are the file's."""

from pathlib import Path

import pytest

from loadtest.demand import (
    KIND_WEIGHTS,
    MARKERS,
    NOTES,
    Area,
    Pickup,
    day_file,
    distance_m,
    due_seconds,
    order_body,
    parse_hours,
    read_day,
    towards,
    within_hours,
)

DAY = read_day(day_file(), 1)


def test_the_day_is_in_order_and_each_pickup_keeps_its_minute() -> None:
    moments = [each.at_s for each in DAY]
    assert moments == sorted(moments)
    assert 0 <= moments[0] < moments[-1] < 24 * 3600
    minutes = sorted(int(line[11:13]) * 60 + int(line[14:16]) for line in day_file().read_text().split()[1:])
    assert [int(moment // 60) for moment in moments] == minutes


def test_the_seconds_within_a_minute_are_the_seeds() -> None:
    assert read_day(day_file(), 1) == DAY
    assert read_day(day_file(), 2) != DAY


def test_hours_are_cut_out_half_open() -> None:
    cut = within_hours(DAY, (7, 10))
    assert cut
    assert all(7 * 3600 <= each.at_s < 10 * 3600 for each in cut)
    assert len(within_hours(DAY, (0, 7))) + len(cut) + len(within_hours(DAY, (10, 24))) == len(DAY)


def test_hours_are_read_as_written() -> None:
    assert parse_hours("7-10") == (7, 10)
    assert parse_hours("17-18.5") == (17, 18.5)


@pytest.mark.parametrize("hours", ["", "7", "10-7", "7-7", "-1-4", "20-25", "a-b"])
def test_hours_that_are_none(hours: str) -> None:
    with pytest.raises(ValueError, match="hours"):
        parse_hours(hours)


def test_pacing_is_the_days_divided_by_the_speed() -> None:
    pickups = [Pickup(0, 25_200.0, 0, 0), Pickup(1, 25_320.0, 0, 0), Pickup(2, 28_800.0, 0, 0)]
    assert due_seconds(pickups, 25_200, 120) == [0, 1, 30]


def test_an_order_is_the_same_for_the_same_seed_only() -> None:
    pickup = DAY[100]
    assert order_body(pickup, 1) == order_body(pickup, 1)
    assert [order_body(each, 1) for each in DAY[:50]] != [order_body(each, 2) for each in DAY[:50]]


def test_every_kind_is_asked_for_about_as_often_as_it_should() -> None:
    drawn = [order_body(each, 1)["kind"] for each in DAY[:4000]]
    whole = sum(KIND_WEIGHTS.values())
    assert NOTES.keys() == KIND_WEIGHTS.keys()
    for kind, weight in KIND_WEIGHTS.items():
        assert drawn.count(kind) / len(drawn) == pytest.approx(weight / whole, abs=0.02)


def test_a_kind_can_be_given() -> None:
    assert order_body(DAY[0], 1, "towing")["kind"] == "towing"


def test_every_private_thing_of_an_order_bears_a_mark() -> None:
    body = order_body(DAY[0], 1)
    private = (
        body["customer"]["name"],
        body["customer"]["phone"],
        body["place"]["address"],
        body["details"]["plate"],
    )
    assert all(any(mark in text for mark in MARKERS) for text in private)
    assert not any(mark in body["details"]["note"] for mark in MARKERS)


def test_no_two_orders_share_a_phone() -> None:
    phones = {order_body(each, 1)["customer"]["phone"] for each in DAY}
    assert len(phones) == len(DAY)


def test_only_a_chauffeur_is_told_where_to_go() -> None:
    bodies = [order_body(each, 1) for each in DAY[:300]]
    assert {body["kind"] for body in bodies if "destination" in body} == {"chauffeur"}


def test_the_area_is_one_shape_that_most_of_the_day_lies_in() -> None:
    area = Area.read()
    assert area.outline.is_valid
    outside = [each for each in DAY if not area.contains(each.lat, each.lon)]
    assert 0 < len(outside) < len(DAY) / 20
    feature = area.feature("New York City")
    assert (feature["type"], feature["geometry"]["type"]) == ("Feature", "MultiPolygon")


def test_there_must_be_one_day(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds 0"):
        day_file(tmp_path)


def test_distances_and_strides() -> None:
    assert distance_m(40.0, -73.0, 41.0, -73.0) == pytest.approx(111_195, rel=0.001)
    lat, lon = towards(40.0, -73.0, 40.0, -72.0, 1000)
    assert distance_m(40.0, -73.0, lat, lon) == pytest.approx(1000, rel=0.01)
    assert towards(40.0, -73.0, 40.001, -73.0, 1000) == (40.001, -73.0)
