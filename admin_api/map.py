"""The map: where the unfinished orders and the agents are.

Owns the route only; what is on it is `dispatch.map`'s. Invariant: staff sees its regions, and of customers nothing.
"""

import orjson
from msgspec import UNSET, UnsetType

from admin_api.endpoint import Ask, Operation
from admin_api.fields import Id
from admin_api.paging import Query
from admin_api.scope import regions_of
from dispatch.identity import STAFF
from dispatch.map import MapView


class MapQuery(Query, frozen=True, kw_only=True):
    region: Id | UnsetType = UNSET


async def picture(ask: Ask[MapQuery, None]) -> object:
    regions = await regions_of(ask.who, ask.dispatch.catalog, ask.query.region)
    return orjson.Fragment(await ask.dispatch.map.picture(regions, ask.crs))


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/map",
        summary="Unfinished orders and agents as points, at most 5,000 of each; made once a second for all who ask",
        roles=tuple(sorted(STAFF)),
        handler=picture,
        query=MapQuery,
        answer=(MapView,),
    ),
)
