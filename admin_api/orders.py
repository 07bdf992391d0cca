"""Orders: taking them in and reading them.

Knows who may read which of them by `dispatch.access`; the commands on them are `order_commands`'. Invariant:
who may not know of an order hears 404, as if there were none.
"""

from functools import partial

import orjson
from msgspec import UNSET, UnsetType
from msgspec.structs import fields

from admin_api.answers import CandidatePage, EventPage, OrderPage
from admin_api.bodies import CustomerBody, OrderBody
from admin_api.endpoint import Ask, Operation
from admin_api.fields import Id, Millis, Whole
from admin_api.paging import Paging, Query, page
from dispatch.access import require_full, require_region, sees_full
from dispatch.errors import Code, Refused, invalid
from dispatch.identity import AGENTS, STAFF, Identity, Role
from dispatch.order import Customer, Order, Status
from dispatch.records.orders import Filter, Happening
from dispatch.roster import Candidate
from dispatch.state import Draft
from dispatch.view_examples import OPEN, full
from dispatch.view_forms import OrderView, PublicOrderView
from dispatch.views import View, full_view, public_view
from geo.crs import Crs, from_wgs84
from geo.point import Point

MOST_DETAILS_BYTES = 16 * 1024
READERS = (*sorted(STAFF), Role.SERVICE)
"""Those who see whole regions."""


class OrdersQuery(Paging, frozen=True, kw_only=True):
    status: Status | UnsetType = UNSET
    kind: Id | UnsetType = UNSET
    region: Id | UnsetType = UNSET
    agent_id: Id | UnsetType = UNSET
    customer_id: Id | UnsetType = UNSET
    created_after: Millis | UnsetType = UNSET
    created_before: Millis | UnsetType = UNSET
    ended_after: Millis | UnsetType = UNSET
    ended_before: Millis | UnsetType = UNSET


# --- taking in ----------------------------------------------------------------------------------------


async def place(ask: Ask[Query, OrderBody]) -> View:
    draft = drafted(ask.who, ask.body, ask.crs)
    order = await ask.dispatch.intake.place(
        ask.who, ask.body.kind, draft, region=ask.body.region, order_id=ask.order_id, request=ask.request
    )
    return full_view(order, ask.reader)


def drafted(who: Identity, body: OrderBody, crs: Crs) -> Draft:
    """Raises Refused: for whom, and whether it is too much."""
    return Draft(
        customer=_customer(who, body.customer),
        place=body.place.spot(crs),
        destination=body.destination.spot(crs) if body.destination else None,
        details=fitting(body.details),
        price_fen=body.price_fen,
        bonus_fen=body.bonus_fen,
        scheduled_at=body.scheduled_at,
    )


def _customer(who: Identity, given: CustomerBody | None) -> Customer:
    """A customer orders for himself; others say for whom."""
    if who.role is Role.CUSTOMER:
        given = given or CustomerBody()
        if given.id not in (None, who.sub):
            raise Refused(Code.FORBIDDEN, "customer.id: a customer orders for himself")
        return Customer(who.sub, given.name, given.phone)
    if given is None:
        raise invalid("customer", "is required")
    if given.id is None:
        raise invalid("customer.id", "is required")
    return Customer(given.id, given.name, given.phone)


def fitting(details: dict[str, object]) -> dict[str, object]:
    """Raises Refused (invalid)."""
    if len(orjson.dumps(details)) > MOST_DETAILS_BYTES:
        raise invalid("details", f"are larger than {MOST_DETAILS_BYTES} bytes")
    return details


# --- reading ------------------------------------------------------------------------------------------


async def find(ask: Ask[Query, object]) -> Order | None:
    return await ask.dispatch.transitions.find(ask.path["id"])


async def read(ask: Ask[Query, None]) -> View:
    """The full view, or for a candidate the public one."""
    order = await find(ask)
    if order is not None and not sees_full(ask.who, order) and await _is_offered(ask, order):
        return public_view(order, ask.dispatch.catalog.known_policy(order.kind), ask.reader)
    return full_view(require_full(ask.who, order), ask.reader)


async def _is_offered(ask: Ask[Query, None], order: Order) -> bool:
    """Whether he is an agent with a live offer. Suspension ends offers."""
    if ask.who.role not in AGENTS or order.status is not Status.OPEN:
        return False
    if ask.agent.region != order.region or ask.agent.suspended:
        return False
    return await ask.dispatch.people.offered(order, ask.who.sub)


