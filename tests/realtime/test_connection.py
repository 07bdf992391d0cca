"""What goes over one connection, well-behaved or not, and how it ends: on real sockets."""

import asyncio
import gc
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.protocol import Protocol
from websockets.typing import Subprotocol

from dispatch.order import OrderId
from realtime.connection import Connection
from realtime.wire import MSGPACK, CloseCode, Grab, Hello, Outbound, Ping
from tests.realtime.stream import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    client_frame,
    listening,
    on_both_loops,
    raw_client,
    text,
)

IN_MESSAGEPACK = [Subprotocol(MSGPACK.subprotocol)]
GRAB = {"type": "grab", "ref": "r", "order_id": "o"}

# ---- messages


@on_both_loops
async def test_both_ways_in_json() -> None:
    async with listening() as house, connect(house.url) as client:
        await client.send(json.dumps(GRAB))
        conn = (await house.handler.next("opened")).conn
        assert (await house.handler.next("received")).what == Grab("r", OrderId("o"))
        conn.send(Outbound({"type": "notice", "title": "停电"}))
        assert await client.recv() == '{"type":"notice","title":"停电"}'


@on_both_loops
async def test_both_ways_in_messagepack() -> None:
    async with listening() as house, connect(house.url, subprotocols=IN_MESSAGEPACK) as client:
        await client.send(MSGPACK.encode(GRAB))
        conn = (await house.handler.next("opened")).conn
        assert (await house.handler.next("received")).what == Grab("r", OrderId("o"))
        conn.send(Outbound({"type": "notice", "title": "停电"}))
        assert await client.recv() == MSGPACK.encode({"type": "notice", "title": "停电"})


@on_both_loops
async def test_one_message_to_clients_of_both_kinds() -> None:
    async with (
        listening() as house,
        connect(house.url) as one,
        connect(house.url, subprotocols=IN_MESSAGEPACK) as other,
    ):
        outbound = Outbound({"type": "notice"})
        for _ in range(2):
            (await house.handler.next("opened")).conn.send(outbound)
        assert await one.recv() == '{"type":"notice"}'
        assert await other.recv() == MSGPACK.encode({"type": "notice"})


@on_both_loops
async def test_messages_keep_their_order_and_size() -> None:
    async with listening() as house, connect(house.url, max_size=None) as client:
        conn = (await house.handler.next("opened")).conn
        sizes = [0, 125, 126, 65535, 65536, 10, 200_000, 1]
        for i, size in enumerate(sizes):
            conn.send(Outbound({"type": "x", "i": i, "a": "a" * size}))
        for i, size in enumerate(sizes):
            assert json.loads(await client.recv()) == {"type": "x", "i": i, "a": "a" * size}
        assert conn.unsent_bytes == 0
        assert house.listener.counters.sent == len(sizes)


@on_both_loops
async def test_an_invalid_message_is_reported_and_the_session_lives() -> None:
    async with listening() as house, connect(house.url) as client:
        await client.send('{"type":"grab","ref":"r7","order_id":5}')
        await client.send('{"type":"ping"}')
        await house.handler.next("opened")
        fault = (await house.handler.next("invalid")).what
        assert (fault.type, fault.ref) == ("grab", "r7")
        assert "order_id" in fault.message
        await house.handler.next("received")
        assert house.listener.counters.invalid == 1


@on_both_loops
async def test_fragments_are_joined_also_with_pings_between() -> None:
    async with listening() as house, raw_client(house) as client:
        await client.upgrade()
        payload = json.dumps(GRAB | {"ref": "é"}, ensure_ascii=False).encode()
        cut = payload.index("é".encode()) + 1
        client.write(client_frame(TEXT, b"", fin=False))
        client.write(client_frame(CONT, payload[:cut], fin=False))
        client.write(client_frame(PING, b"between"))
        client.write(client_frame(CONT, payload[cut:], fin=False))
        client.write(client_frame(CONT))
        assert await client.frame() == (PONG, b"between")
        await house.handler.next("opened")
        assert (await house.handler.next("received")).what == Grab("é", OrderId("o"))
        client.write(text({"type": "ping"}))
        assert (await house.handler.next("received")).what == Ping()


def padded(length: int) -> bytes:
    return b'{"type":"ping"}' + b" " * (length - 15)


