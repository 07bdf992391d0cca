"""Codecs: every message, every fault, and bytes that are no message at all."""

import json
import math
from typing import Any

import msgpack  # type: ignore[import-untyped]  # a foreign writer on purpose; it has no types
import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.order import OrderId
from geo.crs import Crs
from geo.point import Point
from realtime.wire import (
    CODECS,
    JSON,
    MSGPACK,
    CloseCode,
    Codec,
    Decline,
    Grab,
    Heard,
    Hello,
    Invalid,
    Malformed,
    Outbound,
    Ping,
    Position,
    Progress,
    Release,
    Seen,
    SetStatus,
    bye,
)

both = pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=lambda codec: codec.name)


def packed(codec: Codec, message: Any) -> bytes:
    """What a foreign client would send: written by other libraries than the server's."""
    if codec is JSON:
        return json.dumps(message).encode()
    packed: bytes = msgpack.packb(message)
    return packed


def invalid(codec: Codec, payload: bytes) -> Invalid:
    with pytest.raises(Invalid) as caught:
        codec.decode(payload)
    return caught.value


def malformed(codec: Codec, payload: bytes) -> Malformed:
    with pytest.raises(Malformed) as caught:
        codec.decode(payload)
    return caught.value


MESSAGES: list[tuple[dict[str, Any], msgspec.Struct]] = [
    ({"type": "hello"}, Hello()),
    (
        {
            "type": "hello",
            "token": "t",
            "position": {"lat": 31, "lon": 121.5},
            "status": "paused",
            "crs": "gcj02",
        },
        Hello("t", Point(31.0, 121.5), "paused", Crs.GCJ02),
    ),
    (
        {
            "type": "position",
            "lat": -85,
            "lon": 180,
            "accuracy_m": 0,
            "heading": 360,
            "speed_mps": 1.5,
            "at": 1,
        },
        Position(-85.0, 180.0, 0.0, 360.0, 1.5, 1),
    ),
    ({"type": "position", "lat": 1, "lon": 2, "heading": None}, Position(1.0, 2.0)),
    ({"type": "status", "status": "available"}, SetStatus("available")),
    ({"type": "grab", "ref": "", "order_id": "01J"}, Grab("", OrderId("01J"))),
    ({"type": "decline", "ref": "r", "order_id": "o"}, Decline("r", OrderId("o"))),
    (
        {"type": "decline", "ref": "r", "order_id": "o", "reason": "太远"},
        Decline("r", OrderId("o"), "太远"),
    ),
    ({"type": "heard", "order_id": "o", "note_id": "n"}, Heard(OrderId("o"), "n")),
    ({"type": "heard", "ref": "r", "order_id": "o", "note_id": "n"}, Heard(OrderId("o"), "n", "r")),
    ({"type": "seen", "order_ids": []}, Seen(())),
    ({"type": "seen", "order_ids": ["a", "b"]}, Seen((OrderId("a"), OrderId("b")))),
    (
        {"type": "progress", "ref": "r", "order_id": "o", "fence": 1, "step": "en_route", "at": 2**53 - 1},
        Progress("r", OrderId("o"), 1, "en_route", 2**53 - 1),
    ),
    (
        {"type": "release", "ref": "r", "order_id": "o", "fence": 2, "reason": "flat tyre"},
        Release("r", OrderId("o"), 2, "flat tyre"),
    ),
    ({"type": "ping"}, Ping()),
    ({"type": "ping", "ref": "é"}, Ping("é")),
]


@both
@pytest.mark.parametrize(("sent", "meant"), MESSAGES)
def test_every_message(codec: Codec, sent: dict[str, Any], meant: msgspec.Struct) -> None:
    assert codec.decode(packed(codec, sent)) == meant
    last = dict(reversed(sent.items()))
    assert codec.decode(packed(codec, last)) == meant, "`type` need not come first"


GRAB: dict[str, Any] = {"type": "grab", "ref": "r1", "order_id": "o"}
POSITION: dict[str, Any] = {"type": "position", "lat": 1.0, "lon": 2.0}
PROGRESS: dict[str, Any] = {"type": "progress", "ref": "r1", "order_id": "o", "fence": 1, "step": "arrived"}
RELEASE: dict[str, Any] = {"type": "release", "ref": "r1", "order_id": "o", "fence": 1, "reason": ""}

