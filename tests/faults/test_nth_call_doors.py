"""Whichever call to Redis or PostgreSQL fails while a client knocks: he gets in, and is told the truth."""

import pytest

from dispatch import engine
from tests.conftest import City
from tests.faults.nth_doors import hello, hello_of_a_dispatcher, post
from tests.faults.nth_trial import fail_each_call


async def test_any_call_may_fail_at_hello(city: City) -> None:
    assert await fail_each_call(city, hello, hurried=[True]) > 10


async def test_any_call_may_fail_at_a_dispatchers_hello(city: City) -> None:
    assert await fail_each_call(city, hello_of_a_dispatcher, hurried=[True]) > 10


async def test_any_call_may_fail_of_a_request_with_a_key(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "UNOPENED_MS", -60_000)  # a sweep takes rows of any age
    assert await fail_each_call(city, post, hurried=[True]) > 4
