"""The load test as locust runs it, with its web UI or without.

    locust -f loadtest/locustfile.py                       (then http://localhost:8089)
    locust -f loadtest/locustfile.py --headless -u 500 -r 20 -t 5m --processes 2
    locust -f loadtest/locustfile.py --headless --lunch-peak -u 500 -t 10m

Owns the order of events: arguments, their check, the stage, the figures. Latencies of pushed messages are told
where the message bears the server's time; a clock that differs is corrected by what each `welcome` tells. Invariant:
no user begins before the stage is set.
"""

import logging
import sys
from typing import Any

import gevent
from gevent import GreenletExit
from locust import events
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtest.locust_users import figures, scene, shape
from loadtest.locust_users.agents import Shop, Valet
from loadtest.locust_users.customers import Customer
from loadtest.locust_users.dispatchers import Dispatcher
from loadtest.locust_users.options import Options, WrongOptions, add_arguments, read
from loadtest.locust_users.person import Person, play_on
from loadtest.wire import Refused, Unavailable

__all__ = ["Customer", "Dispatcher", "Shop", "Valet"]

log = logging.getLogger(__name__)


def options_of(environment: Environment) -> Options:
    assert environment.parsed_options is not None
    return read(environment.parsed_options, environment.host or Person.host)


def check(environment: Environment, **_: Any) -> None:
    """Wrong use ends it before anything starts. A worker is told by its master."""
    if isinstance(environment.runner, WorkerRunner):
        return
    try:
        options_of(environment)
    except WrongOptions as wrong:
        sys.exit(_wrong_use(wrong))


def _wrong_use(wrong: WrongOptions) -> int:
    sys.stderr.write(f"locust: error: {wrong}\n")
    return 2


def offer_shape(environment: Environment, **_: Any) -> None:
    """Not a class of this file's, for locust would follow it always; with --class-picker the web UI lists it."""
    if isinstance(environment.runner, WorkerRunner):
        return
    lunch_peak = shape.LunchPeak()
    lunch_peak.runner = environment.runner
    environment.available_shape_classes = {**(environment.available_shape_classes or {}), "LunchPeak": lunch_peak}
    if environment.parsed_options and environment.parsed_options.lunch_peak:
        environment.shape_class = lunch_peak


def set_stage(environment: Environment, **_: Any) -> None:
    """Of the processes of one test, one puts what is absent; those that have users learn where they play."""
    try:
        options = options_of(environment)
        if not isinstance(environment.runner, WorkerRunner):
            scene.set_stage(options)
        if not isinstance(environment.runner, MasterRunner):
            play_on(environment, scene.enter(options, _worker_index(environment.runner)))
    except (WrongOptions, scene.NotFitting, Refused, Unavailable) as exc:
        log.error("the stage can not be set: %s", exc)
        _call_off(environment)


def _worker_index(runner: Any) -> int:
    """0 where there are no workers."""
    return int(runner.worker_index)


def _call_off(environment: Environment) -> None:
    """The greenlet that starts the users ends here. A worker's is its ear for the master: its users end themselves."""
    environment.process_exit_code = 1
    if isinstance(environment.runner, WorkerRunner):
        return
    assert environment.runner is not None
    gevent.spawn(environment.runner.stop if environment.web_ui else environment.runner.quit)
    raise GreenletExit


def register(environment: Environment, **_: Any) -> None:
    figures.register(environment)


hooks: Any = events
hooks.init_command_line_parser.add_listener(add_arguments)
for listener in (check, offer_shape, register):
    hooks.init.add_listener(listener)
hooks.test_start.add_listener(set_stage)
