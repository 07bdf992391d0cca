"""Codecs, close codes and back-off as PROTOCOL §4 has them."""

import pytest

from loadtest.wire import Codec, decode, encode, full_jitter, may_return


@pytest.mark.parametrize("codec", ["json", "msgpack"])
def test_a_message_survives_its_codec(codec: Codec) -> None:
    message = {"type": "release", "ref": "7", "reason": "爆胎", "fence": 3, "lat": 40.71}
    frame = encode(message, codec)
    assert isinstance(frame, str) is (codec == "json")
    assert decode(frame) == message


@pytest.mark.parametrize("frame", ["[]", '{"no": "type"}', '{"type": 3}', b"\x90"])
def test_what_is_no_message(frame: str | bytes) -> None:
    with pytest.raises(ValueError, match="not a message"):
        decode(frame)


@pytest.mark.parametrize(
    ("code", "returns"),
    [
        (None, True),
        (1001, True),
        (1011, True),
        (4000, True),
        (4499, True),
        (4500, False),
        (4509, False),
        (4999, False),
    ],
)
def test_close_codes_tell_whether_to_return(code: int | None, returns: bool) -> None:
    assert may_return(code) is returns


def test_back_off_doubles_its_ceiling_from_half_a_second_to_twenty() -> None:
    assert [full_jitter(attempt, 1.0) for attempt in range(8)] == [0.5, 1, 2, 4, 8, 16, 20, 20]
    assert full_jitter(10_000, 1.0) == 20


def test_back_off_draws_from_all_of_it() -> None:
    assert full_jitter(3, 0.0) == 0
    assert full_jitter(3, 0.25) == 1
