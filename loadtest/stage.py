"""What must stand before a replay begins: the region, policies of a fitting pace, the agents' profiles.

Owns the setting up by HTTP as role `admin`. Knows nothing of what is played on it. Invariant: when it is
done, the operating area is the only region, so that a pick-up outside of it lies in none.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from loadtest.behaviour import Person, paced_policy
from loadtest.demand import Area
from loadtest.rest import Http
from loadtest.wire import Refused

REGION = "nyc"
AT_ONCE = 16


class NotFitting(Exception):
    """The server is not in a state that a replay can be played on."""


async def set_region(admin: Http, area: Area) -> None:
    await admin.put(f"/v1/regions/{REGION}", area.feature("New York City"))
    try:
        await admin.delete("/v1/regions/default")
    except Refused as refusal:
        if refusal.code != "not_found":
            raise NotFitting(f"region `default` can not be deleted: {refusal}") from refusal


async def set_policies(admin: Http, speed: float) -> dict[str, dict[str, Any]]:
    """Every policy that there is, at the pace of the replay; by kind."""
    before = [each async for each in admin.pages("/v1/policies")]
    paced = {each["kind"]: paced_policy(each, speed) for each in before}
    for kind, policy in paced.items():
        await admin.put(f"/v1/policies/{kind}", policy)
    return paced


def audiences(policies: Mapping[str, Mapping[str, Any]]) -> dict[str, Collection[str]]:
    return {kind: policy["audience"] for kind, policy in policies.items()}


async def set_agents(admin: Http, people: Iterable[Person]) -> None:
    free = asyncio.Semaphore(AT_ONCE)

    async def put(person: Person) -> None:
        async with free:
            await admin.put(f"/v1/agents/{person.id}", person.profile(REGION))

    async with asyncio.TaskGroup() as group:
        for person in people:
            group.create_task(put(person))