async def listed(ask: Ask[OrdersQuery, None]) -> object:
    query = ask.query
    if query.kind is not UNSET:
        await ask.dispatch.catalog.policy(query.kind)  # an unknown kind is a fault, not an empty list
    wanted = _filter(ask.who, query)
    before = query.after(Id)
    found = [] if wanted is None else await ask.dispatch.records.orders.page(wanted, query.limit + 1, before)
    return page(found, query.limit, partial(full_view, reader=ask.reader), lambda order: order.id)


_FILTERS = tuple(
    field.name for field in fields(OrdersQuery) if field.name not in {each.name for each in fields(Paging)}
)


def _filter(who: Identity, query: OrdersQuery) -> Filter | None:
    """What the asker may see of what he asks for; None: nothing."""
    given = {name: value for name in _FILTERS if (value := getattr(query, name)) is not UNSET}
    if who.role in AGENTS:
        return Filter(**given, own_agent=who.sub)
    if who.role is Role.CUSTOMER:
        if given.setdefault("customer_id", who.sub) != who.sub:
            return None
        return Filter(**given)
    if query.region is not UNSET:
        require_region(who, query.region)
    return Filter(**given, regions=who.regions)


async def timeline(ask: Ask[Paging, None]) -> object:
    order, limit = require_full(ask.who, await find(ask)), ask.query.limit
    after = ask.query.after(Whole) or 0
    found = await ask.dispatch.records.orders.timeline(order.id, after, limit + 1)
    return page(found, limit, lambda event: _event(event, ask.crs), lambda event: event.version)


def _event(event: Happening, crs: Crs) -> View:
    role, _, actor_id = event.actor.partition(":")
    return {
        "version": event.version,
        "type": event.type,
        "at": event.at,
        "actor": {"role": role, "id": actor_id or None},
        "data": _shown_data(event.data, crs),
    }


def _shown_data(data: dict[str, object], crs: Crs) -> dict[str, object]:
    """A release may tell where the car was left."""
    lat, lon = data.get("lat"), data.get("lon")
    if not isinstance(lat, int | float) or not isinstance(lon, int | float):
        return data
    point = from_wgs84(Point(lat, lon), crs)
    return data | {"lat": point.lat, "lon": point.lon}


async def candidates(ask: Ask[Paging, None]) -> object:
    order, limit = require_full(ask.who, await find(ask)), ask.query.limit
    policy = await ask.dispatch.catalog.policy(order.kind)
    after = ask.query.after(tuple[Whole, Id])
    found = await ask.dispatch.roster.candidates(order, policy, limit + 1, after)
    return page(found, limit, _as_it_is, lambda candidate: candidate.place)


def _as_it_is(candidate: Candidate) -> object:
    return candidate


_BODY = {name: full(OPEN)[name] for name in ("kind", "customer", "place", "destination", "details", "price_fen")}

OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/orders",
        summary="Place an order",
        roles=(Role.SERVICE, Role.CUSTOMER, Role.DISPATCHER),
        handler=place,
        body=OrderBody,
        answer=(OrderView,),
        status=201,
        example=_BODY,
        answer_example=full(OPEN),
    ),
    Operation(
        method="GET",
        path="/v1/orders",
        summary="List orders, newest first; customers and agents see their own",
        roles=tuple(Role),
        handler=listed,
        query=OrdersQuery,
        answer=(OrderPage,),
    ),
    Operation(
        method="GET",
        path="/v1/orders/{id}",
        summary="Read an order; an agent with the offer gets the public view",
        roles=tuple(Role),
        handler=read,
        answer=(OrderView, PublicOrderView),
    ),
    Operation(
        method="GET",
        path="/v1/orders/{id}/timeline",
        summary="Everything that happened to an order, by version",
        roles=READERS,
        handler=timeline,
        query=Paging,
        answer=(EventPage,),
    ),
    Operation(
        method="GET",
        path="/v1/orders/{id}/candidates",
        summary="The agents of the order's region, nearest first",
        roles=tuple(sorted(STAFF)),
        handler=candidates,
        query=Paging,
        answer=(CandidatePage,),
    ),
)
