"""What a welcomed client asks on the stream, carried out by the use cases and answered in order.

Owns the pairing of a message with its answer. Knows no indexes. Invariants: every message with a `ref` is
answered exactly once, also by a bug (`pending` is a foretaste, not an answer); what concerns an order waits
behind the answer to a command on it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import structlog

from dispatch import metrics
from dispatch.assembly import Dispatch
from dispatch.claims import PENDING, Outcome, Verdict
from dispatch.clock import now_ms
from dispatch.errors import Code, Refused, Unavailable
from dispatch.order import Order, Status
from dispatch.people import UnknownSession
from geo.crs import to_wgs84
from realtime.connection import Connection
from realtime.gathering import Gathering
from realtime.messages import Decline, Grab, Heard, Hello, Ping, Position, Progress, Release, Seen, SetStatus
from realtime.owed import Owed
from realtime.session import AgentSession, DeskSession, Session, verdict_message
from realtime.showing import Showing
from realtime.undecided import Undecided
from realtime.wire import ClientMessage, Outbound

log = structlog.get_logger()
PENDING_S = 1.0
_COUNTED = {outcome: metrics.VERDICTS.labels(outcome.value) for outcome in Outcome}
Spawn = Callable[[Coroutine[Any, Any, None]], None]
Tell = Callable[[Session, list[Outbound]], None]
Availability = Callable[[AgentSession, str, int], None]
Over = Callable[[str], None]
Work = Callable[[], Awaitable[None]]


def error(ref: str | None, code: str, message: str, *, retryable: bool = False) -> Outbound:
    answer = {"type": "error", "code": code, "message": message, "retryable": retryable}
    return Outbound(answer if ref is None else answer | {"ref": ref})


def ok(ref: str | None) -> Outbound:
    return Outbound({"type": "ok"} if ref is None else {"type": "ok", "ref": ref})


def pong(ref: str | None) -> Outbound:
    answer = {"type": "pong", "server_at": now_ms()}
    return Outbound(answer if ref is None else answer | {"ref": ref})


class Commands:
    """`tell` says to a session what had waited for an answer; `available` hears what an agent says he is, `over` of
    a session that Redis knows no more."""

    def __init__(
        self,
        dispatch: Dispatch,
        showing: Showing,
        gathering: Gathering,
        spawn: Spawn,
        tell: Tell,
        available: Availability,
        over: Over,
    ) -> None:
        self._dispatch = dispatch
        self._showing = showing
        self._gathering = gathering
        self._spawn = spawn
        self._tell = tell
        self._available = available
        self._over = over
        self.owed: Owed[Connection] = Owed()
        self._undecided = Undecided(PENDING_S)

    def received(self, conn: Connection, session: Session, message: ClientMessage) -> None:
        match message:
            case Ping():
                conn.send(pong(message.ref))
            case Hello():
                conn.send(error(None, Code.INVALID, "type: hello was said already"))
            case Heard() if isinstance(session, AgentSession | DeskSession):
                self._on_order(conn, session, message, partial(self._heard, session, message))
            case _ if isinstance(session, AgentSession):
                self._of_agent(conn, session, message)
            case _:
                ref = getattr(message, "ref", None)
                conn.send(error(ref, Code.FORBIDDEN, f"a {session.who.role} may not do this"))

    def _of_agent(self, conn: Connection, session: AgentSession, message: ClientMessage) -> None:
        match message:
            case Grab():
                self._grab(conn, session, message)
            case Position():
                if session.agent.role == "valet":  # a shop stands at its home
                    self._gathering.position(session, to_wgs84(message.point, session.crs))
            case Seen():
                self._gathering.seen(session, [oid for oid in message.order_ids if oid in session.offers])
            case SetStatus():
                self._carry_out(conn, session, message.ref, None, partial(self._set_status, session, message))
            case Decline():
                self._on_order(conn, session, message, partial(self._decline, session, message))
            case Progress():
                self._on_order(conn, session, message, partial(self._progress, session, message))
            case Release():
                self._on_order(conn, session, message, partial(self._release, session, message))

    # --- grabs: no task and no timer, a future each ------------------------------------------------------

    def _grab(self, conn: Connection, session: AgentSession, grab: Grab) -> None:
        if not session.knows(grab.order_id):
            self._tell_verdict(conn, session, grab, session.remembered(grab.order_id))
            return
        session.wait(grab.order_id)
        self.owed.asked(conn)
        verdict = self._dispatch.claims.grab(session.slot, grab.order_id, session.agent.id)
        self._undecided.add(verdict, partial(self._tell_pending, conn, session, grab))

        def told(done: "asyncio.Future[Verdict]") -> None:
            if not done.cancelled():
                self._tell_verdict(conn, session, grab, done.result())
                self._tell(session, session.go_on(grab.order_id))
            self.owed.answered(conn)

        verdict.add_done_callback(told)

    def _tell_verdict(self, conn: Connection, session: AgentSession, grab: Grab, verdict: Verdict) -> None:
        _COUNTED[verdict.outcome].inc()
        conn.send(Outbound(session.verdict(grab.ref, grab.order_id, verdict, self._showing)))

    def _tell_pending(self, conn: Connection, session: AgentSession, grab: Grab) -> None:
        _COUNTED[Outcome.PENDING].inc()
        conn.send(Outbound(verdict_message(grab.ref, grab.order_id, PENDING)))

    # --- other commands ---------------------------------------------------------------------------------

    def _on_order(
        self, conn: Connection, session: Session, message: Decline | Heard | Progress | Release, work: Work
    ) -> None:
        session.wait(message.order_id)
        self._carry_out(conn, session, message.ref, message.order_id, work)

    def _carry_out(self, conn: Connection, session: Session, ref: str | None, order_id: str | None, work: Work) -> None:
        self.owed.asked(conn)
        self._spawn(self._answered(conn, session, ref, order_id, work))

    async def _answered(
        self, conn: Connection, session: Session, ref: str | None, order_id: str | None, work: Work
    ) -> None:
        """What is about an order and bears no `ref` is answered only when it is at fault."""
        try:
            await work()
        except (Refused, Unavailable) as exc:
            conn.send(error(ref, exc.code, exc.message, retryable=exc.retryable))
            if isinstance(exc, UnknownSession):
                self._over(session.id)
        except Exception as exc:
            metrics.BROKEN.inc()
            log.error("command_failed", order=order_id, exc_info=exc)
            conn.send(error(ref, Code.INTERNAL, "internal error"))
        else:
            if ref is not None or order_id is None:
                conn.send(ok(ref))
        finally:
            if order_id is not None:
                self._tell(session, session.go_on(order_id))
            self.owed.answered(conn)

    async def _set_status(self, session: AgentSession, message: SetStatus) -> None:
        people, status = self._dispatch.people, message.status
        self._available(session, status, await people.set_status(session.slot, session.agent.id, session.id, status))

    async def _decline(self, session: AgentSession, message: Decline) -> None:
        await self._dispatch.people.decline(session.who, session.slot, message.order_id, message.reason or "")
        session.declined(message.order_id)

    async def _heard(self, session: Session, message: Heard) -> None:
        await self._dispatch.notes.heard(session.who, message.order_id, message.note_id)

    async def _progress(self, session: AgentSession, message: Progress) -> None:
        order = await self._job(session, message.order_id)
        step = Status(message.step)
        await self._dispatch.jobs.progress(session.who, order, message.fence, step, message.at)

    async def _release(self, session: AgentSession, message: Release) -> None:
        order = await self._job(session, message.order_id)
        await self._dispatch.jobs.release(session.who, order, message.fence, message.reason)

    async def _job(self, session: AgentSession, order_id: str) -> Order:
        order = await self._dispatch.transitions.find(order_id)
        if order is None or order.region != session.slot:
            raise Refused(Code.NOT_FOUND, "there is no such order")
        return order
