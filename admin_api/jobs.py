"""Jobs: the orders that the asking agent holds.

Knows no commands: those are `order_commands`'. Invariant: an agent sees nobody's jobs but his own.
"""

from functools import partial

from admin_api.answers import OrderPage
from admin_api.endpoint import Ask, Operation
from admin_api.fields import Id
from admin_api.paging import Paging, page
from dispatch.identity import AGENTS
from dispatch.views import full_view


async def listed(ask: Ask[Paging, None]) -> object:
    limit, before = ask.query.limit, ask.query.after(Id)
    found = await ask.dispatch.records.orders.held_by(ask.agent.id, limit + 1, before)
    return page(found, limit, partial(full_view, reader=ask.reader), lambda order: order.id)


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/jobs",
        summary="The orders that the asking agent holds, newest first",
        roles=tuple(sorted(AGENTS)),
        handler=listed,
        query=Paging,
        answer=(OrderPage,),
    ),
)
