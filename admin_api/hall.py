"""The hall: open orders around the asking agent.

Owns how they are shown. Invariant: an agent sees in the hall what a candidate sees, and is one from then on.
"""

from functools import partial
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from admin_api.answers import HallPage
from admin_api.endpoint import Ask, Operation
from admin_api.fields import Id, Metres
from admin_api.paging import Paging, page
from dispatch.hall import Listed
from dispatch.identity import AGENTS
from dispatch.reader import Reader
from dispatch.say import band
from dispatch.views import View, public_view

Distance = Annotated[float, Meta(ge=0)]


class HallQuery(Paging, frozen=True, kw_only=True):
    radius_m: Metres | UnsetType = UNSET


async def listed(ask: Ask[HallQuery, None]) -> object:
    limit, radius_m = ask.query.limit, None if ask.query.radius_m is UNSET else ask.query.radius_m
    found = await ask.dispatch.hall.listed(ask.agent, radius_m, limit, ask.query.after(tuple[Distance, Id]))

    return page(found, limit, partial(_entry, ask, ask.reader), lambda each: each.place)


def _entry(ask: Ask[HallQuery, None], reader: Reader, each: Listed) -> View:
    order, metres = each.order, each.distance_m
    say = ask.dispatch.sayings.offer(order.kind, band(metres), order.price_fen, order.bonus_fen)
    policy = ask.dispatch.catalog.known_policy(order.kind)
    return public_view(order, policy, reader) | {"say": say, "distance_m": round(metres)}


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/hall",
        summary="Open orders of the asking agent's kinds around him, nearest first; what is listed counts as offered",
        roles=tuple(sorted(AGENTS)),
        handler=listed,
        query=HallQuery,
        answer=(HallPage,),
    ),
)