@pytest.mark.parametrize(
    "frames",
    [
        client_frame(TEXT, padded(65536)),
        client_frame(TEXT, padded(65536)[:65500], fin=False)
        + client_frame(PING, b"p" * 125)
        + client_frame(CONT, b" " * 36),
    ],
    ids=["whole", "in fragments"],
)
@on_both_loops
async def test_the_largest_message(frames: bytes) -> None:
    async with listening() as house, raw_client(house) as client:
        await client.upgrade()
        client.write(frames)
        await house.handler.next("opened")
        assert (await house.handler.next("received")).what == Ping()


# ---- faults


@pytest.mark.parametrize(
    "frames",
    [
        client_frame(TEXT, padded(65537)),
        client_frame(TEXT, padded(65700)),
        client_frame(TEXT, b" " * 1_000_000),
        client_frame(TEXT, padded(65536), fin=False) + client_frame(CONT, b" "),
        client_frame(TEXT, padded(40000), fin=False) + client_frame(CONT, b" " * 40000),
        client_frame(TEXT, b" " * 1000, fin=False) + client_frame(CONT, b" " * 1000, fin=False) * 100,
        # Announced, never sent.
        b"\x81\xff" + (2**62).to_bytes(8, "big") + b"\0\0\0\0",
    ],
    ids=["a byte", "by more", "a megabyte", "fragment by a byte", "two", "hundred", "announced"],
)
@on_both_loops
async def test_too_large(frames: bytes) -> None:
    async with listening() as house, raw_client(house) as client:
        await client.upgrade()
        client.write(frames)
        await client.farewell(CloseCode.FRAME_TOO_LARGE)
        await house.handler.next("opened")
        await house.handler.next("lost")
        assert house.listener.counters.closed[CloseCode.FRAME_TOO_LARGE] == 1


@pytest.mark.parametrize(
    "frames",
    [
        client_frame(BINARY, b'{"type":"ping"}'),
        client_frame(BINARY, b"", fin=False),
        client_frame(TEXT, b""),
        client_frame(TEXT, b"hello"),
        client_frame(TEXT, b'{"type":"ping","ref":"\xff"}'),
        client_frame(TEXT, b"[" * 60000),
        client_frame(TEXT, b'{"type":"ping"}', mask=False),
        client_frame(TEXT, b'{"type":"ping"}', rsv=4),
        client_frame(3, b"reserved"),
        client_frame(11, b"reserved"),
        client_frame(CONT, b"of nothing"),
        client_frame(TEXT, b"{", fin=False) + client_frame(TEXT, b"}"),
        client_frame(TEXT, b"{", fin=False) + client_frame(CLOSE, b"\x03\xe8"),
        client_frame(PING, b"", fin=False),
        client_frame(PING, b"p" * 126),
        client_frame(CLOSE, b"\x03"),
        client_frame(CLOSE, b"\x03\xed"),
        client_frame(CLOSE, b"\x03\xe8\xff"),
    ],
    ids=lambda frames: repr(frames[:20]),
)
@on_both_loops
async def test_malformed(frames: bytes) -> None:
    async with listening() as house, raw_client(house) as client:
        await client.upgrade()
        client.write(frames)
        assert (await client.farewell(CloseCode.MALFORMED))["reason"]
        await house.handler.next("opened")
        await house.handler.next("lost")


@on_both_loops
async def test_text_in_a_binary_session() -> None:
    async with listening() as house, raw_client(house) as client:
        await client.upgrade(f"Sec-WebSocket-Protocol: {MSGPACK.subprotocol}")
        client.write(client_frame(BINARY, MSGPACK.encode({"type": "hello"})))
        client.write(text({"type": "ping"}))
        await client.farewell(CloseCode.MALFORMED)
        await house.handler.next("opened")
        assert (await house.handler.next("received")).what == Hello()
        await house.handler.next("lost")


@on_both_loops
async def test_an_http_request_after_the_upgrade() -> None:
    async with listening() as house, raw_client(house) as client:
        await client.upgrade()
        client.write(b"GET / HTTP/1.1\r\n\r\n")
        await client.farewell(CloseCode.MALFORMED)


@on_both_loops
async def test_a_client_in_the_middle_of_a_flood_still_hears_why() -> None:
    async with listening() as house, raw_client(house) as client:
        await client.upgrade()
        for _ in range(50):
            client.write(client_frame(TEXT, b" " * 100_000))
            await client.drain()
        await client.farewell(CloseCode.FRAME_TOO_LARGE)


# ---- the end


