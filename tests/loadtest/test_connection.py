"""What a session says when it comes, and what a refused upgrade means."""

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from loadtest.connection import Hello, refused_upgrade


def test_a_hello_says_what_is_known_and_nothing_else() -> None:
    assert Hello("t", False, None, None, None).message() == {"type": "hello"}
    said = Hello("t", True, (1.5, 2.5), "paused", "gcj02").message()
    assert said == {
        "type": "hello",
        "token": "t",
        "position": {"lat": 1.5, "lon": 2.5},
        "status": "paused",
        "crs": "gcj02",
    }


def test_the_token_is_sent_in_one_place() -> None:
    assert Hello("t", False, None, None, None).headers() == {"Authorization": "Bearer t"}
    assert Hello("t", True, None, None, None).headers() == {}


@pytest.mark.parametrize(
    ("status", "code"), [(400, 4507), (401, 4500), (403, 4502), (429, None), (500, None), (503, None)]
)
def test_a_refused_upgrade_is_a_goodbye(status: int, code: int | None) -> None:
    assert refused_upgrade(InvalidStatus(Response(status, "", Headers()))).code == code
