"""The hub: connections become sessions, and sessions hear what concerns them.

Decides nothing about orders: `session` says what each is told, `commands` what a client's word does. Invariants:
an event reaches every session here that it concerns and costs nothing when it concerns none; an order is
shown as held only after the event that says so stands in PostgreSQL.
"""

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

import structlog

from dispatch.assembly import Dispatch
from dispatch.catalog import PEOPLE
from dispatch.errors import DispatchError, InvariantBroken, Unavailable
from dispatch.events import ABOUT_AGENTS, Event, Type
from dispatch.records.ledger import StaleEpoch
from realtime.commands import Commands, error
from realtime.connection import Connection
from realtime.gathering import Gathering
from realtime.registry import Registry
from realtime.session import AgentSession, CustomerSession, DeskSession, Session
from realtime.tail import Tail
from realtime.telling import Telling
from realtime.welcome import Refusal, Usher
from realtime.wire import ClientMessage, CloseCode, Hello, Invalid, Outbound

log = structlog.get_logger()
MOST_EARLY = 64
"""Messages that may wait for `welcome`."""
_ENDS = {
    Type.REPLACED: (CloseCode.REPLACED, "replaced by a newer session"),
    Type.KICKED: (CloseCode.KICKED, "ended by the operator"),
    Type.SUSPENDED: (CloseCode.SUSPENDED, "the agent is suspended"),
    Type.MOVED: (CloseCode.START_OVER, "the agent's region or role changed"),
}


class _Guest:
    """A connection between `hello` and `welcome`: what it says meanwhile waits."""

    def __init__(self) -> None:
        self.early: list[ClientMessage] = []


