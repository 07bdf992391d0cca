"""Sessions as operators see them: who is connected on whichever node, and sending one away.

Owns which of them an operator may see. What a session is told is the hubs' matter; they hear from the log that one is
over. Invariant: an operator whose token is for some regions sees agents of those regions, and nobody else.
"""

import asyncio
from collections.abc import Iterable, Sequence

import msgspec
from ulid import ULID

from dispatch.access import require_region
from dispatch.catalog import PEOPLE, Catalog
from dispatch.errors import Code, Refused, Unavailable, invalid
from dispatch.identity import AGENTS, Identity, Role
from dispatch.people import REACHABLE_MS
from dispatch.records import Records
from dispatch.store import Store

MOST_AT_ONCE = 200
"""Sessions in one script call: it must not hold Redis up."""


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """One session. `unsent_bytes` is at most 15 s old; `region` is null for those who belong to none."""

    session_id: str
    sub: str
    role: Role
    region: str | None
    since_at: int
    address: str
    codec: str
    unsent_bytes: int


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a list asks for; None asks for nothing."""

    agent_id: str | None = None
    region: str | None = None
    role: Role | None = None


class _About(msgspec.Struct, frozen=True):
    """What a hub told of a session when it began."""

    sub: str
    role: Role
    region: str | None
    address: str = "unknown"
    codec: str = "json"


class _Found(msgspec.Struct, frozen=True):
    """What `connected.lua` answers."""

    sessions: list[tuple[str, str, int]]
    last: str


class Sessions:
    def __init__(self, store: Store, records: Records, catalog: Catalog) -> None:
        self._store = store
        self._records = records
        self._catalog = catalog

    async def page(self, who: Identity, wanted: Wanted, limit: int, after: str | None) -> list[Live]:
        """By id, oldest first, those above `after`. Raises Refused (forbidden; invalid, path `region`), Unavailable."""
        slots = await self._slots(who, wanted)
        lists = await asyncio.gather(*(self._of_slot(slot, wanted, limit, after) for slot in slots))
        found = [live for of_slot in lists for live in of_slot]
        return sorted(found, key=lambda live: live.session_id)[:limit]

    async def kick(self, who: Identity, session_id: str) -> None:
        """It is over; its node hears so from the log. Raises Refused (not_found), Unavailable."""
        asked = (self._kick(slot, session_id) for slot in self._visible(who))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        faults = [answer for answer in answers if isinstance(answer, BaseException)]
        for fault in faults:
            if not isinstance(fault, Unavailable):
                raise fault
        if True in answers:
            return
        if faults:  # it may live in a region that can not be asked
            raise faults[0]
        raise Refused(Code.NOT_FOUND, "there is no such session")

    async def _kick(self, slot: str, session_id: str) -> bool:
        reply = await self._store.run("kick", slot, session_id=session_id, stale_ms=REACHABLE_MS)
        return reply.outcome == "ok"

    # --- where to look ----------------------------------------------------------------------------------

    def _visible(self, who: Identity) -> list[str]:
        regions = [region for region in self._catalog.regions if who.may_see_region(region)]
        return [*regions, PEOPLE] if _sees_people(who) else regions

    async def _slots(self, who: Identity, wanted: Wanted) -> Sequence[str]:
        slots = self._visible(who)
        if wanted.region is not None:
            require_region(who, wanted.region)
            if not await self._catalog.has_region(wanted.region):
                raise invalid("region", "there is no such region")
            slots = [wanted.region]
        if wanted.agent_id is not None:
            agent = await self._records.agents.find(wanted.agent_id)
            slots = [slot for slot in slots if agent is not None and slot == agent.region]
        if wanted.role is not None:
            slots = [slot for slot in slots if (slot != PEOPLE) == (wanted.role in AGENTS)]
        return slots

    async def _of_slot(self, slot: str, wanted: Wanted, limit: int, after: str | None) -> list[Live]:
        found: list[Live] = []
        while len(found) < limit:
            reply = await self._store.run(
                "connected",
                slot,
                member=wanted.agent_id or "",
                after="-" if after is None else f"({after}",
                stale_ms=REACHABLE_MS,
                most=MOST_AT_ONCE,
            )
            read = msgspec.msgpack.decode(reply.extra, type=_Found)
            found += _wanted(map(_live, read.sessions), wanted, after)
            if not read.last:
                break
            after = read.last
        return found[:limit]


def _sees_people(who: Identity) -> bool:
    """Staff, services and customers belong to no region."""
    return who.role is Role.ADMIN and who.regions is None


def _wanted(lives: Iterable[Live], wanted: Wanted, after: str | None) -> list[Live]:
    return [
        live
        for live in lives
        if (wanted.role is None or live.role is wanted.role) and (after is None or live.session_id > after)
    ]


def _live(row: tuple[str, str, int]) -> Live:
    session_id, kept, unsent_bytes = row
    about = msgspec.json.decode(kept, type=_About)
    return Live(
        session_id=session_id,
        sub=about.sub,
        role=about.role,
        region=about.region,
        since_at=int(ULID.from_str(session_id).milliseconds),
        address=about.address,
        codec=about.codec,
        unsent_bytes=unsent_bytes,
    )
