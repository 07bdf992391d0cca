"""Replays a real day of demand on a server, with simulated people on real sockets, and has it audited.

    python -m loadtest.replay                      (starts a server of its own; `make demo`)
    python -m loadtest.replay --http http://127.0.0.1:8000 --ws ws://127.0.0.1:8001 --secret SECRET

Owns the order of events: set the stage, let the day run, let it come to rest, look at it; on a terminal, keep the
server for whoever looks at its pages. Speaks the public interfaces only. Invariant: whatever ends it, nothing that it
started goes on; the exit code is 0 only when the audit found every promise kept.
"""

import asyncio
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from loadtest import guests, stage, tableau
from loadtest.actor import Actor, Scene
from loadtest.audit import Staff, audit_server, audit_views, report
from loadtest.backend import Backend
from loadtest.behaviour import recruit
from loadtest.child import Child, StartFailed, prepare
from loadtest.client import Session
from loadtest.demand import Area, Pickup, day_file, due_seconds, parse_hours, read_day, within_hours
from loadtest.desk import Desk
from loadtest.judge import Fault
from loadtest.ledger import Ledger
from loadtest.rest import Http
from loadtest.screen import REPLAYING, Glance, Screen
from loadtest.tokens import mint
from loadtest.view import holder
from loadtest.wire import HELD, KICKED, WAITING, Ended, Refused, Unavailable

SETTLE_SECONDS = 20.0
RETURN_SECONDS = 45.0
CONNECTING_AT_ONCE = 32
REFRESH_SECONDS = 0.5
# The last picture needs places, too.
FEWEST_ORDERS = 20


@dataclass(frozen=True, slots=True)
class Server:
    http_url: str
    ws_url: str
    secret: str


@dataclass(frozen=True, slots=True)
class Script:
    """What is to be replayed, and with whom."""

    speed: float
    valets: int
    shops: int
    seed: int
    hours: tuple[float, float]
    most_orders: int | None

    def pickups(self) -> list[Pickup]:
        return within_hours(read_day(day_file(), self.seed), self.hours)[: self.most_orders]

    def places(self) -> list[Pickup]:
        """Those that the server takes."""
        area = Area.read()
        return [each for each in self.pickups() if area.contains(each.lat, each.lon)]


@dataclass(frozen=True, slots=True)
class Outcome:
    glance: Glance
    report: str
    faults: list[Fault]


