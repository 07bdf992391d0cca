"""`console/crs.js` gives the numbers of `geo.crs`, in China, across the rim of its box, and everywhere else."""

import json
import random

from geo.crs import Crs, from_wgs84, to_wgs84
from geo.point import Point
from tests.console.test_node import node

WITHIN_DEGREES = 1e-9
SIDES = {"lat": (0.8293, 55.8271), "lon": (72.004, 137.8347)}
CONVERT = """
import { fromBd09, fromGcj02, toBd09, toGcj02 } from "./console/crs.js";
let text = "";
for await (const part of process.stdin) text += part;
console.log(JSON.stringify(JSON.parse(text).map((at) => [toGcj02(at), toBd09(at), fromGcj02(at), fromBd09(at)])));
"""


def places() -> list[Point]:
    draw = random.Random(7)
    found = [Point(draw.uniform(3.5, 54), draw.uniform(73.4, 135.2)) for _ in range(2000)]
    found += [Point(draw.uniform(-85, 85), draw.uniform(-180, 180)) for _ in range(500)]
    for _ in range(300):
        lat, lon = draw.uniform(0, 57), draw.uniform(71, 139)
        found += [Point(lat, draw.choice(SIDES["lon"]) + draw.uniform(-0.7, 0.7))]
        found += [Point(draw.choice(SIDES["lat"]) + draw.uniform(-0.7, 0.7), lon)]
    return [*found, *(Point(lat, lon) for lat in (*SIDES["lat"], 35.0) for lon in (*SIDES["lon"], 105.0))]


def by_server(at: Point) -> list[Point]:
    shifted = [from_wgs84(at, crs) for crs in (Crs.GCJ02, Crs.BD09)]
    return shifted + [to_wgs84(at, crs) for crs in (Crs.GCJ02, Crs.BD09)]


def test_the_numbers_are_the_servers() -> None:
    asked = places()
    said = json.dumps([{"lat": at.lat, "lon": at.lon} for at in asked])
    answered = json.loads(node("--input-type=module", "--eval", CONVERT, asked=said))
    assert len(answered) == len(asked)
    for at, found in zip(asked, answered, strict=True):
        for ours, server in zip(found, by_server(at), strict=True):
            assert abs(ours["lat"] - server.lat) < WITHIN_DEGREES, at
            assert abs(ours["lon"] - server.lon) < WITHIN_DEGREES, at
