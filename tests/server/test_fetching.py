"""Fetches from a real HTTP server: each limit holds."""

import asyncio
import time

import pytest

from server.fetching import fetch
from server.key_forms import KeysFault
from tests.server.publishing import Publisher, publisher

__all__ = ["publisher"]


async def _fetch(publisher: Publisher, within_s: float = 5.0) -> bytes:
    return await asyncio.to_thread(fetch, publisher.url, within_s, 100_000)


async def test_what_is_served_is_brought(publisher: Publisher) -> None:
    publisher.body = b"x" * 100_000
    assert await _fetch(publisher) == publisher.body


async def test_more_than_allowed_is_not_kept(publisher: Publisher) -> None:
    publisher.body = b"x" * 100_001
    with pytest.raises(KeysFault, match="larger than 100000"):
        await _fetch(publisher)


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oh", "304 Not Modified"])
async def test_another_status_is_a_fault(publisher: Publisher, status: str) -> None:
    publisher.status = status
    with pytest.raises(KeysFault, match=f"HTTP {status[:3]}"):
        await _fetch(publisher)


async def test_a_redirect_is_not_followed(publisher: Publisher) -> None:
    publisher.status, publisher.headers = "302 Found", f"Location: {publisher.url}2\r\n"
    with pytest.raises(KeysFault, match="HTTP 302"):
        await _fetch(publisher)
    assert publisher.asked == 1


async def test_no_server_is_a_fault(publisher: Publisher) -> None:
    await publisher.go_away()
    with pytest.raises(KeysFault, match="can not be reached: Connection refused"):
        await _fetch(publisher)


async def test_what_is_no_http_is_a_fault(publisher: Publisher) -> None:
    publisher.status = "\r\n"
    with pytest.raises(KeysFault, match="answer"):
        await _fetch(publisher)


async def test_a_server_that_says_nothing_does_not_hold_it_up(publisher: Publisher) -> None:
    publisher.hold()
    began = time.monotonic()
    with pytest.raises(KeysFault, match="TimeoutError"):
        await _fetch(publisher, within_s=0.1)
    assert time.monotonic() - began >= 0.1


async def test_a_server_that_never_ends_does_not_hold_it_up(publisher: Publisher) -> None:
    publisher.trickles = True
    with pytest.raises(KeysFault, match="took too long"):
        await _fetch(publisher, within_s=0.1)