class Replay:
    def __init__(self, server: Server, script: Script, http: Http, screen: Screen) -> None:
        self._server = server
        self._script = script
        self._screen = screen
        self._ledger = screen.ledger
        self._area = Area.read()
        self._pickups = script.pickups()
        self._places = script.places()
        self._staff = Staff.of(http, server.secret)
        service = http.bearing(self._token("service", "backend"))
        self._backend = Backend(service, self._area, self._ledger, script.seed, secrets.token_hex(6))
        self._desk = Desk("d-1", self._token("dispatcher", "d-1"), server.ws_url, http, self._ledger, script.seed)
        self._actors: list[Actor] = []
        self._phase = "setting the stage"
        self._began = 0.0

    async def run(self) -> Outcome:
        async with self._shown():
            policies = await self._set_stage()
            async with connected(self._sessions):
                await self._perform()
                self._phase = "arranging the last picture"
                await self._compose_tableau(policies)
                self._phase = "auditing"
                return await self._audit()

    def _token(self, role: str, sub: str) -> str:
        return mint(self._server.secret, role, sub)

    async def _set_stage(self) -> dict[str, dict[str, Any]]:
        script = self._script
        await stage.set_region(self._staff.admin, self._area)
        policies = await stage.set_policies(self._staff.admin, script.speed)
        self._ledger.private_details = {kind: each["private_details"] for kind, each in policies.items()}
        people = recruit(script.valets, script.shops, self._places, stage.audiences(policies), script.seed)
        await stage.set_agents(self._staff.admin, [*people, *guests.agents(self._places, stage.audiences(policies))])
        invite(self._screen, self._server, self._places)
        scene = Scene(self._server.ws_url, script.speed, self._places, self._ledger)
        self._actors = [Actor(each, self._token(each.role, each.id), scene, script.seed) for each in people]
        return policies

    @property
    def _sessions(self) -> list[Session]:
        return [self._desk.session, *(each.session for each in self._actors)]

    async def _perform(self) -> None:
        """The day, and the time that it takes to come to rest; then everybody stops acting."""
        self._phase = REPLAYING
        self._began = asyncio.get_running_loop().time()
        due = due_seconds(self._pickups, self._script.hours[0] * 3600, self._script.speed)
        async with asyncio.TaskGroup() as group:
            people: list[Actor | Desk] = [*self._actors, self._desk]
            acting = [group.create_task(each.act()) for each in people]
            await self._backend.post_all(self._pickups, due)
            self._phase = "coming to rest"
            await self._come_to_rest()
            for task in acting:
                task.cancel()

    async def _compose_tableau(self, policies: Mapping[str, Mapping[str, Any]]) -> None:
        places = self._places[: 3 * tableau.EACH]
        try:
            await tableau.compose(self._backend, self._desk, self._staff.admin, policies, places)
        except (Refused, Unavailable) as exc:
            self._ledger.surprise(f"the last picture: {exc}")

    async def _come_to_rest(self) -> None:
        """Until no order is unfinished, as the server says; what is left after a while is the audit's."""
        deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            if not await self._has_unfinished():
                return
            await asyncio.sleep(REFRESH_SECONDS)

    async def _has_unfinished(self) -> bool:
        """But for what a guest holds: he may take his time."""
        for status in sorted(HELD | WAITING):
            async for order in self._staff.admin.pages("/v1/orders", status=status):
                if holder(order) not in guests.AGENTS:
                    return True
        return False

    async def _audit(self) -> Outcome:
        await self._await_returns()
        present = {each.person.id: each.session for each in self._actors}
        agents = {name: session.view for name, session in present.items() if session.is_connected}
        desks = {self._desk.dispatcher_id: self._desk.session.view} if self._desk.session.is_connected else {}
        differing = await audit_views(self._staff, agents, desks)
        told = self._ledger.told
        told.disorder += [text for each in self._sessions for text in each.view.disorder]
        facts, faults = await audit_server(self._staff, told)
        faults += differing
        return Outcome(self._glance(), report(facts, told, faults), faults)

    async def _await_returns(self) -> None:
        """Those that lost their connection last are still on their way back."""
        for session in self._sessions:
            try:
                async with asyncio.timeout(RETURN_SECONDS):
                    await session.connected()
            except (Ended, TimeoutError) as exc:
                if not (isinstance(exc, Ended) and exc.code == KICKED):
                    self._ledger.surprise(f"a session did not come back: {session.goodbyes[-1:]}")

    @asynccontextmanager
    async def _shown(self) -> AsyncIterator[None]:
        async def refresh() -> None:
            while True:
                self._screen.show(self._glance())
                await asyncio.sleep(REFRESH_SECONDS)

        refreshing = asyncio.create_task(refresh())
        try:
            yield
        finally:
            refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await refreshing

    def _glance(self) -> Glance:
        joined = sum(each.is_connected for each in self._sessions)
        return Glance(self._phase, self._clock(), joined, len(self._desk.session.view.desk))

    def _clock(self) -> str:
        """The time of the replayed day."""
        if self._phase != REPLAYING:
            return ""
        first, last = (hour * 60 for hour in self._script.hours)
        passed = (asyncio.get_running_loop().time() - self._began) * self._script.speed / 60
        minutes = int(min(first + passed, last))
        return f"{minutes // 60:02d}:{minutes % 60:02d}"


@asynccontextmanager
async def connected(sessions: Sequence[Session]) -> AsyncIterator[None]:
    free = asyncio.Semaphore(CONNECTING_AT_ONCE)
    async with AsyncExitStack() as stack:

        async def enter(session: Session) -> None:
            async with free:
                await stack.enter_async_context(session)

        async with asyncio.TaskGroup() as group:
            for session in sessions:
                group.create_task(enter(session))
        yield


async def play(server: Server, script: Script, screen: Screen) -> bool:
    """Whether every promise was kept."""
    async with Http(server.http_url, patience_seconds=60.0) as http:
        with screen.open():
            outcome = await Replay(server, script, http, screen).run()
    screen.close(outcome.glance, outcome.report)
    return not outcome.faults


