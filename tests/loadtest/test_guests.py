"""Places for people at real pages: who they are, what leads in, and that nobody works over their heads."""

import io
from typing import Any

import httpx
import jwt
import orjson
import pytest
from rich.console import Console

from loadtest import guests, replay
from loadtest.demand import Pickup
from loadtest.desk import Desk
from loadtest.ledger import Ledger
from loadtest.replay import Replay, Script, Server
from loadtest.rest import Http
from loadtest.screen import Screen
from loadtest.view import View
from loadtest.wire import KICKED, Ended

SECRET = "0123456789abcdef0123456789abcdef"
PLACES = [Pickup(n, 0.0, round(40.7 + n / 100, 2), -73.9) for n in (0, 3, 4, 9)]
AUDIENCE = {"towing": ("valet",), "parts": ("shop",), "voice": ("valet", "shop")}


def order(order_id: str, status: str, agent_id: str | None = None) -> dict[str, Any]:
    assignment = {"agent_id": agent_id, "fence": 1} if agent_id else None
    return {"id": order_id, "status": status, "version": 1, "assignment": assignment, "bonus_fen": 0}


class Shown(httpx.AsyncBaseTransport):
    """A server with these orders and candidates; it notes what it is told to do."""

    def __init__(self, orders: list[dict[str, Any]], candidates: list[str] | None = None) -> None:
        self.orders = orders
        self.candidates = [{"agent_id": name, "eligible": True} for name in candidates or []]
        self.assigned: list[str] = []
        self.conflict = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and self.conflict:
            told = {"code": "conflict", "detail": "taken up by d-you", "retryable": False}
            return httpx.Response(409, content=orjson.dumps(told))
        if request.method == "POST":
            self.assigned.append(orjson.loads(request.content)["agent_id"])
            return httpx.Response(200, content=orjson.dumps(order("o1", "assigned", self.assigned[-1])))
        items: list[Any] = self.candidates
        if request.url.path == "/v1/orders":
            items = [each for each in self.orders if each["status"] == request.url.params["status"]]
        return httpx.Response(200, content=orjson.dumps({"items": items, "next": None}))


def test_they_stand_in_the_middle_of_the_demand_and_can_do_all_that_their_role_may() -> None:
    valet, shop = guests.agents(PLACES, AUDIENCE)
    assert {valet.id, shop.id} == guests.AGENTS
    assert valet.home == shop.home == (40.73, -73.9)
    assert valet.profile("nyc")["skills"] == ["towing", "voice"]
    assert shop.profile("nyc")["skills"] == ["parts", "voice"]
    assert {valet.capacity, shop.capacity} == {3}


def test_links_lead_to_the_page_of_each_role_for_half_an_hour() -> None:
    links = guests.links("http://127.0.0.1:8000", SECRET, (40.73, -73.9))
    found = {}
    for link in links:
        address, _, fragment = link.url.partition("#token=")
        token, _, at = fragment.partition("&at=")
        claims = jwt.decode(token, SECRET, algorithms=["HS256"], audience="valet-dispatch")
        found[link.page] = (address, claims["role"], claims["sub"], at)
        assert claims["exp"] - claims["iat"] == 1800
    assert found == {
        "desk": ("http://127.0.0.1:8000/console/desk", "dispatcher", "d-you", ""),
        "valet": ("http://127.0.0.1:8000/console/valet", "valet", "v-you", "40.73,-73.9"),
        "shop": ("http://127.0.0.1:8000/console/shop", "shop", "s-you", ""),
    }


@pytest.mark.parametrize("terminal", [True, False])
def test_a_link_is_one_line_that_can_be_copied_whole(terminal: bool) -> None:
    out = io.StringIO()
    screen = Screen(Ledger(), Console(file=out, force_terminal=terminal, width=40))
    links = guests.links("http://127.0.0.1:8000", SECRET, (40.73, -73.9))
    with screen.open():
        screen.invite(links, 30)
    for link in links:
        assert link.url in out.getvalue()


async def test_the_simulated_dispatcher_gives_them_no_work_and_takes_none_away() -> None:
    async with Http("http://server", transport=Shown([], [guests.VALET, "v-001"])) as http:
        desk = Desk("d-1", "token", "ws://server", http, Ledger(), seed=1)
        view = desk.session.view
        view.desk["theirs"] = order("theirs", "assigned", guests.SHOP)  # type: ignore[assignment]
        assert desk._waiting(view) is None
        view.desk["free"] = order("free", "escalated")  # type: ignore[assignment]
        assert _next(desk, view) == "free"
        assert [each["agent_id"] for each in await desk._read_candidates("free")] == ["v-001"]


def _next(desk: Desk, view: View) -> str | None:
    found = desk._waiting(view)
    return found["id"] if found else None


async def test_a_ruling_that_a_guest_overtook_is_no_fault() -> None:
    shown, ledger = Shown([], ["v-001"]), Ledger()
    async with Http("http://server", transport=shown) as http:
        desk = Desk("d-1", "token", "ws://server", http, ledger, seed=1)
        await desk.assign_nearest(order("o1", "open"))  # type: ignore[arg-type]
        assert shown.assigned == ["v-001"]
        shown.conflict = True
        await desk.assign_nearest(order("o1", "open"))  # type: ignore[arg-type]
    assert (ledger.acts["desk overtaken"], ledger.told.surprises) == (1, [])


async def test_the_replay_does_not_wait_for_what_a_guest_holds() -> None:
    shown = Shown([order("o1", "completed", "v-001"), order("o2", "working", guests.VALET)])
    script = Script(speed=120, valets=1, shops=1, seed=1, hours=(17, 18), most_orders=20)
    async with Http("http://server", transport=shown) as http:
        played = Replay(Server("http://server", "ws://server", SECRET), script, http, Screen(Ledger()))
        assert not await played._has_unfinished()
        for unfinished in (order("o3", "working", "v-001"), order("o3", "open"), order("o3", "escalated")):
            shown.orders[2:] = [unfinished]
            assert await played._has_unfinished()


def test_who_is_kicked_by_a_dispatcher_was_not_lost_by_the_server() -> None:
    ledger = Ledger()
    ledger.sent_away("v-001", Ended(KICKED, "kicked"))
    assert (ledger.acts["kicked"], ledger.told.surprises) == (1, [])
    ledger.sent_away("v-001", Ended(4504, "replaced"))
    assert ledger.told.surprises == ["v-001 was sent away: 4504 replaced"]


@pytest.mark.parametrize("ends", [KeyboardInterrupt, None], ids=["by Ctrl-C", "by itself"])
def test_the_server_stays_until_its_end(ends: type[BaseException] | None) -> None:
    class Waiting:
        waited = False

        def wait(self) -> None:
            self.waited = True
            if ends:
                raise ends

    out, child = io.StringIO(), Waiting()
    screen = Screen(Ledger(), Console(file=out, width=40))
    server = Server("http://127.0.0.1:8000", "ws://127.0.0.1:8001", SECRET)
    script = Script(speed=120, valets=1, shops=1, seed=1, hours=(17, 18), most_orders=20)
    replay.keep_serving(child, server, script, screen)  # type: ignore[arg-type]
    assert child.waited
    assert "until Ctrl-C" in out.getvalue()
    assert out.getvalue().count("/console/") == 3
