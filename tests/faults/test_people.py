"""The simulated people on two healthy server processes: everything is asked, everything answered, nothing surprises."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from loadtest.audit import Staff, audit_views, gather
from loadtest.judge import ServerFacts, judge_server, lost
from tests.faults.answered import ghosts, lost_commands, placed_twice, twice_applied
from tests.faults.crew import furnish
from tests.faults.people import People
from tests.journeys.cluster import SECRET, Cluster, cluster

SEED = 7
AT_LEAST_SECONDS, AT_MOST_SECONDS, LOOK_SECONDS = 10.0, 120.0, 0.25
ANSWERED = {
    *(f"grab {outcome}" for outcome in ("won", "taken", "refused")),
    *(f"{op} ok" for op in ("place", "read", "edit", "cancel", "decline", "progress", "release")),
    *(f"{op} ok" for op in ("assign", "reopen", "close", "take_up")),
    *("assign conflict", "progress stale_fence"),
}


@asynccontextmanager
async def at_work(city: Cluster) -> AsyncIterator[People]:
    people = People([each.http_url for each in city.servers], [each.ws_url for each in city.servers], SECRET, SEED)
    async with city.http("admin", "root") as admin:
        await furnish(admin, people.crew)
    try:
        await people.start()
        yield people
    finally:
        await people.close()


def answered(people: People) -> Counter[str]:
    return Counter(f"{call.op} {call.outcome}" for call in people.history.calls if call.outcome)


async def work_until_everything_was_answered(people: People) -> None:
    await asyncio.sleep(AT_LEAST_SECONDS)
    for _ in range(round(AT_MOST_SECONDS / LOOK_SECONDS)):
        if answered(people).keys() >= ANSWERED:
            return
        await asyncio.sleep(LOOK_SECONDS)
    raise AssertionError(f"never answered: {ANSWERED - answered(people).keys()}")


async def test_a_day_without_faults(tmp_path: Path) -> None:
    async with cluster(tmp_path, servers=2) as city, at_work(city) as people:
        await work_until_everything_was_answered(people)
        await people.stop_placing()
        await people.settle()
        assert people.surprises == []
        assert people.disorder == []
        async with city.http("admin", "root") as http:
            staff = Staff.of(http, SECRET)
            assert await audit_views(staff, people.agents, people.desks) == []
            assert await audit_views(staff, people.second_agents, {}) == []
            facts = await gather(staff)
        hold_against_the_server(people, facts)
        check_what_was_told(people)


def hold_against_the_server(people: People, facts: ServerFacts) -> None:
    calls = people.history.calls
    markers = {(call.order_id, call.args["marker"]) for call in calls if "marker" in call.args}
    assert judge_server(facts) == []
    assert list(lost(people.acknowledged, facts.orders)) == []
    assert list(lost_commands(calls, facts.timelines)) == []
    assert list(ghosts(calls, facts.timelines)) == []
    assert list(twice_applied(markers, facts.timelines)) == []
    assert list(placed_twice({oid: order["details"]["marker"] for oid, order in facts.orders.items()})) == []
    assert set(people.placed.values()) <= facts.orders.keys()
    assert {call.order_id for call in calls if call.outcome} <= facts.orders.keys()


def check_what_was_told(people: People) -> None:
    """Every session begins with `welcome`; every call that a verdict settled as `won` was heard so."""
    begun: set[tuple[str, int]] = set()
    for each in people.told:
        if each.type == "welcome":
            begun.add((each.who, each.session))
        assert each.session == 0 or (each.who, each.session) in begun
    assert {each.type for each in people.told} >= {"offer", "retract", "verdict", "job", "unjob", "order", "desk"}
    won = {(each.who, each.order_id, each.fence) for each in people.told if each.word == "won"}
    calls = [call for call in people.history.calls if call.result.get("told_by") == "verdict" and call.outcome == "won"]
    assert {(call.actor, call.order_id, call.result["fence"]) for call in calls} <= won