@on_both_loops
async def test_what_was_sent_before_the_close_still_arrives_and_nothing_after_it() -> None:
    async with listening() as house, raw_client(house) as client:
        await client.upgrade()
        conn = (await house.handler.next("opened")).conn
        conn.send(Outbound({"type": "notice"}))
        conn.close(CloseCode.START_OVER, "x" * 300, reconnect_after_ms=70)
        conn.send(Outbound({"type": "late"}))
        conn.close(CloseCode.KICKED, "twice")
        client.write(text(GRAB) + client_frame(PING, b"late"))
        assert (await client.message())["type"] == "notice"
        goodbye = await client.farewell(CloseCode.START_OVER)
        assert goodbye == {"type": "bye", "code": 4003, "reason": "x" * 300, "reconnect_after_ms": 70}
        await house.handler.next("lost")
        conn.send(Outbound({"type": "late"}))
        conn.close(CloseCode.KICKED, "gone")
        assert house.handler.silent
        assert house.listener.counters.closed == {CloseCode.START_OVER: 1}


@on_both_loops
async def test_a_reason_is_cut_between_characters() -> None:
    async with listening() as house, connect(house.url) as client:
        (await house.handler.next("opened")).conn.close(CloseCode.KICKED, "错" * 100)
        assert json.loads(await client.recv())["reason"] == "错" * 100
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.reason == "错" * 41


@on_both_loops
async def test_messages_that_came_with_the_clients_close_still_count() -> None:
    async with listening() as house, raw_client(house) as client:
        await client.upgrade()
        client.write(text({"type": "ping"}) + text(GRAB) + client_frame(CLOSE, b"\x03\xe8") + text(GRAB))
        assert await client.frame() == (CLOSE, b"\x03\xe8"), "and no pong after the close frame"
        assert await client.rest() == b""
        await house.handler.next("opened")
        assert (await house.handler.next("received")).what == Ping()
        assert (await house.handler.next("received")).what == Grab("r", OrderId("o"))
    await house.handler.next("lost")
    assert house.handler.silent
    assert not house.listener.counters.closed


@pytest.mark.parametrize("leaving", [b"", client_frame(TEXT, b"{", fin=False), client_frame(TEXT, b"{}")[:4]])
@on_both_loops
async def test_a_client_that_just_hangs_up(leaving: bytes) -> None:
    async with listening() as house:
        async with raw_client(house) as client:
            await client.upgrade()
            client.write(leaving)
        await house.handler.next("opened")
        await house.handler.next("lost")
        assert house.handler.silent


@on_both_loops
async def test_a_client_that_ends_its_output_hears_what_it_asked_for() -> None:
    async with listening() as house, raw_client(house) as client:
        await client.upgrade()
        client.write(text({"type": "ping", "ref": "last"}))
        client.end_input()
        assert await client.message() == {"type": "pong", "ref": "last"}
        assert await client.rest() == b""
        await house.handler.next("opened")
        await house.handler.next("received")
        await house.handler.next("lost")


@on_both_loops
async def test_a_fault_of_the_handler_costs_one_connection_only() -> None:
    async with listening() as house, connect(house.url) as other, raw_client(house) as client:
        await house.handler.next("opened")
        await client.upgrade()
        await house.handler.next("opened")
        house.handler.fault = ValueError("a bug")
        client.write(text({"type": "ping"}))
        assert await client.rest() == b""
        await house.handler.next("lost")
        assert house.faults == [house.handler.fault]
        house.faults.clear()
        house.handler.fault = None
        await other.send('{"type":"ping"}')
        assert await other.recv() == '{"type":"pong","ref":null}'


def protocols() -> set[int]:
    return {id(found) for found in gc.get_objects() if isinstance(found, Connection | Protocol)}


@on_both_loops
async def test_a_lost_connection_leaves_nothing_to_the_garbage_collector() -> None:
    async with listening() as house:
        gc.collect()
        gc.disable()
        try:
            before = protocols()
            for _ in range(3):
                async with raw_client(house) as client:
                    await client.upgrade()
                    client.write(text({"type": "ping"}))
                    await client.message()
                    client.write(client_frame(CLOSE, b"\x03\xe8"))
                    await client.rest()
                await house.handler.next("opened")
                await house.handler.next("received")
                await house.handler.next("lost")
            await asyncio.sleep(0)
            left = protocols() - before
        finally:
            gc.enable()
        assert not left