FAULTS: list[tuple[dict[str, Any], str]] = [
    (GRAB | {"surprise": 1}, "surprise"),
    ({"type": "grab", "ref": "r1"}, "order_id"),
    ({"type": "grab", "order_id": "o"}, "ref"),
    (GRAB | {"order_id": ""}, "order_id"),
    (GRAB | {"order_id": "o" * 65}, "order_id"),
    (GRAB | {"order_id": "o\x00"}, "order_id"),
    (GRAB | {"order_id": 7}, "order_id"),
    (GRAB | {"order_id": None}, "order_id"),
    (GRAB | {"ref": "r" * 129}, "ref"),
    (GRAB | {"ref": 7}, "ref"),
    (POSITION | {"lat": 85.01}, "lat"),
    (POSITION | {"lat": -85.01}, "lat"),
    (POSITION | {"lat": "31"}, "lat"),
    (POSITION | {"lat": True}, "lat"),
    (POSITION | {"lon": 180.5}, "lon"),
    ({"type": "position", "lat": 1}, "lon"),
    (POSITION | {"accuracy_m": -1}, "accuracy_m"),
    (POSITION | {"heading": 361}, "heading"),
    (POSITION | {"speed_mps": -0.1}, "speed_mps"),
    (POSITION | {"at": 1.5}, "at"),
    (POSITION | {"at": -1}, "at"),
    (POSITION | {"at": 2**53}, "at"),
    (POSITION | {"at": 2**64 - 1}, "at"),
    (PROGRESS | {"fence": 0}, "fence"),
    (PROGRESS | {"fence": True}, "fence"),
    (PROGRESS | {"step": "assigned"}, "step"),
    (RELEASE | {"reason": "x" * 501}, "reason"),
    (RELEASE | {"reason": "\x00"}, "reason"),
    ({"type": "decline", "ref": "r1", "order_id": "o", "reason": "x" * 501}, "reason"),
    ({"type": "status", "status": "away"}, "status"),
    ({"type": "heard", "order_id": "o"}, "note_id"),
    ({"type": "heard", "order_id": "o", "note_id": "n" * 65}, "note_id"),
    ({"type": "heard", "order_id": "o", "note_id": "n\0"}, "note_id"),
    ({"type": "heard", "order_id": "", "note_id": "n"}, "order_id"),
    ({"type": "seen", "order_ids": ["o"] * 201}, "order_ids"),
    ({"type": "seen", "order_ids": ["o", 5]}, "order_ids[1]"),
    ({"type": "seen", "order_ids": ["o", ""]}, "order_ids[1]"),
    ({"type": "hello", "token": "t" * 8193}, "token"),
    ({"type": "hello", "status": "asleep"}, "status"),
    ({"type": "hello", "crs": "utm"}, "crs"),
    ({"type": "hello", "position": {"lat": 86, "lon": 0}}, "position.lat"),
    ({"type": "hello", "position": {"lat": 1}}, "position"),
    ({"type": "hello", "position": {"lat": 1, "lon": 1, "alt": 5}}, "alt"),
    ({"type": "hello", "position": [1, 2]}, "position"),
    ({"type": "verdict", "ref": "r1"}, "type"),
    ({"type": ""}, "type"),
]


@both
@pytest.mark.parametrize(("sent", "names"), FAULTS, ids=lambda value: str(value)[:60])
def test_a_fault_names_its_field(codec: Codec, sent: dict[str, Any], names: str) -> None:
    fault = invalid(codec, packed(codec, sent))
    assert names in fault.message
    assert fault.type == sent["type"]
    ref = sent.get("ref")
    assert fault.ref == (ref if isinstance(ref, str) and len(ref) <= 128 else None)


@both
def test_a_fault_of_any_length_has_a_short_text(codec: Codec) -> None:
    fault = invalid(codec, packed(codec, GRAB | {"k" * 60000: 1}))
    assert len(fault.message) <= 300
    fault = invalid(codec, packed(codec, {"type": "t" * 60000}))
    assert len(fault.type) + len(fault.message) <= 300


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["lat", "lon", "accuracy_m", "heading", "speed_mps"])
def test_numbers_of_messagepack_that_are_none(name: str, number: float) -> None:
    assert name in invalid(MSGPACK, packed(MSGPACK, POSITION | {name: number})).message


