"""Editing an order: what its client said of it, said anew.

Owns who may edit what; what an edit causes is `dispatch.intake`'s. Invariant: a part that the request does not name
stays as it is by then, whatever others do meanwhile.
"""

from msgspec import UNSET

from admin_api.bodies import CustomerBody, EditBody
from admin_api.endpoint import Ask, Operation
from admin_api.orders import find, fitting
from admin_api.paging import Query
from dispatch.access import require_full
from dispatch.errors import Code, Refused
from dispatch.identity import Identity, Role
from dispatch.order import Customer, Order
from dispatch.view_examples import OPEN, full
from dispatch.view_forms import OrderView
from dispatch.views import View, full_view


async def edit(ask: Ask[Query, EditBody]) -> View:
    order = require_full(ask.who, await find(ask))
    return full_view(await ask.dispatch.intake.edit(ask.who, order, _changes(ask, order), ask.request), ask.reader)


def _changes(ask: Ask[Query, EditBody], order: Order) -> dict[str, object]:
    """By the names of a draft's fields, which are those of the body."""
    body = ask.body
    changes: dict[str, object] = {
        name: value
        for name in ("price_fen", "bonus_fen", "scheduled_at")
        if (value := getattr(body, name)) is not UNSET
    }
    if body.place is not UNSET:
        changes["place"] = body.place.spot(ask.crs)
    if body.destination is not UNSET:
        changes["destination"] = body.destination.spot(ask.crs) if body.destination else None
    if body.details is not UNSET:
        changes["details"] = fitting(body.details)
    if body.customer is not UNSET:
        changes["customer"] = _customer(ask.who, body.customer, order)
    return changes


def _customer(who: Identity, given: CustomerBody, order: Order) -> Customer:
    if who.role is Role.CUSTOMER and given.id not in (None, who.sub):
        raise Refused(Code.FORBIDDEN, "customer.id: a customer orders for himself")
    return Customer(given.id or order.customer.id, given.name, given.phone)


OPERATIONS = (
    Operation(
        method="PATCH",
        path="/v1/orders/{id}",
        summary="Edit an order; its customer may while nobody holds it",
        roles=(Role.DISPATCHER, Role.SERVICE, Role.CUSTOMER),
        handler=edit,
        body=EditBody,
        answer=(OrderView,),
        conflicts=True,
        example={"details": {"plate": "沪A12345", "note": "flat tyre, no spare"}, "bonus_fen": 500},
        answer_example=full(OPEN),
    ),
)
