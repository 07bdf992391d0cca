"""The day that is replayed: real pick-ups, made into orders.

Owns the reading of the day, its pacing, the operating area, and the seeded choices that make an order of a
pick-up. Knows no server and no clock. Invariant: the same seed and file give the same orders at the same
moments, whatever happens around them: each order draws from a generator of its own.
"""

import csv
import math
import random
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import shapely
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

FOLDER = Path(__file__).parent / "data"
EARTH_M = 6_371_008.8

# How often each kind is asked for.
KIND_WEIGHTS: Mapping[str, float] = {
    "maintenance": 24,
    "chauffeur": 22,
    "towing": 18,
    "beauty": 12,
    "parts": 6,
    "insurance": 6,
    "voice": 5,
    "rental": 4,
    "used_car": 3,
}
NOTES: Mapping[str, Sequence[str]] = {
    "maintenance": ("oil change", "brakes squeak", "battery is dead", "engine light is on"),
    "chauffeur": ("drive me home", "airport", "two stops"),
    "towing": ("flat tyre", "does not start", "after an accident"),
    "beauty": ("wash and wax", "interior", "a scratch on the door"),
    "parts": ("wiper blades", "a set of winter tyres", "a mirror"),
    "insurance": ("renewal", "a claim after a scratch"),
    "voice": ("a voice note",),
    "rental": ("a van for a day", "a small car for the weekend"),
    "used_car": ("sell my car", "an inspection"),
}

# Stand in every name, phone, address and plate of a customer, so that a frame can be searched for them.
CUSTOMER_NAME = "Rider"
CUSTOMER_PHONE = "+1212555"
CUSTOMER_DOOR = "Door"
PLATE = "PLT-"
MARKERS = (CUSTOMER_NAME, CUSTOMER_PHONE, CUSTOMER_DOOR, PLATE)


@dataclass(frozen=True, slots=True)
class Pickup:
    """One request of the day. `at_s` counts from midnight; `number` is its place in the file."""

    number: int
    at_s: float
    lat: float
    lon: float


def day_file(folder: Path = FOLDER) -> Path:
    """The one day that the project carries."""
    days = sorted(folder.glob("nyc_pickups_*.csv"))
    if len(days) != 1:
        raise FileNotFoundError(f"{folder} should hold one nyc_pickups_*.csv, holds {len(days)}")
    return days[0]


def read_day(path: Path, seed: int) -> list[Pickup]:
    """In order of time. The source knows the minute only; within it the second is drawn."""
    spread = random.Random(f"{seed}:spread")
    with path.open(newline="") as lines:
        rows = [
            (_second(row["at"]) + spread.random() * 60, float(row["lat"]), float(row["lon"]))
            for row in csv.DictReader(lines)
        ]
    return [Pickup(number, at_s, lat, lon) for number, (at_s, lat, lon) in enumerate(sorted(rows))]


def _second(at: str) -> int:
    moment = datetime.fromisoformat(at)
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def parse_hours(hours: str) -> tuple[float, float]:
    """`7-10` is from seven o'clock to ten."""
    first, dash, last = hours.partition("-")
    try:
        span = float(first), float(last)
    except ValueError:
        raise ValueError(f"hours are written like 7-10, not {hours!r}") from None
    if not dash or not 0 <= span[0] < span[1] <= 24:
        raise ValueError(f"hours lie within 0-24, the first before the last: not {hours!r}")
    return span


def within_hours(day: Sequence[Pickup], hours: tuple[float, float]) -> list[Pickup]:
    moments = [each.at_s for each in day]
    return list(day[bisect_left(moments, hours[0] * 3600) : bisect_left(moments, hours[1] * 3600)])


def due_seconds(pickups: Sequence[Pickup], starts_s: float, speed: float) -> list[float]:
    """When each is to be posted, in real seconds after the start; the day began at `starts_s`."""
    return [(each.at_s - starts_s) / speed for each in pickups]


def drawn_kind(draw: random.Random) -> str:
    return draw.choices(list(KIND_WEIGHTS), weights=list(KIND_WEIGHTS.values()))[0]


def order_body(pickup: Pickup, seed: int, kind: str | None = None) -> dict[str, Any]:
    """What a shop's backend posts. A chauffeur is asked to some other place, some kilometres off."""
    draw = random.Random(f"{seed}:order:{pickup.number}")
    drawn = drawn_kind(draw)
    kind = kind or drawn
    body: dict[str, Any] = {
        "kind": kind,
        "place": {"lat": pickup.lat, "lon": pickup.lon, "address": f"{CUSTOMER_DOOR} {pickup.number}"},
        "customer": {
            "id": f"c-{pickup.number}",
            "name": f"{CUSTOMER_NAME} {pickup.number}",
            "phone": f"{CUSTOMER_PHONE}{pickup.number % 100_000:05d}",
        },
        "details": {"plate": f"{PLATE}{draw.randrange(10**5):05d}", "note": draw.choice(NOTES[kind])},
        "price_fen": draw.randrange(50, 600) * 100,
    }
    if kind == "chauffeur":
        body["destination"] = {
            "lat": round(pickup.lat + draw.uniform(-0.05, 0.05), 4),
            "lon": round(pickup.lon + draw.uniform(-0.05, 0.05), 4),
            "address": f"{CUSTOMER_DOOR} {pickup.number} B",
        }
    return body


@dataclass(frozen=True, slots=True)
class Area:
    """The five boroughs as one operating area."""

    outline: BaseGeometry

    @classmethod
    def read(cls, path: Path = FOLDER / "nyc_boroughs.geojson") -> "Area":
        """Joined, for neighbours share their borders, and a MultiPolygon's parts must not."""
        features = orjson.loads(path.read_bytes())["features"]
        outline = shapely.union_all([shape(each["geometry"]) for each in features])
        shapely.prepare(outline)
        return cls(outline)

    def contains(self, lat: float, lon: float) -> bool:
        return bool(self.outline.contains(shapely.Point(lon, lat)))

    def feature(self, name: str) -> dict[str, Any]:
        return {"type": "Feature", "properties": {"name": name}, "geometry": mapping(self.outline)}


def distance_m(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Flat, which is exact enough within a city."""
    north = math.radians(other_lat - lat)
    east = math.radians(other_lon - lon) * math.cos(math.radians((lat + other_lat) / 2))
    return EARTH_M * math.hypot(north, east)


def towards(lat: float, lon: float, target_lat: float, target_lon: float, metres: float) -> tuple[float, float]:
    """The point that many metres nearer to the target, at most there."""
    whole_m = distance_m(lat, lon, target_lat, target_lon)
    part = 1.0 if whole_m <= metres else metres / whole_m
    return round(lat + (target_lat - lat) * part, 6), round(lon + (target_lon - lon) * part, 6)
