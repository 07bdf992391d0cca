"""Clients that do not read: what is kept for them, what they miss, when they are cut."""

import asyncio

from realtime.connection import Connection
from realtime.wire import CloseCode, Outbound
from tests.realtime.stream import PATIENCE, PING, House, Raw, client_frame, listening, on_both_loops, raw_client


async def stuck(house: House, client: Raw) -> Connection:
    """A connection whose client does not read until the kernel takes no more."""
    await client.upgrade()
    conn = (await house.handler.next("opened")).conn
    async with asyncio.timeout(PATIENCE):
        while conn.unsent_bytes == 0:
            conn.send(Outbound({"type": "fill", "a": "a" * 60000}))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    return conn


@on_both_loops
async def test_a_slow_client_is_closed_and_little_is_kept_for_it() -> None:
    async with listening() as house, raw_client(house, receive_buffer=4096) as client:
        conn = await stuck(house, client)
        async with asyncio.timeout(PATIENCE):
            while not house.listener.counters.closed:
                conn.send(Outbound({"type": "x", "a": "a" * 1000}))
                assert conn.unsent_bytes <= 262144 + 1100
                await asyncio.sleep(0)
        await client.farewell(CloseCode.SLOW)
        await house.handler.next("lost")
        assert house.listener.counters.closed == {CloseCode.SLOW: 1}


@on_both_loops
async def test_much_in_one_turn_is_not_kept_either() -> None:
    async with listening() as house, raw_client(house, receive_buffer=4096) as client:
        conn = await stuck(house, client)
        most = 0
        for _ in range(1000):
            conn.send(Outbound({"type": "x", "a": "a" * 1000}))
            most = max(most, conn.unsent_bytes)
        assert most <= 262144 + 65536 + 2200
        await client.farewell(CloseCode.SLOW)


@on_both_loops
async def test_a_slow_client_that_never_reads_again_is_cut() -> None:
    async with listening(close_seconds=0.05) as house, raw_client(house, receive_buffer=4096) as client:
        conn = await stuck(house, client)
        conn.close(CloseCode.KICKED, "go")
        await house.handler.next("lost")


@on_both_loops
async def test_what_may_be_left_out_is_left_out_first() -> None:
    async with listening() as house, raw_client(house, receive_buffer=4096) as client:
        conn = await stuck(house, client)
        for _ in range(1000):
            conn.send(Outbound({"type": "track", "a": "a" * 1000}, sheddable=True))
            await asyncio.sleep(0)
            assert conn.unsent_bytes <= 131072
        assert house.listener.counters.shed > 500
        for i in range(100):
            conn.send(Outbound({"type": "offer", "i": i, "a": "a" * 1000}))
            await asyncio.sleep(0)
        conn.send(Outbound({"type": "end"}))
        assert not house.listener.counters.closed
        offers, tracks = 0, 0
        while (message := await client.message())["type"] != "end":
            offers += message["type"] == "offer"
            tracks += message["type"] == "track"
        assert offers == 100
        assert tracks == 1000 - house.listener.counters.shed


@on_both_loops
async def test_one_message_larger_than_the_allowance_passes_when_nothing_waits() -> None:
    async with listening() as house, raw_client(house, receive_buffer=4096) as client:
        await client.upgrade()
        conn = (await house.handler.next("opened")).conn
        conn.send(Outbound({"type": "snapshot", "a": "a" * 5_000_000}))
        await asyncio.sleep(0)
        assert conn.unsent_bytes > 262144
        assert len((await client.message())["a"]) == 5_000_000
        assert not house.listener.counters.closed


@on_both_loops
async def test_pings_that_flood_are_bounded_too() -> None:
    async with listening() as house, raw_client(house, receive_buffer=4096) as client:
        await stuck(house, client)
        async with asyncio.timeout(PATIENCE):
            while not house.listener.counters.closed:
                client.write(client_frame(PING, b"p" * 125) * 100)
                await asyncio.sleep(0)
        await client.farewell(CloseCode.SLOW)