@pytest.mark.parametrize(
    ("payload", "names"),
    [
        (b'{"type":"position","lon":1,"lat":1e400}', "lat"),
        (b'{"type":"position","lon":1,"lat":' + b"9" * 400 + b"}", "lat"),
        (b'{"type":"position","lon":1,"lat":1,"at":' + b"9" * 5000 + b"}", "at"),
        (b'{"type":"ping","type":"grab"}', "type"),
    ],
)
def test_json_that_is_invalid(payload: bytes, names: str) -> None:
    assert names in invalid(JSON, payload).message


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b" ",
        b"{",
        b"null",
        b"[]",
        b'"ping"',
        b"{}",
        b'{"ref":"r"}',
        b'{"type":5}',
        b'{"type":null}',
        b'{"type":["ping"]}',
        b'{"type":"ping"} x',
        b'{"type":"ping"',
        b'{"type":"position","lat":NaN,"lon":1}',
        b'{"type":"position","lat":Infinity,"lon":1}',
        b"{'type':'ping'}",
        b'\xef\xbb\xbf{"type":"ping"}',
        '{"type":"ping"}'.encode("utf-16"),
        b'{"type":"ping","ref":"\xff"}',
        b'{"type":"ping","\xff":1}',
        b'{"type":"\xff"}',
        b'{"type":"nonsense","x":"\xc3"}',
        b'{"type":"ping","ref":"\xed\xa0\x80"}',
        b'{"type":"ping","ref":"\\ud800"}',
        b'{"type":"ping","ref":"a\x00b"}',
        b'{"type":"ping","x":' + b"[" * 30000 + b"]" * 30000 + b"}",
        b'{"type":"ping","x":' + b'{"a":' * 10000 + b"1" + b"}" * 10000 + b"}",
        b'{"type":"ping","ref":' + b"[" * 60000,
        b"[" * 65536,
    ],
    ids=lambda payload: repr(payload[:40]),
)
def test_bytes_that_are_no_json_message(payload: bytes) -> None:
    assert malformed(JSON, payload).reason


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc0",
        b"\xc1",
        b"\x80",
        b"\x90",
        b"\xa4ping",
        b'{"type":"ping"}',
        msgpack.packb({"type": 5}),
        msgpack.packb({"type": b"ping"}),
        msgpack.packb({b"type": "ping"}),
        msgpack.packb({"type": "ping", 1: 2}),
        msgpack.packb({1: 2, "type": "ping"}),
        msgpack.packb({"type": msgpack.ExtType(5, b"ping")}),
        msgpack.packb(msgpack.Timestamp(1)),
        msgpack.packb({"type": "ping"}) + b"\xc0",
        msgpack.packb({"type": "ping", "ref": "r"})[:-1],
        b"\x81\xa4type\xa2\xff\xfe",
        b"\x82\xa4type\xa4ping\xa3ref\xa2\xff\xfe",
        b"\xdf\xff\xff\xff\xff\xa4type\xa4ping",
        b"\xdd\xff\xff\xff\xff",
        b"\x82\xa4type\xa4ping\xa3ref\xdd\xff\xff\xff\xff",
        b"\x82\xa4type\xa4ping\xa3ref\xdf\xff\xff\xff\xff",
        b"\x82\xa4type\xa4seen\xa9order_ids\xdd\xff\xff\xff\xff",
        b"\x82\xa4type\xa4ping\xa3ref\xdb\xff\xff\xff\xff",
        b"\x82\xa4type\xa4ping\xa1x" + b"\x91" * 60000 + b"\xc0",
        b"\x82\xa4type\xa4ping\xa1x" + b"\x81\xa1a" * 20000 + b"\xc0",
    ],
    ids=lambda payload: repr(payload[:40]),
)
def test_bytes_that_are_no_messagepack_message(payload: bytes) -> None:
    assert malformed(MSGPACK, payload).reason


def test_extension_types_and_binary_in_a_field_are_its_fault() -> None:
    assert "ref" in invalid(MSGPACK, msgpack.packb({"type": "ping", "ref": b"r"})).message
    ext = msgpack.Timestamp(1)
    assert "lat" in invalid(MSGPACK, msgpack.packb(POSITION | {"lat": ext})).message


