"""The one place where a node's own clock is read; deadlines go by Redis' clock, never by this one."""

import time


def now_ms() -> int:
    """Milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000
