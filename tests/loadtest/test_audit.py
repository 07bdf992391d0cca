"""The audit's own part: it gathers everything, looks twice before it accuses, and says what it found."""

import re
from typing import Any

import httpx
import orjson
import typer
from typer.testing import CliRunner

from loadtest.audit import Staff, audit_server, audit_views, gather, lasting, main, report
from loadtest.judge import ClientFacts, Event, Fault, ServerFacts
from loadtest.rest import Http
from loadtest.view import View
from tests.loadtest.facts import NOW, event, kept, order, with_order

GHOST = Fault("ghost", "o1", "a ghost")
LEAK = Fault("leak", "o2", "a leak")


class Shown(httpx.AsyncBaseTransport):
    """Answers as a server that shows exactly these facts, two items a page."""

    def __init__(self, facts: ServerFacts, candidates: list[dict[str, Any]] | None = None) -> None:
        self.lists: dict[str, list[Any]] = {
            "/v1/orders": list(facts.orders.values()),
            "/v1/agents": [{"id": agent, "capacity": most} for agent, most in facts.capacity.items()],
            "/v1/desk": list(facts.desk.values()),
        }
        for order_id, timeline in facts.timelines.items():
            self.lists[f"/v1/orders/{order_id}/timeline"] = [
                {"version": each.version, "type": each.type, "at": each.at, "actor": None, "data": each.data}
                for each in timeline
            ]
            self.lists[f"/v1/orders/{order_id}/candidates"] = candidates or []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        items = self.lists[request.url.path]
        first = int(request.url.params.get("cursor", 0))
        following = first + 2 if first + 2 < len(items) else None
        page = {"items": items[first : first + 2], "next": None if following is None else str(following)}
        return httpx.Response(200, content=orjson.dumps(page))


def staff(shown: Shown) -> Staff:
    return Staff.of(Http("http://server", transport=shown), "0123456789abcdef0123456789abcdef")


def living(facts: ServerFacts) -> ServerFacts:
    """The deadlines of the kept world, moved to where the real clock is."""
    far = 10**12
    facts.orders["open"]["expires_at"] = NOW + far
    facts.orders["desk"]["expires_at"] = NOW + far
    facts.orders["later"]["scheduled_at"] = NOW + far
    return facts


async def test_everything_is_gathered_over_all_pages() -> None:
    facts = kept()
    gathered = await gather(staff(Shown(facts)))
    assert gathered.orders == facts.orders
    assert gathered.capacity == facts.capacity
    assert gathered.desk == facts.desk
    assert gathered.timelines == facts.timelines
    assert abs(gathered.now_ms - NOW) > 0


async def test_a_server_that_keeps_its_promises_passes() -> None:
    facts, faults = await audit_server(staff(Shown(living(kept()))), ClientFacts(acknowledged={"done": 4}))
    assert faults == []
    assert len(facts.orders) == 7


async def test_views_are_compared_by_session() -> None:
    shown = Shown(living(kept()), [{"agent_id": "v-1", "offered_at": 1, "declined": False}])
    agents = {"v-1": View(), "v-3": View(), "v-4": View()}
    faults = await lasting_now(shown, agents)
    assert {(each.rule, each.subject) for each in faults} == {
        ("view of jobs", "v-1 held"),
        ("view of jobs", "v-3 passed_on"),
        ("view of jobs", "v-4 reassigned"),
        ("view of offers", "v-1 open"),
        ("view of the desk", "d-1 desk"),
    }


async def lasting_now(shown: Shown, agents: dict[str, View]) -> list[Fault]:
    return await audit_views(staff(shown), agents, {"d-1": View()}, looks=1)


async def test_a_passing_fault_is_forgiven_and_a_lasting_one_is_not() -> None:
    looks = iter([[GHOST, LEAK], [LEAK], [LEAK, GHOST]])

    async def look() -> list[Fault]:
        return next(looks)

    assert await lasting(look, looks=3, pause_seconds=0) == [LEAK]


async def test_one_look_is_enough_where_nothing_is_wrong() -> None:
    looks = iter([[]])  # type: ignore[var-annotated]  # a second look would end the test

    async def look() -> list[Fault]:
        return next(looks)

    assert await lasting(look, looks=5, pause_seconds=0) == []


def test_the_report_counts_or_accuses() -> None:
    assert report(kept(), None, []) == "audit: ok (7 orders, 20 events)"
    accused = report(kept(), None, [GHOST, LEAK])
    assert re.match(r"audit: 2 broken promise\(s\)\n  ghost: a ghost \[o1\]\n  leak:", accused)
    assert report(kept(), None, [GHOST] * 60).endswith("…")


def test_events_without_data_can_be_read() -> None:
    facts = with_order(kept(), order("done", "completed", 4, ("v-1", 1)))
    assert facts.timelines["done"][0] == Event(1, "placed", 1000, {}) == event(1, "placed")


def test_the_command_line_wants_a_server() -> None:
    app = typer.Typer()
    app.command()(main)
    assert CliRunner().invoke(app, []).exit_code == 2
    assert CliRunner().invoke(app, ["--http", "http://x", "--data-dir", "y"]).exit_code == 2
    assert CliRunner().invoke(app, ["--http", "http://x"], env={"DISPATCH_SECRET": None}).exit_code == 2
