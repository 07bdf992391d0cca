"""Cities in China, where the coordinate systems differ by hundreds of metres, and what a position is in each."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from dispatch.assembly import Dispatch
from geo.crs import Crs, from_wgs84
from geo.point import Point
from tests.conftest import City

SHIFTED = (Crs.GCJ02, Crs.BD09)
_cells: Iterator[int] = itertools.count()


async def open_city(dispatch: Dispatch) -> City:
    """At a place of its own, 20 km wide."""
    cell = next(_cells)
    centre = Point(lat=26.0648 + 0.5 * (cell % 12), lon=100.0648 + 0.5 * (cell // 12))
    west, east, south, north = centre.lon - 0.1, centre.lon + 0.1, centre.lat - 0.1, centre.lat + 0.1
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    region = f"china-{cell}"
    await dispatch.catalog.put_region(region, feature)
    await dispatch.reconciler.region(region)
    return City(dispatch, region, centre)


def said(point: Point, crs: Crs) -> dict[str, float]:
    """A WGS-84 position as a client of that system says it."""
    theirs = from_wgs84(point, crs)
    return {"lat": theirs.lat, "lon": theirs.lon}


def is_at(found: Any, point: Point, crs: Crs, *, off_m: float = 0.01) -> bool:
    """Whether `found` names that WGS-84 position in `crs`: other fields may stand beside its two."""
    expected = said(point, crs)
    lat, lon = pytest.approx(expected["lat"], abs=off_m / 111_195), pytest.approx(expected["lon"], abs=off_m / 90_000)
    return bool(found["lat"] == lat and found["lon"] == lon)
