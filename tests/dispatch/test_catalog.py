"""The operator's rules: read, changed, followed."""

import asyncio
from typing import Any

import pytest

from dispatch.assembly import Dispatch
from dispatch.catalog import PEOPLE, Catalog
from dispatch.errors import Code, Refused
from dispatch.identity import ID_PATTERN, Verifier
from dispatch.policy import DEFAULTS
from geo.point import Point
from geo.regions import parse_feature
from server import embedded
from tests.conftest import DISPATCHER, SECRET, City
from tests.dispatch.looking import PATIENCE_S, log_of, policy, rows

BODY: dict[str, Any] = {"audience": ["valet"], "rounds": [{"radius_m": 3000, "limit": 20, "seconds": 15}]}


async def _refused(work: object) -> Refused:
    with pytest.raises(Refused) as refused:
        await work  # type: ignore[misc]  # any coroutine
    return refused.value


async def test_a_fresh_database_has_the_defaults_and_the_whole_world(dispatch: Dispatch) -> None:
    assert {policy.kind for policy in DEFAULTS} <= {policy.kind for policy in dispatch.catalog.policies}
    assert "default" in dispatch.catalog.regions
    assert dispatch.catalog.slots[-1] == PEOPLE
    assert not ID_PATTERN.fullmatch(PEOPLE)  # no operator can call a region so


async def test_defaults_that_were_changed_or_deleted_do_not_come_back(city: City) -> None:
    catalog = city.dispatch.catalog
    await city.dispatch.records.rules.delete_region(city.region)
    kind = await policy(city, desk_seconds=5)
    await catalog.seed()
    assert not await catalog.has_region(city.region)
    assert (await catalog.policy(kind)).desk_seconds == 5


async def test_a_policy_of_before_voice_notes_is_read_as_if_it_said(city: City) -> None:
    """What stands in PostgreSQL does not name the field."""
    kind = await policy(city, listen="before")
    old = "UPDATE policies SET body = body - 'listen' WHERE kind = :kind RETURNING body"
    (row,) = await rows(city.dispatch, old, kind=kind)
    assert "listen" not in row.body
    await city.dispatch.catalog.load()
    assert (await city.dispatch.catalog.policy(kind)).listen == "after"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"rounds": []}, "rounds"),
        ({"rounds": [{"radius_m": 3000, "limit": 0, "seconds": 15}]}, "rounds[0].limit"),
        ({"audience": ["valet", "valet"]}, "audience"),
        ({"kind": "other"}, "kind"),
    ],
)
async def test_the_wrong_field_of_a_policy_is_named(dispatch: Dispatch, changes: dict[str, Any], path: str) -> None:
    found = await _refused(dispatch.catalog.put_policy("wrong", BODY | changes))
    assert (found.code, found.faults[0].path) == (Code.INVALID, path)
    assert dispatch.catalog.known_policy("wrong") is None


async def test_a_policy_that_is_no_object_is_refused(dispatch: Dispatch) -> None:
    assert (await _refused(dispatch.catalog.put_policy("wrong", [1]))).code is Code.INVALID


@pytest.mark.parametrize("region", ["", "~", "a b", "x" * 65, "{x}"])
async def test_a_region_has_an_id(dispatch: Dispatch, region: str) -> None:
    assert (await _refused(dispatch.catalog.put_region(region, {}))).faults[0].path == "id"


async def test_a_region_that_crosses_itself_is_refused(city: City) -> None:
    ring = [[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}}
    found = await _refused(city.dispatch.catalog.put_region(f"{city.region}x", feature))
    assert found.faults[0].path.startswith("geometry")


async def test_a_region_is_deleted_only_when_nothing_depends_on_it(city: City) -> None:
    catalog = city.dispatch.catalog
    order = await city.place()
    assert "orders" in (await _refused(catalog.delete_region(city.region))).message
    agent = await city.agent("v")
    assert "agents" in (await _refused(catalog.delete_region(city.region))).message
    await city.dispatch.desk.cancel(DISPATCHER, order, "no more")
    await city.agent("v", region="default")
    await catalog.delete_region(city.region)
    assert (await _refused(catalog.delete_region(city.region))).code is Code.NOT_FOUND
    assert (await _refused(city.agent("v", region=city.region))).faults[0].path == "region"
    assert agent.region == city.region


