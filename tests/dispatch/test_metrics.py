"""What is counted is counted where it happens; the names stand in tests/test_dashboard.py."""

import asyncio
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from dispatch.claims import Outcome
from dispatch.errors import Unavailable
from dispatch.link import Link
from dispatch.records import Database
from tests.conftest import City


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def counted(name: str) -> tuple[float, float]:
    return value(f"{name}_count"), value(f"{name}_sum")


async def test_grabs_of_one_order_are_one_list_and_one_batch(city: City) -> None:
    agents = [await city.valet(f"v{i}") for i in range(3)]
    order = await city.place()
    lists, grabs = counted("dispatch_claim_list_grabs")
    batches, _ = counted("dispatch_redis_seconds")
    written, _ = counted("dispatch_postgres_seconds")
    grabbing = [city.dispatch.claims.grab(city.region, order.id, agent.id) for agent in agents]
    verdicts = await asyncio.gather(*grabbing)
    assert sorted(verdict.outcome for verdict in verdicts) == [Outcome.TAKEN, Outcome.TAKEN, Outcome.WON]
    assert counted("dispatch_claim_list_grabs") == (lists + 1, grabs + 3)
    assert value("dispatch_redis_seconds_count") > batches
    assert value("dispatch_postgres_seconds_count") > written


async def test_a_transaction_shows_while_it_lasts(city: City) -> None:
    before = value("dispatch_postgres_in_progress", kind="pool")
    async with city.dispatch.records.database.transaction():
        assert value("dispatch_postgres_in_progress", kind="pool") == before + 1
    assert value("dispatch_postgres_in_progress", kind="pool") == before


async def test_a_database_that_is_not_there_is_counted(tmp_path: Path) -> None:
    redis, postgres = (value("dispatch_unavailable_total", what=what) for what in ("redis", "postgres"))
    with pytest.raises(Unavailable):
        await Link(f"unix://{tmp_path}/none").ready()
    with pytest.raises(Unavailable):
        await Database(f"postgresql+asyncpg://nobody@/none?host={tmp_path}").ping()
    assert value("dispatch_unavailable_total", what="redis") == redis + 1
    assert value("dispatch_unavailable_total", what="postgres") == postgres + 1
