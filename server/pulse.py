"""How late this process' event loop is: the first thing to look at when everything is slow.

Owns one timer. Knows nothing of what keeps the loop busy. Invariant: it beats from `start` to `close`, and each beat
tells how much later than planned it came; what stood still longer than a beat counts once, with its whole length.
"""

import asyncio
import time
from collections.abc import Callable

BEAT_S = 0.1


class Pulse:
    def __init__(self, observe: Callable[[float], None], *, beat_s: float = BEAT_S) -> None:
        self._observe = observe
        self._beat_s = beat_s
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._due = time.monotonic() + self._beat_s  # the loop's own clock stands still within a turn
        self._timer = asyncio.get_running_loop().call_later(self._beat_s, self._beat)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self) -> None:
        self._observe(max(0.0, time.monotonic() - self._due))
        self.start()
