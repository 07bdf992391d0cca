"""Shops and the regions that they stand in, when regions change.

Owns who is re-homed: a shop that holds nothing and whose home lies in the region that was put, when that is the
smallest one there. Invariant: whoever holds jobs keeps his region, and orders keep theirs.
"""

import structlog

from dispatch.catalog import Catalog
from dispatch.people import People
from dispatch.records import Records
from dispatch.records.agents import Agent

log = structlog.get_logger()
MOST_AT_ONCE = 500


class Homes:
    def __init__(self, people: People, records: Records, catalog: Catalog) -> None:
        self._people = people
        self._records = records
        self._catalog = catalog

    async def settle(self, region: str) -> None:
        """Re-home the shops that stand in the region; their sessions start over there. Raises Unavailable."""
        last: str | None = None
        while shops := await self._records.agents.page(regions=None, role="shop", limit=MOST_AT_ONCE, after=last):
            for shop in shops:
                if self._belongs(shop, region):
                    moved = await self._people.rehome(shop, region)
                    log.info("shop_rehomed" if moved else "shop_not_rehomed", agent=shop.id, region=region)
            last = shops[-1].id

    def _belongs(self, shop: Agent, region: str) -> bool:
        if shop.region == region or shop.home is None:
            return False
        return self._catalog.known_region_of(shop.home) == region
