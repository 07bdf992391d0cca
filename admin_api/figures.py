"""The figures: what became of the orders of a span.

Owns the route only; spans, buckets and counts are `dispatch.figures`'. Invariant: staff sees those of its regions.
"""

from msgspec import UNSET, UnsetType

from admin_api.endpoint import Ask, Operation
from admin_api.fields import Id, Millis
from admin_api.paging import Query
from admin_api.scope import regions_of
from dispatch.figures import FiguresView
from dispatch.identity import STAFF


class FiguresQuery(Query, frozen=True, kw_only=True):
    region: Id | UnsetType = UNSET
    kind: Id | UnsetType = UNSET
    since: Millis | UnsetType = UNSET
    until: Millis | UnsetType = UNSET


async def counted(ask: Ask[FiguresQuery, None]) -> FiguresView:
    query, catalog = ask.query, ask.dispatch.catalog
    regions = await regions_of(ask.who, catalog, query.region)
    kind = None if query.kind is UNSET else (await catalog.policy(query.kind)).kind
    since = None if query.since is UNSET else query.since
    until = None if query.until is UNSET else query.until
    return await ask.dispatch.figures.of(regions, kind, since, until)


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/figures",
        summary="What became of the orders that were placed in a span of at most 31 days; without `until`: up to now",
        roles=tuple(sorted(STAFF)),
        handler=counted,
        query=FiguresQuery,
        answer=(FiguresView,),
    ),
)
