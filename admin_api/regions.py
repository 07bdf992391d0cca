"""Regions: operating areas as GeoJSON Features.

Converts at the border: inside, every Feature is WGS-84. Invariant: a region that was put works at once, as far
as Redis can be reached; when shops that have to move there can not, the answer is 503, and a repeat goes on.
"""

import asyncio
from typing import Any

import structlog

from admin_api.answers import RegionPage, RegionView
from admin_api.bodies import RegionBody
from admin_api.endpoint import Ask, Operation
from admin_api.examples import OUTLINE
from admin_api.fields import Id
from admin_api.paging import Paging, Query, page
from dispatch.access import require_region
from dispatch.errors import Unavailable, invalid
from dispatch.identity import STAFF, Role
from geo.crs import Crs
from geo.regions import RegionFault, parse_feature, to_feature

log = structlog.get_logger()
MOST_BYTES = 4 * 1024 * 1024
"""A city's outline has tens of thousands of positions."""
Feature = dict[str, Any]


async def put(ask: Ask[Query, RegionBody]) -> Feature:
    region = ask.path["id"]
    require_region(ask.who, region)
    feature = {
        "type": "Feature",
        "id": region,
        "properties": ask.body.properties or {},
        "geometry": await _geometry(ask),
    }
    stored = await ask.dispatch.catalog.put_region(region, feature)
    try:
        await ask.dispatch.reconciler.ensure(region)
    except Unavailable as exc:  # it is stored; an engine opens it when Redis is back
        log.warning("region_waits_for_redis", region=region, error=exc.message)
    await ask.dispatch.homes.settle(region)
    return await _shown(region, stored, ask.crs)


async def _geometry(ask: Ask[Query, RegionBody]) -> object:
    given = {name: ask.raw["geometry"][name] for name in ("type", "coordinates")}
    if ask.crs is Crs.WGS84:
        return given
    try:
        shape = await asyncio.to_thread(parse_feature, ask.raw, ask.crs)
    except RegionFault as exc:
        raise invalid(exc.path, exc.message) from exc
    return to_feature("", shape)["geometry"]


async def _shown(region: str, feature: Feature, crs: Crs) -> Feature:
    geometry = feature["geometry"]
    if crs is not Crs.WGS84:
        shape = await asyncio.to_thread(parse_feature, feature)
        geometry = to_feature(region, shape, crs)["geometry"]
    return {
        "type": "Feature",
        "id": region,
        "properties": feature.get("properties") or {},
        "geometry": geometry,
    }


async def delete(ask: Ask[Query, None]) -> None:
    require_region(ask.who, ask.path["id"])
    await ask.dispatch.catalog.delete_region(ask.path["id"])


async def listed(ask: Ask[Paging, None]) -> object:
    catalog, limit, after = ask.dispatch.catalog, ask.query.limit, ask.query.after(Id)
    ids = [each for each in catalog.regions if ask.who.may_see_region(each) and (after is None or each > after)]
    shown = {region: await _shown(region, catalog.feature(region), ask.crs) for region in ids[:limit]}
    return page(ids[: limit + 1], limit, shown.__getitem__, lambda region: region)


OPERATIONS = (
    Operation(
        method="PUT",
        path="/v1/regions/{id}",
        summary="Create or change a region",
        roles=(Role.ADMIN,),
        handler=put,
        body=RegionBody,
        answer=(RegionView,),
        most_bytes=MOST_BYTES,
        example=OUTLINE,
    ),
    Operation(
        method="DELETE",
        path="/v1/regions/{id}",
        summary="Delete a region that has neither agents nor unfinished orders",
        roles=(Role.ADMIN,),
        handler=delete,
        status=204,
        conflicts=True,
    ),
    Operation(
        method="GET",
        path="/v1/regions",
        summary="List regions by id",
        roles=tuple(sorted(STAFF)),
        handler=listed,
        query=Paging,
        answer=(RegionPage,),
    ),
)
