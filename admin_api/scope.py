"""Of which regions a question is: of the one that it names, or of all that the token is for.

Knows no list. Invariant: nobody is told of a region that his token is not for, nor that it has nothing when there is
no such region.
"""

from msgspec import UNSET, UnsetType

from dispatch.access import require_region
from dispatch.catalog import Catalog
from dispatch.errors import invalid
from dispatch.identity import Identity


async def regions_of(who: Identity, catalog: Catalog, region: str | UnsetType) -> list[str]:
    """Raises Refused: forbidden, or invalid (region)."""
    if region is UNSET:
        return [each for each in catalog.regions if who.may_see_region(each)]
    require_region(who, region)
    if not await catalog.has_region(region):
        raise invalid("region", "there is no such region")
    return [region]
