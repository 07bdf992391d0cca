"""Limits as the environment says them."""

import pytest

from realtime.admission import Room
from realtime.limits import DEFAULT_RATES, Limit, Rates
from server import bounds
from server.bounds import KEPT_FILES, BoundsFault


def test_without_a_word_there_are_limits() -> None:
    assert bounds.rates({}) == DEFAULT_RATES
    assert None not in DEFAULT_RATES
    room = bounds.room({}, 20_000)
    assert room == Room(connections=20_000 - KEPT_FILES, strangers=10_000, of_one_address=0, new=Limit(1000, 10_000))


def test_each_can_be_set() -> None:
    rates = {"DISPATCH_LIMIT_MESSAGES": "10/20", "DISPATCH_LIMIT_GRABS": "0.5/1", "DISPATCH_LIMIT_POSITIONS": "2/3"}
    assert bounds.rates(rates) == Rates(Limit(10, 20), Limit(0.5, 1), Limit(2, 3))
    room = {
        "DISPATCH_LIMIT_CONNECTIONS": "5",
        "DISPATCH_LIMIT_UNAUTHENTICATED": "4",
        "DISPATCH_LIMIT_ADDRESS": "3",
        "DISPATCH_LIMIT_NEW_CONNECTIONS": "1/2",
    }
    assert bounds.room(room, 20_000) == Room(connections=5, strangers=4, of_one_address=3, new=Limit(1, 2))


def test_zero_is_no_limit() -> None:
    names = ("MESSAGES", "GRABS", "POSITIONS", "CONNECTIONS", "UNAUTHENTICATED", "ADDRESS", "NEW_CONNECTIONS")
    env = {f"DISPATCH_LIMIT_{name}": "0" for name in names}
    assert bounds.rates(env) == Rates(None, None, None)
    assert bounds.room(env, 20_000) == Room()


def test_a_few_open_files_leave_room_for_somebody() -> None:
    assert bounds.room({}, 100).connections == 1


@pytest.mark.parametrize("text", ["50", "50/", "/5", "0/5", "5/0", "-1/5", "5/5/5", "many", "1e3/5", "nan/5", " 5/5"])
def test_a_wrong_rate_is_named(text: str) -> None:
    with pytest.raises(BoundsFault, match="DISPATCH_LIMIT_GRABS must be a rate"):
        bounds.rates({"DISPATCH_LIMIT_GRABS": text})


@pytest.mark.parametrize("text", ["-1", "1.5", "many", "1/2"])
def test_a_wrong_count_is_named(text: str) -> None:
    with pytest.raises(BoundsFault, match="DISPATCH_LIMIT_ADDRESS must be a number"):
        bounds.room({"DISPATCH_LIMIT_ADDRESS": text}, 20_000)
