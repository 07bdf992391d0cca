"""What happens within one turn of the event loop, on a transport that only remembers."""

import asyncio
from typing import Any

from realtime.connection import Connection
from realtime.switchboard import Switchboard
from realtime.wire import JSON, CloseCode, Outbound
from tests.realtime.stream import CLOSE, LIMITS, PING, PONG, Recorder, client_frame, request_head, text


class Tape(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__({"peername": ("::1", 5, 0, 0)})
        self.written: list[bytes] = []
        self.ended = False

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        assert not self.ended
        self.written.append(bytes(data))

    def write_eof(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


def taped() -> tuple[Tape, Connection]:
    board = Switchboard(Recorder(), LIMITS)
    board.start(asyncio.get_running_loop())
    tape, conn = Tape(), Connection(board)
    conn.connection_made(tape)
    conn.data_received(request_head())
    tape.written.clear()
    return tape, conn


async def test_what_one_turn_says_is_one_write() -> None:
    tape, conn = taped()
    assert conn.address == "[::1]:5"
    notice = Outbound({"type": "notice"})
    conn.send(notice)
    conn.send(notice)
    conn.data_received(client_frame(PING, b"p") + text({"type": "ping"}))
    answer = Outbound({"type": "pong", "ref": None}).frame(JSON)
    pong = bytes((0x80 | PONG, 1)) + b"p"
    assert conn.unsent_bytes == 2 * len(notice.frame(JSON)) + len(pong) + len(answer)
    assert tape.written == []
    await asyncio.sleep(0)
    assert tape.written == [notice.frame(JSON) * 2 + pong + answer]
    assert conn.unsent_bytes == 0


async def test_what_many_are_told_goes_out_at_once_and_never_before_what_waits() -> None:
    tape, conn = taped()
    notice = Outbound({"type": "notice"}, sheddable=True)
    conn.send_at_once(notice)
    assert tape.written == [notice.frame(JSON)]
    first = Outbound({"type": "first"})
    conn.send(first)
    conn.send_at_once(notice)
    await asyncio.sleep(0)
    assert tape.written == [notice.frame(JSON), first.frame(JSON) + notice.frame(JSON)]
    conn.close(CloseCode.KICKED, "go")
    await asyncio.sleep(0)
    said = len(tape.written)
    conn.send_at_once(notice)
    await asyncio.sleep(0)
    assert len(tape.written) == said


async def test_an_answer_to_what_came_with_the_close_frame_does_not_follow_the_echo() -> None:
    tape, conn = taped()
    conn.data_received(text({"type": "ping"}) + client_frame(CLOSE, b"\x03\xe8"))
    await asyncio.sleep(0)
    assert tape.written == [bytes((0x80 | CLOSE, 2)) + b"\x03\xe8"]
    assert tape.ended


async def test_much_for_one_connection_does_not_wait_for_the_end_of_the_turn() -> None:
    tape, conn = taped()
    conn.send(Outbound({"type": "x", "a": "a" * 70000}))
    assert len(tape.written) == 1


async def test_input_that_ends_in_the_same_turn_is_still_answered() -> None:
    tape, conn = taped()
    conn.data_received(text({"type": "ping"}))
    conn.eof_received()
    assert tape.written == [Outbound({"type": "pong", "ref": None}).frame(JSON)]
    assert tape.ended
