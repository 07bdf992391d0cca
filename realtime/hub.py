"""The hub: connections become sessions, and sessions hear what concerns them.

Decides nothing about orders: `session` says what each is told, `commands` what a client's word does. Invariants:
an event reaches every session here that it concerns and costs nothing when it concerns none; an order is
shown as held only after the event that says so stands in PostgreSQL; who may have missed something is told the
present; a session that was sent away is in no index any more, also while its socket still says good-bye.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import structlog

from dispatch import metrics
from dispatch.assembly import Dispatch
from dispatch.catalog import PEOPLE
from dispatch.clock import now_ms
from dispatch.errors import DispatchError, InvariantBroken, Unavailable
from dispatch.events import ABOUT_AGENTS, Event, Type
from dispatch.records.ledger import StaleEpoch
from dispatch.tasks import end
from realtime.arrivals import Arrivals
from realtime.commands import Commands, error
from realtime.connection import Connection
from realtime.endings import ENDINGS
from realtime.expiry import Expiry
from realtime.gathering import Gathering
from realtime.guest import Guest
from realtime.limits import DEFAULT_RATES, Rates
from realtime.notices import NoticeBoard
from realtime.registry import Registry
from realtime.session import AgentSession, Session
from realtime.showing import Showing
from realtime.tail import Tails
from realtime.telling import Telling
from realtime.throttle import Throttle
from realtime.welcome import Refusal, Usher
from realtime.wire import ClientMessage, CloseCode, Hello, Invalid, Outbound

log = structlog.get_logger()
MOST_EARLY = 64
"""Messages that may wait for `welcome`."""
MOST_READING = 32
"""Sessions that read the present at a time, when all have to."""
LAST_WORDS_S = 2.0
"""What `close` leaves for saying that sessions are gone."""


class Hub:
    """The handler of a listener."""

    def __init__(self, dispatch: Dispatch, *, heartbeat_seconds: float, rates: Rates = DEFAULT_RATES) -> None:
        self._dispatch = dispatch
        self._registry = Registry()
        self._showing = Showing(dispatch.catalog.known_policy, dispatch.sayings, dispatch.links, now_ms)
        self._usher = Usher(dispatch, self._showing, self._registry.book, heartbeat_seconds)
        self._gathering = Gathering(
            dispatch.people, lambda: iter(self._registry), self._forgotten, self._registry.unsent_bytes
        )
        self._commands = Commands(
            dispatch, self._showing, self._gathering, self._spawn, self._send, self._set_status, self._forgotten
        )
        self._notices = NoticeBoard(dispatch.notices, self._registry.begun, self._announce, self._spawn)
        self._tails = Tails(dispatch.store, self.hear, self._lost)
        self._expiry = Expiry(lambda: iter(self._registry), dispatch.verifier.leeway_ms, self._end)
        self._reading = asyncio.Semaphore(MOST_READING)
        self._arrivals = Arrivals(
            self._usher, self._registry, self._tails, self._notices, self._begin, self._spawn, self._leave
        )
        self._throttle = Throttle(rates, self._end)
        self._tokens: dict[Connection, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns: list[asyncio.Task[None]] = []

    # --- life -----------------------------------------------------------------------------------------

    def start(self) -> None:
        self._gathering.start()
        self._turns = [asyncio.create_task(turn) for turn in (self._follow_rules(), self._expiry.run())]

    async def close(self) -> None:
        """After the last connection is gone."""
        await end(self._turns)
        await self._gathering.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        await end(self._tasks)
        await self._tails.stop()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()) is not None:
            _report("hub_task_failed", exc)

    # --- the listener's handler -----------------------------------------------------------------------

    def opened(self, conn: Connection, token: str | None) -> None:
        if token is not None:
            self._tokens[conn] = token

    def received(self, conn: Connection, message: ClientMessage) -> None:
        peer = conn.peer
        if isinstance(peer, Session):
            if self._throttle.lets(conn, peer, message):
                self._commands.received(conn, peer, message)
        elif isinstance(peer, Guest):
            self._keep(conn, peer, message)
        elif isinstance(message, Hello):
            conn.greeted = True
            conn.peer = guest = Guest()
            self._spawn(self._arrivals.welcome(conn, guest, message, self._tokens.pop(conn, None)))
        else:
            conn.close(CloseCode.HELLO_EXPECTED, "hello expected")

    def invalid(self, conn: Connection, fault: Invalid) -> None:
        peer = conn.peer
        if isinstance(peer, Session):
            if self._throttle.lets(conn, peer, fault):
                conn.send(error(fault.ref, "invalid", fault.message))
        elif isinstance(peer, Guest):
            self._keep(conn, peer, fault)
        elif fault.type == "hello":
            conn.close(CloseCode.MALFORMED, fault.message)
        else:
            conn.close(CloseCode.HELLO_EXPECTED, "hello expected")

    def lost(self, conn: Connection) -> None:
        self._tokens.pop(conn, None)
        peer, conn.peer = conn.peer, None
        if isinstance(peer, Guest):
            peer.here = False
        elif isinstance(peer, Session):
            self._forget(peer)

    def settle(self, conn: Connection, then: Callable[[], None]) -> None:
        self._commands.owed.settle(conn, partial(self._dismiss, conn, then))

    def _dismiss(self, conn: Connection, then: Callable[[], None]) -> None:
        then()
        if isinstance(conn.peer, Guest):
            conn.peer.here = False
        elif isinstance(conn.peer, Session):
            self._forget(conn.peer)

    def _keep(self, conn: Connection, guest: Guest, message: ClientMessage | Invalid) -> None:
        guest.early.append(message)
        if len(guest.early) > MOST_EARLY:
            guest.here = False
            conn.close(CloseCode.TOO_MANY, "too many messages before welcome")

    # --- a session begins and ends --------------------------------------------------------------------

    def _begin(self, conn: Connection, guest: Guest, session: Session, welcome: Outbound) -> None:
        conn.peer = session
        conn.recognise()
        conn.send(welcome)
        if isinstance(session, AgentSession):
            self._set_status(session, session.status, session.status_at)
            self._gathering.delivered(session, session.offers)
        self._send(session, self._registry.resume(session))
        for message in guest.early:
            if session.over:  # it said too much
                return
            if isinstance(message, Invalid):
                self.invalid(conn, message)
            else:
                self.received(conn, message)
        self._notices.greet(session)

    def _set_status(self, session: AgentSession, status: str, said_at: int) -> None:
        """The status is the agent's: all his sessions here have it, should Redis have to be told again."""
        for each in self._registry.of_agent(session.agent.id):
            each.status, each.status_at = status, said_at

    def _end(self, session: Session, code: CloseCode, reason: str) -> None:
        """Send it away; nothing is said to it after that, and nothing counted as delivered."""
        conn = self._registry.connection(session)
        if conn is None:
            return
        if isinstance(conn.peer, Guest):
            conn.peer.here = False
        conn.close(code, reason)
        self._forget(session)

    def _forget(self, session: Session) -> None:
        if self._registry.discard(session):
            self._gathering.forget(session)
            self._spawn(self._leave(session))

    async def _leave(self, session: Session) -> None:
        try:
            await self._dispatch.people.leave(session.slot, session.member, session.id)
        except DispatchError as exc:  # his silence will tell
            log.warning("leave_not_told", error=exc.message)

    def _forgotten(self, session_id: str) -> None:
        """It was silent too long, or its end was not heard of here."""
        session = self._registry.find(session_id)
        if session and session.ready:
            self._end(session, CloseCode.START_OVER, "the session is over")

    # --- events ---------------------------------------------------------------------------------------

    def hear(self, events: list[Event]) -> None:
        """A batch of one region's log."""
        unconfirmed: list[Telling] = []
        waiting: list[tuple[Session, str]] = []
        for event in events:
            if event.type in ABOUT_AGENTS:
                self._end_sessions(event)
                continue
            if event.type is Type.NOTICED:
                self._notices.hear(event)
                continue
            concerned = self._registry.concerned(event)
            if not concerned:
                continue
            if not event.tells_all:
                self._doubt(concerned)
                continue
            telling = Telling(event, self._showing)
            behind_record = [session for session in concerned if _waits_for_record(session, event)]
            if behind_record:
                unconfirmed.append(telling)
            for session in behind_record:
                session.wait(event.order_id)
                waiting.append((session, event.order_id))
            for session in concerned:
                self._send(session, session.hear(telling))
        if unconfirmed:
            self._spawn(self._confirm(unconfirmed, waiting))

    async def _confirm(self, tellings: list[Telling], waiting: list[tuple[Session, str]]) -> None:
        """Let go on what waits for PostgreSQL."""
        try:
            await self._recorded(tellings)
        finally:
            for session, order_id in waiting:
                self._send(session, session.go_on(order_id))

    async def _recorded(self, tellings: Sequence[Telling]) -> None:
        """Returns when each stands in PostgreSQL, or is void; while that is away, it waits."""
        wait = 0.05
        while True:
            try:
                await self._dispatch.transitions.record([telling.event for telling in tellings])
                return
            except (StaleEpoch, InvariantBroken) as exc:
                if len(tellings) > 1:  # not all for the sake of one
                    await asyncio.gather(*(self._recorded([telling]) for telling in tellings))
                else:
                    self._void(tellings[0], exc)
                return
            except Unavailable:
                await asyncio.sleep(random.uniform(0, wait))
                wait = min(2 * wait, 2.0)

    def _void(self, telling: Telling, exc: DispatchError) -> None:
        """Redis said so, PostgreSQL does not have it: nobody is told."""
        telling.void = True
        log.error("event_void", order=telling.event.order_id, version=telling.event.version, error=exc.message)
        if isinstance(exc, StaleEpoch):  # the region was put right since: it may be true even so
            self._doubt(self._registry.concerned(telling.event))

    def _send(self, session: Session, messages: list[Outbound]) -> None:
        conn = self._registry.connection(session)
        if conn is None:
            return
        for message in messages:
            conn.send(message)
            if message.message["type"] == "offer" and isinstance(session, AgentSession):
                self._gathering.delivered(session, (message.message["order"]["id"],))
        if session.unsure:
            self._doubt([session])

    def _announce(self, sessions: Iterable[Session], message: Outbound) -> None:
        for session in sessions:
            conn = self._registry.connection(session)
            if conn is not None:
                conn.send_at_once(message)

    def _end_sessions(self, event: Event) -> None:
        """Sessions that are over by the log's word; the log is how another node hears of it."""
        code, reason = ENDINGS[event.type]
        named = event.detail.get("session_id")
        self._arrivals.sendings_away += named is None
        ended: list[Session | None] = [self._registry.find(named)] if named else [*self._registry.of_agent(event.to[0])]
        for session in ended:
            if session and session.slot == event.region:  # he may have come back in another region already
                self._end(session, code, reason)

    # --- logs -----------------------------------------------------------------------------------------

    async def _follow_rules(self) -> None:
        """Regions come and go: who hears of all of them hears of new ones, too."""
        catalog = self._dispatch.catalog
        known: list[str] | None = None
        while True:
            regions = catalog.regions
            if regions == known:
                await catalog.changed()
                continue
            try:
                await self._refit(regions)
                known = regions
            except Exception as exc:
                _report("regions_not_followed", exc)
                await asyncio.sleep(random.uniform(0.1, 1.0))

    async def _refit(self, regions: list[str]) -> None:
        """The logs first; then who is new to a region is told the present, which holds what was missed of it."""
        # An agent's region may be newer than these rules.
        await self._tails.keep({*regions, PEOPLE, *(session.slot for session in self._registry)})
        wanted = {s: self._usher.slots(s.who) for s in self._registry if not isinstance(s, AgentSession)}
        await self._tails.follow({slot for slots in wanted.values() for slot in slots})
        for session, slots in wanted.items():
            if not session.over and slots != session.slots:
                news = not set(slots) <= set(session.slots)
                self._registry.refit(session, slots)
                if news:
                    self._doubt([session])

    def _lost(self, slot: str) -> None:
        """Entries of a log may be missing, or Redis is another one."""
        sessions = self._registry.of_slot(slot)
        log.warning("sessions_told_the_present", slot=slot, sessions=len(sessions))
        self._doubt(sessions)
        if slot == PEOPLE:
            self._notices.lost()

    def _doubt(self, sessions: Iterable[Session]) -> None:
        """They may have missed something. Who is just being told the present is told a later one."""
        for session in sessions:
            reads = not session.ready
            self._registry.doubt(session)
            if not reads:
                self._spawn(self._tell_present(session))

    async def _tell_present(self, session: Session) -> None:
        wait = 0.1
        while (conn := self._registry.connection(session)) is not None:
            doubts = session.doubts
            try:
                async with self._reading:
                    snapshot = await self._usher.snapshot(session, conn.address, conn.codec.name)
            except Refusal as exc:
                self._end(session, exc.close_code, exc.reason)
            except Unavailable:
                await asyncio.sleep(random.uniform(0, wait))
                wait = min(2 * wait, 2.0)
            except Exception as exc:
                _report("present_not_told", exc)
                self._end(session, CloseCode.START_OVER, "internal error")
            else:
                if session.over:  # it left while Redis was told of it again
                    await self._leave(session)
                elif session.doubts == doubts:
                    self._go_on_from(session, conn, snapshot)
                    return

    def _go_on_from(self, session: Session, conn: Connection, snapshot: Outbound | None) -> None:
        if snapshot is not None:
            conn.send(snapshot)
        if isinstance(session, AgentSession):
            self._gathering.delivered(session, session.offers)
            if session.position is not None:
                self._gathering.position(session, session.position)
        self._send(session, self._registry.resume(session))


def _waits_for_record(session: Session, event: Event) -> bool:
    """Whether this session would be shown the order as held or done; candidates only hear that it is gone."""
    if isinstance(session, AgentSession):
        return session.agent.id == (event.was if event.type is Type.COMPLETED else event.holder)
    return bool(event.holder)


def _report(what: str, exc: BaseException) -> None:
    """A bug."""
    metrics.BROKEN.inc()
    log.error(what, exc_info=exc)
