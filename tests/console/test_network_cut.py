"""The network is gone while the world goes on; when it is back, the page shows the truth at once.

The wait of ten seconds is what is tested, and no event of ours ends it: the issue names it.
"""

import asyncio
import time

from playwright.async_api import expect

from tests.console.house import CALM, Town
from tests.console.network import Network
from tests.console.people import People
from tests.console.person import Person

CUT_S = 10.0
RETURN_S = 2.0


class Streams:
    """When a page opened its streams, by our clock."""

    def __init__(self, person: Person) -> None:
        self._begun: list[float] = []
        self._another = asyncio.Event()
        person.page.on("websocket", lambda _: self._note())

    def _note(self) -> None:
        self._begun.append(time.monotonic())
        self._another.set()

    async def another_since(self, when: float) -> float:
        """How long after that the page began to come back; how long it takes is the machine's affair."""
        async with asyncio.timeout(30):
            while not (begun := [each for each in self._begun if each >= when]):
                self._another.clear()
                await self._another.wait()
        return begun[0] - when


async def meanwhile(town: Town, taken: str) -> tuple[str, str]:
    """What happens while the network is gone: one is taken by another, one offered, one offered and retracted."""
    rival = town.anybody.bearing(town.token("shop", town.sub("yongda")))
    assert (await rival.post(f"/v1/orders/{taken}/grab"))["outcome"] == "won"
    offered = (await town.order(CALM))["id"]
    retracted = (await town.order(CALM))["id"]
    await town.desk.post(f"/v1/orders/{retracted}/cancel", {"reason": "客户已自行解决"})
    return offered, retracted


async def test_ten_seconds_without_network(town: Town, people: People, there: Network) -> None:
    """The device of one tells him that it has none; the other's does not, as behind a dead router."""
    await town.hire("shop", "yongda")
    await town.connect("shop", town.sub("yongda"))
    told = await people.valet("wang", home=there.home)
    untold = await people.valet("chen", home=there.home)
    valets = {valet: Streams(valet) for valet in (told, untold)}
    taken = (await town.order(CALM))["id"]
    for valet in valets:
        await expect(valet.act("grab", taken)).to_be_visible()

    await there.cut(untold, told=False)
    await there.cut(told)
    since = time.monotonic()
    offered, retracted = await meanwhile(town, taken)
    await told.connected("waiting")
    await expect(told.page.locator('[data-banner="offline"]')).to_be_visible()
    await asyncio.sleep(since + CUT_S - time.monotonic())

    back = time.monotonic()
    await there.mend(told)
    for valet, streams in valets.items():
        assert await streams.another_since(back) <= RETURN_S
        await expect(valet.act("grab", offered)).to_be_visible()
        await expect(valet.act("grab", taken)).to_have_count(0)
        await expect(valet.page.locator('[data-banner="offline"]')).to_have_count(0)
        assert await valet.order(retracted).count() == 0
        print(f"{valet}: the truth stood there {time.monotonic() - back:.2f} s after the network was back")
