"""Sessions: who is connected to the stream, and sending one away.

Who may see which is `dispatch.sessions`'. Invariant: a session that the asker may not see is 404 to him.
"""

import msgspec
from msgspec import UNSET, UnsetType

from admin_api.endpoint import Ask, Operation
from admin_api.fields import Id
from admin_api.paging import Page, Paging, Query, page
from dispatch.identity import STAFF, Role
from dispatch.sessions import Live, Wanted
from dispatch.view_examples import NOW, REGION, VALET

SessionPage = Page[Live]


class SessionsQuery(Paging, frozen=True, kw_only=True):
    agent_id: Id | UnsetType = UNSET
    region: Id | UnsetType = UNSET
    role: Role | UnsetType = UNSET


async def listed(ask: Ask[SessionsQuery, None]) -> object:
    query = ask.query
    wanted = Wanted(agent_id=query.agent_id or None, region=query.region or None, role=query.role or None)
    found = await ask.dispatch.sessions.page(ask.who, wanted, query.limit + 1, query.after(Id))
    return page(found, query.limit, lambda live: live, lambda live: live.session_id)


async def kick(ask: Ask[Query, None]) -> None:
    await ask.dispatch.sessions.kick(ask.who, ask.path["id"])


_EXAMPLE = Live(
    session_id="01M3252NK0DA2PBFXQJWDFQCH4",
    sub=VALET,
    role=Role.VALET,
    region=REGION,
    since_at=NOW + 2_000,
    address="203.0.113.7:52144",
    codec="msgpack",
    unsent_bytes=0,
)

OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/sessions",
        summary="Who is connected, longest first; those of no region are shown to admins of all regions",
        roles=tuple(sorted(STAFF)),
        handler=listed,
        query=SessionsQuery,
        answer=(SessionPage,),
        answer_example={"items": [msgspec.to_builtins(_EXAMPLE)], "next": None},
    ),
    Operation(
        method="DELETE",
        path="/v1/sessions/{id}",
        summary="End a session; it hears `bye` with 4505",
        roles=tuple(sorted(STAFF)),
        handler=kick,
        status=204,
    ),
)
