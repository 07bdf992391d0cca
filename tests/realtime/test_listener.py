"""The handshake, the terms that the sweep keeps, and the drain: on real sockets."""

import asyncio
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from realtime.wire import JSON, MSGPACK, CloseCode, Hello, Outbound, Position
from tests.realtime.stream import (
    CLOSE,
    PATIENCE,
    PING,
    PONG,
    TEXT,
    client_frame,
    listening,
    on_both_loops,
    raw_client,
    request_head,
    text,
)

# ---- handshake


@pytest.mark.parametrize(
    ("offered", "chosen", "codec"),
    [
        (None, None, JSON),
        (["dispatch.v1.json"], "dispatch.v1.json", JSON),
        (["dispatch.v1.msgpack"], "dispatch.v1.msgpack", MSGPACK),
        (["dispatch.v2.json", "dispatch.v1.msgpack", "dispatch.v1.json"], "dispatch.v1.msgpack", MSGPACK),
    ],
)
@on_both_loops
async def test_subprotocols(offered: list[Subprotocol] | None, chosen: str | None, codec: object) -> None:
    async with listening() as house, connect(house.url, subprotocols=offered) as client:
        assert client.subprotocol == chosen
        assert (await house.handler.next("opened")).conn.codec is codec
        assert not client.protocol.extensions, "no permessage-deflate, though this client offers it"


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (None, None),
        ("Bearer abc.def.ghi", "abc.def.ghi"),
        ("bearer abc", "abc"),
        ("Bearer ", None),
        ("Basic abc", None),
    ],
)
@on_both_loops
async def test_the_token_of_the_upgrade(header: str | None, token: str | None) -> None:
    extra = [] if header is None else [f"Authorization: {header}"]
    async with listening() as house, raw_client(house) as client:
        await client.upgrade(*extra)
        opened = await house.handler.next("opened")
        assert opened.what == token
        host, _, port = opened.conn.address.rpartition(":")
        assert host == "127.0.0.1"
        assert port.isdecimal()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (request_head("Sec-WebSocket-Protocol: mqtt, dispatch.v2.json"), 400),
        (request_head("Authorization: Bearer a", "Authorization: Bearer b"), 400),
        (request_head(drop="Sec-WebSocket-Key"), 400),
        (request_head(drop="Upgrade"), 426),
        (request_head(path="/"), 404),
        (request_head(path="/v1/stream/"), 404),
        (request_head(path="/v2/stream"), 404),
        (request_head(method="POST"), 405),
        (request_head(version="HTTP/1.0"), 505),
        (request_head(path="/" + "x" * 9000), 414),
        (request_head("Cookie: " + "x" * 9000), 431),
        (request_head(*[f"X-{i}: {'x' * 1000}" for i in range(20)]), 431),
        (b"GET /v1/stream HTTP/1.1\r\n" + b"X: y\r\n" * 3000, 431),
    ],
    ids=lambda value: str(value)[:70],
)
@on_both_loops
async def test_refused_requests(head: bytes, status: int) -> None:
    async with listening() as house, raw_client(house) as client:
        client.write(head)
        answer = await client.head()
        assert answer.split(" ")[1] == str(status)
        await client.rest()
        assert house.handler.silent
        assert house.listener.counters.refused == 1
        assert house.listener.counters.opened == 0


@on_both_loops
async def test_what_follows_a_refused_request_is_ignored() -> None:
    async with listening() as house, raw_client(house) as client:
        client.write(request_head(path="/elsewhere") + text({"type": "hello"}))
        assert "404" in await client.head()
        client.write(client_frame(TEXT, b"unmasked", mask=False))
        client.end_input()
        await client.rest()
    assert house.handler.silent


@on_both_loops
async def test_what_is_no_http_is_hung_up_on() -> None:
    async with listening() as house, raw_client(house) as client:
        client.write(b"\x16\x03\x01 hello\r\n\r\n")
        assert await client.rest() == b""
        assert house.handler.silent


@on_both_loops
async def test_a_query_does_not_matter() -> None:
    async with listening() as house, connect(house.url + "?v=1") as client:
        await client.send('{"type":"ping"}')
        assert await client.recv() == '{"type":"pong","ref":null}'


@on_both_loops
async def test_origins() -> None:
    async with listening(origins=frozenset({"https://desk.example"})) as house:
        with pytest.raises(InvalidStatus) as refused:
            await connect(house.url, additional_headers={"Origin": "https://evil.example"})
        assert refused.value.response.status_code == 403
        async with connect(house.url, additional_headers={"Origin": "https://desk.example"}):
            await house.handler.next("opened")
        await house.handler.next("lost")
        async with connect(house.url):
            await house.handler.next("opened")


@on_both_loops
async def test_a_request_in_single_bytes_with_a_message_right_behind_it() -> None:
    async with listening() as house, raw_client(house) as client:
        head = request_head()
        for i in range(len(head)):
            client.write(head[i : i + 1])
            await asyncio.sleep(0)
        client.write(text({"type": "hello"}))
        await house.handler.next("opened")
        assert (await house.handler.next("received")).what == Hello()
    async with listening() as house, raw_client(house) as client:
        client.write(head + text({"type": "hello"}) + text({"type": "position", "lat": 1, "lon": 2}))
        await house.handler.next("opened")
        assert (await house.handler.next("received")).what == Hello()
        assert (await house.handler.next("received")).what == Position(1.0, 2.0)


