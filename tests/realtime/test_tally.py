"""What a listener counts arrives in the metrics, once."""

import asyncio

from prometheus_client import REGISTRY

from realtime.switchboard import Counters
from realtime.tally import Tally
from realtime.wire import CloseCode, Outbound
from tests.realtime.stream import PATIENCE, listening, on_both_loops, raw_client
from tests.realtime.test_connection_slow import stuck

BUFFER = "dispatch_write_buffer_high_water_bytes"


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def ways() -> dict[str, float]:
    return {way: value("dispatch_messages_total", way=way) for way in ("received", "invalid", "sent", "shed")}


def test_each_count_is_carried_over_once() -> None:
    before, slow = ways(), value("dispatch_connections_closed_total", code="4001")
    counters = Counters()
    tally = Tally(counters)
    counters.sent, counters.shed = 5, 1
    counters.closed[CloseCode.SLOW] = 2
    tally.carry_over()
    counters.sent, counters.received, counters.invalid = 7, 3, 4
    counters.closed[CloseCode.SLOW] += 1
    tally.carry_over()
    tally.carry_over()
    after = ways()
    assert {way: after[way] - before[way] for way in after} == {"received": 3, "invalid": 4, "sent": 7, "shed": 1}
    assert value("dispatch_connections_closed_total", code="4001") - slow == 3


def test_the_high_water_is_that_of_one_sweep() -> None:
    count, total = value(f"{BUFFER}_count"), value(f"{BUFFER}_sum")
    counters = Counters(fullest=3000)
    tally = Tally(counters)
    tally.carry_over()
    tally.carry_over()
    assert counters.fullest == 0
    assert (value(f"{BUFFER}_count") - count, value(f"{BUFFER}_sum") - total) == (2, 3000)


@on_both_loops
async def test_a_client_that_does_not_read_shows() -> None:
    above = value(f"{BUFFER}_count") - value(f"{BUFFER}_bucket", le="0.0")
    sent = value("dispatch_messages_total", way="sent")
    async with listening() as house, raw_client(house, receive_buffer=4096) as client:
        conn = await stuck(house, client)
        async with asyncio.timeout(PATIENCE):
            while value(f"{BUFFER}_count") - value(f"{BUFFER}_bucket", le="0.0") == above:
                conn.send(Outbound({"type": "x"}))  # the kernel may have taken some more meanwhile
                await asyncio.sleep(0.005)
        told = house.listener.counters.sent
    assert value("dispatch_messages_total", way="sent") - sent >= told
