"""What a listener counted, carried over to the metrics once a sweep, so that no message pays for it.

Knows no connection. Invariant: each count is carried over once.
"""

from dataclasses import replace

from dispatch import metrics
from realtime.switchboard import Counters
from realtime.wire import CloseCode

_WAYS = ("received", "invalid", "sent", "shed")


class Tally:
    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._told = Counters()
        for code in CloseCode:  # a rate is seen only of what was told as 0 before
            metrics.CLOSED.labels(str(int(code)))

    def carry_over(self) -> None:
        now, told = self._counters, self._told
        for way in _WAYS:
            metrics.MESSAGES.labels(way).inc(getattr(now, way) - getattr(told, way))
        for code, count in now.closed.items():
            metrics.CLOSED.labels(str(int(code))).inc(count - told.closed[code])
        metrics.WRITE_BUFFER.observe(now.fullest)
        now.fullest = 0
        self._told = replace(now, closed=now.closed.copy())