# ---- terms


@on_both_loops
async def test_a_socket_that_never_asks_is_hung_up_on() -> None:
    async with listening(hello_seconds=0.05, close_seconds=60) as house, raw_client(house) as client:
        client.write(b"GET /v1/stream HTTP/1.1\r\n")
        assert await client.rest() == b""
        assert house.handler.silent


@on_both_loops
async def test_no_hello_in_time() -> None:
    async with listening(greet=False, hello_seconds=0.05) as house, raw_client(house) as client:
        await client.upgrade()
        await client.farewell(CloseCode.HELLO_EXPECTED)
        await house.handler.next("opened")
        await house.handler.next("lost")
        assert house.listener.counters.closed[CloseCode.HELLO_EXPECTED] == 1


@on_both_loops
async def test_who_answers_pings_stays() -> None:
    async with (
        listening(heartbeat_seconds=0.05, pong_seconds=5.0, hello_seconds=0.05) as house,
        raw_client(house) as client,
    ):
        await client.upgrade()
        for _ in range(3):
            opcode, payload = await client.frame()
            assert opcode == PING
            client.write(client_frame(PONG, payload))
        client.write(text({"type": "ping", "ref": "still here"}))
        opcode, payload = await client.frame()
        while opcode == PING:
            opcode, payload = await client.frame()
        assert (opcode, payload) == (TEXT, b'{"type":"pong","ref":"still here"}')


@on_both_loops
async def test_who_does_not_answer_pings_goes() -> None:
    async with listening(heartbeat_seconds=0.05, pong_seconds=0.05) as house, raw_client(house) as client:
        await client.upgrade()
        assert (await client.frame())[0] == PING
        await client.farewell(CloseCode.NO_PONG)
        await house.handler.next("opened")
        await house.handler.next("lost")


@on_both_loops
async def test_who_does_not_answer_a_close_is_cut() -> None:
    async with listening(close_seconds=0.05) as house, raw_client(house) as client:
        await client.upgrade()
        (await house.handler.next("opened")).conn.close(CloseCode.KICKED, "go")
        await house.handler.next("lost")
        assert not house.listener.connections


@on_both_loops
async def test_who_does_not_close_after_a_refusal_is_cut() -> None:
    async with listening(close_seconds=0.05) as house, raw_client(house) as client:
        client.write(request_head(path="/elsewhere"))
        await client.rest()
        async with asyncio.timeout(PATIENCE):
            await house.listener.close_all()
        assert not house.listener.connections


# ---- the end


@on_both_loops
async def test_a_drain_sends_everyone_away_at_different_times() -> None:
    async with listening() as house:
        clients = [await connect(house.url) for _ in range(10)]
        for client in clients:
            await client.send('{"type":"ping"}')
            await client.recv()
        drained = asyncio.create_task(house.listener.close_all(spread_ms=1000))
        waits = set()
        for client in clients:
            goodbye = json.loads(await client.recv(decode=False))
            assert (goodbye["type"], goodbye["code"]) == ("bye", 4000)
            waits.add(goodbye["reconnect_after_ms"])
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4000
        assert waits == set(range(0, 1000, 100))
        await drained
        with pytest.raises(ConnectionRefusedError):
            await connect(house.url)
        assert house.listener.counters.closed[CloseCode.DRAINING] == 10
        assert house.listener.counters.lost == 10


@on_both_loops
async def test_a_drain_cuts_whoever_does_not_go() -> None:
    async with (
        listening(close_seconds=0.05, hello_seconds=60) as house,
        raw_client(house) as mute,
        raw_client(house) as half,
        raw_client(house) as stubborn,
    ):
        half.write(b"GET /v1/stream HT")
        await stubborn.upgrade()
        (await house.handler.next("opened")).conn.send(Outbound({"type": "notice"}))
        assert len(house.listener.connections) == 3
        async with asyncio.timeout(PATIENCE):
            await house.listener.close_all()
        assert not house.listener.connections
        assert (await stubborn.message())["type"] == "notice"
        assert (await stubborn.message())["type"] == "bye"
        assert (await stubborn.frame())[0] == CLOSE
        assert await mute.rest() == b""
        assert (await half.rest()).startswith(b"HTTP/1.1 503 ")


@on_both_loops
async def test_after_stop_accepting_the_connected_stay() -> None:
    async with listening() as house, connect(house.url) as client:
        await house.handler.next("opened")
        house.listener.stop_accepting()
        with pytest.raises(ConnectionRefusedError):
            await connect(house.url)
        await client.send('{"type":"ping","ref":"a"}')
        assert await client.recv() == '{"type":"pong","ref":"a"}'


@on_both_loops
async def test_a_drain_of_nobody_ends_at_once() -> None:
    async with listening() as house:
        await house.listener.close_all()
        await house.listener.close_all()
