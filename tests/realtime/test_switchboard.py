"""The shared clock and the shared flush, with the event loop's two calls given by hand."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from realtime.connection import Connection
from realtime.switchboard import Switchboard
from tests.realtime.stream import LIMITS, Recorder


class HandLoop:
    """The part of an event loop that a switchboard uses."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.soon: list[Callable[[], None]] = []

    def time(self) -> float:
        return self.seconds

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)


class Marker:
    """Stands for a connection; `again` is marked once more while it is flushed."""

    def __init__(self, board: Switchboard, again: bool = False) -> None:
        self._board = board
        self._again = again
        self.flushed = 0

    def flush(self) -> None:
        self.flushed += 1
        if self._again:
            self._again = False
            self._board.flush_soon(cast(Connection, self))


@pytest.fixture
def loop() -> HandLoop:
    return HandLoop()


@pytest.fixture
def board(loop: HandLoop) -> Switchboard:
    board = Switchboard(Recorder(), LIMITS)
    board.start(cast(asyncio.AbstractEventLoop, loop))
    return board


def test_the_clock_moves_at_sweeps_and_terms_begin_exactly(board: Switchboard, loop: HandLoop) -> None:
    loop.seconds += 0.75
    assert (board.now, board.time()) == (0.0, 0.75)
    loop.seconds += 0.5
    board.tick()
    assert (board.now, board.time()) == (1.25, 1.25)


def test_time_in_which_the_server_stood_still_does_not_count(board: Switchboard, loop: HandLoop) -> None:
    loop.seconds += 60
    assert board.time() == 2.0
    board.tick()
    assert board.now == 2.0
    loop.seconds += 1
    board.tick()
    assert board.now == 3.0


def test_one_callback_a_turn_for_all(board: Switchboard, loop: HandLoop) -> None:
    markers: list[Any] = [Marker(board), Marker(board, again=True), Marker(board)]
    for marker in markers:
        board.flush_soon(marker)
    assert len(loop.soon) == 1
    loop.soon.pop()()
    assert [marker.flushed for marker in markers] == [1, 1, 1]
    assert len(loop.soon) == 1, "what was marked meanwhile has the next turn"
    loop.soon.pop()()
    assert [marker.flushed for marker in markers] == [1, 2, 1]
    assert not loop.soon
