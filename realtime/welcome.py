"""The usher: from `hello` to `welcome`.

Owns the judging of tokens at the door and the picture of the present that each role is given. Knows no
connections. Invariant: a session is in the hub's indexes before its present is read, so what happens in between
is held back and not lost.
"""

import asyncio
from contextlib import suppress

from ulid import ULID

from dispatch.assembly import Dispatch
from dispatch.catalog import PEOPLE
from dispatch.clock import now_ms
from dispatch.errors import Refused
from dispatch.identity import AGENTS, Identity, Role, TokenExpired
from dispatch.people import MOST_LISTED, DeskPresent
from dispatch.records.agents import Agent
from dispatch.store import Quarantined
from dispatch.views import View, full_view
from geo.crs import Crs, from_wgs84, to_wgs84
from realtime.session import AgentSession, CustomerSession, DeskSession, Message, OfferBook, Session
from realtime.showing import Showing
from realtime.wire import CloseCode, Hello, Outbound

FEATURES = ["voice_notes", "heard", "say", "map", "figures", "lookup"]
"""What this server knows beyond PROTOCOL version 1."""


class Refusal(Exception):
    """Not let in: the close code says whether to come back."""

    def __init__(self, close_code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.close_code = close_code
        self.reason = reason


class Usher:
    def __init__(self, dispatch: Dispatch, showing: Showing, book: OfferBook, heartbeat_seconds: float) -> None:
        self._dispatch = dispatch
        self._showing = showing
        self._book = book
        self._heartbeat_seconds = heartbeat_seconds

    async def meet(self, hello: Hello, header_token: str | None) -> Session:
        """Who is it? Raises Refusal, Unavailable."""
        who = self._identify(hello.token or header_token)
        if who.role in AGENTS:
            return await self._meet_agent(who, hello)
        session_id, member = str(ULID()), f"{who.role}:{who.sub}"
        kind = {Role.DISPATCHER: DeskSession, Role.CUSTOMER: CustomerSession}.get(who.role, Session)
        return kind(session_id, who, hello.crs, member, self.slots(who))

    def slots(self, who: Identity) -> tuple[str, ...]:
        """The regions whose logs concern someone who is no agent."""
        regions = self._dispatch.catalog.regions
        if who.role is Role.DISPATCHER:
            return tuple(region for region in regions if who.may_see_region(region))
        return tuple(regions) if who.role is Role.CUSTOMER else ()

    async def welcome(self, session: Session, address: str, codec: str) -> Outbound:
        """Enter the session and show it the present. Raises Unavailable, Refused."""
        lists = await self._enter(session, _meta(session, address, codec))
        message: Message = {
            "type": "welcome",
            "session_id": session.id,
            "server_at": now_ms(),
            "heartbeat_seconds": self._heartbeat_seconds,
            "features": FEATURES,
        }
        if isinstance(session, AgentSession):
            message["agent"] = agent_card(session.agent, session.status, session.crs)
        return Outbound(message | lists)

    async def snapshot(self, session: Session, address: str, codec: str) -> Outbound | None:
        """The present once more, for one who may have missed something; None: there is nothing to list for him.

        Whom Redis has forgotten it is told of again, and of his status, unless he has told another since: by another
        session he may have paused. Raises Refusal when he would not be let in any more, Unavailable, Refused.
        """
        if isinstance(session, AgentSession):
            lists = await self._agent_again(session, _meta(session, address, codec))
        else:
            lists = await self._enter(session, _meta(session, address, codec))
        return Outbound({"type": "snapshot"} | lists) if len(lists) > 1 else None

    async def _agent_again(self, session: AgentSession, meta: dict[str, object]) -> Message:
        people = self._dispatch.people
        agent = await self._admissible(session.who)
        if agent.region != session.slot:
            raise Refusal(CloseCode.START_OVER, "the agent's region changed")
        session.agent = agent
        if await people.refresh(session.slot, [(session.member, session.id)]):
            return await self._enter(session, meta)
        with suppress(Refused):  # it ended just now
            await people.set_status(session.slot, agent.id, session.id, session.status, said_at=session.status_at)
        return session.lists(await people.present(session.slot, agent.id), self._showing)

    async def _enter(self, session: Session, meta: dict[str, object]) -> Message:
        """Make the session known to Redis (again) and read its lists."""
        people = self._dispatch.people
        if isinstance(session, AgentSession):
            present = await people.enter(
                session.agent, session.id, meta, session.status, session.position, said_at=session.status_at
            )
            return session.lists(present, self._showing)
        await people.admit(session.who, session.id, meta)
        if isinstance(session, DeskSession):
            return session.lists(await self._desks(session.slots), MOST_LISTED, self._showing)
        if isinstance(session, CustomerSession):
            orders, more = await people.unfinished_of(session.who.sub)
            reader = self._showing.reader(session.who, session.crs)
            return session.lists([full_view(order, reader) for order in orders], more)
        return {"more": []}

    async def _desks(self, regions: tuple[str, ...]) -> dict[str, DeskPresent]:
        """Without those that are being put right, unless that is all: one region must not keep the others' desks away.

        Raises Unavailable.
        """
        found = await asyncio.gather(*map(self._desk, regions))
        desks = {region: desk for region, desk in zip(regions, found, strict=True) if desk is not None}
        if regions and not desks:
            raise Quarantined(regions[0])
        return desks

    async def _desk(self, region: str) -> DeskPresent | None:
        try:
            return await self._dispatch.people.desk(region)
        except Quarantined:
            return None

    def _identify(self, token: str | None) -> Identity:
        if not token:
            raise Refusal(CloseCode.TOKEN_INVALID, "a token is needed, in hello or in the upgrade's header")
        try:
            return self._dispatch.verifier.verify(token)
        except TokenExpired as exc:
            raise Refusal(CloseCode.TOKEN_EXPIRED, exc.message) from exc
        except Refused as exc:
            raise Refusal(CloseCode.TOKEN_INVALID, exc.message) from exc

    async def _meet_agent(self, who: Identity, hello: Hello) -> AgentSession:
        session = AgentSession(str(ULID()), who, hello.crs, await self._admissible(who), self._book)
        session.status = hello.status
        session.position = to_wgs84(hello.position, hello.crs) if hello.position else None
        return session

    async def _admissible(self, who: Identity) -> Agent:
        try:
            agent = await self._dispatch.people.profile(who)
        except Refused as exc:
            raise Refusal(CloseCode.FORBIDDEN, exc.message) from exc
        if agent.suspended:
            raise Refusal(CloseCode.SUSPENDED, "the agent is suspended")
        return agent


def agent_card(agent: Agent, status: str, crs: Crs) -> View:
    """The agent's own profile, in `welcome`; as over HTTP."""
    home = from_wgs84(agent.home, crs) if agent.home else None
    return {
        "id": agent.id,
        "role": agent.role,
        "region": agent.region,
        "name": agent.name,
        "phone": agent.phone,
        "skills": list(agent.skills),
        "capacity": agent.capacity,
        "home": {"lat": home.lat, "lon": home.lon} if home else None,
        "status": status,
    }


def _meta(session: Session, address: str, codec: str) -> dict[str, object]:
    """What the list of sessions shows of one."""
    return {
        "sub": session.who.sub,
        "role": session.who.role.value,
        "region": None if session.slot == PEOPLE else session.slot,
        "since_at": session.since_at,
        "address": address,
        "codec": codec,
    }
