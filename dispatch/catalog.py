"""The operator's rules as this process knows them: policies and regions, read from PostgreSQL.

Owns the cache, and hears of changes by NOTIFY. Invariant: before anything is refused because a kind or a
region is unknown, the rules have been read again, so a change made elsewhere a moment ago is seen.
"""

import asyncio
import random
from typing import Any

import msgspec
import structlog

from dispatch.clock import now_ms
from dispatch.errors import Code, DispatchError, Refused, Unavailable, invalid
from dispatch.identity import ID_PATTERN
from dispatch.order import RegionId
from dispatch.policy import DEFAULTS, Policy, parse
from dispatch.records import Records
from dispatch.records.rules import CHANNEL
from geo.point import Point
from geo.regions import WORLD, Geometry, RegionFault, RegionIndex, parse_feature, to_feature

log = structlog.get_logger()
PEOPLE = "~"
"""Sessions of staff and customers, who belong to no region: a slot of its own in Redis. No region can bear
this name."""


class Catalog:
    def __init__(self, records: Records) -> None:
        self._records = records
        self._policies: dict[str, Policy] = {}
        self._features: dict[str, dict[str, Any]] = {}
        self._geometries: dict[str, Geometry] = {}
        self._index = RegionIndex(())
        self._changed = asyncio.Event()
        self._loading = asyncio.Lock()

    # --- reading --------------------------------------------------------------------------------------

    @property
    def regions(self) -> list[str]:
        return sorted(self._features)

    @property
    def slots(self) -> list[str]:
        """Every slot of Redis that needs an engine: the regions, and the people's."""
        return [*self.regions, PEOPLE]

    @property
    def policies(self) -> list[Policy]:
        return [self._policies[kind] for kind in sorted(self._policies)]

    @property
    def shortest_seconds(self) -> float:
        """No deadline that an order gets lies nearer than this."""
        spans = [span for policy in self._policies.values() for span in _spans(policy)]
        return min(spans, default=1.0)

    def feature(self, region: str) -> dict[str, Any]:
        return self._features[region]

    def known_policy(self, kind: str) -> Policy | None:
        return self._policies.get(kind)

    async def policy(self, kind: str) -> Policy:
        """Raises Refused (invalid, path `kind`)."""
        if kind not in self._policies:
            await self.load()
        if kind not in self._policies:
            raise invalid("kind", f"must be one of {', '.join(sorted(self._policies))}")
        return self._policies[kind]

    def known_region_of(self, point: Point) -> RegionId | None:
        found = self._index.locate(point)
        return None if found is None else RegionId(found)

    async def region_of(self, point: Point) -> RegionId | None:
        """The smallest region that contains the point."""
        found = self._index.locate(point)
        if found is None:
            await self.load()
            found = self._index.locate(point)
        return None if found is None else RegionId(found)

    async def has_region(self, region: str) -> bool:
        if region not in self._features:
            await self.load()
        return region in self._features

    # --- changing -------------------------------------------------------------------------------------

    async def put_policy(self, kind: str, body: Any) -> Policy:
        """Raises Refused (invalid) naming the field."""
        try:
            policy = parse(kind, body)
        except msgspec.ValidationError as exc:
            raise _invalid_policy(exc) from exc
        await self._records.rules.put_policy(kind, msgspec.to_builtins(policy), now_ms())
        await self.load()
        return policy

    async def put_region(self, region: str, feature: Any) -> dict[str, Any]:
        """Raises Refused (invalid) naming the part of the Feature."""
        if not ID_PATTERN.fullmatch(region):
            raise invalid("id", "must match [A-Za-z0-9._:-]{1,64}")
        try:
            await asyncio.to_thread(parse_feature, feature)  # up to a second for the worst shapes
        except RegionFault as exc:
            raise invalid(exc.path, exc.message) from exc
        await self._records.rules.put_region(region, feature, now_ms())
        await self.load()
        return dict(feature)

    async def delete_region(self, region: str) -> None:
        """Raises Refused: not_found, or conflict while it has agents or unfinished orders."""
        match await self._records.rules.delete_region(region):
            case "missing":
                raise Refused(Code.NOT_FOUND, "there is no such region")
            case "agents":
                raise Refused(Code.CONFLICT, "the region still has agents")
            case "orders":
                raise Refused(Code.CONFLICT, "the region still has unfinished orders")
        await self.load()

    # --- keeping up -----------------------------------------------------------------------------------

    async def load(self) -> None:
        """Read all rules; one reading after the other, so that no older one comes last. Raises Unavailable."""
        async with self._loading:
            await self._read()

    async def _read(self) -> None:
        policies = await self._records.rules.policies()
        features = await self._records.rules.regions()
        self._policies = {kind: parse(kind, body) for kind, body in policies.items()}
        if features != self._features:
            parsed = {region: self._geometries[region] for region in self._unchanged(features)}
            # The worst shapes take a second: sessions must not wait for that.
            self._index, self._geometries = await asyncio.to_thread(_indexed, features, parsed)
            self._features = features
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _unchanged(self, features: dict[str, dict[str, Any]]) -> list[str]:
        return [region for region, feature in features.items() if self._features.get(region) == feature]

    async def seed(self) -> None:
        """A fresh database gets the default policies and the region `default`, the whole world."""
        policies = {policy.kind: msgspec.to_builtins(policy) for policy in DEFAULTS}
        await self._records.rules.seed(policies, {"default": to_feature("default", WORLD)}, now_ms())
        await self.load()

    async def changed(self) -> None:
        """Returns at the next change."""
        await self._changed.wait()

    async def keep_fresh(self) -> None:
        """Follow the changes that other processes make; runs until cancelled."""
        while True:
            try:
                await self._follow()
            except DispatchError as exc:
                log.warning("rules_not_followed", error=exc.message)
            await asyncio.sleep(random.uniform(0.1, 1.0))  # PostgreSQL is away: back off

    async def _follow(self) -> None:
        told, lost = asyncio.Event(), asyncio.Event()

        def on_end() -> None:
            lost.set()
            told.set()

        connection = await self._records.database.listen(CHANNEL, told.set, on_end)
        try:
            await self.load()
            while not lost.is_set():
                await told.wait()
                told.clear()
                if not lost.is_set():
                    await self.load()
            raise Unavailable("PostgreSQL ended the connection")
        finally:
            connection.terminate()


def _indexed(
    features: dict[str, dict[str, Any]], parsed: dict[str, Geometry]
) -> tuple[RegionIndex, dict[str, Geometry]]:
    geometries = {region: parsed.get(region) or parse_feature(feature) for region, feature in features.items()}
    return RegionIndex(geometries.items()), geometries


def _spans(policy: Policy) -> list[float]:
    return [*(r.seconds for r in policy.rounds), policy.desk_seconds, *policy.stall_seconds.values()]


def _invalid_policy(exc: msgspec.ValidationError) -> Refused:
    """msgspec says `… - at `$.rounds[0].limit``: the path goes into ours."""
    message, _, path = str(exc).partition(" - at `$")
    return invalid(path.rstrip("`").lstrip(".") or "policy", message)