@both
def test_moderate_nesting_is_only_an_unknown_field(codec: Codec) -> None:
    nested: Any = 1
    for _ in range(100):
        nested = [nested]
    assert "x" in invalid(codec, packed(codec, {"type": "ping", "x": nested, "ref": "r"})).message


_json_like = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(0, 9), inner, max_size=4),
    max_leaves=12,
)
_field = st.sampled_from(
    ["type", "ref", "order_id", "lat", "lon", "at", "token", "position", "status", "fence", "order_ids", "x"]
)
_type = st.sampled_from([kind["type"] for kind, _ in MESSAGES]) | st.text(max_size=5)
_message_like = st.dictionaries(_field, _json_like, max_size=5).flatmap(
    lambda message: _type.map(lambda type_: message | {"type": type_})
)


def _decodes_or_says_why(codec: Codec, payload: bytes) -> None:
    try:
        message = codec.decode(payload)
    except Malformed as fault:
        assert fault.reason
    except Invalid as fault:
        assert fault.message
    else:
        assert codec.decode(codec.encode(message)) == message


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(payload: bytes) -> None:
    _decodes_or_says_why(JSON, payload)
    _decodes_or_says_why(MSGPACK, payload)


@settings(deadline=None)
@given(_message_like | _json_like)
def test_anything_that_messagepack_can_say(message: Any) -> None:
    _decodes_or_says_why(MSGPACK, msgpack.packb(message))


@settings(deadline=None)
@given(_message_like | _json_like)
def test_anything_that_json_can_say(message: Any) -> None:
    _decodes_or_says_why(JSON, json.dumps(message, default=repr).encode())


@settings(deadline=None)
@given(st.sampled_from(MESSAGES), st.integers(0, 300), st.integers(0, 255))
def test_a_damaged_message(pair: tuple[dict[str, Any], object], at: int, byte: int) -> None:
    for codec in CODECS.values():
        payload = bytearray(packed(codec, pair[0]))
        payload[at % len(payload)] = byte
        _decodes_or_says_why(codec, bytes(payload))


@both
@pytest.mark.parametrize("length", [0, 100, 125, 126, 65535, 65536, 100_000])
def test_a_frame_is_what_rfc_6455_says(codec: Codec, length: int) -> None:
    message = {"type": "x", "a": "b" * length}
    frame = Outbound(message).frame(codec)
    payload = orjson.dumps(message) if codec is JSON else msgpack.packb(message)
    assert frame[0] == (0x81 if codec is JSON else 0x82)
    header = {126: 4, 127: 10}.get(frame[1], 2)
    announced = frame[1] if header == 2 else int.from_bytes(frame[2:header], "big")
    assert (announced, frame[header:]) == (len(payload), payload)
    assert header == (2 if announced < 126 else 4 if announced < 65536 else 10)


def test_a_frame_is_encoded_once_for_each_codec() -> None:
    outbound = Outbound({"type": "offer"})
    assert outbound.frame(JSON) is outbound.frame(JSON)
    assert outbound.frame(MSGPACK) is outbound.frame(MSGPACK)
    assert outbound.frame(JSON) != outbound.frame(MSGPACK)


@both
def test_structs_may_stand_in_a_message(codec: Codec) -> None:
    plain = codec.encode({"type": "x", "at": {"lat": 1.0, "lon": 2.0}, "kinds": ["a"]})
    assert codec.encode({"type": "x", "at": Point(1.0, 2.0), "kinds": ("a",)}) == plain


@both
def test_bye(codec: Codec) -> None:
    frame = bye(CloseCode.SLOW, "too slow", 250).frame(codec)
    loads = json.loads if codec is JSON else msgpack.unpackb
    assert loads(frame[2:]) == {
        "type": "bye",
        "code": 4001,
        "reason": "too slow",
        "reconnect_after_ms": 250,
    }


def test_close_codes_are_those_of_the_protocol() -> None:
    come_back = [4000, 4001, 4002, 4003, 4004]
    stay_away = [4500, 4501, 4502, 4503, 4504, 4505, 4506, 4507, 4509]
    assert sorted(CloseCode) == come_back + stay_away
    assert (CloseCode.SLOW, CloseCode.FORBIDDEN, CloseCode.MALFORMED) == (4001, 4502, 4507)
