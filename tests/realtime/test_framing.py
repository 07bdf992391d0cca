"""What differs from the library's core, without sockets."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.framing import Accepted, Framing, shake_hands
from realtime.wire import JSON, CloseCode, bye
from tests.realtime.stream import BINARY, CLOSE, CONT, PING, TEXT, client_frame, request_head

TOKEN = "eyJhbGciOiJIUzI1NiJ9.secret"


def test_neither_tokens_nor_messages_reach_a_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = shake_hands(request_head(f"Authorization: Bearer {TOKEN}"), "/v1/stream", None)
        framing = Framing(65536)
        framing.receive_data(client_frame(TEXT, b'{"type":"hello","token":"%s"}' % TOKEN.encode()))
        framing.send_bye(CloseCode.TOKEN_INVALID, "no")
        framing.release()
    assert isinstance(answer, Accepted)
    assert answer.token == TOKEN
    assert not caplog.records


def test_nothing_is_queued_after_the_close_frame() -> None:
    framing = Framing(65536)
    framing.send_bye(CloseCode.KICKED, "go")
    framing.receive_data(client_frame(PING, b"late"))
    goodbye, close = framing.data_to_send()
    assert goodbye == bye(CloseCode.KICKED, "go").frame(JSON)
    assert close == bytes((0x80 | CLOSE, 4)) + (4505).to_bytes(2, "big") + b"go"


def test_a_ping_has_room_when_a_message_is_full() -> None:
    framing = Framing(1000)
    framing.receive_data(client_frame(TEXT, b"a" * 1000, fin=False) + client_frame(PING, b"p" * 125))
    framing.receive_data(client_frame(CONT))
    assert [frame.opcode for frame in framing.frames_received()] == [TEXT, PING, CONT]


def test_a_bug_in_the_parser_tells_the_client_to_start_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    framing = Framing(65536)

    def broken(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(framing, "recv_frame", broken)
    framing.receive_data(client_frame(TEXT, b"{}"))
    assert framing.close_sent is not None
    assert framing.close_sent.code == CloseCode.START_OVER
    assert framing.data_to_send()[0] == bye(CloseCode.START_OVER, "internal error").frame(JSON)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


# --- whole messages: the short way must say what the library says ------------------------------------------


@pytest.mark.parametrize("length", [2, 125, 126, 127, 1000, 65535])
def test_a_whole_message_needs_no_parser(length: int) -> None:
    framing = Framing(65536)
    payload = bytes(number % 251 for number in range(length))
    chunk = client_frame(TEXT, payload)
    assert framing.whole_messages(chunk) == [payload]
    assert framing.whole_messages(chunk + chunk) == [payload, payload]


@pytest.mark.parametrize(
    "chunk",
    [
        client_frame(PING, b"still there?"),
        client_frame(CLOSE, (1000).to_bytes(2, "big")),
        client_frame(BINARY, b"of the other kind"),
        client_frame(TEXT, b"a part", fin=False),
        client_frame(TEXT, b"whole") + client_frame(PING, b"and more"),
        client_frame(TEXT, b"whole") + client_frame(TEXT, b"cut off here")[:-1],
        client_frame(TEXT, b"whole") + client_frame(TEXT, b"cut")[:1],
        client_frame(TEXT, b"x" * 70_000),
        client_frame(TEXT, b"x" * 2_000),
        b"\x81\x05naked",
        b"\xc1" + client_frame(TEXT, b"reserved bit")[1:],
    ],
)
def test_everything_else_is_the_librarys(chunk: bytes) -> None:
    assert Framing(1_000).whole_messages(chunk) is None


def test_nothing_is_whole_in_the_middle_of_a_frame_or_of_a_message() -> None:
    chunk = client_frame(TEXT, b'{"type":"ping"}')
    for begun in (chunk[:1], chunk[:2], chunk[:5], chunk[:-1], client_frame(TEXT, b"{", fin=False)):
        framing = Framing(65536)
        framing.receive_data(begun)
        assert framing.whole_messages(chunk) is None
    framing = Framing(65536)
    framing.receive_data(chunk)
    assert framing.whole_messages(chunk) == [b'{"type":"ping"}']
    framing.send_bye(CloseCode.KICKED, "go")
    assert framing.whole_messages(chunk) is None


_PIECES = st.lists(
    st.one_of(
        st.binary(max_size=300).map(lambda payload: client_frame(TEXT, payload)),
        st.binary(max_size=20).map(lambda payload: client_frame(PING, payload)),
        st.tuples(st.binary(max_size=20), st.binary(max_size=20)).map(
            lambda parts: client_frame(TEXT, parts[0], fin=False) + client_frame(CONT, parts[1])
        ),
        st.binary(min_size=1, max_size=12),
    ),
    max_size=8,
)


@given(_PIECES, st.lists(st.integers(1, 200), max_size=20))
def test_wherever_it_is_cut_both_ways_hear_the_same(pieces: list[bytes], cuts: list[int]) -> None:
    stream, sizes = b"".join(pieces), iter(cuts)
    plain, short = Framing(65536), Framing(65536)
    heard: list[bytes] = []
    while stream:
        size = next(sizes, len(stream))
        chunk, stream = stream[:size], stream[size:]
        plain.receive_data(chunk)
        whole = short.whole_messages(chunk)
        if whole is None:
            short.receive_data(chunk)
            whole = [bytes(frame.data) for frame in short.frames_received() if frame.opcode in (TEXT, CONT)]
        heard += whole
    assert heard == [bytes(frame.data) for frame in plain.frames_received() if frame.opcode in (TEXT, CONT)]
    assert short.data_to_send() == plain.data_to_send()
    assert short.state is plain.state
