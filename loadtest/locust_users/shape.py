"""The lunch hours as locust follows them.

Owns nothing but the reading of locust's options: `-u` and `--run-time` hold, also those given in the web UI; `-r` where
it is more than the curve needs.
"""

import time
from typing import Any

from locust import LoadTestShape

from loadtest.locust_users.lunch import rate_for, users_at

USERS = 100
RUN_SECONDS = 600.0


class LunchPeak(LoadTestShape):
    use_common_options = True

    def __init__(self) -> None:
        self.start_time = time.perf_counter()

    def tick(self) -> tuple[int, float] | None:
        assert self.runner is not None
        given: Any = self.runner.environment.parsed_options
        most = given.num_users or USERS
        seconds = given.run_time or RUN_SECONDS
        users = users_at((time.perf_counter() - self.start_time) / seconds, most)
        return None if users is None else (users, max(given.spawn_rate or 0.0, rate_for(most, seconds)))