def play_on_own_server(data_dir: Path, fresh: bool, script: Script, stay: bool) -> bool:
    prepare(data_dir, fresh)
    screen = Screen(Ledger())
    with Child(data_dir) as child:
        server = Server(child.http_url, child.ws_url, child.secret)
        kept = asyncio.run(play(server, script, screen))
        if stay:
            keep_serving(child, server, script, screen)
    if child.exit_code != 0:
        typer.echo(f"replay: the server ended with {child.exit_code} on SIGTERM, see {child.log}", err=True)
    return kept and child.exit_code == 0


def invite(screen: Screen, server: Server, places: Sequence[Pickup]) -> None:
    """Whoever reads the screen, with new tokens."""
    links = guests.links(server.http_url, server.secret, guests.middle(places))
    screen.invite(links, guests.TTL_SECONDS // 60)


def keep_serving(child: Child, server: Server, script: Script, screen: Screen) -> None:
    """Until Ctrl-C, which is the orderly end here, or until the server ends by itself."""
    screen.say(
        "The simulated people are gone. The server keeps serving until Ctrl-C, so that you can look at its pages."
    )
    screen.say("To have more time beside them: make demo ARGS='--speed 10'")
    invite(screen, server, script.places())
    with suppress(KeyboardInterrupt):
        child.wait()


def main(
    http: Annotated[
        str | None, typer.Option(help="Base URL of a running server; its region and policies are changed.")
    ] = None,
    ws: Annotated[str | None, typer.Option(help="Its WebSocket URL.")] = None,
    secret: Annotated[str | None, typer.Option(envvar="DISPATCH_SECRET", help="Its HS256 secret.")] = None,
    data_dir: Annotated[Path, typer.Option(help="Where the server that is started here keeps its data.")] = Path(
        ".demo-data"
    ),
    fresh: Annotated[bool, typer.Option(help="Begin with an empty data directory.")] = True,
    speed: Annotated[float, typer.Option(min=1, help="How many times faster than the day.")] = 120,
    valets: Annotated[int, typer.Option(min=1)] = 150,
    shops: Annotated[int, typer.Option(min=1)] = 50,
    hours: Annotated[str, typer.Option(help="The part of the day, like 7-10.")] = "17-18.25",
    orders: Annotated[int | None, typer.Option(min=FEWEST_ORDERS, help="Post at most so many of its pick-ups.")] = None,
    seed: Annotated[int, typer.Option(help="Of every choice that is drawn.")] = 1,
    stay: Annotated[
        bool | None,
        typer.Option(
            help="Whether the server that is started here serves its pages until Ctrl-C.", show_default="on a terminal"
        ),
    ] = None,
) -> None:
    """Replay a day of real demand, and audit what came of it."""
    server = _named_server(http, ws, secret)
    if server and stay:
        raise typer.BadParameter("--stay is for a server that is started here")
    script = _script(Script(speed, valets, shops, seed, (0, 24), orders), hours)
    # `kill` is to end it as Ctrl-C does, with the child stopped; even where a shell had Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        if server:
            kept = asyncio.run(play(server, script, Screen(Ledger())))
        else:
            kept = play_on_own_server(data_dir, fresh, script, _on_terminal() if stay is None else stay)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except (StartFailed, stage.NotFitting, Unavailable, Refused) as exc:
        typer.echo(f"replay: {exc}", err=True)
        raise typer.Exit(1) from exc
    raise typer.Exit(0 if kept else 1)


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _named_server(http: str | None, ws: str | None, secret: str | None) -> Server | None:
    if (http is None) != (ws is None):
        raise typer.BadParameter("--http and --ws belong together")
    if http is None or ws is None:
        return None
    if secret is None:
        raise typer.BadParameter("--http needs --secret (or DISPATCH_SECRET)")
    return Server(http, ws, secret)


def _script(whole_day: Script, hours: str) -> Script:
    try:
        script = replace(whole_day, hours=parse_hours(hours))
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc
    if len(script.pickups()) < FEWEST_ORDERS:
        raise typer.BadParameter(f"--hours {hours} holds fewer than {FEWEST_ORDERS} pick-ups")
    return script


if __name__ == "__main__":
    typer.run(main)
