"""The demand that the replay replays: one real day of pick-ups, and the boroughs around it."""

import csv
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import shapely

from geo.point import Point, bounded
from geo.regions import RegionIndex, parse_feature, to_feature

FOLDER = Path(__file__).parents[2] / "loadtest" / "data"
PICKUPS = FOLDER / "nyc_pickups_2014-04-04.csv"
BOROUGHS = FOLDER / "nyc_boroughs.geojson"


@pytest.fixture(scope="module")
def pickups() -> list[tuple[datetime, Point]]:
    with PICKUPS.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        assert rows.fieldnames == ["at", "lat", "lon"]
        return [(datetime.fromisoformat(row["at"]), bounded(float(row["lat"]), float(row["lon"]))) for row in rows]


@pytest.fixture(scope="module")
def boroughs() -> list[dict[str, Any]]:
    features: list[dict[str, Any]] = json.loads(BOROUGHS.read_text(encoding="utf-8"))["features"]
    return features


def test_the_file_is_one_whole_day(pickups: list[tuple[datetime, Point]]) -> None:
    times = [at for at, _ in pickups]
    assert len(times) == 8978
    assert {at.date().isoformat() for at in times} == {"2014-04-04"}
    assert {at.hour for at in times} == set(range(24))
    assert times == sorted(times)


def test_the_boroughs_are_the_five(boroughs: list[dict[str, Any]]) -> None:
    names = {borough["id"]: borough["properties"]["name"] for borough in boroughs}
    assert names == {
        "bronx": "Bronx",
        "brooklyn": "Brooklyn",
        "manhattan": "Manhattan",
        "queens": "Queens",
        "staten-island": "Staten Island",
    }


def test_a_few_pickups_lie_outside_every_borough(
    pickups: list[tuple[datetime, Point]], boroughs: list[dict[str, Any]]
) -> None:
    areas = [parse_feature(borough) for borough in boroughs]
    at = shapely.points([(point.lon, point.lat) for _, point in pickups])
    inside = [shapely.intersects(area, at) for area in areas]
    assert [int(hits.sum()) for hits in inside] == [348, 21, 811, 7570, 3]
    assert int((~sum(inside[1:], start=inside[0])).sum()) == 225


def test_the_five_become_one_region(pickups: list[tuple[datetime, Point]], boroughs: list[dict[str, Any]]) -> None:
    # Put side by side in one MultiPolygon they would be refused: neighbours share an edge.
    joined = shapely.union_all([parse_feature(borough) for borough in boroughs])
    assert isinstance(joined, shapely.MultiPolygon)
    nyc = parse_feature(json.loads(json.dumps(to_feature("nyc", joined))))
    index = RegionIndex([("nyc", nyc)])
    assert sum(index.locate(point) is None for _, point in pickups) == 225


def test_the_sources_are_named_with_their_terms() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for due in (
        PICKUPS.name,
        BOROUGHS.name,
        "FiveThirtyEight",
        "Taxi & Limousine Commission",
        "CC BY 4.0",
        "Census",
        "public domain",
    ):
        assert due in readme
