"""Looking up the orders of somebody who is on the telephone.

Owns what counts as one number's orders. Invariants: the number stands in the body, never in an address or a log; the
answer is of this moment, and is not kept for an idempotency key.
"""

from functools import partial

from msgspec import UNSET, UnsetType

from admin_api.answers import LookupView
from admin_api.bodies import LookupBody
from admin_api.endpoint import Ask, Operation, Passing
from admin_api.fields import Id
from admin_api.paging import Query
from admin_api.scope import regions_of
from dispatch.identity import Role
from dispatch.phone import ending, is_same
from dispatch.view_examples import ESCALATED, full
from dispatch.views import full_view

MOST_FOUND = 50


class LookupQuery(Query, frozen=True, kw_only=True):
    region: Id | UnsetType = UNSET


async def by_phone(ask: Ask[LookupQuery, LookupBody]) -> Passing:
    phone = ask.body.phone
    regions = await regions_of(ask.who, ask.dispatch.catalog, ask.query.region)
    found = await ask.dispatch.records.orders.unfinished_by_phone(regions, ending(phone), MOST_FOUND)
    theirs = [order for order in found if is_same(order.customer.phone or "", phone)]
    return Passing({"items": list(map(partial(full_view, reader=ask.reader), theirs))})


OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/orders/lookup",
        summary="The unfinished orders of a phone number, newest first, at most 50",
        roles=(Role.DISPATCHER, Role.SERVICE),
        handler=by_phone,
        query=LookupQuery,
        body=LookupBody,
        answer=(LookupView,),
        example={"phone": "+86 138-0000-0000"},
        answer_example={"items": [full(ESCALATED)]},
    ),
)
