"""The desk: escalated and stalled orders, longest waiting first, and taking one up.

Knows no other list. Invariant: a dispatcher sees the desks of his token's regions only.
"""

from functools import partial

from msgspec import UNSET, UnsetType

from admin_api.answers import OrderPage
from admin_api.bodies import Nothing
from admin_api.endpoint import Ask, Operation
from admin_api.fields import Id, Whole
from admin_api.orders import find
from admin_api.paging import Paging, Query, page
from admin_api.scope import regions_of
from dispatch.access import require_full
from dispatch.identity import Role
from dispatch.order import Order
from dispatch.view_examples import ESCALATED, TAKEN_UP, full
from dispatch.view_forms import OrderView
from dispatch.views import View, full_view


class DeskQuery(Paging, frozen=True, kw_only=True):
    region: Id | UnsetType = UNSET


async def listed(ask: Ask[DeskQuery, None]) -> object:
    limit, after = ask.query.limit, ask.query.after(tuple[Whole, Id])
    regions = await regions_of(ask.who, ask.dispatch.catalog, ask.query.region)
    found = await ask.dispatch.records.orders.desk(regions, limit + 1, after)
    return page(found, limit, partial(full_view, reader=ask.reader), _place)


def _place(order: Order) -> tuple[int | None, str]:
    return order.desk_at, order.id


async def take_up(ask: Ask[Query, Nothing]) -> View:
    order = require_full(ask.who, await find(ask))
    return full_view(await ask.dispatch.desk.take_up(ask.who, order, ask.request), ask.reader)


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/desk",
        summary="Escalated and stalled orders, longest waiting first",
        roles=(Role.DISPATCHER,),
        handler=listed,
        query=DeskQuery,
        answer=(OrderPage,),
        answer_example={"items": [full(ESCALATED)], "next": None},
    ),
    Operation(
        method="POST",
        path="/v1/desk/{id}/take_up",
        summary="Take an order of the desk in hand for 60 s",
        roles=(Role.DISPATCHER,),
        handler=take_up,
        body=Nothing,
        answer=(OrderView,),
        answer_example=full(TAKEN_UP),
    ),
)
