"""Ends what would outlive the harness: `python -m tests.faults.guard MARK`, on a pipe that the harness holds open.

Owns one rule: when the other end of the pipe is gone, by whatever way, every PostgreSQL that bears the mark is
killed, stopped ones too: its parts run in sessions of their own, and a part that is stopped does not see that its
parent died, so a signal at the parent's death is not enough. Invariant: it ends by itself, and only after that.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

from server.leftovers import LeftOver, find

POLL_SECONDS = 0.02


def signal_all(left: Iterable[LeftOver], number: signal.Signals) -> None:
    for one in left:
        with suppress(ProcessLookupError):
            os.kill(one.pid, number)


def main(mark: str) -> None:
    sys.stdin.buffer.read()
    while left := find(mark, ("postgres",)):
        signal_all(left, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1])