async def test_nothing_comes_into_a_region_while_it_is_being_deleted(city: City) -> None:
    """An order, an agent and the deletion at once: whoever is first, nothing is left without a region."""
    results = await asyncio.gather(
        city.dispatch.catalog.delete_region(city.region), city.place(), city.agent("v"), return_exceptions=True
    )
    order = results[1]
    assert not isinstance(order, BaseException)
    assert await city.dispatch.catalog.has_region(order.region)
    kept = await city.dispatch.records.agents.find(f"{city.region}.v")
    assert kept is None or await city.dispatch.catalog.has_region(kept.region)
    assert isinstance(results[0], Refused) == await city.dispatch.catalog.has_region(city.region)


async def test_a_change_takes_effect_without_a_restart(city: City) -> None:
    kind = await policy(city)
    await city.valet("v", 2000, skills=(kind,))
    assert (await city.place(kind)).offered == 1
    await policy(city, rounds=[{"radius_m": 1000, "limit": 20, "seconds": 99}])
    order = await city.place(kind)
    opened = (await log_of(city, order.id))[-1]
    assert (order.offered, order.due_at) == (0, opened.at + 99_000)


async def test_the_shortest_span_bounds_how_long_an_engine_sleeps(city: City) -> None:
    for changes in (
        {"rounds": [{"radius_m": 1, "limit": 1, "seconds": 0.003}]},
        {"desk_seconds": 0.002},
        {"stall_seconds": {"working": 0.001}},
    ):
        await policy(city, **changes)
        (span,) = [s for c in changes.values() for s in _numbers(c)]
        assert city.dispatch.catalog.shortest_seconds == span
    await policy(city)


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [n for name, inner in value.items() if name not in ("radius_m", "limit") for n in _numbers(inner)]
    return [n for inner in value for n in _numbers(inner)] if isinstance(value, list) else [value]


async def test_an_older_reading_does_not_come_last(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """One reading began before a change and would end after the next one's."""
    kind = await policy(city, desk_seconds=1)
    catalog, rules = Catalog(city.dispatch.records), city.dispatch.records.rules
    began, go_on, read = asyncio.Event(), asyncio.Event(), rules.regions

    async def slow() -> dict[str, dict[str, Any]]:
        if not began.is_set():
            began.set()
            await go_on.wait()
        return await read()

    monkeypatch.setattr(rules, "regions", slow)
    older = asyncio.create_task(catalog.load())
    await began.wait()
    await rules.put_policy(kind, BODY | {"kind": kind, "desk_seconds": 2}, 0)
    newer = asyncio.create_task(catalog.load())
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(older, newer)
    found = catalog.known_policy(kind)
    assert found is not None
    assert found.desk_seconds == 2


async def test_of_many_regions_only_the_changed_one_is_read_anew(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog, parsed = Catalog(city.dispatch.records), []

    def noted(feature: object) -> Any:
        parsed.append(feature)
        return parse_feature(feature)

    await catalog.load()
    monkeypatch.setattr("dispatch.catalog.parse_feature", noted)
    moved = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}}
    await city.dispatch.records.rules.put_region(city.region, moved, 0)
    await catalog.load()
    assert parsed
    assert all(feature == moved for feature in parsed)  # this process' own catalog reads it, too
    assert await catalog.region_of(Point(lat=0.5, lon=0.75)) == city.region
    assert await catalog.region_of(city.centre) == "default"


async def test_a_process_hears_of_what_another_changed(city: City, services: embedded.Embedded) -> None:
    other = Dispatch(redis_url=services.redis_url, database_url=services.database_url, verifier=Verifier([SECRET]))
    await other.start()
    try:
        kind = await policy(city, desk_seconds=5)
        await _until(other, lambda: other.catalog.known_policy(kind) is not None)
        await policy(city, desk_seconds=6)
        await _until(other, lambda: getattr(other.catalog.known_policy(kind), "desk_seconds", 0) == 6)
        assert city.region in other.catalog.regions
        await city.dispatch.catalog.delete_region(city.region)
        await _until(other, lambda: city.region not in other.catalog.regions)
    finally:
        await other.close()


async def test_a_lost_connection_is_made_again(city: City, services: embedded.Embedded) -> None:
    other = Dispatch(redis_url=services.redis_url, database_url=services.database_url, verifier=Verifier([SECRET]))
    await other.start()
    try:
        kind = await policy(city, desk_seconds=5)
        await _until(other, lambda: other.catalog.known_policy(kind) is not None)
        listening = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE 'LISTEN%'"
        async with city.dispatch.records.database.transaction() as connection:
            ended = (await connection.exec_driver_sql(listening)).all()
        assert len(ended) >= 2  # this process' and the other's
        await policy(city, desk_seconds=6)
        await _until(other, lambda: getattr(other.catalog.known_policy(kind), "desk_seconds", 0) == 6)
    finally:
        await other.close()


async def _until(other: Dispatch, holds: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await other.catalog.changed()
