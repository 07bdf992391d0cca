"""The load test's own arguments: what is made of them, and what is refused with which words."""

from argparse import Namespace
from typing import Any

import pytest

from loadtest.locust_users.options import WrongOptions, beside, read

GIVEN = {
    "ws": None, "secret": "s", "region": "nyc", "kind": "load", "codec": "json", "reaction_seconds": 0.35,
    "job_seconds": 8.0, "position_seconds": 2.0,
}  # fmt: skip


def given(**changes: Any) -> Namespace:
    return Namespace(**(GIVEN | changes))


def test_the_stream_is_beside_the_host_unless_it_is_named() -> None:
    assert read(given(), None).ws_url == "ws://127.0.0.1:8001/v1/stream"
    assert read(given(), "https://dispatch.example/").ws_url == "wss://dispatch.example:8001/v1/stream"
    assert read(given(ws="ws://a:1"), None).ws_url == "ws://a:1/v1/stream"
    assert read(given(ws="ws://a:1/other"), None).ws_url == "ws://a:1/other"
    assert beside("http://[::1]:8000") == "ws://[::1]:8001"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"secret": None}, "secret is needed"),
        ({"ws": "http://127.0.0.1:8001"}, "--ws is a URL"),
        ({"ws": "ws://"}, "--ws is a URL"),
        ({"region": ""}, "--region must not be empty"),
        ({"kind": ""}, "--kind must not be empty"),
        ({"codec": "xml"}, "--codec is one of json, msgpack"),
        ({"reaction_seconds": -1.0}, "--reaction-seconds is at least 0"),
        ({"job_seconds": 0.0}, "--job-seconds is at least 0.1"),
        ({"position_seconds": float("nan")}, "--position-seconds is at least 0.1"),
    ],
)
def test_wrong_values_are_refused_by_name(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(WrongOptions, match=complaint):
        read(given(**changes), None)


def test_a_host_must_be_one() -> None:
    with pytest.raises(WrongOptions, match="--host is a URL"):
        read(given(), "127.0.0.1:8000")
