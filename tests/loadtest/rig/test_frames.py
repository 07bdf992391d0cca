"""Framing by hand, against itself and against the `websockets` library."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame as LibraryFrame
from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from loadtest.rig.frames import BINARY, HEAD_END, TEXT, FramingFault, Joiner, acceptance, masked, plain, upgrade, xor

MASK = b"\x01\x80\xff\x7f"


@given(payload=st.binary(max_size=300), mask=st.binary(min_size=4, max_size=4))
def test_masking_twice_is_nothing(payload: bytes, mask: bytes) -> None:
    assert xor(xor(payload, mask), mask) == payload


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70000])
def test_frames_come_back_whole(size: int) -> None:
    payload = bytes(number % 251 for number in range(size))
    assert Joiner().feed(plain(payload)) == [(TEXT, payload)]
    assert Joiner().feed(masked(payload, MASK, BINARY)) == [(BINARY, payload)]


@given(payloads=st.lists(st.binary(max_size=200), max_size=6), cuts=st.lists(st.integers(1, 40), min_size=1))
def test_pieces_are_joined(payloads: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(masked(each, MASK) for each in payloads)
    joiner, found, turn = Joiner(), [], 0
    while stream:
        cut = cuts[turn % len(cuts)]
        piece, stream, turn = stream[:cut], stream[cut:], turn + 1
        found += joiner.feed(piece)
    assert [payload for _, payload in found] == payloads


def test_a_fragment_is_a_fault() -> None:
    with pytest.raises(FramingFault):
        Joiner().feed(bytes((TEXT, 1)) + b"x")


def test_the_library_understands_a_client_of_ours() -> None:
    server = ServerProtocol()
    server.receive_data(upgrade("127.0.0.1:1", "/v1/stream", None))
    request = server.events_received()[0]
    assert isinstance(request, Request)
    server.send_response(server.accept(request))
    server.receive_data(masked(b"hello", MASK))
    frame = server.events_received()[0]
    assert isinstance(frame, LibraryFrame)
    assert (frame.opcode, bytes(frame.data)) == (Opcode.TEXT, b"hello")


def test_the_library_understands_the_floor() -> None:
    client = ClientProtocol(parse_uri("ws://127.0.0.1:1/v1/stream"))
    client.send_request(client.connect())
    head = b"".join(client.data_to_send())
    assert head.endswith(HEAD_END)
    client.receive_data(acceptance(head) + plain(b"welcome"))
    assert client.handshake_exc is None
    frame = client.events_received()[1]
    assert isinstance(frame, LibraryFrame)
    assert bytes(frame.data) == b"welcome"


def test_a_request_without_a_key_is_refused() -> None:
    with pytest.raises(FramingFault):
        acceptance(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
