"""Agents: their profiles as operators put them, and how they stand now.

Owns where a profile's region comes from and which fields go together. Invariant: a profile names known kinds
and a known region, and a shop has a home.
"""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from admin_api.answers import AgentPage, AgentView
from admin_api.bodies import AgentBody
from admin_api.endpoint import Ask, Operation
from admin_api.examples import PROFILE
from admin_api.fields import Id, Metres, Whole
from admin_api.paging import Paging, Query, page
from dispatch.access import require_region
from dispatch.catalog import Catalog
from dispatch.errors import Code, Refused, invalid
from dispatch.identity import AGENTS, Identity, Role
from dispatch.policy import AgentRole
from dispatch.records.agents import Agent
from dispatch.roster import Entry, Presence, Wanted
from dispatch.views import View
from geo.crs import Crs, from_wgs84, to_wgs84
from geo.point import Point, PointFault, bounded

_PUTTERS = (Role.ADMIN, Role.SERVICE)
_READERS = (Role.ADMIN, Role.SERVICE, Role.DISPATCHER)
_NUMBER = r"-?[0-9]{1,3}(\.[0-9]{1,15})?"


class AgentsQuery(Paging, frozen=True, kw_only=True):
    region: Id | UnsetType = UNSET
    role: AgentRole | UnsetType = UNSET
    status: Presence | UnsetType = UNSET
    near: (
        Annotated[str, Meta(pattern=rf"^{_NUMBER},{_NUMBER}$(?!\n)", description="lat,lon; nearest first")] | UnsetType
    ) = UNSET
    radius_m: Metres | UnsetType = UNSET


# --- putting ------------------------------------------------------------------------------------------


async def put(ask: Ask[Query, AgentBody]) -> View:
    body, dispatch = ask.body, ask.dispatch
    home = to_wgs84(body.home, ask.crs) if body.home else None
    if body.role == "shop" and home is None:
        raise invalid("home", "is required for a shop: it stands there")
    agent = Agent(
        id=ask.path["id"],
        role=body.role,
        region=await _region(ask, home),
        name=body.name,
        phone=body.phone,
        skills=await _skills(dispatch.catalog, body.skills),
        capacity=body.capacity,
        home=home,
        suspended=body.suspended,
    )
    await _require_both_regions(ask, agent)
    return _view(await dispatch.roster.find(await dispatch.people.put(agent)), ask.crs)


async def _region(ask: Ask[Query, AgentBody], home: Point | None) -> str:
    """As given, else the one containing `home`, else `default`."""
    given = ask.body.region
    region = given or await ask.dispatch.people.home_region(home)
    if not await ask.dispatch.catalog.has_region(region):
        raise invalid("region", "there is no such region" if given else "is required: home lies in none")
    return region


async def _skills(catalog: Catalog, kinds: list[str]) -> tuple[str, ...]:
    if any(catalog.known_policy(kind) is None for kind in kinds):
        await catalog.load()
    for i, kind in enumerate(kinds):
        if catalog.known_policy(kind) is None:
            raise invalid(f"skills[{i}]", "there is no policy for this kind")
    return tuple(dict.fromkeys(kinds))


async def _require_both_regions(ask: Ask[Query, AgentBody], agent: Agent) -> None:
    """Who may not see a region can neither put an agent there nor take one from there."""
    before = await ask.dispatch.records.agents.find(agent.id)
    for region in {agent.region, before.region if before else agent.region}:
        require_region(ask.who, region)


# --- reading ------------------------------------------------------------------------------------------


async def read(ask: Ask[Query, None]) -> View:
    agent = await ask.dispatch.records.agents.find(ask.path["id"])
    if agent is None or not _sees(ask.who, agent):
        raise Refused(Code.NOT_FOUND, "there is no such agent")
    return _view(await ask.dispatch.roster.find(agent), ask.crs)


def _sees(who: Identity, agent: Agent) -> bool:
    return who.sub == agent.id if who.role in AGENTS else who.may_see_region(agent.region)


async def listed(ask: Ask[AgentsQuery, None]) -> object:
    query, roster = ask.query, ask.dispatch.roster
    wanted, centre = _wanted(ask.who, query), _centre(query)
    if centre is None:
        found = await roster.by_id(wanted, query.limit + 1, query.after(Id))
        return page(found, query.limit, lambda entry: _view(entry, ask.crs), lambda entry: entry.agent.id)
    radius_m = None if query.radius_m is UNSET else query.radius_m
    found = await roster.near(wanted, centre, radius_m, query.limit + 1, query.after(tuple[Whole, Id]))
    return page(found, query.limit, lambda entry: _view(entry, ask.crs), lambda entry: entry.place)


def _wanted(who: Identity, query: AgentsQuery) -> Wanted:
    regions = who.regions
    if query.region is not UNSET:
        require_region(who, query.region)
        regions = frozenset({query.region})
    return Wanted(
        regions=regions,
        role=None if query.role is UNSET else query.role,
        status=None if query.status is UNSET else query.status,
    )


def _centre(query: AgentsQuery) -> Point | None:
    if query.near is UNSET:
        if query.radius_m is not UNSET:
            raise invalid("radius_m", "needs near")
        return None
    lat, _, lon = query.near.partition(",")
    try:
        return to_wgs84(bounded(float(lat), float(lon)), query.crs)
    except PointFault as exc:
        raise invalid("near", f"{exc.path} {exc.message}") from exc


def _view(entry: Entry, crs: Crs) -> View:
    agent = entry.agent
    view = {
        "id": agent.id,
        "role": agent.role,
        "region": agent.region,
        "name": agent.name,
        "phone": agent.phone,
        "skills": list(agent.skills),
        "capacity": agent.capacity,
        "home": _shown(agent.home, crs),
        "suspended": agent.suspended,
        "status": entry.status.value,
        "load": entry.load,
        "position": _shown(entry.position, crs),
    }
    return view if entry.distance_m is None else view | {"distance_m": entry.distance_m}


def _shown(point: Point | None, crs: Crs) -> View | None:
    if point is None:
        return None
    at = from_wgs84(point, crs)
    return {"lat": at.lat, "lon": at.lon}


OPERATIONS = (
    Operation(
        method="PUT",
        path="/v1/agents/{id}",
        summary="Create an agent or change its profile",
        roles=_PUTTERS,
        handler=put,
        body=AgentBody,
        conflicts=True,
        answer=(AgentView,),
        example=PROFILE,
    ),
    Operation(
        method="GET",
        path="/v1/agents/{id}",
        summary="Read an agent's profile and how he stands",
        roles=(*_READERS, *sorted(AGENTS)),
        handler=read,
        answer=(AgentView,),
    ),
    Operation(
        method="GET",
        path="/v1/agents",
        summary="List agents by id, or nearest first",
        roles=_READERS,
        handler=listed,
        query=AgentsQuery,
        answer=(AgentPage,),
    ),
)