class Hub:
    """The handler of a listener."""

    def __init__(self, dispatch: Dispatch, *, heartbeat_seconds: float) -> None:
        self._dispatch = dispatch
        self._registry = Registry()
        self._usher = Usher(dispatch, self._registry.book, heartbeat_seconds)
        self._gathering = Gathering(dispatch.people, lambda: iter(self._registry), self._session_over)
        self._commands = Commands(dispatch, self._gathering, self._spawn)
        self._tails: dict[str, Tail] = {}
        self._tailing = asyncio.Lock()
        self._recovering: set[str] = set()
        self._tokens: dict[Connection, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # --- life -----------------------------------------------------------------------------------------

    def start(self) -> None:
        self._gathering.start()
        self._spawn(self._follow_rules())

    async def close(self) -> None:
        """After the last connection is gone."""
        await self._gathering.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(tail.stop() for tail in self._tails.values()))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()) is not None:
            log.error("hub_task_failed", exc_info=exc)

    # --- the listener's handler -----------------------------------------------------------------------

    def opened(self, conn: Connection, token: str | None) -> None:
        if token is not None:
            self._tokens[conn] = token

    def received(self, conn: Connection, message: ClientMessage) -> None:
        peer = conn.peer
        if isinstance(peer, Session):
            self._commands.received(conn, peer, message)
        elif isinstance(peer, _Guest):
            peer.early.append(message)
            if len(peer.early) > MOST_EARLY:
                conn.close(CloseCode.TOO_MANY, "too many messages before welcome")
        elif isinstance(message, Hello):
            conn.greeted = True
            conn.peer = _Guest()
            self._spawn(self._welcome(conn, message, self._tokens.pop(conn, None)))
        else:
            conn.close(CloseCode.HELLO_EXPECTED, "hello expected")

    def invalid(self, conn: Connection, fault: Invalid) -> None:
        if conn.greeted:
            conn.send(error(fault.ref, "invalid", fault.message))
        elif fault.type == "hello":
            conn.close(CloseCode.MALFORMED, fault.message)
        else:
            conn.close(CloseCode.HELLO_EXPECTED, "hello expected")

    def lost(self, conn: Connection) -> None:
        self._tokens.pop(conn, None)
        peer, conn.peer = conn.peer, None
        if isinstance(peer, Session):
            self._forget(peer)

    # --- a session begins and ends --------------------------------------------------------------------

    async def _welcome(self, conn: Connection, hello: Hello, header_token: str | None) -> None:
        session: Session | None = None
        try:
            session = await self._usher.meet(hello, header_token)
            await self._follow_logs(session)
            self._registry.add(session, conn)
            welcome = await self._usher.welcome(session, conn.address, conn.codec.name)
            self._begin(conn, session, welcome)
        except Refusal as exc:
            conn.close(exc.close_code, exc.reason)
        except DispatchError as exc:
            log.log(_level(exc), "not_welcomed", error=exc.message)
            conn.close(CloseCode.START_OVER, exc.message, random.randint(500, 3000))
        finally:
            if session is not None and conn.peer is not session:
                self._forget(session)

    def _begin(self, conn: Connection, session: Session, welcome: Outbound) -> None:
        guest = conn.peer
        if not isinstance(guest, _Guest):
            return  # the connection was lost while it was being welcomed
        conn.peer = session
        conn.send(welcome)
        if isinstance(session, AgentSession):
            self._gathering.delivered(session, session.offers)
        self._send(session, session.resume())
        for message in guest.early:
            self._commands.received(conn, session, message)

    def _forget(self, session: Session) -> None:
        if self._registry.discard(session):
            self._gathering.forget(session)
            self._spawn(self._leave(session))

    async def _leave(self, session: Session) -> None:
        try:
            await self._dispatch.people.leave(session.slot, session.member, session.id)
        except DispatchError as exc:  # his silence will tell
            log.warning("leave_not_told", error=exc.message)

    def _session_over(self, session_id: str) -> None:
        """Redis knows the session no more: it was silent too long, or it never arrived there."""
        session = self._registry.find(session_id)
        conn = session and self._registry.connection(session)
        if conn:
            conn.close(CloseCode.START_OVER, "the session is over")

    # --- events ---------------------------------------------------------------------------------------

    def hear(self, events: list[Event]) -> None:
        """A batch of one region's log."""
        unconfirmed: list[Telling] = []
        waiting: list[tuple[Session, str]] = []
        for event in events:
            if event.type in ABOUT_AGENTS:
                self._end_sessions(event)
                continue
            concerned = self._registry.concerned(event)
            if not concerned:
                continue
            telling = Telling(event, self._usher.private_details)
            shown_as_held = [s for s in concerned if event.holder and _shows_holder(s, event)]
            if shown_as_held:
                unconfirmed.append(telling)
            for session in shown_as_held:
                session.wait(event.order_id)
                waiting.append((session, event.order_id))
            for session in concerned:
                self._send(session, session.hear(telling))
        if unconfirmed:
            self._spawn(self._confirm(unconfirmed, waiting))

    async def _confirm(self, tellings: list[Telling], waiting: list[tuple[Session, str]]) -> None:
        """Let go on what waits for PostgreSQL; while that is away, it waits."""
        wait = 0.05
        while True:
            try:
                await self._dispatch.records.ledger.apply([telling.event for telling in tellings])
            except (StaleEpoch, InvariantBroken) as exc:
                log.error("events_void", error=exc.message, orders=[t.event.order_id for t in tellings])
                for telling in tellings:
                    telling.void = True
            except Unavailable:
                await asyncio.sleep(random.uniform(0, wait))
                wait = min(2 * wait, 2.0)
                continue
            break
        for session, order_id in waiting:
            self._send(session, session.go_on(order_id))

    def _send(self, session: Session, messages: list[Outbound]) -> None:
        conn = self._registry.connection(session)
        if conn is None:
            return
        for message in messages:
            conn.send(message)
            if message.message["type"] == "offer" and isinstance(session, AgentSession):
                self._gathering.delivered(session, (message.message["order"]["id"],))

    def _end_sessions(self, event: Event) -> None:
        """Sessions that are over by the log's word; the log is how another node hears of it."""
        code, reason = _ENDS[event.type]
        named = event.detail.get("session_id")
        ended = [self._registry.find(named)] if named else self._registry.of_agent(event.to[0])
        for session in ended:
            conn = session and self._registry.connection(session)
            if conn:
                conn.close(code, reason)

    # --- logs -----------------------------------------------------------------------------------------

    async def _follow_logs(self, session: Session) -> None:
        """Its logs are tailed before its present is read. Raises Unavailable."""
        async with self._tailing:
            for slot in {*session.slots, session.slot}:
                if slot not in self._tails:
                    tail = Tail(self._dispatch.store, slot, self.hear, self._lost)
                    await tail.start()
                    self._tails[slot] = tail

    async def _follow_rules(self) -> None:
        """Regions come and go: who hears of all of them hears of new ones, too."""
        catalog = self._dispatch.catalog
        while True:
            await catalog.changed()
            regions = catalog.regions
            async with self._tailing:
                for slot in [slot for slot in self._tails if slot not in regions and slot != PEOPLE]:
                    await self._tails.pop(slot).stop()
            for session in tuple(self._registry):
                await self._widen(session, regions)

    async def _widen(self, session: Session, regions: list[str]) -> None:
        new = [r for r in regions if r not in session.slots and session.who.may_see_region(r)]
        if not new or not isinstance(session, DeskSession | CustomerSession):
            return
        for region in new:
            if isinstance(session, DeskSession):
                self._registry.follow(session, region)
            else:
                session.slots = (*session.slots, region)
        try:
            await self._follow_logs(session)
        except Unavailable as exc:
            log.warning("region_not_followed", error=exc.message)
            self._session_over(session.id)

    def _lost(self, slot: str) -> None:
        """Entries of a log may be missing, or Redis is another one: everybody is told the present."""
        if slot not in self._recovering:
            self._recovering.add(slot)
            self._spawn(self._recover(slot))

    async def _recover(self, slot: str) -> None:
        sessions = self._registry.of_slot(slot)
        welcomed = [session for session in sessions if session.ready]
        for session in welcomed:
            session.pause()
        for session in sessions:
            if session not in welcomed:  # what it has read meanwhile may be the past
                self._session_over(session.id)
        log.warning("sessions_told_the_present", slot=slot, sessions=len(welcomed))
        self._recovering.discard(slot)
        await asyncio.gather(*(self._tell_present(session) for session in welcomed))

    async def _tell_present(self, session: Session) -> None:
        wait = 0.1
        while (conn := self._registry.connection(session)) is not None:
            try:
                lists = await self._usher.enter(session, self._usher.meta(session, conn.address, conn.codec.name))
            except Unavailable:
                await asyncio.sleep(random.uniform(0, wait))
                wait = min(2 * wait, 2.0)
                continue
            if len(lists) > 1:  # there is something to list for this role
                conn.send(Outbound({"type": "snapshot"} | lists))
            self._send(session, session.resume())
            return


def _shows_holder(session: Session, event: Event) -> bool:
    """Whether this session would be shown the order as held; candidates only hear that it is gone."""
    return not isinstance(session, AgentSession) or session.agent.id == event.holder


def _level(exc: DispatchError) -> int:
    return 30 if isinstance(exc, Unavailable) else 40
