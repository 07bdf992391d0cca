"""The load test's own command-line arguments, and what they must be.

Owns the names, the defaults and the checks. Opens nothing. Invariant: what was given on the command line is
checked before a test begins, with a text that says what to give instead; the same values reach every worker,
for locust sends them along.
"""

import math
from argparse import Namespace
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from loadtest.wire import SUBPROTOCOL, Codec

HOST = "http://127.0.0.1:8000"
WS_PORT = 8001
STREAM_PATH = "/v1/stream"


class WrongOptions(Exception):
    """The text says which option, and what it should be."""


@dataclass(frozen=True, slots=True)
class Options:
    http_url: str
    ws_url: str
    secret: str
    region: str
    kind: str
    codec: Codec
    reaction_seconds: float
    job_seconds: float
    position_seconds: float


def add_arguments(parser: Any) -> None:
    """`parser` is locust's: argparse's, with a word on what the web UI shows."""
    parser.add_argument("--ws", help="WebSocket URL (default: the host of --host, port 8001)")
    parser.add_argument(
        "--secret",
        env_var="DISPATCH_SECRET",
        include_in_web_ui=False,
        help="the server's HS256 secret; the tokens of all users are made with it",
    )
    parser.add_argument(
        "--region", default="nyc", help="operating area; put with the outline of New York City where it is absent"
    )
    parser.add_argument(
        "--kind", default="load", help="kind of the orders; its policy is put with quick rounds where it is absent"
    )
    parser.add_argument("--codec", choices=list(SUBPROTOCOL), default="json", help="subprotocol of the streams")
    parser.add_argument(
        "--reaction-seconds", type=float, default=0.35, help="an agent answers an offer after at most this long"
    )
    parser.add_argument("--job-seconds", type=float, default=8.0, help="about how long an agent works on a job")
    parser.add_argument("--position-seconds", type=float, default=2.0, help="a valet tells his position this often")
    parser.add_argument(
        "--lunch-peak",
        action="store_true",
        include_in_web_ui=False,
        help="follow the lunch hours: -u users at the peak, within --run-time (default 10m)",
    )


def read(given: Namespace, host: str | None) -> Options:
    http_url = _url("--host", host or HOST, ("http", "https"))
    if not given.secret:
        raise WrongOptions("the server's secret is needed: --secret, or DISPATCH_SECRET in the environment")
    return Options(
        http_url=http_url,
        ws_url=stream_url(_url("--ws", given.ws or beside(http_url), ("ws", "wss"))),
        secret=given.secret,
        region=_named("--region", given.region),
        kind=_named("--kind", given.kind),
        codec=_codec(given.codec),
        reaction_seconds=_seconds("--reaction-seconds", given.reaction_seconds, least=0.0),
        job_seconds=_seconds("--job-seconds", given.job_seconds, least=0.1),
        position_seconds=_seconds("--position-seconds", given.position_seconds, least=0.1),
    )


def beside(http_url: str) -> str:
    """The stream of a server whose ports are the default ones."""
    found = urlsplit(http_url)
    host = f"[{found.hostname}]" if ":" in (found.hostname or "") else found.hostname
    return f"{'wss' if found.scheme == 'https' else 'ws'}://{host}:{WS_PORT}"


def stream_url(url: str) -> str:
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + STREAM_PATH


def _url(option: str, url: str, schemes: tuple[str, str]) -> str:
    found = urlsplit(url)
    if found.scheme not in schemes or not found.hostname:
        raise WrongOptions(f"{option} is a URL like {schemes[0]}://127.0.0.1:8000, not {url!r}")
    return url.rstrip("/")


def _named(option: str, name: str) -> str:
    if not name:
        raise WrongOptions(f"{option} must not be empty")
    return name


def _codec(name: str) -> Codec:
    if name not in SUBPROTOCOL:
        raise WrongOptions(f"--codec is one of {', '.join(SUBPROTOCOL)}, not {name!r}")
    return cast(Codec, name)


def _seconds(option: str, seconds: float, least: float) -> float:
    if not least <= seconds or not math.isfinite(seconds):
        raise WrongOptions(f"{option} is at least {least:g}, not {seconds:g}")
    return seconds
