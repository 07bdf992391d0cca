"""What differs from the library's core, without sockets."""

import logging

import pytest

from realtime.framing import Accepted, Framing, shake_hands
from realtime.wire import JSON, CloseCode, bye
from tests.realtime.stream import CLOSE, CONT, PING, TEXT, client_frame, request_head

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
